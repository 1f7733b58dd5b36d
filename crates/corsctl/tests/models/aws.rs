//! An HTTP API of AWS, after its
//! [documentation](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html): it
//! answers every preflight, and ignores the CORS headers of what is behind it.

use cors::simulate::exchange::Response;
use serde_json::json;
use support::random::Random;

use crate::classes::{Class, LITERAL};
use crate::compare::{System, compare};
use crate::parts::{Parts, Request, reply, some, with};

#[test]
fn the_meaning_of_http_apis_is_kept_or_reported() {
    compare::<Aws>();
}

#[derive(Debug)]
struct Aws {
    origins: Vec<&'static str>,
    parts: Parts,
}

impl System for Aws {
    const FROM: &'static str = "aws";
    const CLASSES: &'static [Class] = &[LITERAL];

    fn random(random: &mut Random) -> Self {
        let mut parts = Parts::random(random);
        let listed = ["https://app.example", "http://localhost:3000", "https://*"];
        let origins = match random.once_in(4) {
            true => vec!["*"],
            false => some(random, &listed),
        };
        // The two are refused together.
        parts.credentials &= origins != ["*"];
        Self { origins, parts }
    }

    fn file(&self) -> String {
        let properties = json!({"ProtocolType": "HTTP", "CorsConfiguration": {
            "AllowOrigins": self.origins,
            "AllowMethods": self.parts.methods,
            "AllowHeaders": self.parts.headers,
            "ExposeHeaders": self.parts.expose,
            "AllowCredentials": self.parts.credentials,
            "MaxAge": 600,
        }});
        json!({"Resources": {"Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": properties}}})
            .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let origin = request.origin();
        let mut listed = self.origins.iter();
        let allowed = if self.origins == ["*"] {
            "*"
        } else if listed
            .any(|own| *own == origin || *own == "https://*" && origin.starts_with("https://"))
        {
            origin
        } else {
            ""
        };
        let kept = upstream.headers.iter();
        let kept = kept.filter(|(name, _)| !name.starts_with("access-control-"));
        let bare = Response {
            status: if request.is_preflight() { 204 } else { 200 },
            headers: kept.collect(),
        };
        if origin.is_empty() || allowed.is_empty() {
            return bare;
        }
        let flag = if self.parts.credentials { "true" } else { "" };
        let own = [
            ("access-control-allow-origin", allowed.to_owned()),
            ("access-control-allow-credentials", flag.to_owned()),
        ];
        if request.is_preflight() {
            let lists = [
                ("access-control-allow-methods", self.parts.methods.join(",")),
                ("access-control-allow-headers", self.parts.headers.join(",")),
            ];
            return reply(204, &[own, lists].concat());
        }
        let expose = ("access-control-expose-headers", self.parts.expose.join(","));
        with(&bare, &[&own[..], &[expose]].concat())
    }
}
