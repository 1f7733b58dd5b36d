//! Istio's EnvoyFilter: its patches merge a policy of Envoy's filter into the virtual hosts that they
//! [match](https://istio.io/latest/docs/reference/config/networking/envoy-filter/), whose names are a host
//! and a port.

use cors::simulate::exchange::Response;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::Class;
use crate::compare::{System, compare};
use crate::envoy_filter::{self, MATCHERS, Policy};
use crate::istio;
use crate::parts::Request;

#[test]
fn the_meaning_of_patches_is_kept_or_reported() {
    compare::<Patches>();
}

/// One patch for every host, or one for each of some hosts.
#[derive(Debug)]
enum Patches {
    All(Policy),
    Hosts(Vec<(&'static str, Policy)>),
}

impl System for Patches {
    const FROM: &'static str = "envoy-filter";
    // Both become the policy of Envoy's filter.
    const CLASSES: &'static [Class] = istio::CLASSES;

    fn random(random: &mut Random) -> Self {
        if random.once_in(3) {
            return Self::All(Policy::random(random, MATCHERS));
        }
        let mut hosts = vec![("api.example", Policy::random(random, MATCHERS))];
        if random.once_in(2) {
            hosts.push(("www.example", Policy::random(random, MATCHERS)));
        }
        Self::Hosts(hosts)
    }

    fn file(&self) -> String {
        let patches: Vec<Value> = match self {
            Self::All(policy) => vec![patch(&json!({}), policy)],
            Self::Hosts(hosts) => {
                let hosts = hosts.iter();
                let patches = hosts.map(|(host, policy)| {
                    let name = format!("{host}:443");
                    patch(
                        &json!({"routeConfiguration": {"vhost": {"name": name}}}),
                        policy,
                    )
                });
                patches.collect()
            }
        };
        json!({
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "EnvoyFilter",
            "metadata": {"name": "cors"},
            "spec": {"configPatches": patches},
        })
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let policy = match self {
            Self::All(policy) => Some(policy),
            Self::Hosts(hosts) => {
                let mut hosts = hosts.iter();
                let own = hosts.find(|(host, _)| *host == request.host());
                own.map(|(_, policy)| policy)
            }
        };
        let policies: Vec<_> = policy.into_iter().collect();
        envoy_filter::answer(&policies, request, upstream)
    }
}

fn patch(matched: &Value, policy: &Policy) -> Value {
    json!({
        "applyTo": "VIRTUAL_HOST",
        "match": matched,
        "patch": {
            "operation": "MERGE",
            "value": {"typed_per_filter_config": {"envoy.filters.http.cors": policy.json()}},
        },
    })
}
