//! Spring Cloud Gateway: `globalcors`, and the metadata `cors` of routes, in `application.yml`.

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::{Path, Precedence, Route};
use crate::import::system::System;
use crate::import::texts::{comma_names, comma_texts};
use crate::input::cursor::{Value, letters};
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    precedence: Precedence::First,
    changes: |_| CHANGES,
    ..System::new(
        "spring",
        "Spring Cloud Gateway",
        "Spring Cloud Gateway: globalcors and routes of application.yml",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    let parts = [ROUTES, DEFAULT_FILTERS, GLOBAL];
    value.kind().is_none() && parts.iter().any(|part| setting(value, part).is_some())
}

/// The metadata of routes comes before what is global, and each in its order.
fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let with_cors = values.iter().filter(|value| has_cors(value));
    let with_cors: Vec<_> = with_cors.collect();
    if let [_, second, ..] = with_cors.as_slice() {
        let name = profile_of(second).map_or_else(String::new, |name| format!(" \"{name}\""));
        let text = format!(
            "is another profile{name}: Spring joins the documents of the profiles that are active; import one document with what holds in it"
        );
        notes.push(Code::SeveralPolicies, &second.place(), text);
    }
    let mut read = Vec::new();
    for value in values {
        let routes = list(value, ROUTES).into_iter();
        read.extend(routes.filter_map(|route| read_route(&route, notes)));
        report_by_hand(value, notes);
        let all = setting(value, CONFIGURATIONS);
        for (pattern, cors) in all.map_or_else(Vec::new, |all| all.entries()) {
            let pattern = pattern.strip_prefix('[').unwrap_or(pattern);
            let pattern = pattern.strip_suffix(']').unwrap_or(pattern);
            read.extend(route_of(
                pattern,
                "globalcors",
                &cors,
                Form::Properties,
                notes,
            ));
        }
    }
    report_other_paths(&read, notes);
    read
}

/// A setting below `spring.cloud.gateway`, in the places that its versions have for it.
fn setting<'s>(value: &Value<'s>, names: &[&str]) -> Option<Value<'s>> {
    let mut places = PLACES.iter();
    places.find_map(|place| find(value, &[place, names].concat()))
}

fn list<'s>(value: &Value<'s>, names: &[&str]) -> Vec<Value<'s>> {
    setting(value, names).map_or_else(Vec::new, |list| list.items())
}

fn has_cors(value: &Value) -> bool {
    let mut routes = list(value, ROUTES).into_iter();
    setting(value, GLOBAL).is_some()
        || routes.any(|route| route.at(&["metadata", "cors"]).is_some())
}

fn profile_of<'s>(value: &Value<'s>) -> Option<&'s str> {
    let place = ["spring", "config", "activate", "on-profile"];
    find(value, &place)
        .or_else(|| find(value, &["spring", "profiles"]))?
        .text()
}

/// The value at the end of these names, of which a key may hold several with dots between them. As
/// Spring does, it takes `cors-configurations` and `corsConfigurations` for one name.
fn find<'s>(value: &Value<'s>, names: &[&str]) -> Option<Value<'s>> {
    let Some(rest) = (0..names.len()).rev().find_map(|at| {
        let name = names.get(..=at)?.join(".");
        let mut entries = value.entries().into_iter();
        let (_, found) = entries.find(|(key, _)| is_same(key, &name))?;
        find(&found, names.get(at + 1..)?)
    }) else {
        return names.is_empty().then(|| value.clone());
    };
    Some(rest)
}

fn is_same(one: &str, other: &str) -> bool {
    let plain = |text: &str| -> Vec<u8> { letters(text).filter(|byte| *byte != b'-').collect() };
    plain(one) == plain(other)
}

/// How the fields of a policy are written.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Form {
    /// Text for a list has commas, and names are compared loosely.
    Properties,
    /// Text for a list is one item, and names are exact.
    Metadata,
}

