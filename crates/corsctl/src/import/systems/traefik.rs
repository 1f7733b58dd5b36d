//! Traefik's headers middleware with its `accessControl` fields, and Traefik Hub's API.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::import::matching;
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::{Path, Precedence, Route, Scope};
use crate::import::system::System;
use crate::import::systems::traefik_labels::{self, DOCKER, PROVIDER};
use crate::import::systems::traefik_rule;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    precedence: Precedence::First,
    changes: |_| CHANGES,
    unwrap: traefik_labels::unwrap,
    ..System::new(
        "traefik",
        "Traefik",
        "Traefik: the headers middleware in YAML, TOML or labels, and Traefik Hub's API",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    let version = value.text_of("apiVersion").unwrap_or_default();
    let is_ours = ["traefik.io/", "hub.traefik.io/", "traefik.containo.us/"];
    is_ours.iter().any(|group| version.starts_with(group))
        || value.kind().is_none()
            && FILE_KEYS
                .iter()
                .any(|name| value.at(&["http", name]).is_some())
        || traefik_labels::has_labels(value)
        || !router_annotations(value).is_empty()
}

fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let mut middlewares = Middlewares::default();
    let mut routers = Vec::new();
    let mut apis = Vec::new();
    for value in values {
        for annotation in router_annotations(value) {
            notes.push(Code::UnsupportedForm, &annotation.place(), "names middlewares in an annotation, which import does not read; write an IngressRoute");
        }
        if !owns(value) {
            continue;
        }
        match value.kind() {
            Some("Middleware") => {
                middlewares.add(namespace_of(value), name_of(value), value.field("spec"));
            }
            Some("IngressRoute") => {
                let routes = value.list_at(&["spec", "routes"]).into_iter();
                routers.extend(routes.map(|route| Router {
                    gates: value.at(&["spec", "entryPoints"]),
                    namespace: namespace_of(value),
                    rule: route.get("match"),
                    value: route,
                }));
            }
            Some("API") => apis.push(value.clone()),
            Some("APIVersion") if value.at(&["spec", "cors"]).is_some() => {
                notes.push(Code::UnsupportedMatch, &value.place(), "has CORS for one version of an API; no rule sees which version a request means: give the API one policy");
            }
            Some(_) => {}
            None => {
                let provider = provider_of(value);
                let entries = |name: &str| {
                    let found = value.at(&["http", name]);
                    found.map_or_else(Vec::new, |found| found.entries())
                };
                for (name, one) in entries("middlewares") {
                    middlewares.add(provider, name, one);
                }
                routers.extend(entries("routers").into_iter().map(|(_, router)| Router {
                    gates: router.get("entryPoints"),
                    namespace: provider,
                    rule: router.get("rule"),
                    value: router,
                }));
            }
        }
    }
    let mut routes = if routers.is_empty() {
        middlewares.read_alone(notes)
    } else {
        let read = routers.iter();
        let mut used = HashSet::new();
        let routes: Vec<_> = read
            .flat_map(|router| router.read(&middlewares, &mut used, notes))
            .collect();
        middlewares.report_unused(&used, &routes, notes);
        routes
    };
    routes.extend(apis.iter().map(|api| read_api(api, apis.len(), notes)));
    routes.sort_by_key(|route| Reverse(route.scope.priority));
    routes
}

/// What brings a document without a kind: a file, or the labels of containers.
fn provider_of(value: &Value) -> &'static str {
    let is_marked = value.pairs().iter().any(|(key, _)| key == PROVIDER);
    if is_marked { DOCKER } else { FILE }
}

/// An Ingress names its middlewares in words that import does not read.
fn router_annotations<'s>(value: &Value<'s>) -> Vec<Value<'s>> {
    let annotations = value.at(&["metadata", "annotations"]);
    let annotations = annotations.map_or_else(Vec::new, |all| all.entries());
    let is_ours = |name: &str| name.ends_with("ingress.kubernetes.io/router.middlewares");
    let ours = annotations.into_iter().filter(|(name, _)| is_ours(name));
    ours.map(|(_, annotation)| annotation).collect()
}

/// Every middleware, by its namespace and its name.
#[derive(Default)]
struct Middlewares<'s> {
    all: Vec<(&'s str, Value<'s>)>,
    /// Their places in the list.
    named: HashMap<(&'s str, &'s str), Vec<usize>>,
}

