//! Istio: a `corsPolicy` becomes the policy of Envoy's route, after
//! [`TranslateCORSPolicy`](https://github.com/istio/istio/blob/1.27.0/pilot/pkg/networking/core/route/route.go)
//! and the [reference](https://istio.io/latest/docs/reference/config/networking/virtual-service/#CorsPolicy).

use cors::simulate::exchange::Response;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::{
    Class, DEFAULT_PREFLIGHTS, EXPOSED, FORWARDED, NARROWED, NULL, UPSTREAM_NARROWED,
};
use crate::compare::{System, compare};
use crate::envoy_filter::{self, Matcher, Policy};
use crate::parts::Request;

#[test]
fn istios_meaning_is_kept_or_reported() {
    compare::<Istio>();
}

/// Two routes of one VirtualService, and one of another.
#[derive(Debug)]
struct Istio {
    api: Option<Policy>,
    rest: Option<Policy>,
    www: Option<Policy>,
}

impl System for Istio {
    const FROM: &'static str = "istio";
    const CLASSES: &'static [Class] = CLASSES;

    fn random(random: &mut Random) -> Self {
        let mut policy = || (!random.once_in(3)).then(|| Policy::random(random, MATCHERS));
        Self {
            api: policy(),
            rest: policy(),
            www: policy(),
        }
    }

    fn file(&self) -> String {
        let service = |host: &str, http: Value| {
            json!({
                "apiVersion": "networking.istio.io/v1",
                "kind": "VirtualService",
                "metadata": {"name": "a"},
                "spec": {"hosts": [host], "gateways": ["public"], "http": http},
            })
        };
        let api = json!([
            with_policy(json!({"match": [{"uri": {"exact": "/api"}}]}), &self.api),
            with_policy(json!({}), &self.rest),
        ]);
        let www = json!([with_policy(json!({}), &self.www)]);
        let items = [service("api.example", api), service("www.example", www)];
        json!({"kind": "List", "items": items}).to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let policy = match (request.host(), request.path()) {
            ("api.example", "/api") => &self.api,
            ("api.example", _) => &self.rest,
            ("www.example", _) => &self.www,
            _ => &None,
        };
        let policies: Vec<_> = policy.iter().collect();
        envoy_filter::answer(&policies, request, upstream)
    }
}

fn with_policy(mut http: Value, policy: &Option<Policy>) -> Value {
    let Some(policy) = policy else {
        return http;
    };
    let origins = policy.origins.iter().map(|(kind, text)| match *kind {
        "safe_regex" => json!({"regex": text}),
        kind => json!({kind: text}),
    });
    http["corsPolicy"] = json!({
        "allowOrigins": origins.collect::<Vec<_>>(),
        "allowMethods": policy.parts.methods,
        "allowHeaders": policy.parts.headers,
        "exposeHeaders": policy.parts.expose,
        "maxAge": "10m",
    });
    if let Some(credentials) = policy.credentials {
        http["corsPolicy"]["allowCredentials"] = json!(credentials);
    }
    if let Some(forward) = policy.forward {
        let value = if forward { "FORWARD" } else { "IGNORE" };
        http["corsPolicy"]["unmatchedPreflights"] = json!(value);
    }
    http
}

const MATCHERS: &[Matcher] = &[
    ("exact", "https://app.example"),
    ("exact", "*"),
    ("prefix", "https://app.example"),
    ("prefix", "https://"),
    ("safe_regex", r"https://[a-z0-9-]+\.example\.com"),
    ("safe_regex", r"(null|https://app\.example)"),
    ("safe_regex", ".*"),
];

pub const CLASSES: &[Class] = &[
    DEFAULT_PREFLIGHTS,
    EXPOSED,
    FORWARDED,
    NARROWED,
    NULL,
    UPSTREAM_NARROWED,
];
