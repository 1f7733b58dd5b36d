//! Istio's EnvoyFilter that patches a `CorsPolicy` into virtual hosts or routes.

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::objects::Object;
use crate::import::recognise;
use crate::import::rules::route::{Precedence, Route, Scope};
use crate::import::system::System;
use crate::import::systems::envoy;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    precedence: Precedence::FirstOfHost,
    changes: |_| envoy::CHANGES,
    ..System::new(
        "envoy-filter",
        "Istio's EnvoyFilter",
        "Istio: EnvoyFilter that patches a CorsPolicy into virtual hosts or routes",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    value.is_resource("EnvoyFilter", "networking.istio.io") && recognise::cors_in(value).is_some()
}

fn read(own: &[Value], all: &[Object], notes: &mut Notes) -> Vec<Route> {
    let mut services = all.iter().map(|object| &object.value);
    let other = services.find(|value| {
        let is_service = value.is_resource("VirtualService", "networking.istio.io");
        is_service && recognise::cors_in(value).is_some()
    });
    let mut routes = Vec::new();
    for (index, filter) in own.iter().enumerate() {
        if let Some(selector) = filter.at(&["spec", "workloadSelector"]) {
            let text = "selects workloads: load the plugin into these alone";
            notes.push(Code::WorkloadsSelected, &selector.place(), text);
        }
        for patch in filter.list_at(&["spec", "configPatches"]) {
            let mut found = read_patch(&patch, notes);
            if let (Some(route), Some(other)) = (&found, other)
                && route.hosts.is_empty()
            {
                let text = format!(
                    "is merged with the corsPolicy of the VirtualService \"{}\", field by field: write the policy that comes out of it into one of the two",
                    other.resource_name().unwrap_or_default()
                );
                notes.push(Code::SeveralPolicies, &patch.place(), text);
            }
            if let Some(route) = &mut found {
                route.name = filter.resource_name().unwrap_or("cors").to_owned();
                route.scope.owner = format!("filter {index}");
            }
            routes.extend(found);
        }
    }
    routes
}

/// A patch as a route; none if it has no CORS.
fn read_patch(patch: &Value, notes: &mut Notes) -> Option<Route> {
    let value = patch.at(&["patch", "value"]);
    let speaks = recognise::cors_in(patch)?;
    let target = patch.text_of("applyTo").unwrap_or_default();
    let operation = patch.at(&["patch", "operation"]);
    let operation = operation.and_then(|operation| operation.text());
    let is_known = ["VIRTUAL_HOST", "HTTP_ROUTE", "ROUTE_CONFIGURATION"].contains(&target);
    let policy = value.filter(|_| is_known && operation != Some("REMOVE"));
    let Some(policy) = policy.and_then(|value| read_policy(&value, notes)) else {
        let text = format!(
            "has CORS that import does not read: it reads a CorsPolicy that is merged into VIRTUAL_HOST, HTTP_ROUTE or ROUTE_CONFIGURATION, not {} of {target}",
            operation.unwrap_or("MERGE")
        );
        notes.unread(&speaks.place(), text);
        return None;
    };
    let host = patch.at(&["match", "routeConfiguration", "vhost"]);
    let route = host.as_ref().and_then(|host| host.at(&["route", "name"]));
    let name = host.as_ref().and_then(|host| host.text_of("name"));
    // The name of a virtual host of Istio is a host and a port.
    let name = name.map(|name| name.rsplit_once(':').map_or(name, |(host, _)| host));
    let name = name.filter(|name| *name != "*");
    let mut read = Route::everything("cors", patch.place(), policy);
    read.hosts = name.map(str::to_owned).into_iter().collect();
    if let Some(route) = route.as_ref().and_then(Value::text) {
        read.route_names = vec![route.to_owned()];
    } else if target == "HTTP_ROUTE" && name.is_none() {
        let text = "is merged into every route";
        notes.push(Code::PolicyForEverything, &patch.place(), text);
    }
    read.scope = Scope::default();
    Some(read)
}

/// The policy in what is merged: under a key of any name, or in the field of Envoy's older releases.
fn read_policy(value: &Value, notes: &mut Notes) -> Option<Policy> {
    let typed = envoy::typed_policy(value, notes);
    let field = value.at(&["route", "cors"]).or_else(|| value.get("cors"));
    let policy = typed.or(field)?;
    envoy::read_policies(&[policy], notes)
}