impl<'s> Middlewares<'s> {
    fn add(&mut self, namespace: &'s str, name: &'s str, value: Value<'s>) {
        let named = self.named.entry((namespace, name)).or_default();
        named.push(self.all.len());
        self.all.push((name, value));
    }

    /// Where no router says what holds where, a middleware holds for everything.
    fn read_alone(&self, notes: &mut Notes) -> Vec<Route> {
        let with_cors = self.all.iter().filter_map(|(name, value)| {
            let headers = value.get("headers").filter(has_cors)?;
            Some((*name, headers))
        });
        match with_cors.collect::<Vec<_>>().as_slice() {
            [] => Vec::new(),
            [(name, headers)] => {
                notes.push(Code::PolicyForEverything, &headers.place(), format!("\"{name}\" is used by no router in this file: it is written for everything that passes the filter"));
                let policy = read_policy(headers, &MIDDLEWARE, notes);
                vec![Route::everything(name, headers.place(), policy)]
            }
            [_, (name, second), ..] => {
                notes.push(Code::SeveralPolicies, &second.place(), format!("\"{name}\" is a second middleware with CORS, and no router in this file says which holds where: import them with their routers, or one at a time"));
                Vec::new()
            }
        }
    }

    /// Says which middlewares with CORS hold for no router; if that leaves none, as an error.
    fn report_unused(&self, used: &HashSet<usize>, routes: &[Route], notes: &mut Notes) {
        let has_policy = routes.iter().any(|route| route.policy.is_some());
        for (index, (name, value)) in self.all.iter().enumerate() {
            let Some(headers) = value.get("headers").filter(has_cors) else {
                continue;
            };
            if used.contains(&index) {
                continue;
            }
            if has_policy {
                let text = format!(
                    "the middleware \"{name}\" is used by no router in this file and is left out; labels and entry points may use it as {name}@file"
                );
                notes.push(Code::UnusedPolicy, &headers.place(), text);
            } else {
                let text = format!(
                    "the middleware \"{name}\" has CORS, and no router in this file uses it: import it together with the routers that do, or without any router"
                );
                notes.push(Code::MissingReference, &headers.place(), text);
            }
        }
    }

    /// Finds the headers with CORS behind a reference, through chains; nothing is seen twice.
    fn find(
        &self,
        reference: &Value<'s>,
        namespace: &'s str,
        seen: &mut HashSet<usize>,
        notes: &mut Notes,
    ) -> Vec<(&'s str, Value<'s>)> {
        let Some(name) = reference.text_of("name").or(reference.text()) else {
            notes.wrong(reference, "the name of a middleware");
            return Vec::new();
        };
        let (plain, provider) = name.split_once('@').unwrap_or((name, ""));
        let names = match provider {
            "" => vec![(reference.text_of("namespace").unwrap_or(namespace), plain)],
            "file" => vec![(FILE, plain)],
            "docker" | "swarm" => vec![(DOCKER, plain)],
            // The namespace and the name, either of which may hold a dash.
            "kubernetescrd" => {
                let dashes = plain.match_indices('-');
                let splits = dashes.filter_map(|(at, _)| {
                    let (namespace, name) = plain.split_at_checked(at)?;
                    Some((namespace, name.strip_prefix('-')?))
                });
                splits.collect()
            }
            _ => Vec::new(),
        };
        let meant = names.iter().filter_map(|&(namespace, name)| {
            let meant = self.named.get(&(namespace, name))?;
            Some(meant.iter().map(move |index| (namespace, *index)))
        });
        let mut meant = meant.flatten();
        let (Some((namespace, index)), None) = (meant.next(), meant.next()) else {
            let text = format!(
                "the middleware \"{name}\" is not in this file, or more than once: import all together"
            );
            notes.push(Code::MissingReference, &reference.place(), text);
            return Vec::new();
        };
        let mut found = Vec::new();
        if seen.len() == MAX_CHAINED {
            let text = format!("chains more than {MAX_CHAINED} middlewares");
            notes.push(Code::UnsupportedForm, &reference.place(), text);
        } else if let Some((name, value)) = self.all.get(index)
            && seen.insert(index)
        {
            let headers = value.get("headers").filter(has_cors);
            found.extend(headers.map(|headers| (*name, headers)));
            for next in value.list_at(&["chain", "middlewares"]) {
                found.extend(self.find(&next, namespace, seen, notes));
            }
        }
        found
    }
}

