//! Gloo: the policies of a virtual host and of its routes become Envoy's, after
//! [its plugin](https://github.com/solo-io/gloo/blob/main/projects/gloo/pkg/plugins/cors/plugin.go), which
//! writes `allow_credentials` only if it is true.

use cors::simulate::exchange::Response;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::{Class, DEFAULT_PREFLIGHTS, EXPOSED, NULL, UPSTREAM_NARROWED};
use crate::compare::{System, compare};
use crate::envoy_filter::{self, Matcher, Policy};
use crate::parts::{Request, of_kind};

#[test]
fn gloos_meaning_is_kept_or_reported() {
    compare::<Gloo>();
}

#[derive(Debug)]
struct Gloo {
    host: Option<Policy>,
    route: Option<Policy>,
    is_disabled: bool,
}

impl System for Gloo {
    const FROM: &'static str = "gloo";
    const CLASSES: &'static [Class] = &[DEFAULT_PREFLIGHTS, EXPOSED, NULL, UPSTREAM_NARROWED];

    fn random(random: &mut Random) -> Self {
        let mut policy = || {
            let policy = Policy {
                forward: None,
                ..Policy::random(random, MATCHERS)
            };
            let credentials = policy.credentials.filter(|credentials| *credentials);
            let policy = Policy {
                credentials,
                ..policy
            };
            (!random.once_in(3)).then_some(policy)
        };
        let (host, route) = (policy(), policy());
        Self {
            host,
            route,
            is_disabled: random.once_in(5),
        }
    }

    fn file(&self) -> String {
        let options = |policy: &Option<Policy>, is_disabled: bool| -> Value {
            let Some(policy) = policy else {
                return json!({});
            };
            json!({"cors": {
                "allowOrigin": of_kind(&policy.origins, "exact"),
                "allowOriginRegex": of_kind(&policy.origins, "safe_regex"),
                "allowMethods": policy.parts.methods,
                "allowHeaders": policy.parts.headers,
                "exposeHeaders": policy.parts.expose,
                "allowCredentials": policy.credentials.unwrap_or_default(),
                "maxAge": "600",
                "disableForRoute": is_disabled,
            }})
        };
        json!({
            "apiVersion": "gateway.solo.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "a"},
            "spec": {"virtualHost": {"domains": ["api.example"], "options": options(&self.host, false), "routes": [
                {"matchers": [{"exact": "/api"}], "options": options(&self.route, self.is_disabled)},
                {"matchers": [{"prefix": "/"}]},
            ]}},
        })
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let is_route = request.path() == "/api";
        let route = self.route.as_ref().filter(|_| is_route);
        if request.host() != "api.example" || route.is_some() && self.is_disabled {
            return upstream.clone();
        }
        let policies: Vec<_> = route.into_iter().chain(&self.host).collect();
        envoy_filter::answer(&policies, request, upstream)
    }
}

const MATCHERS: &[Matcher] = &[
    ("exact", "https://app.example"),
    ("exact", "*"),
    ("safe_regex", r"https://[a-z0-9-]+\.example\.com"),
    ("safe_regex", ".*"),
];
