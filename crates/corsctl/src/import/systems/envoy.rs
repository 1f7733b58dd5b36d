//! Envoy's `CorsPolicy`: alone, or in the routes, virtual hosts and route configurations of a file,
//! by `cors` or by `typed_per_filter_config`.

use std::collections::HashMap;

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::import::matching;
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::{Path, Precedence, Route, Scope};
use crate::import::system::System;
use crate::input::cursor::{Place, Value};
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    precedence: Precedence::FirstOfHost,
    changes: |_| CHANGES,
    ..System::new(
        "envoy",
        "Envoy",
        "Envoy: CorsPolicy, alone or in routes, virtual hosts, listeners",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    let is_file = [
        "static_resources",
        "virtual_hosts",
        "filter_chains",
        ORIGINS,
    ];
    // Other formats have these fields too.
    let is_typed = |name: &str| {
        let mut items = value.list(name).into_iter();
        items.any(|item| mentions(item.node, "type.googleapis.com/", starts_with))
    };
    let is_policy = OLD_FIELDS.iter().any(|name| value.has(name)) && value.has("allow_methods");
    value.kind().is_none()
        && (is_file.iter().any(|name| value.has(name))
            || is_typed("resources")
            || is_typed("configs")
            || is_policy
                && value
                    .list(OLD_FIELDS[0])
                    .iter()
                    .all(|one| one.text().is_some()))
}

fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut seen: HashMap<_, Vec<Value>> = HashMap::new();
    for (index, value) in values.iter().enumerate() {
        let is_alone = [ORIGINS, OLD_FIELDS[0], OLD_FIELDS[1]];
        if is_alone.iter().any(|name| value.has(name)) || is_policy(value) {
            let policy = read_policies(std::slice::from_ref(value), notes);
            let route = policy.map(|policy| Route::everything("cors", value.place(), policy));
            routes.extend(route.map(|route| route.of_document(index)));
            continue;
        }
        report_missing_filter(value, notes);
        for configuration in route_configurations(value) {
            // What is dumped holds one configuration in several places.
            let alike = seen.entry(configuration.text_of("name")).or_default();
            if alike.iter().any(|other| is_same(other, &configuration)) {
                continue;
            }
            alike.push(configuration.clone());
            let scope = Scope {
                gates: vec![format!("{index} {}", configuration.place().path)],
                ..Scope::default()
            };
            for host in configuration.several_of("virtual_hosts") {
                routes.extend(read_host(&configuration, &host, &scope, notes));
            }
        }
    }
    routes
}

/// Whether two route configurations are one: their types and versions aside.
fn is_same(one: &Value, other: &Value) -> bool {
    one.has("name") && fields(one).eq(fields(other))
}

fn fields<'s>(value: &Value<'s>) -> impl Iterator<Item = &'s (String, Json)> {
    let pairs = value.pairs().iter();
    pairs.filter(|(key, _)| key != "@type")
}

/// Without the filter in its chain a policy does nothing.
fn report_missing_filter(value: &Value, notes: &mut Notes) {
    if let (Some(filters), Some(routes)) = (value.get("http_filters"), value.get("route_config")) {
        let is_cors = |filter: &Value| {
            let name = filter.text_of("name").unwrap_or_default();
            name.ends_with(".cors") || mentions(filter.node, ".cors.v3.Cors", ends_with)
        };
        if !filters.several().iter().any(is_cors) && mentions(routes.node, ".CorsPolicy", ends_with)
        {
            let text = "has no CORS filter, so that Envoy heeds none of the policies in its routes; here they hold";
            notes.push(Code::FilterMissing, &filters.place(), text);
        }
    }
    let fields = value.entries().into_iter().map(|(_, field)| field);
    for child in fields.chain(value.items()) {
        report_missing_filter(&child, notes);
    }
}

/// Everything in the file that holds virtual hosts.
fn route_configurations<'s>(value: &Value<'s>) -> Vec<Value<'s>> {
    if value.has("virtual_hosts") {
        return vec![value.clone()];
    }
    let fields = value.entries().into_iter().map(|(_, field)| field);
    let children = fields.chain(value.items());
    children
        .flat_map(|child| route_configurations(&child))
        .collect()
}