/// Whether headers are a matter of CORS, by its fields or by hand.
fn has_cors(headers: &Value) -> bool {
    let is_field = |name: &str| name.to_ascii_lowercase().starts_with("accesscontrol");
    headers.entries().iter().any(|(name, _)| is_field(name)) || !by_hand(headers).is_empty()
}

/// Headers of CORS among those that a middleware sets.
fn by_hand<'s>(headers: &Value<'s>) -> Vec<Value<'s>> {
    let names = ["customRequestHeaders", "customResponseHeaders"];
    let lists = names.iter().filter_map(|name| headers.get(name));
    lists
        .flat_map(|list| list.entries())
        .filter(|(name, _)| name.to_ascii_lowercase().starts_with("access-control-"))
        .map(|(_, field)| field)
        .collect()
}

/// A router of a file, or a route of an IngressRoute.
struct Router<'s> {
    value: Value<'s>,
    namespace: &'s str,
    /// Its entry points.
    gates: Option<Value<'s>>,
    rule: Option<Value<'s>>,
}

impl<'s> Router<'s> {
    fn read(
        &self,
        middlewares: &Middlewares<'s>,
        all_used: &mut HashSet<usize>,
        notes: &mut Notes,
    ) -> Vec<Route> {
        let mut seen = HashSet::new();
        let mut used = Vec::new();
        for reference in self.value.list("middlewares") {
            used.extend(middlewares.find(&reference, self.namespace, &mut seen, notes));
        }
        all_used.extend(&seen);
        if used.len() > 1 {
            let text = "has two middlewares with CORS; leave one";
            notes.push(Code::SeveralPolicies, &self.value.place(), text);
        }
        let policy = used
            .first()
            .map(|(_, headers)| read_policy(headers, &MIDDLEWARE, notes));
        let route = Route {
            name: used.first().map_or("router", |(name, _)| name).to_owned(),
            place: self.value.place(),
            hosts: Vec::new(),
            paths: Vec::new(),
            route_names: Vec::new(),
            condition: None,
            policy,
            scope: self.scope(notes),
        };
        match &self.rule {
            Some(rule) => read_rule(rule, &route, notes),
            None => {
                notes.push(Code::SourceInvalidValue, &self.value.place(), "has no rule");
                Vec::new()
            }
        }
    }

