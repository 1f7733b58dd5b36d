//! APISIX: the `cors` plugin of routes, of plugin configurations and services, and of global rules, in
//! `apisix.yaml`, as the Admin API shows them, and as resources of Kubernetes.

use std::cmp::Reverse;
use std::collections::HashMap;

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When, report_literal};
use crate::import::matching;
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::{METHOD, Path, Precedence, Route, Scope};
use crate::import::system::System;
use crate::import::texts::{comma_names, comma_texts};
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    precedence: Precedence::First,
    changes: |_| CHANGES,
    ..System::new(
        "apisix",
        "APISIX",
        "APISIX: routes, apisix.yaml, ApisixRoute, ApisixPluginConfig, ApisixGlobalRule",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    let is_ours = |kind: &&str| value.is_resource(kind, "apisix.apache.org");
    if value.kind().is_some() {
        return KINDS.iter().any(is_ours);
    }
    let with_plugins = |name: &str| {
        let list = value.list(name).into_iter();
        let mut list = list.map(|one| one.get("value").unwrap_or(one));
        list.any(|one| is_object(one.get("plugins")))
    };
    let is_route = value.has("uri") || value.has("uris");
    LISTS.iter().any(|name| with_plugins(name)) || is_route && is_object(value.get("plugins"))
}

/// Kong has lists under the same names.
fn is_object(value: Option<Value>) -> bool {
    value.is_some_and(|value| matches!(value.node, Json::Object(_)))
}

/// Longer paths come first, whatever the host.
fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let lists = Lists::of(values);
    let mut routes = Vec::new();
    for route in &lists.routes {
        routes.extend(lists.read_route(route, notes));
    }
    for resource in values
        .iter()
        .filter(|value| value.kind() == Some("ApisixRoute"))
    {
        for http in resource.list_at(&["spec", "http"]) {
            routes.extend(lists.read_resource(resource, &http, notes));
        }
    }
    let has_cors = routes.iter().any(|route| route.policy.is_some());
    match lists.global.as_slice() {
        [] => {}
        [cors] if !has_cors => {
            let policy = read_policy(cors, notes);
            routes = vec![Route::everything("global", cors.place(), policy)];
        }
        [.., cors] => notes.push(Code::SeveralPolicies, &cors.place(), "is a global rule, whose plugin runs next to those of routes, so that both write headers; leave one of them"),
    }
    let rank = |route: &Route| {
        let path = route.paths.first().map_or((0, 0), Path::rank);
        let host = route
            .hosts
            .first()
            .map_or((false, 0), |host| (!host.starts_with('*'), host.len()));
        (path, host)
    };
    routes.sort_by_key(|route| Reverse((route.scope.priority, rank(route))));
    for route in &mut routes {
        // The order is made; what is alike has none.
        route.scope.priority = None;
    }
    routes
}

/// What the files hold, by what it is.
#[derive(Default)]
struct Lists<'s> {
    routes: Vec<Value<'s>>,
    services: HashMap<&'s str, Value<'s>>,
    configs: HashMap<&'s str, Value<'s>>,
    /// The plugins of global rules.
    global: Vec<Value<'s>>,
}

impl<'s> Lists<'s> {
    fn of(values: &[Value<'s>]) -> Self {
        let mut lists = Self::default();
        for value in values {
            match value.kind() {
                Some("ApisixPluginConfig") => {
                    let name = value.resource_name().unwrap_or_default();
                    lists.configs.insert(name, value.field("spec"));
                }
                Some("ApisixGlobalRule") => {
                    lists.global.extend(cors_of(&value.field("spec")));
                }
                Some(_) => {}
                None => lists.add_file(value),
            }
        }
        lists
    }

    fn add_file(&mut self, value: &Value<'s>) {
        if value.has("uri") || value.has("uris") {
            self.routes.push(value.clone());
        }
        let list = |name: &str| {
            let list = value.list(name).into_iter();
            // The Admin API wraps each.
            list.map(|one| one.get("value").unwrap_or(one))
                .collect::<Vec<_>>()
        };
        let named = |name: &str| {
            let list = list(name).into_iter();
            list.filter_map(|one| Some((one.text_of("id")?, one)))
                .collect::<Vec<_>>()
        };
        self.routes.extend(list("routes"));
        self.routes.extend(
            list("list")
                .into_iter()
                .filter(|one| one.has("uri") || one.has("uris")),
        );
        self.services.extend(named("services"));
        self.configs.extend(named("plugin_configs"));
        self.global
            .extend(list("global_rules").iter().filter_map(cors_of));
    }

    /// A route in the form of the Admin API.
    fn read_route(&self, route: &Value<'s>, notes: &mut Notes) -> Vec<Route> {
        let named = |name: &str, of: &HashMap<&str, Value<'s>>, notes: &mut Notes| {
            let reference = route.get(name)?;
            let id = reference.text().unwrap_or_default();
            if !of.contains_key(id) {
                let text = format!(
                    "names \"{id}\", which is not in this file and may have CORS: import both together"
                );
                notes.unread(&reference.place(), text);
            }
            of.get(id).and_then(cors_of)
        };
        let config = named("plugin_config_id", &self.configs, notes);
        let service = named("service_id", &self.services, notes);
        let cors = cors_of(route).or(config).or(service);
        let mut paths = notes.names(route.get("uris"));
        paths.extend(route.text_of("uri").map(str::to_owned));
        let mut hosts = notes.names(route.get("hosts"));
        hosts.extend(route.text_of("host").map(str::to_owned));
        let name = route.text_of("name").or(route.text_of("id"));
        let found = Found {
            name: name.unwrap_or("route"),
            hosts,
            paths,
            condition: matching::condition(route, CONDITIONS),
            priority: route.get("priority"),
        };
        found.routes(route, cors.as_ref(), notes)
    }

