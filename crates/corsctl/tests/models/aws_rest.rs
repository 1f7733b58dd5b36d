//! The `Cors` of a REST API in a SAM template, after the
//! [source](https://github.com/aws/serverless-application-model/blob/develop/samtranslator/swagger/swagger.py)
//! that writes it: constant headers on the answer to every OPTIONS, and nothing on other responses.

use cors::simulate::exchange::Response;
use serde_json::json;
use support::random::Random;

use crate::classes::{Class, HEADERS_ADDED, LITERAL};
use crate::compare::{System, compare};
use crate::parts::{Parts, Request, reply};

#[test]
fn the_meaning_of_rest_apis_is_kept_or_reported() {
    compare::<Rest>();
}

#[derive(Debug)]
struct Rest {
    origin: &'static str,
    parts: Parts,
}

impl System for Rest {
    const FROM: &'static str = "aws";
    const CLASSES: &'static [Class] = &[HEADERS_ADDED, LITERAL];

    fn random(random: &mut Random) -> Self {
        let mut parts = Parts::random(random);
        if parts.methods.is_empty() {
            parts.methods = vec!["GET", "PUT"];
        }
        Self {
            origin: random.pick(&["https://app.example", "http://localhost:3000", "*"]),
            parts,
        }
    }

    fn file(&self) -> String {
        let quoted = |text: &str| format!("'{text}'");
        let cors = json!({
            "AllowOrigin": quoted(self.origin),
            "AllowMethods": quoted(&self.parts.methods.join(",")),
            "AllowHeaders": quoted(&self.parts.headers.join(",")),
            "AllowCredentials": self.parts.credentials,
            "MaxAge": quoted("600"),
        });
        json!({"Resources": {"Api": {"Type": "AWS::Serverless::Api", "Properties": {"Cors": cors}}}})
            .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        if request.method() != "OPTIONS" {
            return upstream.clone();
        }
        let flag = if self.parts.credentials { "true" } else { "" };
        reply(
            200,
            &[
                ("access-control-allow-origin", self.origin.to_owned()),
                ("access-control-allow-credentials", flag.to_owned()),
                ("access-control-allow-methods", self.parts.methods.join(",")),
                ("access-control-allow-headers", self.parts.headers.join(",")),
            ],
        )
    }
}
