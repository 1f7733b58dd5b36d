//! Emissary: the `cors` of a Mapping, or of the Module, becomes the policy of Envoy's route, after the
//! [documentation](https://www.getambassador.io/docs/emissary/latest/topics/using/cors) and the
//! [source](https://github.com/emissary-ingress/emissary/blob/master/python/ambassador/ir/ircors.py).

use cors::simulate::exchange::Response;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::{Class, DEFAULT_PREFLIGHTS, EXPOSED, NULL, PREFIX, UPSTREAM_NARROWED};
use crate::compare::{System, compare};
use crate::envoy_filter::{self, Matcher, Policy};
use crate::parts::Request;

#[test]
fn emissarys_meaning_is_kept_or_reported() {
    compare::<Emissary>();
}

/// A Mapping that may have a policy, one that has none, and a Module that may have one.
#[derive(Debug)]
struct Emissary {
    api: Option<Policy>,
    module: Option<Policy>,
    /// Whether lists are texts with commas.
    is_text: bool,
}

impl System for Emissary {
    const FROM: &'static str = "emissary";
    const CLASSES: &'static [Class] =
        &[DEFAULT_PREFLIGHTS, EXPOSED, NULL, PREFIX, UPSTREAM_NARROWED];

    fn random(random: &mut Random) -> Self {
        let mut policy = || {
            let policy = Policy {
                forward: None,
                ..Policy::random(random, MATCHERS)
            };
            (!random.once_in(3)).then_some(policy)
        };
        let (api, module) = (policy(), policy());
        Self {
            api,
            module,
            is_text: random.once_in(2),
        }
    }

    fn file(&self) -> String {
        let cors = |policy: &Policy| -> Value {
            let list = |list: &[&str]| match self.is_text {
                true => json!(list.join(", ")),
                false => json!(list),
            };
            let origins: Vec<_> = policy.origins.iter().map(|(_, text)| *text).collect();
            json!({
                "origins": list(&origins),
                "methods": list(&policy.parts.methods),
                "headers": list(&policy.parts.headers),
                "exposed_headers": list(&policy.parts.expose),
                "credentials": policy.credentials.unwrap_or_default(),
                "max_age": "600",
            })
        };
        let resource = |kind: &str, name: &str, spec: Value| {
            let metadata = json!({"name": name});
            json!({"apiVersion": "getambassador.io/v3alpha1", "kind": kind, "metadata": metadata, "spec": spec})
        };
        let mut api = json!({"hostname": "api.example", "prefix": "/api", "service": "a"});
        if let Some(policy) = &self.api {
            api["cors"] = cors(policy);
        }
        let mut items = vec![
            resource("Mapping", "api", api),
            resource(
                "Mapping",
                "rest",
                json!({"hostname": "api.example", "prefix": "/", "service": "b"}),
            ),
        ];
        if let Some(policy) = &self.module {
            items.push(resource(
                "Module",
                "ambassador",
                json!({"config": {"cors": cors(policy)}}),
            ));
        }
        json!({"kind": "List", "items": items}).to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        if request.host() != "api.example" {
            return upstream.clone();
        }
        let own = self.api.as_ref();
        let own = own.filter(|_| request.path().starts_with("/api"));
        let policies: Vec<_> = own.or(self.module.as_ref()).into_iter().collect();
        envoy_filter::answer(&policies, request, upstream)
    }
}

const MATCHERS: &[Matcher] = &[
    ("exact", "https://app.example"),
    ("exact", "http://localhost:3000"),
    ("exact", "*"),
];