fn read_host(configuration: &Value, host: &Value, scope: &Scope, notes: &mut Notes) -> Vec<Route> {
    let mut hosts = Vec::new();
    let mut is_any = false;
    for at in host.several_of("domains") {
        let Some(domain) = notes.text(&at) else {
            continue;
        };
        match read_domain(&at, domain, notes) {
            Some(domain) => hosts.push(domain),
            None => is_any = true,
        }
    }
    if is_any {
        hosts.clear();
    }
    if let Some(matcher) = host.get("matcher") {
        notes.push(
            Code::UnsupportedForm,
            &matcher.place(),
            "chooses routes by a tree of matchers, which import does not read; write routes",
        );
    }
    let name = host.text_of("name").unwrap_or("cors");
    let routes = host.several_of("routes").into_iter();
    routes
        .map(|route| {
            let levels = [configuration, host, &route];
            let levels = levels.map(|level| typed_policy(level, notes));
            let mut levels: Vec<_> = levels.into_iter().flatten().rev().collect();
            // The fields of the route configuration itself count only where there is none of these.
            if levels.is_empty() {
                let fields = [route.at(&["route", "cors"]), host.get("cors")];
                levels = fields.into_iter().flatten().collect();
            }
            check_weighted(&route, notes);
            let policy = read_policies(&levels, notes);
            let by_hand = [configuration, host, &route].map(|level| level.get(BY_HAND));
            let by_hand: Vec<_> = by_hand.into_iter().flatten().collect();
            matching::report_by_hand(&by_hand, policy.is_some(), notes);
            let (path, condition) = read_match(&route, notes);
            Route {
                name: name.to_owned(),
                place: route.place(),
                hosts: hosts.clone(),
                paths: vec![path],
                route_names: Vec::new(),
                condition,
                policy,
                scope: scope.clone(),
            }
        })
        .collect()
}

/// A domain as a host name of ours; none for any host.
fn read_domain(at: &Value, domain: &str, notes: &mut Notes) -> Option<String> {
    if domain == "*" {
        return None;
    }
    let host = match domain.rsplit_once(':') {
        Some((host, port)) if port == "*" || port.bytes().all(|byte| byte.is_ascii_digit()) => {
            notes.push(Code::PortIgnored, &at.place(), format!("\"{domain}\" names a port, which no rule looks at: it is \"{host}\" on any port"));
            host
        }
        _ => domain,
    };
    let rest = host.strip_prefix("*.").unwrap_or(host);
    if rest.contains('*') {
        notes.push(Code::UnsupportedMatch, &at.place(), format!("\"{domain}\" has a wildcard that is not the first label, which no rule can match; list the hosts"));
    }
    Some(host.to_owned())
}

fn read_match(route: &Value, notes: &mut Notes) -> (Path, Option<&'static str>) {
    let Some(matcher) = route.get("match") else {
        return (Path::Any, None);
    };
    let mut condition = matching::condition(&matcher, CONDITIONS);
    let path = if let Some(path) = matcher.text_of("path") {
        Path::Exact(path.to_owned())
    } else if let Some(prefix) = matcher.text_of("path_separated_prefix") {
        Path::below(prefix)
    } else if let Some(prefix) = matcher.text_of("prefix") {
        matching::below(prefix, &matcher.place(), notes)
    } else if matcher
        .at(&["safe_regex", "regex"])
        .and_then(|regex| regex.text())
        .is_some_and(matching::is_any_path)
    {
        Path::Any
    } else {
        condition = condition
            .or(matcher
                .has("safe_regex")
                .then_some("a regular expression over the path"))
            .or(Some("something other than a path"));
        Path::Any
    };
    (path, condition)
}

fn check_weighted(route: &Value, notes: &mut Notes) {
    let clusters = route.at(&["route", "weighted_clusters", "clusters"]);
    for cluster in clusters.map_or_else(Vec::new, |clusters| clusters.items()) {
        if let Some(policy) = typed_policy(&cluster, notes) {
            notes.push(Code::UnsupportedMatch, &policy.place(), "is a policy of one of several clusters: a preflight and its request may choose different ones, so it cannot be said; put it on the route");
        }
    }
}

/// The policy that a level has for the filter of whatever name.
pub fn typed_policy<'s>(level: &Value<'s>, notes: &mut Notes) -> Option<Value<'s>> {
    let entries = level.get("typed_per_filter_config")?.entries();
    for (name, value) in entries {
        if is_policy(&value) {
            return Some(value);
        }
        let is_off = matches!(value.get("disabled"), Some(off) if *off.node == Json::Bool(true));
        if mentions(value.node, ".CorsPolicy", ends_with) || is_off && name.contains("cors") {
            notes.push(
                Code::UnsupportedForm,
                &value.place(),
                "is about CORS in a form that import does not read; write a CorsPolicy",
            );
        }
    }
    None
}

/// Whether some text within ends so, or begins so, in whatever wrapping: the type of a message.
fn mentions(node: &Json, part: &str, is_found: fn(&str, &str) -> bool) -> bool {
    match node {
        Json::Object(pairs) => pairs.iter().any(|(_, node)| mentions(node, part, is_found)),
        Json::List(items) => items.iter().any(|node| mentions(node, part, is_found)),
        Json::String(text) => is_found(text, part),
        _ => false,
    }
}

