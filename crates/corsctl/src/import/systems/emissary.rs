//! Emissary-ingress, and Ambassador before it: the `cors` of a Mapping, or of the Module for Mappings
//! that have none.

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::envoy_policy;
use crate::import::matching;
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::{METHOD, Path, Route, Scope};
use crate::import::system::System;
use crate::import::texts::{comma_names, comma_texts};
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    changes: |_| envoy_policy::CHANGES,
    ..System::new(
        "emissary",
        "Emissary",
        "Emissary-ingress: Mapping, and the Module's cors",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    is_mapping(value) || is_ours(value, "Module")
}

fn is_mapping(value: &Value) -> bool {
    is_ours(value, "Mapping") || is_ours(value, "AmbassadorMapping")
}

fn is_ours(value: &Value, kind: &str) -> bool {
    value.is_resource(kind, "getambassador.io") || value.is_resource(kind, "x.getambassador.io")
}

fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let modules = values.iter().filter(|value| is_ours(value, "Module"));
    let default = modules.filter_map(|module| module.at(&["spec", "config", "cors"]));
    let default: Vec<_> = default.collect();
    if let [_, second, ..] = default.as_slice() {
        notes.push(
            Code::SeveralPolicies,
            &second.place(),
            "is a second Module with cors; leave the one that Emissary reads",
        );
    }
    let mappings = values.iter().filter(|value| is_mapping(value));
    let mut routes: Vec<_> = mappings
        .map(|mapping| read_mapping(mapping, default.first(), notes))
        .collect();
    for (index, route) in routes.iter_mut().enumerate() {
        // Nothing says which of two with one prefix comes first.
        route.scope.owner = index.to_string();
    }
    if routes.is_empty() {
        let alone = default.first();
        routes.extend(
            alone.map(|cors| Route::everything("module", cors.place(), read_policy(cors, notes))),
        );
    }
    routes
}

fn read_mapping(mapping: &Value, default: Option<&Value>, notes: &mut Notes) -> Route {
    let spec = mapping.field("spec");
    let mut condition = matching::condition(&spec, CONDITIONS);
    let mut hosts = Vec::new();
    for name in ["hostname", "host"] {
        hosts.extend(spec.text_of(name).map(str::to_owned));
    }
    hosts.dedup();
    if hosts.iter().any(|host| host == "*") {
        hosts.clear();
    }
    let is_set = |name: &str| spec.get(name).is_some_and(|value| is_true(&value));
    let prefix = spec.text_of("prefix").unwrap_or("/");
    let path = if is_set("prefix_regex") {
        if !matching::is_any_path(prefix) {
            condition = Some("a regular expression over the path");
        }
        Path::Any
    } else if is_set("prefix_exact") {
        Path::Exact(prefix.to_owned())
    } else {
        matching::below(prefix, &spec.place(), notes)
    };
    let cors = spec.get("cors");
    let cors = cors.as_ref().or(default);
    Route {
        name: mapping.resource_name().unwrap_or("mapping").to_owned(),
        place: mapping.place(),
        hosts,
        paths: vec![path],
        route_names: Vec::new(),
        condition,
        policy: cors.map(|cors| read_policy(cors, notes)),
        scope: Scope::default(),
    }
}

fn is_true(value: &Value) -> bool {
    matches!(value.node, Json::Bool(true))
}

fn read_policy(cors: &Value, notes: &mut Notes) -> Policy {
    cors.allow_only(FIELDS, "Emissary's cors", notes);
    let place = cors.place();
    let mut policy = Policy::new(place.clone(), 200);
    let list = comma_texts(cors.get("origins"), notes);
    let mut origins = Origins::new(notes);
    for (at, text) in list {
        origins.exact(&at, text);
    }
    origins.finish(&mut policy, cors);
    let methods = comma_names(cors.get("methods"), notes);
    policy.set_methods(methods, &place, notes);
    policy.headers = comma_names(cors.get("headers"), notes);
    policy.expose = comma_names(cors.get("exposed_headers"), notes);
    policy.credentials = notes.bool(cors.get("credentials"));
    envoy_policy::finish(&mut policy, cors.get("max_age"), "Emissary", &place, notes);
    policy
}

const FIELDS: &[&str] = &[
    "credentials",
    "exposed_headers",
    "headers",
    "max_age",
    "methods",
    "origins",
];

const CONDITIONS: &[(&str, &str)] = &[
    ("headers", "headers"),
    ("host_regex", "a regular expression over the host"),
    ("method", METHOD),
    ("precedence", "a precedence"),
    ("query_parameters", "query parameters"),
    ("regex_headers", "headers"),
    ("regex_query_parameters", "query parameters"),
];
