//! Tyk: the `CORS` of an API definition, classic or as an extension of OpenAPI. Tyk is built with
//! rs/cors.

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::matching;
use crate::import::objects::Object;
use crate::import::rules::route::{Precedence, Route};
use crate::import::system::System;
use crate::import::systems::rs_cors::{self, CHANGES, Names};
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    precedence: Precedence::First,
    changes: |_| CHANGES,
    ..System::new(
        "tyk",
        "Tyk",
        "Tyk: an API definition, classic or OAS, and its resources of Kubernetes",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    if value.kind().is_some() {
        return value.is_resource("ApiDefinition", "tyk.tyk.io");
    }
    value.has(EXTENSION)
        || value.at(&["api_definition", "proxy"]).is_some()
        || value.at(&["proxy", "listen_path"]).is_some()
}

/// Longer paths come first.
fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let read = values.iter();
    let mut routes: Vec<_> = read.filter_map(|value| read_api(value, notes)).collect();
    let length = |route: &Route| route.paths.first().map(|path| path.rank());
    routes.sort_by_key(|route| std::cmp::Reverse(length(route)));
    routes
}

fn read_api(value: &Value, notes: &mut Notes) -> Option<Route> {
    let definition = if value.kind().is_some() {
        value.field("spec")
    } else {
        value.get("api_definition").unwrap_or_else(|| value.clone())
    };
    let extension = value.get(EXTENSION);
    let (cors, enabled, path, host, active) = match &extension {
        Some(own) => {
            let domain = own.at(&["server", "customDomain"]);
            let is_on = domain
                .as_ref()
                .is_some_and(|domain| is_true(domain, "enabled"));
            (
                own.at(&["middleware", "global", "cors"]),
                "enabled",
                own.at(&["server", "listenPath", "value"]),
                domain
                    .filter(|_| is_on)
                    .and_then(|domain| domain.get("name")),
                own.at(&["info", "state", "active"]),
            )
        }
        None => (
            definition.get("CORS"),
            "enable",
            definition.at(&["proxy", "listen_path"]),
            definition.get("domain"),
            definition.get("active"),
        ),
    };
    if matches!(active, Some(active) if *active.node == Json::Bool(false)) {
        notes.push(
            Code::PolicyDisabled,
            &value.place(),
            "is not active: it is left out",
        );
        return None;
    }
    let at = cors.as_ref().unwrap_or(value).place();
    let policy = cors
        .filter(|cors| is_true(cors, enabled))
        .map(|cors| rs_cors::read_policy(&cors, &NAMES, notes));
    let none = Policy::new(at.clone(), 204);
    let mut route = Route::everything(name_of(value, &definition), at, none);
    route.policy = policy;
    let path = path.as_ref().and_then(Value::text).unwrap_or("/");
    if path.contains(['{', '*']) {
        route.condition = Some("a pattern over the path");
    } else {
        route.paths = vec![matching::below(path, &route.place, notes)];
    }
    let host = host.as_ref().and_then(Value::text).unwrap_or_default();
    if host.contains('{') {
        notes.push(
            Code::UnsupportedMatch,
            &route.place,
            format!(
                "\"{host}\" is a domain with a pattern, which no rule can match; list the hosts"
            ),
        );
    }
    if !host.is_empty() {
        route.hosts = vec![host.to_owned()];
    }
    Some(route)
}

fn name_of<'s>(value: &Value<'s>, definition: &Value<'s>) -> &'s str {
    let named = [value.resource_name(), definition.text_of("name")];
    let titled = value.at(&["info", "title"]);
    let mut names = named.into_iter().flatten();
    names
        .next()
        .or(titled.and_then(|title| title.text()))
        .unwrap_or("api")
}

fn is_true(value: &Value, name: &str) -> bool {
    matches!(value.get(name), Some(truth) if *truth.node == Json::Bool(true))
}

const EXTENSION: &str = "x-tyk-api-gateway";
const NAMES: Names = Names {
    what: "Tyk",
    ..rs_cors::NAMES
};
