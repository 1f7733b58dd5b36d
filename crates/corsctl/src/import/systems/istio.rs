//! Istio's VirtualService with its `corsPolicy`.

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::import::envoy_policy;
use crate::import::matching;
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::{METHOD, Path, Precedence, Route, Scope};
use crate::import::system::System;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    precedence: Precedence::FirstOfHost,
    changes: |_| CHANGES,
    ..System::new("istio", "Istio", "Istio: VirtualService", owns, read)
};

fn owns(value: &Value) -> bool {
    value.is_resource("VirtualService", "networking.istio.io")
}

fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let services = values.iter().filter(|value| owns(value)).enumerate();
    services
        .flat_map(|(index, service)| read_service(service, index, notes))
        .collect()
}

fn read_service(service: &Value, index: usize, notes: &mut Notes) -> Vec<Route> {
    let scope = read_scope(service, index, notes);
    let mut hosts = notes.names(service.at(&["spec", "hosts"]));
    let https = service.list_at(&["spec", "http"]);
    if hosts.is_empty() {
        if https.iter().any(|http| http.has("corsPolicy")) {
            notes.push(Code::UnsupportedForm, &service.place(), "has no hosts: it is a delegate or a patch, and holds only where another VirtualService uses it; write its routes into that one, and import that one");
        }
        return Vec::new();
    }
    if let Some(short) = hosts.iter().find(|host| !host.contains(['.', '*'])) {
        notes.push(Code::ShortHostName, &service.place(), format!("\"{short}\" is a short name, which Istio completes in the mesh; here it is that very host: list the names that clients ask for"));
    }
    if hosts.iter().any(|host| host == "*") {
        hosts.clear();
    }
    let mut routes = Vec::new();
    for http in &https {
        if let Some(delegate) = http.get("delegate") {
            notes.push(Code::UnsupportedForm, &delegate.place(), "delegates to another VirtualService, which import does not follow: write the routes of that one here");
        }
        let policy = http.get("corsPolicy");
        let policy = policy.and_then(|cors| read_cors(&cors, notes));
        report_by_hand(http, policy.is_some(), notes);
        let plain = Route {
            name: service.resource_name().unwrap_or("cors").to_owned(),
            place: http.place(),
            hosts: hosts.clone(),
            paths: Vec::new(),
            route_names: Vec::new(),
            condition: None,
            policy,
            scope: scope.clone(),
        };
        let matches = http.list("match");
        if matches.is_empty() {
            routes.push(last(plain));
            continue;
        }
        routes.extend(matches.iter().map(|one| read_match(one, &plain, notes)));
    }
    routes
}

/// A gateway has the routes that match everything of a host behind the others, whatever VirtualService
/// they are of. The mesh has no such order.
fn last(mut route: Route) -> Route {
    route.scope.is_last = !route.scope.gates.iter().any(|gate| gate == "mesh");
    route
}

fn report_by_hand(http: &Value, has_policy: bool, notes: &mut Notes) {
    let mut levels = http.list("route");
    levels.insert(0, http.clone());
    let lists = levels
        .iter()
        .flat_map(|level| ["set", "add"].map(|name| level.at(&["headers", "response", name])));
    let lists: Vec<_> = lists.flatten().collect();
    matching::report_by_hand(&lists, has_policy, notes);
}

/// Gateways serve apart from each other; of two VirtualServices with one host none comes first.
fn read_scope(service: &Value, index: usize, notes: &mut Notes) -> Scope {
    let namespace = service.resource_namespace().unwrap_or_default();
    let gateways = notes.names(service.at(&["spec", "gateways"])).into_iter();
    let mut gates: Vec<_> = gateways
        .map(|name| match name.as_str() {
            "mesh" => name,
            other if other.contains('/') => name,
            other => format!("{namespace}/{other}"),
        })
        .collect();
    if gates.is_empty() {
        gates.push("mesh".to_owned());
    }
    gates.sort();
    Scope {
        gates,
        owner: index.to_string(),
        ..Scope::default()
    }
}

