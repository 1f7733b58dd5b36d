//! Contour: the `corsPolicy` of a virtual host becomes Envoy's, after the
//! [reference](https://projectcontour.io/docs/main/config/cors/) and the
//! [source](https://github.com/projectcontour/contour/blob/main/internal/envoy/v3/route.go).

use cors::simulate::exchange::Response;
use serde_json::json;
use support::random::Random;

use crate::classes::{Class, EXPOSED, NULL, REJECTED_STATUS, UPSTREAM_NARROWED};
use crate::compare::{System, compare};
use crate::envoy_filter::{self, Matcher, Policy};
use crate::parts::Request;

#[test]
fn contours_meaning_is_kept_or_reported() {
    compare::<Contour>();
}

/// A virtual host with a policy, and one without.
#[derive(Debug)]
struct Contour(Policy);

impl System for Contour {
    const FROM: &'static str = "contour";
    const CLASSES: &'static [Class] = &[EXPOSED, NULL, REJECTED_STATUS, UPSTREAM_NARROWED];

    fn random(random: &mut Random) -> Self {
        let mut policy = Policy {
            forward: None,
            ..Policy::random(random, MATCHERS)
        };
        if policy.parts.methods.is_empty() {
            policy.parts.methods = vec!["GET", "PUT"];
        }
        Self(policy)
    }

    fn file(&self) -> String {
        let policy = &self.0;
        let origins: Vec<_> = policy.origins.iter().map(|(_, text)| *text).collect();
        json!({
            "apiVersion": "projectcontour.io/v1",
            "kind": "HTTPProxy",
            "metadata": {"name": "a"},
            "spec": {
                "virtualhost": {"fqdn": "api.example", "corsPolicy": {
                    "allowOrigin": origins,
                    "allowMethods": policy.parts.methods,
                    "allowHeaders": policy.parts.headers,
                    "exposeHeaders": policy.parts.expose,
                    "allowCredentials": policy.credentials.unwrap_or_default(),
                    "maxAge": "10m",
                }},
                "routes": [{"services": [{"name": "s", "port": 80}]}],
            },
        })
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        match request.host() {
            "api.example" => envoy_filter::answer(&[&self.0], request, upstream),
            _ => upstream.clone(),
        }
    }
}

const MATCHERS: &[Matcher] = &[
    ("exact", "https://app.example"),
    ("exact", "http://localhost:3000"),
    ("exact", "*"),
    ("safe_regex", r"https://[a-z0-9-]+\.example\.com"),
];
