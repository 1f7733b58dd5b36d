//! Traefik's headers middleware with its `accessControl` fields, and Traefik Hub's API.

use cors::node::Node;

use super::notes::{Level, Notes};
use super::origins::Origins;
use super::policy::Policy;
use super::routes::{Path, Route};
use super::value::Value;

pub fn owns(value: &Value) -> bool {
    let version = value.text_of("apiVersion").unwrap_or_default();
    let is_ours = ["traefik.io/", "hub.traefik.io/", "traefik.containo.us/"];
    is_ours.iter().any(|group| version.starts_with(group))
        || value.at(&["http", "middlewares"]).is_some()
}

pub fn read(values: &[Value], notes: &mut Notes) -> Vec<Route> {
    let mut middlewares = Vec::new();
    let mut routers = Vec::new();
    let mut apis = Vec::new();
    for value in values.iter().filter(|value| owns(value)) {
        match value.text_of("kind") {
            Some("Middleware") => {
                let headers = value.at(&["spec", "headers"]);
                middlewares.extend(headers.map(|headers| (name_of(value), headers)));
            }
            Some("IngressRoute") => routers.extend(value.list_at(&["spec", "routes"])),
            Some("API") => apis.push(value.clone()),
            Some("APIVersion") if value.at(&["spec", "cors"]).is_some() => {
                notes.error(&value.place(), "has CORS for one version of an API; which version a request means no rule can tell: give the API one policy");
            }
            Some(_) => {}
            None => {
                let entries = |name: &str| {
                    let found = value.at(&["http", name]);
                    found.map_or_else(Vec::new, |found| found.entries())
                };
                let headers = entries("middlewares").into_iter();
                let headers = headers.filter_map(|(name, one)| Some((name, one.get("headers")?)));
                middlewares.extend(headers);
                routers.extend(entries("routers").into_iter().map(|(_, router)| router));
            }
        }
    }
    middlewares.retain(|(_, headers)| has_cors(headers));
    let mut routes = read_routers(&middlewares, &routers, notes);
    routes.extend(apis.iter().map(|api| read_api(api, apis.len(), notes)));
    routes
}

fn has_cors(headers: &Value) -> bool {
    let entries = headers.entries();
    let mut names = entries.iter().map(|(name, _)| name.to_ascii_lowercase());
    names.any(|name| name.starts_with("accesscontrol"))
}

/// The routers with the middleware that holds for them; a middleware alone holds for everything.
fn read_routers(middlewares: &[(&str, Value)], routers: &[Value], notes: &mut Notes) -> Vec<Route> {
    if let ([(name, headers)], []) = (middlewares, routers) {
        let policy = read_policy(headers, &MIDDLEWARE, notes);
        return vec![Route::everything(name, headers.place(), policy)];
    }
    if let ([_, (name, second), ..], []) = (middlewares, routers) {
        notes.error(&second.place(), format!("\"{name}\" is a second middleware with CORS, and no router in this file says which holds where: import them with their routers, or one at a time"));
        return Vec::new();
    }
    let mut routes = Vec::new();
    for router in routers {
        let used = router.list("middlewares");
        let used = used.iter().filter_map(|one| {
            let name = one.text_of("name").or(one.text())?;
            let name = name.split('@').next()?;
            middlewares.iter().find(|(own, _)| *own == name)
        });
        let used: Vec<_> = used.collect();
        if used.len() > 1 {
            notes.error(&router.place(), "has two middlewares with CORS; leave one");
        }
        let policy = used
            .first()
            .map(|(_, headers)| read_policy(headers, &MIDDLEWARE, notes));
        let name = used.first().map_or("router", |(name, _)| name);
        let rule = router.get("match").or_else(|| router.get("rule"));
        let mut route = Route {
            name: name.to_owned(),
            place: router.place(),
            hosts: Vec::new(),
            paths: Vec::new(),
            route_names: Vec::new(),
            condition: None,
            policy,
        };
        if let Some(rule) = rule {
            read_rule(&rule, &mut route, notes);
        }
        routes.push(route);
    }
    routes
}

