//! Google Cloud: the `corsPolicy` of a URL map, on each of its levels.

use std::collections::HashMap;

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::envoy_policy;
use crate::import::matching;
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::{Path, Precedence, Route, Scope};
use crate::import::system::System;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    precedence: Precedence::FirstOfHost,
    changes: |_| envoy_policy::CHANGES,
    ..System::new(
        "google",
        "Google Cloud",
        "Google Cloud: the URL map of a load balancer",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    let is_map = |kind: &str| kind.ends_with("#urlMap");
    let of_kind = value.text_of("kind").is_some_and(is_map);
    of_kind
        || value.text_of("apiVersion").is_none()
            && value.has("pathMatchers")
            && value.has("hostRules")
        || value.field("defaultRouteAction").has("corsPolicy")
}

fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let mut routes = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let read = read_map(value, notes).into_iter();
        routes.extend(read.map(|route| route.of_document(index)));
    }
    routes
}

fn read_map(map: &Value, notes: &mut Notes) -> Vec<Route> {
    let name = map.text_of("name").unwrap_or("map");
    let matchers = map.list("pathMatchers");
    let named: HashMap<_, _> = matchers
        .iter()
        .filter_map(|matcher| Some((matcher.text_of("name")?, matcher)))
        .collect();
    let mut routes = Vec::new();
    for rule in map.list("hostRules") {
        let mut hosts = notes.names(rule.get("hosts"));
        if hosts.iter().any(|host| host == "*") {
            hosts.clear();
        }
        let Some(matcher) = rule.text_of("pathMatcher").and_then(|name| named.get(name)) else {
            let text = "names a pathMatcher that is not in the URL map";
            notes.push(Code::MissingReference, &rule.place(), text);
            continue;
        };
        let plain = Route {
            name: name.to_owned(),
            place: matcher.place(),
            hosts,
            paths: Vec::new(),
            route_names: Vec::new(),
            condition: None,
            policy: None,
            scope: Scope::default(),
        };
        routes.extend(read_matcher(matcher, &plain, notes));
    }
    let policy = policy_of(map, "defaultRouteAction", notes);
    let default = Route {
        policy,
        ..Route::everything(name, map.place(), Policy::new(map.place(), 200))
    };
    routes.push(default);
    routes
}

/// Its rules, then its default.
fn read_matcher(matcher: &Value, plain: &Route, notes: &mut Notes) -> Vec<Route> {
    let mut routes = Vec::new();
    for rule in matcher.list("pathRules") {
        let policy = policy_of(&rule, "routeAction", notes);
        for path in notes.names(rule.get("paths")) {
            let path = match path.strip_suffix("/*") {
                Some(prefix) => Path::below(prefix),
                None => Path::Exact(path),
            };
            routes.push(Route {
                place: rule.place(),
                paths: vec![path],
                policy: policy.clone(),
                ..plain.clone()
            });
        }
    }
    // The longest path comes first.
    routes.sort_by_key(|route| std::cmp::Reverse(route.paths.first().map(Path::rank)));
    let mut rules = matcher.list("routeRules");
    rules.sort_by_key(|rule| match rule.get("priority").map(|value| value.node) {
        Some(Json::Number(number)) => number.to_bits(),
        _ => 0,
    });
    for rule in rules {
        let policy = policy_of(&rule, "routeAction", notes);
        for one in rule.list("matchRules") {
            let mut condition = matching::condition(&one, CONDITIONS);
            let path = if let Some(path) = one.text_of("fullPathMatch") {
                Path::Exact(path.to_owned())
            } else if let Some(prefix) = one.text_of("prefixMatch") {
                matching::below(prefix, &one.place(), notes)
            } else {
                condition = Some("a pattern over the path");
                Path::Any
            };
            routes.push(Route {
                place: rule.place(),
                paths: vec![path],
                condition,
                policy: policy.clone(),
                ..plain.clone()
            });
        }
    }
    routes.push(Route {
        policy: policy_of(matcher, "defaultRouteAction", notes),
        ..plain.clone()
    });
    routes
}

/// The policy of an action; none if it has none, or has it disabled.
fn policy_of(level: &Value, action: &str, notes: &mut Notes) -> Option<Policy> {
    for service in level.list_at(&[action, "weightedBackendServices"]) {
        if let Some(cors) = service.get("corsPolicy") {
            let text = "is a policy of one of several backends: put it on the route";
            notes.push(Code::UnsupportedMatch, &cors.place(), text);
        }
    }
    let cors = level.at(&[action, "corsPolicy"])?;
    cors.allow_only(FIELDS, "a corsPolicy of Google Cloud", notes);
    if notes.bool(cors.get("disabled")) {
        return None;
    }
    let place = cors.place();
    let mut policy = Policy::new(place.clone(), 200);
    let exact = notes.texts(cors.get("allowOrigins"));
    let regexes = notes.texts(cors.get("allowOriginRegexes"));
    if exact.is_empty() && regexes.is_empty() {
        let text =
            "lists no origin, so that the load balancer allows none: its routes have no CORS";
        notes.push(Code::PolicyWithoutOrigins, &place, text);
        return None;
    }
    let mut origins = Origins::new(notes);
    for (at, text) in exact {
        origins.exact(&at, text);
    }
    for (at, text) in regexes {
        origins.regex(&at, text);
    }
    origins.finish(&mut policy, &cors);
    envoy_policy::read_lists(&mut policy, &cors, notes);
    envoy_policy::finish(
        &mut policy,
        cors.get("maxAge"),
        "Google Cloud",
        &place,
        notes,
    );
    Some(policy)
}

const FIELDS: &[&str] = &[
    "allowCredentials",
    "allowHeaders",
    "allowMethods",
    "allowOriginRegexes",
    "allowOrigins",
    "disabled",
    "exposeHeaders",
    "maxAge",
];

const CONDITIONS: &[(&str, &str)] = &[
    ("headerMatches", "headers"),
    ("metadataFilters", "metadata"),
    ("queryParameterMatches", "query parameters"),
];
