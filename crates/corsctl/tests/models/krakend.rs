//! KrakenD: rs/cors under its own names, after the
//! [source of its module](https://github.com/krakend/krakend-cors/blob/master/cors.go).

use cors::simulate::exchange::Response;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::Class;
use crate::compare::{System, compare};
use crate::parts::Request;
use crate::rs_cors::{self, Options};

#[test]
fn krakends_meaning_is_kept_or_reported() {
    compare::<Krakend>();
}

#[derive(Debug)]
struct Krakend(Options);

impl System for Krakend {
    const FROM: &'static str = "krakend";
    const CLASSES: &'static [Class] = rs_cors::CLASSES;

    fn random(random: &mut Random) -> Self {
        Self(Options {
            default_headers: &["*"],
            ..Options::random(random)
        })
    }

    fn file(&self) -> String {
        let fields = Value::Object(self.0.fields([
            "allow_origins",
            "allow_methods",
            "allow_headers",
            "expose_headers",
            "allow_credentials",
        ]));
        json!({"version": 3, "extra_config": {"security/cors": fields}}).to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        self.0.answer(request, upstream)
    }
}
