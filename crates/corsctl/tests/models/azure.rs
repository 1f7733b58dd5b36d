//! The ingress of Azure Container Apps, which is an Envoy, after the
//! [reference](https://learn.microsoft.com/en-us/azure/container-apps/cors) of its fields.

use cors::simulate::exchange::Response;
use serde_json::json;
use support::random::Random;

use crate::classes::{Class, DEFAULT_PREFLIGHTS, EXPOSED, NULL, UPSTREAM_NARROWED};
use crate::compare::{System, compare};
use crate::envoy_filter::{self, Matcher, Policy};
use crate::parts::{Request, of_kind};

#[test]
fn the_meaning_of_container_apps_is_kept_or_reported() {
    compare::<Azure>();
}

#[derive(Debug)]
struct Azure(Policy);

impl System for Azure {
    const FROM: &'static str = "azure";
    const CLASSES: &'static [Class] = &[DEFAULT_PREFLIGHTS, EXPOSED, NULL, UPSTREAM_NARROWED];

    fn random(random: &mut Random) -> Self {
        Self(Policy {
            forward: None,
            ..Policy::random(random, MATCHERS)
        })
    }

    fn file(&self) -> String {
        let Self(policy) = self;
        let cors = json!({
            "allowedOrigins": of_kind(&policy.origins, "exact"),
            "allowedMethods": policy.parts.methods,
            "allowedHeaders": policy.parts.headers,
            "exposeHeaders": policy.parts.expose,
            "allowCredentials": policy.credentials.unwrap_or_default(),
            "maxAge": 600,
        });
        json!({"name": "app", "properties": {"configuration": {"ingress": {"corsPolicy": cors}}}})
            .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        envoy_filter::answer(&[&self.0], request, upstream)
    }
}

const MATCHERS: &[Matcher] = &[
    ("exact", "https://app.example"),
    ("exact", "http://localhost:3000"),
    ("exact", "*"),
];
