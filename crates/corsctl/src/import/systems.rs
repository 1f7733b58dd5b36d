//! The systems that import reads: a file for each, which ends in its registration.

pub mod agentgateway;
pub mod apisix;
pub mod aws;
pub mod azure;
pub mod emissary;
pub mod envoy;
pub mod gateway_api;
pub mod gloo;
pub mod google;
pub mod higress;
pub mod istio;
pub mod krakend;
pub mod rs_cors;
pub mod s3;
pub mod spring;
pub mod traefik;
pub mod traefik_rule;
pub mod tyk;

use crate::import::system::System;
use crate::input::cursor::Value;

/// Every system, in the order of `--help`.
pub static SYSTEMS: &[&System] = &[
    &agentgateway::SYSTEM,
    &apisix::SYSTEM,
    &aws::SYSTEM,
    &azure::SYSTEM,
    &emissary::SYSTEM,
    &envoy::SYSTEM,
    &gateway_api::SYSTEM,
    &gloo::SYSTEM,
    &google::SYSTEM,
    &higress::SYSTEM,
    &istio::SYSTEM,
    &krakend::SYSTEM,
    &rs_cors::SYSTEM,
    &spring::SYSTEM,
    &traefik::SYSTEM,
    &tyk::SYSTEM,
];

/// The systems that an object of a file may belong to.
pub fn owners(value: &Value) -> Vec<&'static System> {
    let all = SYSTEMS.iter().copied();
    let (weak, strong): (Vec<_>, Vec<_>) = all
        .filter(|system| (system.owns)(value))
        .partition(|system| system.gives_way);
    if strong.is_empty() { weak } else { strong }
}

/// The system with this name on the command line.
pub fn find(argument: &str) -> Option<&'static System> {
    let mut all = SYSTEMS.iter().copied();
    all.find(|system| system.argument == argument)
}

/// The systems in words.
pub fn names_of(systems: &[&System]) -> String {
    let names: Vec<_> = systems.iter().map(|system| system.name).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_owns_its_own_documents_alone() {
        for (json, systems) in [
            (r#"{"static_resources": {}}"#, &["envoy"][..]),
            (r#"{"allow_origin_string_match": []}"#, &["envoy"]),
            (
                r#"{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}"#,
                &["gateway-api"],
            ),
            (
                r#"{"apiVersion": "extensions.higress.io/v1alpha1", "kind": "WasmPlugin"}"#,
                &["higress"],
            ),
            (r#"{"allow_origin_patterns": []}"#, &["higress"]),
            (
                r#"{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}"#,
                &["istio"],
            ),
            (r#"{"endpoints": [{"endpoint": "/a"}]}"#, &["krakend"]),
            (r#"{"endpoints": [{"name": "of xDS"}]}"#, &[]),
            (r#"{"allowed_origins": []}"#, &["rs-cors"]),
            (r#"{"http": {"middlewares": {}}}"#, &["traefik"]),
            (
                r#"{"apiVersion": "traefik.io/v1alpha1", "kind": "Middleware"}"#,
                &["traefik"],
            ),
            (r#"{"allowOrigins": []}"#, &[]),
            (r#"{"kind": "Service"}"#, &[]),
        ] {
            let node = serde_json::from_str(json).unwrap();
            let value = Value::bare(&node);
            let owners: Vec<_> = owners(&value)
                .iter()
                .map(|system| system.argument)
                .collect();
            assert_eq!(owners, systems, "{json}");
        }
    }
}