fn starts_with(text: &str, start: &str) -> bool {
    text.starts_with(start)
}

fn ends_with(text: &str, end: &str) -> bool {
    text.ends_with(end)
}

fn is_policy(value: &Value) -> bool {
    let kind = match value.node {
        Json::Object(pairs) => pairs.iter().find(|(key, _)| key == "@type"),
        _ => None,
    };
    matches!(kind, Some((_, Json::String(kind))) if kind.ends_with(".CorsPolicy"))
}

/// Reads policies, the most specific first, as Envoy does: each field from the first that has it.
pub fn read_policies(levels: &[Value], notes: &mut Notes) -> Option<Policy> {
    let first = levels.first()?;
    let place = first.place();
    for level in levels {
        level.allow_only(FIELDS, "a CorsPolicy", notes);
    }
    let mut policy = Policy::new(place.clone(), 200);
    policy.mode = read_mode(first, notes)?;

    let find = |name: &str| {
        let mut values = levels.iter().filter_map(|level| level.get(name));
        values.find(|value| match value.node {
            Json::List(items) => !items.is_empty(),
            Json::String(text) => !text.is_empty(),
            _ => true,
        })
    };
    let [exact, regexes] = OLD_FIELDS.map(&find);
    let list = find(ORIGINS);
    let is_ignore = matches!(find(FORWARD), Some(value) if *value.node == Json::Bool(false));
    let first_list = list.clone().or(exact.clone()).or(regexes.clone());
    let Some(first_list) = first_list else {
        if !is_ignore {
            let text = "lists no origin, so that Envoy allows none: its routes have no CORS";
            notes.push(Code::PolicyWithoutOrigins, &place, text);
            return None;
        }
        policy.unmatched_preflights = "ignore";
        return Some(policy);
    };
    if let Some(old) = exact.as_ref().or(regexes.as_ref()) {
        let text = "is a field of Envoy's API version 2, which Envoy no longer reads; here it is read as it was";
        notes.push(Code::ObsoleteField, &old.place(), text);
    }
    let mut origins = Origins::new(notes);
    for matcher in list.map_or_else(Vec::new, |list| list.several()) {
        read_matcher(&matcher, &mut origins);
    }
    for (old, is_exact) in [(exact, true), (regexes, false)] {
        for at in old.map_or_else(Vec::new, |list| list.several()) {
            match (origins.notes.text(&at), is_exact) {
                (Some(text), true) => origins.exact(&at, text),
                (Some(text), false) => origins.regex(&at, text),
                (None, _) => {}
            }
        }
    }
    origins.finish(&mut policy, &first_list);
    let mut comma_list = |name: &str| {
        let text = find(name).and_then(|value| notes.text(&value));
        let names = text.unwrap_or_default().split(',').map(str::trim);
        let names = names.filter(|name| !name.is_empty());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    policy.headers = comma_list("allow_headers");
    policy.expose = comma_list("expose_headers");
    let methods = comma_list("allow_methods");
    policy.set_methods(methods, &place, notes);
    policy.credentials = notes.bool(find("allow_credentials"));
    policy.private_network = notes.bool(find("allow_private_network_access"));
    policy.read_wildcards_among_others(&place, notes);
    policy.report_expose(&place, notes);
    read_max_age(find("max_age"), &mut policy, &place, notes);

    match find(FORWARD).as_ref().map(|value| value.node) {
        Some(Json::Bool(false)) => policy.unmatched_preflights = "ignore",
        Some(_) => matching::forward(&mut policy, &place, notes),
        None => notes.push(Code::DefaultUnmatchedPreflights, &place, "no forward_not_matching_preflights: Envoy's default is true, to the upstream; here it is \"reject\", with 403. Write true to have \"forward\", which keeps the upstream's CORS headers"),
    }
    Some(policy)
}

/// Whether the policy is in force, or only judges; none if it does neither.
fn read_mode(policy: &Value, notes: &mut Notes) -> Option<&'static str> {
    let mut fraction = |name: &str| {
        let value = policy.get(name)?;
        if value.has("runtime_key") {
            notes.push(Code::RuntimeFraction, &value.place(), format!("{name} can be changed at run time in Envoy; here it is what its default_value says"));
        }
        let default = value.get("default_value");
        let number = |name: &str| match default.as_ref().and_then(|value| value.get(name)) {
            Some(value) => match value.node {
                Json::Number(number) => *number,
                _ => 0.0,
            },
            None => 0.0,
        };
        let denominator = default
            .as_ref()
            .and_then(|value| value.text_of("denominator"));
        let all = match denominator {
            Some("TEN_THOUSAND") => 10_000.0,
            Some("MILLION") => 1_000_000.0,
            _ => 100.0,
        };
        let numerator = number("numerator");
        if numerator > 0.0 && numerator < all {
            notes.push(
                Code::PartialRollout,
                &value.place(),
                "is a part of the requests; a policy here holds for all or none",
            );
        }
        Some(numerator >= all)
    };
    let (enabled, shadow) = (fraction("filter_enabled"), fraction("shadow_enabled"));
    match (enabled, shadow) {
        (None | Some(true), _) => Some("enforce"),
        (Some(false), Some(true)) => Some("shadow"),
        (Some(false), _) => {
            notes.push(
                Code::PolicyDisabled,
                &policy.place(),
                "is not enabled: its route has no CORS",
            );
            None
        }
    }
}

