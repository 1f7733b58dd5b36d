//! Istio's VirtualService with its `corsPolicy`.

use super::matching;
use super::notes::{Level, Notes};
use super::origins::Origins;
use super::policy::Policy;
use super::routes::{Path, Route, Scope};
use super::value::Value;

pub fn owns(value: &Value) -> bool {
    value.text_of("kind") == Some("VirtualService")
}

pub fn read(values: &[Value], notes: &mut Notes) -> Vec<Route> {
    let mut routes = Vec::new();
    let services = values.iter().filter(|value| owns(value));
    for (index, service) in services.enumerate() {
        let name = service.at(&["metadata", "name"]);
        let name = name.and_then(|name| name.text()).unwrap_or("cors");
        let scope = read_scope(service, index, notes);
        let hosts = notes.names(service.at(&["spec", "hosts"]));
        if let Some(short) = hosts.iter().find(|host| !host.contains(['.', '*'])) {
            notes.push(Level::Changed, &service.place(), format!("\"{short}\" is a short name, which Istio completes in the mesh; here it is that very host: list the names that clients ask for"));
        }
        let hosts = if hosts.iter().any(|host| host == "*") {
            Vec::new()
        } else {
            hosts
        };
        for http in service.list_at(&["spec", "http"]) {
            if let Some(delegate) = http.get("delegate") {
                notes.error(&delegate.place(), "delegates to another VirtualService, which import does not follow: import that one with its hosts and paths");
            }
            let cors = http.get("corsPolicy");
            let plain = Route {
                name: name.to_owned(),
                place: http.place(),
                hosts: hosts.clone(),
                paths: Vec::new(),
                route_names: Vec::new(),
                condition: None,
                policy: cors.map(|cors| read_cors(&cors, notes)),
                scope: scope.clone(),
            };
            let matches = http.list("match");
            if matches.is_empty() {
                routes.push(plain);
                continue;
            }
            for one in &matches {
                routes.push(read_match(one, &plain, notes));
            }
        }
    }
    routes
}

/// Gateways serve apart from each other; of two VirtualServices with one host none comes first.
fn read_scope(service: &Value, index: usize, notes: &mut Notes) -> Scope {
    let namespace = service.at(&["metadata", "namespace"]);
    let namespace = namespace.and_then(|name| name.text()).unwrap_or_default();
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
        priority: None,
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
        if text("regex").is_some() {
            condition = Some("a regular expression over the path");
        }
        Path::Any
    };
    Route {
        place: one.place(),
        paths: vec![path],
        condition,
        ..plain.clone()
    }
}

fn read_cors(cors: &Value, notes: &mut Notes) -> Policy {
    cors.allow_only(FIELDS, "a corsPolicy", notes);
    let place = cors.place();
    let mut policy = Policy::new(200);

    let old = notes.texts(cors.get("allowOrigin"));
    let mut origins = Origins::new(notes);
    for (at, text) in old {
        origins.exact(&at, text);
    }
    for matcher in cors.list("allowOrigins") {
        match matcher.entries().as_slice() {
            [("exact", at)] => at.text().map(|text| origins.exact(at, text)),
            [("prefix", at)] => at.text().map(|text| origins.prefix(at, text)),
            [("regex", at)] => at.text().map(|text| origins.regex(at, text)),
            _ => None,
        }
        .unwrap_or_else(|| {
            origins
                .notes
                .error(&matcher.place(), "is no match by exact, prefix or regex")
        });
    }
    origins.finish(
        &mut policy,
        &cors.get("allowOrigins").unwrap_or_else(|| cors.clone()),
    );

    let methods = notes.names(cors.get("allowMethods"));
    policy.set_methods(methods, &place, notes);
    policy.headers = notes.names(cors.get("allowHeaders"));
    policy.expose = notes.names(cors.get("exposeHeaders"));
    policy.credentials = notes.bool(cors.get("allowCredentials"));
    policy.tell_wildcards_among_others(&place, notes);
    policy.tell_expose(&place, notes);
    match cors.get("maxAge") {
        Some(age) => policy.max_age = age.node.clone(),
        None => notes.push(Level::Default, &place, "no maxAge, so no Access-Control-Max-Age, which browsers take for 5 seconds: maxAge is 5"),
    }
    let unmatched = cors.get("unmatchedPreflights");
    match unmatched.as_ref().and_then(|value| value.text()) {
        Some("IGNORE") => policy.unmatched_preflights = "ignore",
        Some("FORWARD") => matching::forward(&mut policy, &place, notes),
        None | Some("UNSPECIFIED") => notes.push(Level::Default, &place, "no unmatchedPreflights: Istio's default is FORWARD, to the upstream; here it is \"reject\", with 403. Write FORWARD to have \"forward\", which keeps the upstream's CORS headers"),
        Some(_) => {
            if let Some(unmatched) = unmatched {
                notes.error(&unmatched.place(), "is not FORWARD or IGNORE");
            }
        }
    }
    policy
}

pub const CHANGES: &[&str] = &[
    "the upstream's own Access-Control-* headers are removed unless upstreamCors is \"keep\"; Istio passes them on, for origins that are not allowed too",
    "Vary: Origin is on every response that depends on the origin; Istio sends none",
    "exposed headers are named on preflights too",
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
    ("method", "a method, which a preflight does not have"),
    ("port", "a port"),
    ("queryParams", "query parameters"),
    ("scheme", "a scheme"),
    ("sourceLabels", "labels of the client"),
    ("sourceNamespace", "the namespace of the client"),
    ("withoutHeaders", "absent headers"),
];