fn read_match(one: &Value, plain: &Route, notes: &mut Notes) -> Route {
    let mut condition = matching::condition(one, CONDITIONS);
    let uri = one.get("uri");
    let text = |name: &str| uri.as_ref().and_then(|uri| uri.text_of(name));
    let path = if let Some(path) = text("exact") {
        Path::Exact(path.to_owned())
    } else if let Some(prefix) = text("prefix") {
        matching::below(prefix, &one.place(), notes)
    } else {
        if text("regex").is_some_and(|regex| !matching::is_any_path(regex)) {
            condition = Some("a regular expression over the path");
        }
        Path::Any
    };
    let route = Route {
        place: one.place(),
        paths: vec![path],
        condition,
        ..plain.clone()
    };
    // Which regular expressions Istio takes for everything differs between its versions.
    let is_last = route.paths == [Path::Any] && text("regex").is_none();
    if is_last { last(route) } else { route }
}

/// None if it allows no origin: then it has no effect.
fn read_cors(cors: &Value, notes: &mut Notes) -> Option<Policy> {
    cors.allow_only(FIELDS, "a corsPolicy", notes);
    let place = cors.place();
    let mut policy = Policy::new(place.clone(), 200);

    let matchers = cors.list("allowOrigins");
    let old = notes.texts(cors.get("allowOrigin"));
    let unmatched = cors.get("unmatchedPreflights");
    let unmatched = unmatched.filter(|value| value.text() != Some("UNSPECIFIED"));
    if matchers.is_empty() && old.is_empty() && unmatched.is_none() {
        let text = "lists no origin, so that Istio allows none: its routes have no CORS";
        notes.push(Code::PolicyWithoutOrigins, &place, text);
        return None;
    }
    if let (false, Some(ignored)) = (matchers.is_empty(), cors.get("allowOrigin")) {
        let text = "is not read next to allowOrigins, and is left out";
        notes.push(Code::IgnoredField, &ignored.place(), text);
    }
    let mut origins = Origins::new(notes);
    for (at, text) in old.iter().filter(|_| matchers.is_empty()) {
        origins.exact(at, text);
    }
    for matcher in &matchers {
        match matcher.entries().as_slice() {
            [("exact", at)] => at.text().map(|text| origins.exact(at, text)),
            [("prefix", at)] => at.text().map(|text| origins.prefix(at, text)),
            [("regex", at)] => at.text().map(|text| origins.regex(at, text)),
            _ => None,
        }
        .unwrap_or_else(|| {
            origins.notes.push(
                Code::SourceInvalidValue,
                &matcher.place(),
                "is not a match by exact, prefix or regex",
            );
        });
    }
    origins.finish(
        &mut policy,
        &cors.get("allowOrigins").unwrap_or_else(|| cors.clone()),
    );

    envoy_policy::read_lists(&mut policy, cors, notes);
    policy.read_wildcards_among_others(&place, notes);
    policy.report_expose(&place, notes);
    policy.set_age(cors.get("maxAge"), "no maxAge", &place, notes);
    match unmatched.as_ref().map(|value| (value, value.text())) {
        Some((_, Some("IGNORE"))) => policy.unmatched_preflights = "ignore",
        Some((_, Some("FORWARD"))) => matching::forward(&mut policy, &place, notes),
        None => notes.push(Code::DefaultUnmatchedPreflights, &place, "no unmatchedPreflights: Istio's default is FORWARD, to the upstream; here it is \"reject\", with 403. Write FORWARD to have \"forward\", which keeps the upstream's CORS headers"),
        Some((unmatched, _)) => notes.push(Code::SourceInvalidValue, &unmatched.place(), "is not FORWARD or IGNORE"),
    }
    Some(policy)
}

const CHANGES: &[Change] = &[
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed unless upstreamCors is \"keep\"; Istio passes them on, for origins that are not allowed too",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; Istio sends none",
    ),
    (
        When::Exposes,
        Code::ResponseDetails,
        "exposed headers are named on preflights too",
    ),
];

const FIELDS: &[&str] = &[
    "allowCredentials",
    "allowHeaders",
    "allowMethods",
    "allowOrigin",
    "allowOrigins",
    "exposeHeaders",
    "maxAge",
    "unmatchedPreflights",
];

const CONDITIONS: &[(&str, &str)] = &[
    ("authority", "authority"),
    ("gateways", "gateways"),
    ("headers", "headers"),
    ("ignoreUriCase", "a path in any case"),
    ("method", METHOD),
    ("port", "a port"),
    ("queryParams", "query parameters"),
    ("scheme", "a scheme"),
    ("sourceLabels", "labels of the client"),
    ("sourceNamespace", "the namespace of the client"),
    ("withoutHeaders", "absent headers"),
];
