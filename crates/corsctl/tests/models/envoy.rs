//! Envoy: the CorsPolicies of virtual hosts and of routes, under the model of its filter, which
//! tests/envoy/model.rs compares with a real Envoy.

use cors::simulate::exchange::Response;
use serde_json::json;
use support::random::Random;

use crate::classes::{
    Class, DEFAULT_PREFLIGHTS, EXPOSED, FORWARDED, NARROWED, NULL, PREFIX, UPSTREAM_NARROWED,
};
use crate::compare::{System, compare};
use crate::envoy_filter::{MATCHERS, Policy, answer};
use crate::parts::Request;

#[test]
fn envoys_meaning_is_kept_or_reported() {
    compare::<Envoy>();
}

/// A virtual host with a policy, a route with another, and a virtual host without any.
#[derive(Debug)]
struct Envoy {
    host: Option<Policy>,
    route: Option<Policy>,
    /// Whether the route's prefix is of whole segments.
    is_segments: bool,
}

impl System for Envoy {
    const FROM: &'static str = "envoy";
    const CLASSES: &'static [Class] = CLASSES;

    fn random(random: &mut Random) -> Self {
        let mut policy = || (!random.once_in(3)).then(|| Policy::random(random, MATCHERS));
        let (host, route) = (policy(), policy());
        Self {
            host,
            route,
            is_segments: random.once_in(2),
        }
    }

    fn file(&self) -> String {
        let config = |policy: &Option<Policy>| match policy {
            Some(policy) => json!({"envoy.filters.http.cors": policy.json()}),
            None => json!({}),
        };
        let prefix = if self.is_segments {
            "path_separated_prefix"
        } else {
            "prefix"
        };
        json!({"virtual_hosts": [
            {"name": "api", "domains": ["api.example"], "typed_per_filter_config": config(&self.host), "routes": [
                {"match": {prefix: "/api"}, "route": {"cluster": "a"}, "typed_per_filter_config": config(&self.route)},
                {"match": {"prefix": "/"}, "route": {"cluster": "b"}},
            ]},
            {"name": "none", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "c"}}]},
        ]})
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        if request.host() != "api.example" {
            return upstream.clone();
        }
        let path = request.path();
        let is_route = if self.is_segments {
            path == "/api" || path.starts_with("/api/")
        } else {
            path.starts_with("/api")
        };
        let route = self.route.as_ref().filter(|_| is_route);
        let policies: Vec<_> = route.into_iter().chain(&self.host).collect();
        answer(&policies, request, upstream)
    }
}

const CLASSES: &[Class] = &[
    DEFAULT_PREFLIGHTS,
    EXPOSED,
    FORWARDED,
    NARROWED,
    NULL,
    PREFIX,
    UPSTREAM_NARROWED,
];