fn read_matcher(matcher: &Value, origins: &mut Origins) {
    let in_any_case =
        matches!(matcher.get("ignore_case"), Some(value) if *value.node == Json::Bool(true));
    let entries = matcher.entries().into_iter();
    let entries: Vec<_> = entries
        .filter(|(name, _)| !matches!(*name, "ignore_case" | "ignoreCase"))
        .collect();
    let [(kind, at)] = entries.as_slice() else {
        return origins.notes.push(
            Code::SourceInvalidValue,
            &matcher.place(),
            "is not a single string matcher",
        );
    };
    let regex = at.get("regex");
    let text = regex.as_ref().unwrap_or(at).text();
    // What has no case in Envoy is never a regular expression: lower case would change its classes.
    let in_any_case = in_any_case && matches!(*kind, "exact" | "prefix" | "suffix" | "contains");
    let lower = text.map(str::to_ascii_lowercase);
    let text = if in_any_case { lower.as_deref() } else { text };
    let Some(text) = text else {
        return origins
            .notes
            .push(Code::SourceWrongType, &at.place(), "is not a text");
    };
    match *kind {
        "exact" => origins.exact(at, text),
        "prefix" => origins.prefix(at, text),
        "suffix" => origins.suffix(at, text),
        "contains" => origins.contains(at, text),
        "safe_regex" | "safeRegex" => origins.regex(at, text),
        _ => origins.notes.push(
            Code::SourceInvalidValue,
            &at.place(),
            "is not a matcher that import reads: exact, prefix, suffix, contains or safe_regex",
        ),
    }
}

fn read_max_age(age: Option<Value>, policy: &mut Policy, place: &Place, notes: &mut Notes) {
    match age {
        Some(age) if age.text().is_some_and(|text| text.starts_with('-')) => {
            notes.push(Code::NegativeMaxAge, &age.place(), "a negative age means: do not cache; maxAge is 0");
            policy.max_age = Json::Number(0.0);
        }
        Some(age) => policy.max_age = age.node.clone(),
        None => notes.push(Code::DefaultMaxAge, place, "no max_age, so no Access-Control-Max-Age, which browsers take for 5 seconds: maxAge is 5"),
    }
}

pub const CHANGES: &[Change] = &[
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed unless upstreamCors is \"keep\"; Envoy's filter passes them on, for origins that are not allowed too",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; Envoy's filter sends none",
    ),
    (
        When::Always,
        Code::ResponseDetails,
        "redirects and direct responses get CORS headers too, which Envoy's filter leaves alone; exposed headers are named on preflights too",
    ),
];

const ORIGINS: &str = "allow_origin_string_match";
const FORWARD: &str = "forward_not_matching_preflights";
const BY_HAND: &str = "response_headers_to_add";
/// Exact origins and regular expressions, in version 2 of Envoy's API.
const OLD_FIELDS: [&str; 2] = ["allow_origin", "allow_origin_regex"];
const FIELDS: &[&str] = &[
    "allow_credentials",
    "allow_headers",
    "allow_methods",
    ORIGINS,
    OLD_FIELDS[0],
    OLD_FIELDS[1],
    "allow_private_network_access",
    "expose_headers",
    "filter_enabled",
    FORWARD,
    "max_age",
    "shadow_enabled",
];

const CONDITIONS: &[(&str, &str)] = &[
    ("case_sensitive", "a path in any case"),
    ("connect_matcher", "CONNECT"),
    ("dynamic_metadata", "metadata"),
    ("filter_state", "filter state"),
    ("grpc", "gRPC"),
    ("headers", "headers"),
    ("path_match_policy", "a path template"),
    ("query_parameters", "query parameters"),
    ("runtime_fraction", "a fraction of requests"),
    ("tls_context", "TLS"),
];