    /// The higher priority comes first; without one it is the length of the rule.
    fn scope(&self, notes: &mut Notes) -> Scope {
        let mut gates = notes.names(self.gates.clone());
        gates.sort();
        if gates.is_empty() {
            gates.push(String::new());
        }
        let length = self.rule.as_ref().and_then(Value::text).map_or(0, str::len);
        let priority = match self.value.get("priority") {
            None => length,
            Some(priority) => match priority.node {
                Json::Number(number) if *number == 0.0 => length,
                Json::Number(number) if *number > 0.0 && number.fract() == 0.0 => {
                    as_priority(*number)
                }
                _ => {
                    let text = "is not a priority that import knows; write a whole number above 0";
                    notes.push(Code::SourceInvalidValue, &priority.place(), text);
                    0
                }
            },
        };
        Scope {
            gates,
            priority: Some(priority),
            ..Scope::default()
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is whole and above 0"
)]
fn as_priority(number: f64) -> usize {
    number as usize
}

/// Reads ``Host(`a`) && PathPrefix(`/b`)``, with `||` and brackets: a route for each alternative.
fn read_rule(rule: &Value, route: &Route, notes: &mut Notes) -> Vec<Route> {
    let text = notes.text(rule).unwrap_or_default();
    let Some(alternatives) = traefik_rule::alternatives(text) else {
        return vec![Route {
            condition: Some("more than hosts and paths joined by && and ||"),
            ..route.clone()
        }];
    };
    let read = alternatives.iter().map(|calls| {
        let mut one = route.clone();
        for call in calls {
            read_call(call, rule, &mut one, notes);
        }
        let is_path = |call: &&traefik_rule::Call| call.name.starts_with("Path");
        if calls.iter().filter(is_path).count() > 1 {
            // Which of the two narrows the other is left open.
            one.paths.clear();
            one.condition = Some("two conditions on the path");
        }
        one
    });
    read.collect()
}

fn read_call(call: &traefik_rule::Call, rule: &Value, route: &mut Route, notes: &mut Notes) {
    let arguments = call.arguments.iter().map(|text| (*text).to_owned());
    let mut arguments = arguments.collect::<Vec<_>>().into_iter();
    match call.name {
        // In older rules braces hold a name and a regular expression.
        "Host" | "Path" | "PathPrefix" if call.arguments.iter().any(|text| text.contains('{')) => {
            route.condition = Some("a placeholder in braces");
        }
        "Host" if route.hosts.is_empty() => route.hosts.extend(arguments),
        "Path" => route.paths.extend(arguments.map(Path::Exact)),
        "PathPrefix" => {
            let paths = arguments.map(|prefix| matching::below(&prefix, &rule.place(), notes));
            route.paths.extend(paths);
        }
        "PathRegexp" if arguments.all(|regex| matching::is_any_path(&regex)) => {}
        _ => route.condition = Some("more than hosts and paths"),
    }
}

/// Reads an API of Traefik Hub: its `cors`, or what the Hub does without.
fn read_api(api: &Value, count: usize, notes: &mut Notes) -> Route {
    let prefix = api
        .at(&["spec", "pathPrefix"])
        .and_then(|prefix| prefix.text());
    if prefix.is_none() && count > 1 {
        notes.push(Code::UnsupportedMatch, &api.place(), "has no pathPrefix, so no rule can separate its requests from those of the other APIs: import it alone");
    }
    let cors = api.at(&["spec", "cors"]);
    let policy = match &cors {
        Some(cors) => {
            let policy = read_policy(cors, &HUB, notes);
            if !policy.is_any_origin() {
                notes.push(Code::PortalOrigin, &cors.place(), "the origin of the API portal must be listed, as in Traefik Hub, or trying the API out in the portal will not work");
            }
            policy
        }
        None => default_policy(api, notes),
    };
    let mut route = Route::everything(name_of(api), api.place(), policy);
    route.paths.extend(prefix.map(Path::below));
    // The longer prefix comes first.
    route.scope.priority = Some(prefix.map_or(0, str::len));
    route
}

/// What Traefik Hub does where an API has no CORS itself, without its contradiction.
fn default_policy(api: &Value, notes: &mut Notes) -> Policy {
    let place = api.place();
    let mut policy = Policy::new(place.clone(), 200);
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    policy.origins = list(&["*"]);
    policy.headers = list(&["*"]);
    policy.methods = list(&[
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE",
    ]);
    policy.credentials = true;
    notes.push(
        Code::DefaultCors,
        &place,
        format!(
            "no cors: Traefik Hub then allows any origin, any header and {}, with credentials",
            policy.methods.join(", ")
        ),
    );
    policy.drop_credentials_of_any(&place, notes);
    policy.report_literal_wildcards(&place, notes);
    policy
}

/// The fields of the middleware or of the Hub; the first of several names is the one of today.
struct Names {
    what: &'static str,
    origins: &'static [&'static str],
    regexes: &'static str,
    methods: &'static [&'static str],
    headers: &'static [&'static str],
    expose: &'static [&'static str],
    credentials: &'static str,
    max_age: &'static str,
}

