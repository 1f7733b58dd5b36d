//! The Gateway API's HTTPRoute with a CORS filter, as the
//! [reference of HTTPCORSFilter](https://gateway-api.sigs.k8s.io/reference/spec/#httpcorsfilter) says,
//! on a gateway that is built on Envoy.

use cors::simulate::exchange::Response;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::{Class, EXPOSED, NULL, UPSTREAM_NARROWED};
use crate::compare::{System, compare};
use crate::envoy_filter::{self, Matcher, Policy};
use crate::parts::Request;

#[test]
fn the_meaning_of_httproutes_is_kept_or_reported() {
    compare::<GatewayApi>();
}

/// An HTTPRoute of which two rules may have a filter.
#[derive(Debug)]
struct GatewayApi {
    api: Option<Policy>,
    rest: Option<Policy>,
}

impl System for GatewayApi {
    const FROM: &'static str = "gateway-api";
    const CLASSES: &'static [Class] = CLASSES;

    fn random(random: &mut Random) -> Self {
        let mut policy = || {
            let policy = Policy {
                forward: Some(false),
                ..Policy::random(random, MATCHERS)
            };
            (!random.once_in(3)).then_some(policy)
        };
        Self {
            api: policy(),
            rest: policy(),
        }
    }

    fn file(&self) -> String {
        let filters =
            |policy: &Option<Policy>| -> Vec<Value> { policy.iter().map(filter).collect() };
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "a"},
            "spec": {"hostnames": ["api.example"], "rules": [
                {"matches": [{"path": {"type": "PathPrefix", "value": "/api"}}], "filters": filters(&self.api)},
                {"filters": filters(&self.rest)},
            ]},
        })
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let path = request.path();
        let policy = match request.host() {
            "api.example" if path == "/api" || path.starts_with("/api/") => &self.api,
            "api.example" => &self.rest,
            _ => &None,
        };
        let policies: Vec<_> = policy.iter().collect();
        envoy_filter::answer(&policies, request, upstream)
    }
}

/// The filter of a policy, whose matchers are named by what the filter has for them.
pub fn filter(policy: &Policy) -> Value {
    json!({"type": "CORS", "cors": fields(policy)})
}

pub fn fields(policy: &Policy) -> Value {
    let origins = policy.origins.iter().map(|(_, text)| match *text {
        r"https://([a-z0-9_-]+\.)+example\.com" => "https://*.example.com",
        text => text,
    });
    json!({
        "allowOrigins": origins.collect::<Vec<_>>(),
        "allowMethods": policy.parts.methods,
        "allowHeaders": policy.parts.headers,
        "exposeHeaders": policy.parts.expose,
        "allowCredentials": policy.credentials.unwrap_or_default(),
        "maxAge": 600,
    })
}

/// The second stands for `https://*.example.com`.
pub const MATCHERS: &[Matcher] = &[
    ("exact", "https://app.example"),
    ("safe_regex", r"https://([a-z0-9_-]+\.)+example\.com"),
    ("exact", "http://localhost:3000"),
    ("exact", "*"),
];

const CLASSES: &[Class] = &[EXPOSED, NULL, UPSTREAM_NARROWED];
