//! Envoy Gateway's SecurityPolicy, after its
//! [source](https://github.com/envoyproxy/gateway/blob/main/internal/xds/translator/cors.go): wildcards
//! become `.*`, and preflights of other origins are not forwarded.

use cors::simulate::exchange::Response;
use serde_json::json;
use support::random::Random;

use crate::classes::{Class, EXPOSED, NULL, UPSTREAM_NARROWED};
use crate::compare::{System, compare};
use crate::envoy_filter::{self, Matcher, Policy};
use crate::parts::Request;

#[test]
fn envoy_gateways_meaning_is_kept_or_reported() {
    compare::<EnvoyGateway>();
}

/// A policy of a Gateway, and one of an HTTPRoute, which takes its place.
#[derive(Debug)]
struct EnvoyGateway {
    gateway: Policy,
    route: Option<Policy>,
}

impl System for EnvoyGateway {
    const FROM: &'static str = "gateway-api";
    const CLASSES: &'static [Class] = &[EXPOSED, NULL, UPSTREAM_NARROWED];

    fn random(random: &mut Random) -> Self {
        let mut policy = || Policy {
            forward: Some(false),
            ..Policy::random(random, MATCHERS)
        };
        let (gateway, route) = (policy(), policy());
        Self {
            gateway,
            route: (!random.once_in(3)).then_some(route),
        }
    }

    fn file(&self) -> String {
        let policy = |name: &str, kind: &str, target: &str, policy: &Policy| {
            let origins = policy.origins.iter().map(|(_, text)| match *text {
                r"https://.*\.example\.com" => "https://*.example.com",
                text => text,
            });
            json!({
                "apiVersion": "gateway.envoyproxy.io/v1alpha1",
                "kind": "SecurityPolicy",
                "metadata": {"name": name, "namespace": "n"},
                "spec": {
                    "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": kind, "name": target}],
                    "cors": {
                        "allowOrigins": origins.collect::<Vec<_>>(),
                        "allowMethods": policy.parts.methods,
                        "allowHeaders": policy.parts.headers,
                        "exposeHeaders": policy.parts.expose,
                        "allowCredentials": policy.credentials.unwrap_or_default(),
                        "maxAge": "10m",
                    },
                },
            })
        };
        let route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "api", "namespace": "n"},
            "spec": {"parentRefs": [{"name": "public"}], "hostnames": ["api.example"], "rules": [{}]},
        });
        let rest = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "www", "namespace": "n"},
            "spec": {"parentRefs": [{"name": "public"}], "hostnames": ["www.example"], "rules": [{}]},
        });
        let mut items = vec![
            route,
            rest,
            policy("gateway", "Gateway", "public", &self.gateway),
        ];
        items.extend(
            self.route
                .iter()
                .map(|own| policy("route", "HTTPRoute", "api", own)),
        );
        json!({"kind": "List", "items": items}).to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let policy = match request.host() {
            "api.example" => self.route.as_ref().unwrap_or(&self.gateway),
            // The policy of the Gateway holds for whatever it serves.
            _ => &self.gateway,
        };
        envoy_filter::answer(&[policy], request, upstream)
    }
}

const MATCHERS: &[Matcher] = &[
    ("exact", "https://app.example"),
    ("safe_regex", r"https://.*\.example\.com"),
    ("exact", "*"),
];