    /// A route of an ApisixRoute.
    fn read_resource(&self, of: &Value<'s>, http: &Value<'s>, notes: &mut Notes) -> Vec<Route> {
        let mut own = http.list("plugins").into_iter();
        let own = own.find(|plugin| plugin.text_of("name") == Some("cors"));
        let is_on = |plugin: &Value| !matches!(plugin.get("enable"), Some(enable) if *enable.node == Json::Bool(false));
        let mut cors = own.filter(is_on).map(|plugin| plugin.field("config"));
        if let Some(reference) = http.get("plugin_config_name") {
            let name = reference.text().unwrap_or_default();
            match self.configs.get(name) {
                Some(config) => cors = cors.or_else(|| cors_in_list(config)),
                None => {
                    let text = format!(
                        "names the ApisixPluginConfig \"{name}\", which is not in this file and may have CORS: import both together"
                    );
                    notes.unread(&reference.place(), text);
                }
            }
        }
        let matched = http.field("match");
        let found = Found {
            name: of.resource_name().unwrap_or("route"),
            hosts: notes.names(matched.get("hosts")),
            paths: notes.names(matched.get("paths")),
            condition: matching::condition(&matched, CONDITIONS),
            priority: http.get("priority"),
        };
        found.routes(http, cors.as_ref(), notes)
    }
}

/// The plugin's settings among plugins by name, unless it is disabled.
fn cors_of<'s>(value: &Value<'s>) -> Option<Value<'s>> {
    let cors = value
        .at(&["plugins", "cors"])
        .or_else(|| cors_in_list(value))?;
    let disabled = cors.at(&["_meta", "disable"]);
    let is_off = matches!(disabled, Some(off) if *off.node == Json::Bool(true));
    (!is_off).then_some(cors)
}

fn cors_in_list<'s>(value: &Value<'s>) -> Option<Value<'s>> {
    let mut plugins = value.list("plugins").into_iter();
    let cors = plugins.find(|plugin| plugin.text_of("name") == Some("cors"))?;
    Some(cors.field("config"))
}

/// What a route matches, in either form.
struct Found<'s> {
    name: &'s str,
    hosts: Vec<String>,
    paths: Vec<String>,
    condition: Option<&'static str>,
    priority: Option<Value<'s>>,
}

impl Found<'_> {
    fn routes(&self, at: &Value, cors: Option<&Value>, notes: &mut Notes) -> Vec<Route> {
        let policy = cors.map(|cors| read_policy(cors, notes));
        let priority = match self.priority.as_ref().map(|priority| priority.node) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "no priority is that large"
            )]
            Some(Json::Number(number)) if *number > 0.0 => *number as usize,
            _ => 0,
        };
        let paths = self.paths.iter().map(|path| {
            let mut condition = self.condition;
            let path = match path.strip_suffix('*') {
                Some(prefix) => matching::below(prefix, &at.place(), notes),
                None => Path::Exact(path.clone()),
            };
            if let Path::Exact(text) | Path::Below(text) = &path
                && text.contains([':', '*'])
            {
                condition = Some("a pattern over the path");
            }
            Route {
                name: self.name.to_owned(),
                place: at.place(),
                hosts: self.hosts.clone(),
                paths: vec![path],
                route_names: Vec::new(),
                condition,
                policy: policy.clone(),
                scope: Scope {
                    priority: Some(priority),
                    ..Scope::default()
                },
            }
        });
        paths.collect()
    }
}

