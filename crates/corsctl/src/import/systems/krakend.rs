//! KrakenD: `security/cors` of version 3, `github_com/devopsfaith/krakend-cors` of version 2, and
//! what endpoints do to the Origin.

use std::collections::HashSet;

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::{Change, When};
use crate::import::objects::Object;
use crate::import::rules::route::{Path, Route};
use crate::import::system::System;
use crate::import::systems::rs_cors::{self, Names};
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    changes: |_| CHANGES,
    ..System::new(
        "krakend",
        "KrakenD",
        "KrakenD: the whole file, version 2 or 3",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    let is_own = |endpoint: &Value| endpoint.has("endpoint") || endpoint.has("url_pattern");
    // A snapshot of xDS has endpoints too.
    let has_endpoints = value.has("endpoints") && value.list("endpoints").iter().all(is_own);
    let is_whole = value.has("extra_config") || has_endpoints && !value.has("clusters");
    is_whole && value.kind().is_none() || NAMESPACES.iter().any(|name| value.has(name))
}

fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let mut routes = Vec::new();
    let services = values
        .iter()
        .filter(|value| matches!(value.node, Json::Object(_)));
    for (index, value) in services.enumerate() {
        let read = read_service(value, notes).into_iter();
        routes.extend(read.map(|route| route.of_document(index)));
    }
    routes
}

fn read_service(value: &Value, notes: &mut Notes) -> Vec<Route> {
    let extra = value.get("extra_config").unwrap_or_else(|| value.clone());
    let mut blocks = NAMESPACES.iter().filter_map(|name| extra.get(name));
    let Some(cors) = blocks.next() else {
        report_missing(value, &extra, notes);
        return Vec::new();
    };
    if let Some(second) = blocks.next() {
        let text = "is the block of KrakenD 2, next to that of KrakenD 3, and each version reads only its own: import the one that your version reads";
        notes.unread(&second.place(), text);
    }
    let mut policy = rs_cors::read_policy(&cors, &NAMES, notes);
    let router = ROUTERS.iter().find_map(|name| extra.get(name));
    policy.auto_options = notes.bool(router.and_then(|router| router.get("auto_options")));
    let place = cors.place();

    let endpoints: Vec<_> = value.list("endpoints");
    let is_hidden: Vec<bool> = endpoints.iter().map(hides_origin).collect();
    if !endpoints.is_empty() && is_hidden.iter().all(|hidden| *hidden) {
        policy.hides_from_upstream = true;
        notes.push(Code::HiddenOrigin, &place, "no endpoint passes Origin on to its backend: hideCorsFromUpstream is true, for allowed origins");
        return vec![Route::everything("cors", place, policy)];
    }
    let mut hidden = policy.clone();
    hidden.hides_from_upstream = true;
    let path = |endpoint: &Value| endpoint.text_of("endpoint").unwrap_or_default().to_owned();
    let with_hidden = || endpoints.iter().zip(&is_hidden);
    let passing = with_hidden().filter(|(_, hidden)| !**hidden);
    let passing: HashSet<_> = passing.map(|(endpoint, _)| path(endpoint)).collect();
    let mut paths = Vec::new();
    let mut listed = HashSet::new();
    for (endpoint, _) in with_hidden().filter(|(_, hidden)| **hidden) {
        let path = path(endpoint);
        if passing.contains(&path) {
            notes.push(Code::OriginNotHidden, &endpoint.place(), format!("did not pass Origin on to its backend, as another method of {path:?} does, and no rule looks at methods: its backend sees Origin now"));
        } else if path.contains(['{', ':', '*']) {
            notes.push(Code::OriginNotHidden, &endpoint.place(), format!("did not pass Origin on to its backend, and no rule can match {path:?} alone: its backend sees Origin now"));
        } else if listed.insert(path.clone()) {
            paths.push(Path::Exact(path));
        }
    }
    let mut routes = vec![Route::everything("cors", place.clone(), policy)];
    if !paths.is_empty() {
        notes.push(Code::HiddenOriginByEndpoint, &place, "endpoints that do not pass Origin on to their backend have hideCorsFromUpstream, for allowed origins");
        routes.push(Route {
            name: "origin-hidden".to_owned(),
            paths,
            policy: Some(hidden),
            ..routes[0].clone()
        });
    }
    routes
}