fn read_route(route: &Value, notes: &mut Notes) -> Option<Route> {
    let cors = route.at(&["metadata", "cors"])?;
    let name = route.text_of("id").unwrap_or("route");
    let patterns = path_patterns(route, notes);
    if let [_, second, ..] = patterns.as_slice() {
        let text = format!(
            "\"{second}\" has no CORS: of several patterns of a Path predicate Spring Cloud Gateway takes the first for it, and so does import"
        );
        notes.push(Code::IgnoredField, &route.place(), text);
    }
    let pattern = patterns.first().map_or("/**", String::as_str);
    route_of(pattern, name, &cors, Form::Metadata, notes)
}

/// The patterns of a route's Path predicate, as `Path=/a/**,/b` or with its arguments.
fn path_patterns(route: &Value, notes: &mut Notes) -> Vec<String> {
    for predicate in route.list("predicates") {
        if let Some(list) = predicate.text().and_then(|text| text.strip_prefix("Path=")) {
            return list.split(',').map(|text| text.trim().to_owned()).collect();
        }
        if predicate.text_of("name") == Some("Path") {
            let patterns = predicate.at(&["args", "patterns"]);
            return comma_names(
                patterns.or_else(|| predicate.at(&["args", "pattern"])),
                notes,
            );
        }
    }
    Vec::new()
}

fn route_of(
    pattern: &str,
    name: &str,
    cors: &Value,
    form: Form,
    notes: &mut Notes,
) -> Option<Route> {
    let has_variables = |text: &str| text.contains(['*', '?', '{']);
    let path = match pattern.strip_suffix("/**") {
        Some(prefix) if !has_variables(prefix) => Path::below(prefix),
        None if !has_variables(pattern) => Path::Exact(pattern.to_owned()),
        _ => {
            let text = format!(
                "\"{pattern}\" is a pattern that no rule can match; write a path, or a prefix with /** at its end"
            );
            notes.push(Code::UnsupportedMatch, &cors.place(), text);
            return None;
        }
    };
    let policy = read_policy(cors, form, notes);
    let mut route = Route::everything(name, cors.place(), policy);
    route.paths = vec![path];
    Some(route)
}

/// Reads a [CorsConfiguration](https://docs.spring.io/spring-framework/docs/current/javadoc-api/org/springframework/web/cors/CorsConfiguration.html).
fn read_policy(cors: &Value, form: Form, notes: &mut Notes) -> Policy {
    check_fields(cors, form, notes);
    let get = |name: &str| find(cors, &[name]);
    let place = cors.place();
    let mut policy = Policy::new(place.clone(), 200);
    policy.rejects_requests = true;
    policy.credentials = notes.bool(get("allowCredentials"));

    let exact = texts(get("allowedOrigins"), form, notes);
    let patterns = texts(get("allowedOriginPatterns"), form, notes);
    if exact.is_empty() && patterns.is_empty() {
        let text = "lists no origin, so that Spring allows none: allowOrigins is []";
        notes.push(Code::DefaultOrigins, &place, text);
    }
    let lists_any = exact.iter().any(|(_, text)| *text == "*");
    if policy.credentials && lists_any {
        let text = "lists \"*\" in allowedOrigins with allowCredentials, which Spring refuses; list the origins, or write allowedOriginPatterns";
        notes.push(Code::SourceInvalidValue, &place, text);
    }
    let mut origins = Origins::new(notes);
    for (at, text) in exact {
        origins.exact(&at, &plain(text));
    }
    for (at, text) in patterns {
        origins.ported_glob(&at, &plain(text));
    }
    origins.finish(&mut policy, cors);

    policy.methods = names(get("allowedMethods"), form, notes);
    if policy.methods.is_empty() {
        policy.methods = ["GET", "HEAD"].map(str::to_owned).to_vec();
        let text = "no method is listed: Spring allows GET, HEAD, so does allowMethods";
        notes.push(Code::DefaultMethods, &place, text);
    }
    policy.report_unlisted("so Spring refused such requests with 403", &place, notes);
    if policy.methods.iter().any(|method| method == "*") {
        policy.methods = vec!["*".to_owned()];
    }
    policy.headers = names(get("allowedHeaders"), form, notes);
    if policy.headers.iter().any(|name| name == "*") {
        policy.headers = vec!["*".to_owned()];
    }
    policy.expose = names(get("exposedHeaders"), form, notes);
    policy.report_expose(&place, notes);
    policy.private_network = notes.bool(get("allowPrivateNetwork"));
    policy.set_age(get("maxAge"), "no maxAge", &place, notes);
    policy
}

