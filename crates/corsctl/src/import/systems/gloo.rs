//! Gloo Gateway with its own API: the `cors` of a VirtualService's virtual host and of its routes, those
//! of RouteTables included, and the VirtualHostOption and RouteOption that these name.

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::envoy_policy;
use crate::import::objects::Object;
use crate::import::rules::route::{Precedence, Route};
use crate::import::system::System;
use crate::import::systems::gloo_policy::{Options, read_policy};
use crate::import::systems::gloo_routes::{Tables, read_service};
use crate::input::cursor::Value;

/// How import knows the system.
pub static SYSTEM: System = System {
    precedence: Precedence::FirstOfHost,
    changes: |_| envoy_policy::CHANGES,
    ..System::new(
        "gloo",
        "Gloo",
        "Gloo: VirtualService with its options and RouteTables, VirtualHostOption, RouteOption",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    KINDS.iter().any(|kind| is_ours(value, kind)) && !has_targets(value)
}

/// Whether an option is for resources of the Gateway API.
pub fn has_targets(value: &Value) -> bool {
    value.at(&["spec", "targetRefs"]).is_some()
}

/// Reads the CORS of an option that is alone.
pub fn read_option(cors: &Value, notes: &mut Notes) -> Option<Policy> {
    read_policy(std::slice::from_ref(cors), notes)
}

/// Istio has a kind of the same name, so that the group has to be there.
fn is_ours(value: &Value, kind: &str) -> bool {
    value.has("apiVersion") && value.is_resource(kind, GROUP)
}

fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let options = values
        .iter()
        .filter(|value| is_ours(value, "VirtualHostOption") || is_ours(value, "RouteOption"));
    let mut options = Options::of(options);
    let tables = values.iter().filter(|value| is_ours(value, "RouteTable"));
    let mut tables = Tables::of(tables);
    let mut routes = Vec::new();
    let services = values
        .iter()
        .filter(|value| is_ours(value, "VirtualService"));
    for (index, service) in services.enumerate() {
        routes.extend(read_service(
            service,
            index,
            &mut options,
            &mut tables,
            notes,
        ));
    }
    tables.report_unused(notes);
    options.report_unused(notes);
    routes
}

pub const GROUP: &str = "gateway.solo.io";
const KINDS: [&str; 4] = [
    "RouteOption",
    "RouteTable",
    "VirtualHostOption",
    "VirtualService",
];