fn read_policy(value: &Value, names: &Names, notes: &mut Notes) -> Policy {
    let known = [names.origins, names.methods, names.headers, names.expose].concat();
    let known = [
        &known[..],
        &[names.regexes, names.credentials, names.max_age],
    ]
    .concat();
    check_fields(value, names, &known, notes);
    let find = |names: &[&str]| names.iter().find_map(|name| value.get(name));
    let place = value.place();
    let mut policy = Policy::new(place.clone(), 200);
    policy.credentials = notes.bool(value.get(names.credentials));

    let list = find(names.origins);
    let exact = notes.texts(list.clone());
    let regexes = notes.texts(value.get(names.regexes));
    let before_any = exact.iter().position(|(_, text)| *text == "*");
    if let Some(before @ 1..) = before_any.filter(|_| policy.credentials)
        && let Some((at, _)) = exact.get(before)
    {
        notes.push(Code::SeveralPolicies, &at.place(), "comes after other origins, which had credentials while any other had none: two policies in one; list the origins, or \"*\" alone");
    }
    let mut origins = Origins::new(notes);
    for (at, text) in exact {
        origins.exact(&at, text);
    }
    for (at, text) in regexes {
        origins.regex_anywhere(&at, text);
    }
    origins.finish(&mut policy, value);
    policy.drop_credentials_of_any(&place, notes);

    let methods = notes.names(find(names.methods));
    policy.set_methods(methods, &place, notes);
    policy.headers = notes.names(find(names.headers));
    policy.expose = notes.names(find(names.expose));
    policy.report_literal_wildcards(&place, notes);
    policy.report_expose(&place, notes);
    policy.max_age = match value.get(names.max_age) {
        Some(age) => age.node.clone(),
        None => {
            notes.push(
                Code::DefaultMaxAge,
                &place,
                format!(
                    "no {}: Traefik then sends 0, and so does maxAge",
                    names.max_age
                ),
            );
            Json::Number(0.0)
        }
    };
    policy
}

/// The middleware has other fields, which are no matter of CORS.
fn check_fields(value: &Value, names: &Names, known: &[&str], notes: &mut Notes) {
    if names.max_age == HUB.max_age {
        return value.allow_only(&[known, &["addVaryHeader"]].concat(), names.what, notes);
    }
    let known: Vec<_> = known.iter().map(|name| name.to_ascii_lowercase()).collect();
    for (name, field) in value.entries() {
        let name = name.to_ascii_lowercase();
        if name.starts_with("accesscontrol") && !known.contains(&name) {
            notes.push(
                Code::SourceUnknownField,
                &field.place(),
                format!("is not a field of {} that import knows", names.what),
            );
        }
    }
    for field in by_hand(value) {
        notes.push(
            Code::UnsupportedForm,
            &field.place(),
            "sets a CORS header by hand, which cannot be said; use the accessControl fields",
        );
    }
}

fn name_of<'s>(value: &Value<'s>) -> &'s str {
    let name = value.at(&["metadata", "name"]);
    name.and_then(|name| name.text()).unwrap_or("cors")
}

/// A manifest without a namespace goes wherever the others go.
fn namespace_of<'s>(value: &Value<'s>) -> &'s str {
    let namespace = value.at(&["metadata", "namespace"]);
    namespace.and_then(|name| name.text()).unwrap_or_default()
}

pub const CHANGES: &[Change] = &[
    (
        When::Rejects,
        Code::RejectedPreflightStatus,
        "the preflight of an origin that is not allowed is answered 403; Traefik answers it 200 with methods and headers",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; Traefik passes them on, for origins that are not allowed too",
    ),
    (
        When::ForAllowed,
        Code::HeadersForAllowedOnly,
        "Access-Control-Allow-Credentials and -Expose-Headers are sent to allowed origins only; Traefik sends them to all",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; Traefik sends it with addVaryHeader only",
    ),
];

const MIDDLEWARE: Names = Names {
    what: "the headers middleware",
    origins: &["accessControlAllowOriginList"],
    regexes: "accessControlAllowOriginListRegex",
    methods: &["accessControlAllowMethods"],
    headers: &["accessControlAllowHeaders"],
    expose: &["accessControlExposeHeaders"],
    credentials: "accessControlAllowCredentials",
    max_age: "accessControlMaxAge",
};

const HUB: Names = Names {
    what: "an API's cors",
    origins: &["allowOriginsList", "allowOriginList"],
    regexes: "allowOriginListRegex",
    methods: &["allowMethodsList", "allowMethods"],
    headers: &["allowHeadersList", "allowHeaders"],
    expose: &["exposeHeadersList", "exposeHeaders"],
    credentials: "allowCredentials",
    max_age: "maxAge",
};

const FILE_KEYS: [&str; 2] = ["middlewares", "routers"];
/// In the place of a namespace: what is in a file of Traefik.
const FILE: &str = "@file";
/// Of one router; chains may be as deep.
const MAX_CHAINED: usize = 100;