/// No browser sends capital letters or a slash at the end, and Spring compares without them.
fn plain(text: &str) -> String {
    text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase()
}

fn texts<'s>(value: Option<Value<'s>>, form: Form, notes: &mut Notes) -> Vec<(Value<'s>, &'s str)> {
    match value {
        Some(value) if form == Form::Metadata && value.text().is_some() => {
            let text = value.text().unwrap_or_default();
            vec![(value, text)]
        }
        value => comma_texts(value, notes),
    }
}

fn names(value: Option<Value>, form: Form, notes: &mut Notes) -> Vec<String> {
    let texts = texts(value, form, notes).into_iter();
    texts.map(|(_, text)| text.to_owned()).collect()
}

fn check_fields(cors: &Value, form: Form, notes: &mut Notes) {
    for (key, field) in cors.entries() {
        let known = FIELDS.iter().find(|name| is_same(key, name));
        match known {
            None => {
                let text = "is not a field of CorsConfiguration that import knows";
                notes.push(Code::SourceUnknownField, &field.place(), text);
            }
            Some(name) if form == Form::Metadata && *name != key => {
                let text = format!(
                    "is not read by Spring Cloud Gateway: in the metadata of a route the name is \"{name}\""
                );
                notes.push(Code::SourceUnknownField, &field.place(), text);
            }
            Some(_) => {}
        }
    }
}

/// Filters that write headers of CORS by hand, as `AddResponseHeader=Access-Control-Allow-Origin, *`.
fn report_by_hand(value: &Value, notes: &mut Notes) {
    let routes = list(value, ROUTES).into_iter();
    let of_routes = routes.flat_map(|route| route.list("filters"));
    let all: Vec<_> = of_routes.chain(list(value, DEFAULT_FILTERS)).collect();
    for filter in all {
        let Some((kind, argument)) = filter.text().and_then(|text| text.split_once('=')) else {
            continue;
        };
        let is_header = ["AddResponseHeader", "SetResponseHeader"].contains(&kind);
        if is_header && argument.to_ascii_lowercase().starts_with("access-control-") {
            let text = "writes a header of CORS by hand; here the policy alone decides, and the plugin removes it unless upstreamCors is \"keep\"";
            notes.push(Code::HeaderSetByHand, &filter.place(), text);
        }
    }
}

/// Says what becomes of the paths that have no policy.
fn report_other_paths(routes: &[Route], notes: &mut Notes) {
    let is_any = |route: &Route| route.paths.contains(&Path::Any);
    if let Some(first) = routes.first()
        && !routes.iter().any(is_any)
    {
        let text = "preflights of other paths are answered 403 by Spring; here they reach the upstream, which decides about them";
        notes.push(Code::OtherPathsForwarded, &first.place, text);
    }
}

const CHANGES: &[Change] = &[
    (
        When::Always,
        Code::PreflightListsAll,
        "an answered preflight lists all methods and headers, and the browser says which is missing; Spring answers 403, or names the headers that it allows",
    ),
    (
        When::Rejects,
        Code::SameOriginNotRejected,
        "a request from an origin that is not allowed is answered 403 as in Spring (unmatchedRequests \"reject\"), but not one that Sec-Fetch-Site says is of the same origin",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; Spring Cloud Gateway leaves them next to its own, so that DedupeResponseHeader is not needed here",
    ),
];

const PLACES: [&[&str]; 2] = [
    &["spring", "cloud", "gateway"],
    &["spring", "cloud", "gateway", "server", "webflux"],
];
const GLOBAL: &[&str] = &["globalcors"];
const CONFIGURATIONS: &[&str] = &["globalcors", "cors-configurations"];
const DEFAULT_FILTERS: &[&str] = &["default-filters"];
const ROUTES: &[&str] = &["routes"];
const FIELDS: &[&str] = &[
    "allowCredentials",
    "allowPrivateNetwork",
    "allowedHeaders",
    "allowedMethods",
    "allowedOriginPatterns",
    "allowedOrigins",
    "exposedHeaders",
    "maxAge",
];