/// Reads the [plugin's settings](https://apisix.apache.org/docs/apisix/plugins/cors/).
fn read_policy(cors: &Value, notes: &mut Notes) -> Policy {
    cors.allow_only(FIELDS, "APISIX's cors", notes);
    let place = cors.place();
    let mut policy = Policy::new(place.clone(), 200);
    policy.unmatched_preflights = "ignore";
    policy.credentials = notes.bool(cors.get("allow_credential"));
    if policy.credentials {
        for name in [
            "allow_origins",
            "allow_methods",
            "allow_headers",
            "expose_headers",
        ] {
            if cors.text_of(name).unwrap_or("*") == "*" {
                let text = format!(
                    "{name} is \"*\" with allow_credential, which APISIX refuses; list what is allowed"
                );
                notes.push(Code::SourceInvalidValue, &place, text);
            }
        }
    }
    if let Some(metadata) = cors.get("allow_origins_by_metadata") {
        let text = "names origins of the plugin's metadata, which is not in this file; write them into allow_origins";
        notes.push(Code::MissingReference, &metadata.place(), text);
    }
    if let Some(timing) = cors
        .get("timing_allow_origins")
        .or(cors.get("timing_allow_origins_by_regex"))
    {
        let text = "is left out: write \"timingAllowOrigin\": true to have the header for the origins that are allowed";
        notes.push(Code::TimingNotImported, &timing.place(), text);
    }
    read_origins(cors, &mut policy, notes);

    let mut list = |name: &str| match cors.get(name) {
        None => vec!["*".to_owned()],
        value => comma_names(value, notes),
    };
    policy.methods = list("allow_methods");
    policy.headers = list("allow_headers");
    policy.expose = list("expose_headers");
    if is_double(&policy.methods) {
        policy.methods = METHODS.map(str::to_owned).to_vec();
    }
    if is_double(&policy.headers) {
        policy.headers = vec!["*".to_owned()];
    } else if policy.headers.iter().any(|name| name == "*") {
        let text = "\"*\" in the allowed headers was sent literally, which browsers do not take to cover Authorization; here it covers it";
        notes.push(Code::LiteralWildcard, &place, text);
    }
    if is_double(&policy.expose) {
        policy.expose.clear();
        let text = "expose_headers \"**\" is sent literally, which browsers take for a name: it is left out";
        notes.push(Code::IgnoredField, &place, text);
    }
    if policy.credentials && policy.methods.iter().any(|name| name == "*") {
        report_literal("methods", &place, notes);
    }
    policy.report_expose(&place, notes);
    match cors.get("max_age").as_ref().map(|age| age.node) {
        Some(Json::Number(seconds)) => policy.max_age = Json::Number(seconds.max(0.0)),
        Some(other) => policy.max_age = other.clone(),
        None => notes.push(
            Code::DefaultMaxAge,
            &place,
            "no max_age: APISIX's default is 5",
        ),
    }
    policy
}

/// Regular expressions take the place of the other origins.
fn read_origins(cors: &Value, policy: &mut Policy, notes: &mut Notes) {
    let regexes = notes.texts(cors.get("allow_origins_by_regex"));
    let listed = comma_texts(cors.get("allow_origins"), notes);
    if listed.is_empty() && regexes.is_empty() {
        policy.origins = vec!["*".to_owned()];
        let text = "no origin is listed: APISIX allows any, allowOrigins is [\"*\"]";
        return notes.push(Code::DefaultOrigins, &policy.place, text);
    }
    if !regexes.is_empty() && !listed.is_empty() {
        let text = "allow_origins is not read next to allow_origins_by_regex, and is left out";
        notes.push(Code::IgnoredField, &policy.place, text);
    }
    let mut origins = Origins::new(notes);
    for (at, text) in &regexes {
        origins.regex_anywhere(at, text);
    }
    for (at, text) in listed.iter().filter(|_| regexes.is_empty()) {
        origins.exact(at, if *text == "**" { "*" } else { text });
    }
    origins.finish(policy, cors);
}

fn is_double(list: &[String]) -> bool {
    list.iter().any(|name| name == "**")
}

const CHANGES: &[Change] = &[
    (
        When::Always,
        Code::ResponseDetails,
        "APISIX answers every OPTIONS with 200; here one that is not a preflight reaches the upstream",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; APISIX passes them on for origins that are not allowed",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; APISIX sends it to allowed origins alone",
    ),
];

const KINDS: [&str; 3] = ["ApisixGlobalRule", "ApisixPluginConfig", "ApisixRoute"];
const LISTS: [&str; 5] = [
    "global_rules",
    "list",
    "plugin_configs",
    "routes",
    "services",
];
const METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE",
];
const FIELDS: &[&str] = &[
    "_meta",
    "allow_credential",
    "allow_headers",
    "allow_methods",
    "allow_origins",
    "allow_origins_by_metadata",
    "allow_origins_by_regex",
    "expose_headers",
    "max_age",
    "timing_allow_origins",
    "timing_allow_origins_by_regex",
];

const CONDITIONS: &[(&str, &str)] = &[
    ("exprs", "expressions"),
    ("filter_func", "a function"),
    ("methods", METHOD),
    ("remote_addr", "the address of the client"),
    ("remote_addrs", "the address of the client"),
    ("vars", "expressions"),
];
