//! The systems that import reads, and how a file is recognised as one of theirs.

pub mod envoy;
pub mod gateway_api;
pub mod higress;
pub mod istio;
pub mod krakend;
pub mod rs_cors;
pub mod traefik;
pub mod traefik_rule;

use std::fmt;

use clap::ValueEnum;

use crate::import::changes::Notes;
use crate::import::draft::Change;
use crate::import::objects::{Object, counted};
use crate::import::recognise;
use crate::import::rules::route::{Precedence, Route};
use crate::input::cursor::{Place, Value};
use crate::output::code::Code;

/// A system that has CORS policies.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum System {
    /// Envoy: CorsPolicy, alone or in routes, virtual hosts, listeners
    Envoy,
    /// Gateway API HTTPRoute and kgateway TrafficPolicy
    GatewayApi,
    /// Higress: the cors plugin's configuration, or its WasmPlugin
    Higress,
    /// Istio: VirtualService
    Istio,
    /// KrakenD: the whole file, version 2 or 3
    Krakend,
    /// rs/cors and what is built like it: allowed_origins, allowed_methods
    RsCors,
    /// Traefik: the headers middleware, and Traefik Hub's API
    Traefik,
}

impl System {
    pub fn owns(self, value: &Value) -> bool {
        match self {
            Self::Envoy => envoy::owns(value),
            Self::GatewayApi => gateway_api::owns(value),
            Self::Higress => higress::owns(value),
            Self::Istio => istio::owns(value),
            Self::Krakend => krakend::owns(value),
            Self::RsCors => rs_cors::owns(value),
            Self::Traefik => traefik::owns(value),
        }
    }

    pub fn read(self, values: &[Value], all: &[Object], notes: &mut Notes) -> Vec<Route> {
        match self {
            Self::Envoy => envoy::read(values, notes),
            Self::GatewayApi => gateway_api::read(values, all, notes),
            Self::Higress => higress::read(values, notes),
            Self::Istio => istio::read(values, notes),
            Self::Krakend => krakend::read(values, notes),
            Self::RsCors => rs_cors::read(values, notes),
            Self::Traefik => traefik::read(values, notes),
        }
    }

    /// What is different for every policy of the system.
    pub fn changes(self, values: &[Value]) -> &'static [Change] {
        match self {
            Self::Envoy => envoy::CHANGES,
            Self::GatewayApi => gateway_api::changes(values),
            Self::Higress => higress::CHANGES,
            Self::Istio => istio::CHANGES,
            Self::Krakend => krakend::CHANGES,
            Self::RsCors => rs_cors::CHANGES,
            Self::Traefik => traefik::CHANGES,
        }
    }

    pub fn precedence(self) -> Precedence {
        match self {
            Self::Envoy | Self::Istio => Precedence::FirstOfHost,
            Self::Higress | Self::Traefik => Precedence::First,
            Self::GatewayApi | Self::Krakend | Self::RsCors => Precedence::Specific,
        }
    }

    fn argument(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Envoy => "Envoy",
            Self::GatewayApi => "the Gateway API",
            Self::Higress => "Higress",
            Self::Istio => "Istio",
            Self::Krakend => "KrakenD",
            Self::RsCors => "rs/cors",
            Self::Traefik => "Traefik",
        })
    }
}

/// Recognises the systems by what only their files hold. Several are read together only if one gateway
/// may serve them together.
pub fn detect(objects: &[Object], notes: &mut Notes) -> Vec<System> {
    let values = || objects.iter().map(|object| &object.value);
    let is_of = |system: &System| values().any(|value| system.owns(value));
    let all = System::value_variants();
    let found: Vec<_> = all.iter().copied().filter(is_of).collect();
    let names = |systems: &[System]| {
        let names = systems.iter().map(|system| system.argument());
        names.collect::<Vec<_>>().join(", ")
    };
    if found.len() == 1 || found == [System::GatewayApi, System::Istio] {
        return found;
    }
    if !found.is_empty() {
        let text = format!(
            "could be of several systems; say which with --from: {}",
            names(&found)
        );
        notes.push(Code::AmbiguousSystem, &Place::default(), text);
        return Vec::new();
    }
    if values().any(|value| value.has("allow_origins")) {
        let text = "could be a configuration of this plugin (then it needs no import), of Higress or of rs/cors; say which with --from: higress, rs-cors";
        notes.push(Code::AmbiguousSystem, &Place::default(), text);
        return Vec::new();
    }
    for object in objects {
        let value = &object.value;
        let Some(name) = recognise::name_of(value) else {
            continue;
        };
        let cors = recognise::cors_in(value);
        match (value.kind(), cors) {
            (Some(_), None) => {}
            (Some(_), Some(at)) => {
                let at = at.place();
                let text = format!("is {name} with CORS ({at}), which import does not read yet");
                notes.push(Code::UnsupportedSystem, &value.place(), text);
            }
            // A name with a remedy says it all.
            (None, _) if name.contains([':', ',']) => {
                notes.push(
                    Code::UnsupportedSystem,
                    &value.place(),
                    format!("is {name}"),
                );
            }
            (None, _) => {
                let text = format!("is {name}, which import does not read yet");
                notes.push(Code::UnsupportedSystem, &value.place(), text);
            }
        }
    }
    if !notes.has_errors() {
        let kinds = counted(objects.iter().map(Object::kind)).into_iter();
        let kinds: Vec<_> = kinds
            .map(|(kind, number)| format!("{kind} {number}"))
            .collect();
        let text = format!(
            "is not of a system that import recognises ({}); if it is of one, say which with --from: {}",
            kinds.join(", "),
            names(all)
        );
        notes.push(Code::UnknownSystem, &Place::default(), text);
    }
    Vec::new()
}

/// The systems in words.
pub fn names_of(systems: &[System]) -> String {
    let names: Vec<_> = systems.iter().map(System::to_string).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_owns_its_own_documents_alone() {
        for (json, systems) in [
            (r#"{"static_resources": {}}"#, &[System::Envoy][..]),
            (r#"{"allow_origin_string_match": []}"#, &[System::Envoy]),
            (
                r#"{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}"#,
                &[System::GatewayApi],
            ),
            (
                r#"{"apiVersion": "extensions.higress.io/v1alpha1", "kind": "WasmPlugin"}"#,
                &[System::Higress],
            ),
            (r#"{"allow_origin_patterns": []}"#, &[System::Higress]),
            (
                r#"{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}"#,
                &[System::Istio],
            ),
            (r#"{"endpoints": [{"endpoint": "/a"}]}"#, &[System::Krakend]),
            (r#"{"endpoints": [{"name": "of xDS"}]}"#, &[]),
            (r#"{"allowed_origins": []}"#, &[System::RsCors]),
            (r#"{"http": {"middlewares": {}}}"#, &[System::Traefik]),
            (
                r#"{"apiVersion": "traefik.io/v1alpha1", "kind": "Middleware"}"#,
                &[System::Traefik],
            ),
            (r#"{"allowOrigins": []}"#, &[]),
            (r#"{"kind": "Service"}"#, &[]),
        ] {
            let node = serde_json::from_str(json).unwrap();
            let value = Value::bare(&node);
            let owners = System::value_variants().iter().copied();
            let owners: Vec<System> = owners.filter(|system| system.owns(&value)).collect();
            assert_eq!(owners, systems, "{json}");
        }
    }
}
