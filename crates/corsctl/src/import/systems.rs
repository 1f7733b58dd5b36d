//! The systems that import reads: a file for each, which ends in its registration.

pub mod agentgateway;
pub mod apim;
pub mod apisix;
pub mod aws;
pub mod aws_rest;
pub mod azure;
pub mod contour;
pub mod emissary;
pub mod envoy;
pub mod envoy_filter;
pub mod gateway_api;
pub mod gateway_policies;
pub mod gloo;
pub mod gloo_policy;
pub mod gloo_routes;
pub mod google;
pub mod higress;
pub mod ingress_nginx;
pub mod istio;
pub mod kong;
pub mod kong_ingress;
pub mod kong_origins;
pub mod krakend;
pub mod rs_cors;
pub mod s3;
pub mod spring;
pub mod traefik;
pub mod traefik_labels;
pub mod traefik_rule;
pub mod tyk;

use crate::import::system::System;
use crate::input::cursor::Value;

/// Every system, in the order of `--help`.
pub static SYSTEMS: &[&System] = &[
    &contour::SYSTEM,
    &agentgateway::SYSTEM,
    &apisix::SYSTEM,
    &aws::SYSTEM,
    &azure::SYSTEM,
    &apim::SYSTEM,
    &emissary::SYSTEM,
    &envoy::SYSTEM,
    &envoy_filter::SYSTEM,
    &gateway_api::SYSTEM,
    &gloo::SYSTEM,
    &google::SYSTEM,
    &higress::SYSTEM,
    &ingress_nginx::SYSTEM,
    &ingress_nginx::HIGRESS,
    &ingress_nginx::TRAEFIK,
    &istio::SYSTEM,
    &kong::SYSTEM,
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
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => String::new(),
    }
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
            (
                r#"{"spring": {"cloud": {"gateway": {"routes": []}}}}"#,
                &["spring"],
            ),
            (
                r#"{"apiVersion": "gateway.solo.io/v1", "kind": "VirtualService"}"#,
                &["gloo"],
            ),
            (
                r#"{"apiVersion": "getambassador.io/v2", "kind": "Mapping"}"#,
                &["emissary"],
            ),
            (r#"{"binds": [{"listeners": []}]}"#, &["agentgateway"]),
            (r#"{"uri": "/", "plugins": {"cors": {}}}"#, &["apisix"]),
            (
                r#"{"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute"}"#,
                &["apisix"],
            ),
            (r#"{"proxy": {"listen_path": "/"}}"#, &["tyk"]),
            (
                r#"{"Resources": {"A": {"Type": "AWS::S3::Bucket"}}}"#,
                &["aws"],
            ),
            (r#"{"AllowedOrigins": [], "AllowedMethods": []}"#, &["aws"]),
            (r#"{"hostRules": [], "pathMatchers": []}"#, &["google"]),
            (
                r#"{"properties": {"configuration": {"ingress": {"corsPolicy": {}}}}}"#,
                &["azure"],
            ),
            (r#"{"policies": [{"inbound": [""]}]}"#, &["azure-apim"]),
            (r#"{"allowOrigins": []}"#, &[]),
            (r#"{"kind": "Service"}"#, &[]),
            (r#"{"kind": "Ingress"}"#, &["ingress-nginx"]),
            (
                r#"{"kind": "Ingress", "spec": {"ingressClassName": "higress"}}"#,
                &["ingress-higress"],
            ),
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