/// Reads ``Host(`a`) && PathPrefix(`/b`)``; a rule of anything else has a condition.
fn read_rule(rule: &Value, route: &mut Route, notes: &mut Notes) {
    let text = notes.text(rule).unwrap_or_default();
    let mut paths = 0;
    for part in text.split("&&").map(str::trim) {
        let call = part.strip_suffix(')').and_then(|part| part.split_once('('));
        let Some((function, arguments)) = call.filter(|_| !part.contains("||")) else {
            route.condition = Some("more than hosts and paths joined by &&");
            continue;
        };
        let arguments = arguments
            .split(',')
            .map(|text| text.trim().trim_matches(['`', '"']));
        let arguments: Vec<_> = arguments.map(str::to_owned).collect();
        match function {
            "Host" if route.hosts.is_empty() => route.hosts = arguments,
            "Path" => route.paths.extend(arguments.into_iter().map(Path::Exact)),
            "PathPrefix" => {
                for prefix in arguments {
                    let path = super::envoy::below(&prefix, &rule.place(), notes);
                    route.paths.push(path);
                }
            }
            _ => route.condition = Some("more than hosts and paths"),
        }
        paths += usize::from(function.starts_with("Path"));
    }
    if paths > 1 {
        route.condition = Some("two conditions on the path");
    }
}

/// Reads an API of Traefik Hub: its `cors`, or what the Hub does without.
fn read_api(api: &Value, count: usize, notes: &mut Notes) -> Route {
    let prefix = api
        .at(&["spec", "pathPrefix"])
        .and_then(|prefix| prefix.text());
    if prefix.is_none() && count > 1 {
        notes.error(&api.place(), "has no pathPrefix, so no rule can tell its requests from those of the other APIs: import it alone");
    }
    let cors = api.at(&["spec", "cors"]);
    let policy = match &cors {
        Some(cors) => {
            let policy = read_policy(cors, &HUB, notes);
            if !policy.is_any_origin() {
                notes.push(Level::Changed, &cors.place(), "the origin of the API portal must be listed, as in Traefik Hub, or trying the API out in the portal will not work");
            }
            policy
        }
        None => default_policy(api, notes),
    };
    let mut route = Route::everything(name_of(api), api.place(), policy);
    route.paths.extend(prefix.map(Path::below));
    route
}

/// What Traefik Hub does where an API has no CORS of its own, without its contradiction.
fn default_policy(api: &Value, notes: &mut Notes) -> Policy {
    let mut policy = Policy::new(200);
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    policy.origins = list(&["*"]);
    policy.headers = list(&["*"]);
    policy.methods = list(&[
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE",
    ]);
    policy.credentials = true;
    let place = api.place();
    notes.push(
        Level::Default,
        &place,
        format!(
            "no cors: Traefik Hub then allows any origin, any header and {}, with credentials",
            policy.methods.join(", ")
        ),
    );
    policy.drop_credentials_of_any(&place, notes);
    policy.tell_literal_wildcards(&place, notes);
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
    let mut policy = Policy::new(200);
    policy.credentials = notes.bool(value.get(names.credentials));

    let list = find(names.origins);
    let exact = notes.texts(list.clone());
    let regexes = notes.texts(value.get(names.regexes));
    let before_any = exact.iter().position(|(_, text)| *text == "*");
    if let Some(before @ 1..) = before_any.filter(|_| policy.credentials)
        && let Some((at, _)) = exact.get(before)
    {
        notes.error(&at.place(), "stands behind other origins, which had credentials while any other had none: two policies in one; list the origins, or \"*\" alone");
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
    policy.tell_literal_wildcards(&place, notes);
    policy.tell_expose(&place, notes);
    policy.max_age = match value.get(names.max_age) {
        Some(age) => age.node.clone(),
        None => {
            notes.push(
                Level::Default,
                &place,
                format!(
                    "no {}: Traefik then sends 0, and so does maxAge",
                    names.max_age
                ),
            );
            Node::Number(0.0)
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
            notes.error(
                &field.place(),
                format!("is no field of {} that import knows", names.what),
            );
        }
    }
    for name in ["customRequestHeaders", "customResponseHeaders"] {
        for (header, field) in value
            .get(name)
            .map_or_else(Vec::new, |headers| headers.entries())
        {
            if header.to_ascii_lowercase().starts_with("access-control-") {
                notes.error(&field.place(), "sets a CORS header by hand, which cannot be said; use the accessControl fields");
            }
        }
    }
}

fn name_of<'s>(value: &Value<'s>) -> &'s str {
    let name = value.at(&["metadata", "name"]);
    name.and_then(|name| name.text()).unwrap_or("cors")
}

pub const CHANGES: &[&str] = &[
    "the preflight of an origin that is not allowed is answered 403; Traefik answers it 200 with methods and headers",
    "the upstream's own Access-Control-* headers are removed; Traefik passes them on, for origins that are not allowed too",
    "Access-Control-Allow-Credentials and -Expose-Headers are sent to allowed origins only; Traefik sends them to all",
    "Vary: Origin is on every response that depends on the origin; Traefik sends it with addVaryHeader only",
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