/// Says why there is no policy: blocks where KrakenD does not look for them, or none.
fn report_missing(value: &Value, extra: &Value, notes: &mut Notes) {
    let mut is_reported = false;
    for endpoint in value.list("endpoints") {
        let extra = endpoint.field("extra_config");
        for block in NAMESPACES.iter().filter_map(|name| extra.get(name)) {
            let text = "is on an endpoint, where KrakenD ignores it: CORS is of the whole service, in extra_config at the top";
            notes.push(Code::IgnoredCorsBlock, &block.place(), text);
            is_reported = true;
        }
    }
    for (key, block) in extra.entries() {
        if key.replace('.', "_") == NAMESPACES[1] && key != NAMESPACES[1] {
            let text = format!(
                "has dots in its name, so that KrakenD does not read it; write \"{}\"",
                NAMESPACES[1]
            );
            notes.push(Code::IgnoredCorsBlock, &block.place(), text);
            is_reported = true;
        }
    }
    if !is_reported {
        let text =
            "has no extra_config.\"security/cors\": without it KrakenD does nothing about CORS";
        notes.push(Code::NoCorsPolicy, &value.place(), text);
    }
}

/// Whether no backend of the endpoint gets to see Origin: it is not among the headers that pass, or
/// a martian modifier takes it away.
fn hides_origin(endpoint: &Value) -> bool {
    let passes = INPUT_HEADERS.iter().any(|name| {
        let headers = endpoint.list(name);
        let mut names = headers.iter().filter_map(Value::text);
        names.any(|name| name == "*" || name.eq_ignore_ascii_case("origin"))
    });
    let backends = endpoint.list("backend");
    !passes
        || !backends.is_empty()
            && backends
                .iter()
                .all(|backend| blacklists_origin(backend.node))
}

fn blacklists_origin(node: &Json) -> bool {
    match node {
        Json::Object(pairs) => pairs.iter().any(|(key, node)| {
            key == "header.Blacklist" && names_origin(node) || blacklists_origin(node)
        }),
        Json::List(items) => items.iter().any(blacklists_origin),
        _ => false,
    }
}

/// Whether a header.Blacklist acts on requests and names Origin.
fn names_origin(node: &Json) -> bool {
    let has = |field: &str, text: &str| match node {
        Json::Object(pairs) => pairs.iter().any(|(key, node)| {
            let Json::List(items) = node else {
                return false;
            };
            let is_text =
                |item: &Json| matches!(item, Json::String(item) if item.eq_ignore_ascii_case(text));
            key == field && items.iter().any(is_text)
        }),
        _ => false,
    };
    has("scope", "request") && has("names", "origin")
}

const CHANGES: &[Change] = &[
    (
        When::Rejects,
        Code::RejectedPreflightStatus,
        "the preflight of an origin that is not allowed is answered 403; KrakenD answers it 204 without CORS headers",
    ),
    (
        When::Always,
        Code::PreflightListsAll,
        "an answered preflight lists all methods and headers, and the browser says which is missing; KrakenD names the one asked for, or nothing",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; KrakenD passes those of a no-op backend on, in addition to its own and for origins that are not allowed",
    ),
    (
        When::AnyOrigin,
        Code::VaryNotSent,
        "under \"*\" there is no Vary: Origin, which KrakenD always sends",
    ),
];

const NAMESPACES: [&str; 2] = ["security/cors", "github_com/devopsfaith/krakend-cors"];
const ROUTERS: [&str; 3] = [
    "router",
    "github_com/luraproject/lura/router/gin",
    "github_com/devopsfaith/krakend/router/gin",
];
const INPUT_HEADERS: [&str; 2] = ["input_headers", "headers_to_pass"];

const NAMES: Names = Names {
    what: "KrakenD",
    origins: "allow_origins",
    methods: "allow_methods",
    headers: "allow_headers",
    expose: "expose_headers",
    // So says its code; its documentation says none.
    default_headers: &["*"],
};
