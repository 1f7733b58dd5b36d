//! agentgateway's own file: the `cors` of routes, below `binds` and their listeners.

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::import::matching;
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::{METHOD, Path, Route, Scope};
use crate::import::system::System;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    changes: |_| CHANGES,
    ..System::new(
        "agentgateway",
        "agentgateway",
        "agentgateway: the routes of its file",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    value.kind().is_none() && value.list("binds").iter().any(|bind| bind.has("listeners"))
}

fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let mut routes = Vec::new();
    for (index, value) in values.iter().enumerate() {
        for policy in value.list("policies") {
            if let Some(cors) = policy.at(&["policy", "cors"]) {
                let text = "is a policy with a target, which import does not follow: write it on the routes";
                notes.unread(&cors.place(), text);
            }
        }
        for (at, bind) in value.list("binds").iter().enumerate() {
            for listener in bind.list("listeners") {
                let gate = format!("{index}/{at}");
                routes.extend(read_listener(&listener, gate, notes));
            }
        }
    }
    routes
}

fn read_listener(listener: &Value, gate: String, notes: &mut Notes) -> Vec<Route> {
    if let Some(cors) = listener.at(&["policies", "cors"]) {
        notes.unread(
            &cors.place(),
            "is of a listener, which import does not read: write it on the routes",
        );
    }
    let own = listener.text_of("hostname").filter(|host| *host != "*");
    let scope = Scope {
        gates: vec![gate],
        ..Scope::default()
    };
    let mut routes = Vec::new();
    for route in listener.list("routes") {
        let mut hosts = notes.names(route.get("hostnames"));
        if hosts.is_empty() {
            hosts.extend(own.map(str::to_owned));
        }
        for backend in route.list("backends") {
            if let Some(cors) = backend.at(&["policies", "cors"]) {
                notes.push(Code::UnsupportedMatch, &cors.place(), "is a policy of one of several backends: a preflight and its request may choose different ones, so it cannot be said; put it on the route");
            }
        }
        let cors = route.at(&["policies", "cors"]);
        let plain = Route {
            name: route.text_of("name").unwrap_or("route").to_owned(),
            place: route.place(),
            hosts,
            paths: Vec::new(),
            route_names: Vec::new(),
            condition: None,
            policy: cors.map(|cors| read_policy(&cors, notes)),
            scope: scope.clone(),
        };
        let matches = route.list("matches");
        if matches.is_empty() {
            routes.push(plain);
            continue;
        }
        routes.extend(matches.iter().map(|one| read_match(one, &plain)));
    }
    routes
}

fn read_match(one: &Value, plain: &Route) -> Route {
    let mut condition = matching::condition(one, CONDITIONS);
    let path = one.field("path");
    let path = if let Some(path) = path.text_of("exact") {
        Path::Exact(path.to_owned())
    } else if let Some(prefix) = path.text_of("pathPrefix") {
        Path::below(prefix)
    } else {
        // A regular expression comes with its length.
        let regex = path.get("regex");
        let text = regex.as_ref().and_then(|regex| {
            let first = regex.items().into_iter().next();
            first.as_ref().unwrap_or(regex).text()
        });
        if regex.is_some() && !text.is_some_and(matching::is_any_path) {
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

/// Reads its cors: of its own file, or of an AgentgatewayPolicy.
pub fn read_policy(cors: &Value, notes: &mut Notes) -> Policy {
    cors.allow_only(FIELDS, "agentgateway's cors", notes);
    let place = cors.place();
    let mut policy = Policy::new(place.clone(), 200);
    policy.unmatched_preflights = "ignore";
    let texts = notes.texts(cors.get("allowOrigins"));
    let is_any = texts.iter().any(|(_, text)| *text == "*");
    let mut origins = Origins::new(notes);
    for (at, text) in texts {
        let is_origin = text.contains("://");
        match text {
            "*" => origins.exact(&at, text),
            // Next to it nothing else is read.
            _ if is_any => {}
            _ if is_origin => origins.host_glob(&at, &text.to_ascii_lowercase()),
            _ => origins.notes.push(Code::OriginNotExpressible, &at.place(), format!("\"{text}\" is not an http or https origin, so that agentgateway matches nothing with it; leave it out")),
        }
    }
    origins.finish(&mut policy, cors);
    let methods = notes.names(cors.get("allowMethods"));
    policy.set_methods(methods, &place, notes);
    policy.headers = notes.names(cors.get("allowHeaders"));
    for list in [&mut policy.methods, &mut policy.headers] {
        if list.iter().any(|name| name == "*") {
            *list = vec!["*".to_owned()];
        }
    }
    policy.expose = notes.names(cors.get("exposeHeaders"));
    policy.credentials = notes.bool(cors.get("allowCredentials"));
    policy.report_expose(&place, notes);
    policy.set_age(cors.get("maxAge"), "no maxAge", &place, notes);
    policy
}

pub const CHANGES: &[Change] = &[
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; agentgateway passes them on, for origins that are not allowed too",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; agentgateway sends none",
    ),
    (
        When::Always,
        Code::ResponseDetails,
        "agentgateway answers every OPTIONS of an allowed origin; here one that is not a preflight reaches the upstream",
    ),
];

const FIELDS: &[&str] = &[
    "allowCredentials",
    "allowHeaders",
    "allowMethods",
    "allowOrigins",
    "exposeHeaders",
    "maxAge",
];

const CONDITIONS: &[(&str, &str)] = &[
    ("headers", "headers"),
    ("method", METHOD),
    ("query", "query parameters"),
];
