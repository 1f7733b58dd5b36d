//! Google Cloud's load balancer, whose `corsPolicy` has the fields of Envoy's, after the
//! [reference](https://cloud.google.com/compute/docs/reference/rest/v1/urlMaps).

use cors::simulate::exchange::Response;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::{Class, DEFAULT_PREFLIGHTS, EXPOSED, NULL, UPSTREAM_NARROWED};
use crate::compare::{System, compare};
use crate::envoy_filter::{self, Matcher, Policy};
use crate::parts::{Request, of_kind};

#[test]
fn google_clouds_meaning_is_kept_or_reported() {
    compare::<Google>();
}

/// A path rule, the default of its matcher, and the default of the map, which take each other's place.
#[derive(Debug)]
struct Google {
    rule: Option<Policy>,
    matcher: Option<Policy>,
    map: Option<Policy>,
}

impl System for Google {
    const FROM: &'static str = "google";
    const CLASSES: &'static [Class] = &[DEFAULT_PREFLIGHTS, EXPOSED, NULL, UPSTREAM_NARROWED];

    fn random(random: &mut Random) -> Self {
        let mut policy = || {
            let policy = Policy {
                forward: None,
                ..Policy::random(random, MATCHERS)
            };
            (!random.once_in(3)).then_some(policy)
        };
        Self {
            rule: policy(),
            matcher: policy(),
            map: policy(),
        }
    }

    fn file(&self) -> String {
        let action = |policy: &Option<Policy>| -> Value {
            let Some(policy) = policy else {
                return json!({});
            };
            json!({"corsPolicy": {
                "allowOrigins": of_kind(&policy.origins, "exact"),
                "allowOriginRegexes": of_kind(&policy.origins, "safe_regex"),
                "allowMethods": policy.parts.methods,
                "allowHeaders": policy.parts.headers,
                "exposeHeaders": policy.parts.expose,
                "allowCredentials": policy.credentials.unwrap_or_default(),
                "maxAge": 600,
            }})
        };
        json!({
            "name": "map",
            "hostRules": [{"hosts": ["api.example"], "pathMatcher": "api"}],
            "pathMatchers": [{
                "name": "api",
                "pathRules": [{"paths": ["/api", "/api/*"], "routeAction": action(&self.rule)}],
                "defaultRouteAction": action(&self.matcher),
            }],
            "defaultRouteAction": action(&self.map),
        })
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let path = request.path();
        let policy = match request.host() {
            "api.example" if path == "/api" || path.starts_with("/api/") => &self.rule,
            "api.example" => &self.matcher,
            _ => &self.map,
        };
        let policies: Vec<_> = policy.iter().collect();
        envoy_filter::answer(&policies, request, upstream)
    }
}

const MATCHERS: &[Matcher] = &[
    ("exact", "https://app.example"),
    ("exact", "*"),
    ("safe_regex", r"https://[a-z0-9-]+\.example\.com"),
    ("safe_regex", ".*"),
];
