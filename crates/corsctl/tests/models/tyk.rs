//! Tyk, which is built with rs/cors: the [fields](https://tyk.io/docs/api-management/cors/) are its
//! options.

use cors::simulate::exchange::Response;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::Class;
use crate::compare::{System, compare};
use crate::parts::Request;
use crate::rs_cors::{self, NAMES, Options};

#[test]
fn tyks_meaning_is_kept_or_reported() {
    compare::<Tyk>();
}

/// An API, in the classic form or as an extension of OpenAPI.
#[derive(Debug)]
struct Tyk {
    options: Options,
    is_classic: bool,
}

impl System for Tyk {
    const FROM: &'static str = "tyk";
    const CLASSES: &'static [Class] = rs_cors::CLASSES;

    fn random(random: &mut Random) -> Self {
        Self {
            options: Options::random(random),
            is_classic: random.once_in(2),
        }
    }

    fn file(&self) -> String {
        if self.is_classic {
            let mut cors = self.options.fields(NAMES);
            cors.insert("enable".to_owned(), json!(true));
            return json!({"name": "a", "domain": "api.example", "proxy": {"listen_path": "/"}, "CORS": cors})
                .to_string();
        }
        let names = [
            "allowedOrigins",
            "allowedMethods",
            "allowedHeaders",
            "exposedHeaders",
            "allowCredentials",
        ];
        let mut cors = self.options.fields(names);
        cors.insert("enabled".to_owned(), Value::Bool(true));
        json!({"x-tyk-api-gateway": {
            "info": {"name": "a", "state": {"active": true}},
            "server": {"listenPath": {"value": "/"}, "customDomain": {"enabled": true, "name": "api.example"}},
            "middleware": {"global": {"cors": cors}},
        }})
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        match request.host() {
            "api.example" => self.options.answer(request, upstream),
            _ => upstream.clone(),
        }
    }
}
