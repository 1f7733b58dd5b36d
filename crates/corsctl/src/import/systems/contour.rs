//! Contour's HTTPProxy with the `corsPolicy` of its virtual host.
//!
//! What it becomes in Envoy is in
//! [its source](https://github.com/projectcontour/contour/blob/main/internal/dag/httpproxy_processor.go).

use cors::config::json::Json;
use regex_lite::Regex;

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::import::matching;
use crate::import::origins::Origins;
use crate::import::rules::route::{Route, Scope};
use crate::import::system::System;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    changes: |_| CHANGES,
    ..System::new(
        "contour",
        "Contour",
        "Contour: HTTPProxy with a corsPolicy",
        |value| value.is_resource("HTTPProxy", "projectcontour.io"),
        |own, _, notes| {
            let own = own.iter().enumerate();
            own.filter_map(|(index, proxy)| read_proxy(proxy, index, notes))
                .collect()
        },
    )
};

/// One policy for the whole virtual host; an HTTPProxy without one is a part of others.
fn read_proxy(proxy: &Value, index: usize, notes: &mut Notes) -> Option<Route> {
    let host = proxy.at(&["spec", "virtualhost"]);
    let cors = host.as_ref().and_then(|host| host.get("corsPolicy"));
    let policy = cors.as_ref().and_then(|cors| read_cors(cors, notes));
    by_hand(proxy, policy.is_some(), notes);
    let host = host?;
    let name = host.text_of("fqdn").unwrap_or_default();
    if name.is_empty() {
        notes.push(
            Code::SourceInvalidValue,
            &host.place(),
            "has no fqdn: it is a patch, or Contour finds it invalid; write the host name",
        );
    }
    Some(Route {
        name: proxy.resource_name().unwrap_or("cors").to_owned(),
        place: host.place(),
        hosts: if name == "*" {
            Vec::new()
        } else {
            vec![name.to_owned()]
        },
        paths: Vec::new(),
        route_names: Vec::new(),
        condition: None,
        policy,
        scope: Scope {
            owner: index.to_string(),
            ..Scope::default()
        },
    })
}

/// Headers of CORS that the virtual host or a route sets.
fn by_hand(proxy: &Value, has_policy: bool, notes: &mut Notes) {
    let mut levels = proxy.list_at(&["spec", "routes"]);
    levels.extend(proxy.at(&["spec", "virtualhost"]));
    let lists = levels
        .iter()
        .filter_map(|level| level.at(&["responseHeadersPolicy", "set"]));
    let lists: Vec<_> = lists.collect();
    matching::report_by_hand(&lists, has_policy, notes);
}

fn read_cors(cors: &Value, notes: &mut Notes) -> Option<Policy> {
    cors.allow_only(FIELDS, "a corsPolicy of Contour", notes);
    let place = cors.place();
    let mut policy = Policy::new(place.clone(), 200);
    let list = cors.get("allowOrigin");
    let texts = notes.texts(list.clone());
    if texts.is_empty() {
        notes.push(
            Code::SourceInvalidValue,
            &place,
            "has no allowOrigin, without which Contour finds the HTTPProxy invalid",
        );
    }
    let mut origins = Origins::new(notes);
    for (at, text) in texts {
        read_origin(&mut origins, &at, text);
    }
    origins.finish(&mut policy, &list?);

    policy.methods = notes.names(cors.get("allowMethods"));
    if policy.methods.is_empty() {
        notes.push(
            Code::SourceInvalidValue,
            &place,
            "has no allowMethods, without which Contour finds the HTTPProxy invalid",
        );
    }
    policy.headers = notes.names(cors.get("allowHeaders"));
    policy.expose = notes.names(cors.get("exposeHeaders"));
    policy.credentials = notes.bool(cors.get("allowCredentials"));
    policy.private_network = notes.bool(cors.get("allowPrivateNetwork"));
    policy.read_wildcards_among_others(&place, notes);
    policy.report_expose(&place, notes);
    match cors.get("maxAge") {
        Some(age) if age.text() == Some("0") => policy.max_age = Json::Number(0.0),
        Some(age) => policy.max_age = age.node.clone(),
        None => notes.push(Code::DefaultMaxAge, &place, "no maxAge, so no Access-Control-Max-Age, which browsers take for 5 seconds: maxAge is 5"),
    }
    Some(policy)
}

/// Any origin, an origin without case, or a regular expression that has to match the whole.
fn read_origin(origins: &mut Origins, at: &Value, text: &str) {
    let rest = text.split_once("://").map(|(_, rest)| rest);
    let is_origin = rest.is_some_and(|rest| {
        let mut bytes = rest.bytes();
        !rest.is_empty()
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
    });
    if text == "*" || is_origin {
        origins.exact(at, &text.to_ascii_lowercase());
    } else if Regex::new(text).is_err() && text.starts_with('*') {
        let message = format!(
            "\"{text}\" is neither an origin nor a regular expression, and Contour finds the HTTPProxy invalid; write https://.*\\.example\\.com for a domain"
        );
        origins
            .notes
            .push(Code::SourceInvalidValue, &at.place(), message);
    } else {
        origins.regex(at, text);
    }
}

const CHANGES: &[Change] = &[
    (
        When::Rejects,
        Code::RejectedPreflightStatus,
        "the preflight of an origin that is not allowed is answered 403; Contour, as Envoy does, sends it on to the upstream",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; Contour passes them on, for origins that are not allowed too",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; Contour sends none",
    ),
];

const FIELDS: &[&str] = &[
    "allowCredentials",
    "allowHeaders",
    "allowMethods",
    "allowOrigin",
    "allowPrivateNetwork",
    "exposeHeaders",
    "maxAge",
];
