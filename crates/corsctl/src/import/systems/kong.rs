//! Kong's cors plugin: in a declarative configuration, or as KongPlugin and KongClusterPlugin that
//! Ingresses and Services name.
//!
//! What it does is in
//! [its source](https://github.com/Kong/kong/blob/master/kong/plugins/cors/handler.lua).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When, report_literal};
use crate::import::rules::route::{METHOD, Precedence, Route, Scope};
use crate::import::system::System;
use crate::import::systems::kong_ingress::{self, read_path};
use crate::import::systems::kong_origins::read_origins;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    precedence: Precedence::First,
    changes: |_| CHANGES,
    ..System::new(
        "kong",
        "Kong",
        "Kong: declarative configuration, KongPlugin and KongClusterPlugin",
        |value| is_declarative(value) || kong_ingress::owns(value),
        |own, all, notes| {
            let mut routes = Vec::new();
            for (index, value) in own
                .iter()
                .filter(|value| value.kind().is_none())
                .enumerate()
            {
                routes.extend(read_file(value, index, notes));
            }
            routes.extend(kong_ingress::read(own, all, read_policy, notes));
            routes.sort_by_key(|route| Reverse(route.scope.priority));
            routes
        },
    )
};

fn is_declarative(value: &Value) -> bool {
    value.kind().is_none()
        && value
            .pairs()
            .iter()
            .any(|(key, _)| key == "_format_version")
}

/// The plugins of a declarative configuration that are not within a service or a route, by what they
/// are for.
struct Plugins<'s> {
    of: BTreeMap<(&'static str, String), Value<'s>>,
    global: Option<Value<'s>>,
}

fn read_file(file: &Value, index: usize, notes: &mut Notes) -> Vec<Route> {
    let mut plugins = read_plugins(file, notes);
    let services = file.list("services");
    let named = |service: &Value, reference: &Value| {
        let names = [service.text_of("name"), service.text_of("id")];
        let meant = name_of(reference);
        names.into_iter().flatten().any(|name| Some(name) == meant)
    };
    let mut all = Vec::new();
    for service in &services {
        all.extend(
            service
                .list("routes")
                .into_iter()
                .map(|route| (route, Some(service))),
        );
    }
    for route in file.list("routes") {
        let reference = route.get("service");
        let service = reference.as_ref().and_then(|reference| {
            let mut services = services.iter();
            services.find(|service| named(service, reference))
        });
        all.push((route, service));
    }
    let mut routes = Vec::new();
    let mut used = Vec::new();
    for (route, service) in &all {
        let own = plugins.of(route, "route", notes);
        let plugin = own.or_else(|| plugins.of((*service)?, "service", notes));
        used.extend(plugin.as_ref().map(Value::place));
        let plugin = plugin.or_else(|| plugins.global.clone());
        let policy = plugin.and_then(|plugin| read_policy(&plugin, notes));
        routes.extend(read_route(route, index, policy, notes));
    }
    for service in &services {
        if let Some(plugin) = plugins.of(service, "service", notes)
            && !all
                .iter()
                .any(|(_, of)| of.is_some_and(|of| of.place() == service.place()))
        {
            let text =
                "is of a service without routes in this file: import it together with its routes";
            notes.unread(&plugin.place(), text);
            used.push(plugin.place());
        }
    }
    for ((kind, name), plugin) in &plugins.of {
        let is_there = match *kind {
            "service" => services.iter().any(|service| is_called(service, name)),
            _ => all.iter().any(|(route, _)| is_called(route, name)),
        };
        if !is_there {
            let text = format!(
                "is for the {kind} \"{name}\", which is not in this file: import both together"
            );
            notes.unread(&plugin.place(), text);
        }
    }
    if let Some(plugin) = plugins.global.take()
        && let Some(policy) = read_policy(&plugin, notes)
    {
        let mut route = Route::everything("cors", plugin.place(), policy).of_document(index);
        route.scope.priority = Some(0);
        routes.push(route);
    }
    routes
}

fn read_plugins<'s>(file: &Value<'s>, notes: &mut Notes) -> Plugins<'s> {
    let mut plugins = Plugins {
        of: BTreeMap::new(),
        global: None,
    };
    for plugin in file.list("plugins").into_iter().filter(is_cors) {
        for name in ["consumer", "consumer_group"] {
            if let Some(consumer) = plugin.get(name) {
                let text = "is not possible in Kong: a cors plugin is for a route, a service or everything";
                notes.push(Code::SourceInvalidValue, &consumer.place(), text);
            }
        }
        let kinds = ["route", "service"].into_iter();
        let mut targets = kinds.filter_map(|kind| {
            let target = plugin.get(kind)?;
            Some((kind, name_of(&target)?.to_owned()))
        });
        let before = match targets.next() {
            Some(target) => plugins.of.insert(target, plugin.clone()),
            None => plugins.global.replace(plugin.clone()),
        };
        if before.is_some() {
            let text =
                "is a second cors plugin of the same route or service, or of everything; write one";
            notes.push(Code::SeveralPolicies, &plugin.place(), text);
        }
    }
    plugins
}

impl<'s> Plugins<'s> {
    /// The plugin of a route or a service: within it, or next to all of them.
    fn of(&self, owner: &Value<'s>, kind: &'static str, notes: &mut Notes) -> Option<Value<'s>> {
        let own: Vec<_> = owner.list("plugins").into_iter().filter(is_cors).collect();
        if let [_, second, ..] = own.as_slice() {
            notes.push(
                Code::SeveralPolicies,
                &second.place(),
                format!("is a second cors plugin of its {kind}; write one"),
            );
        }
        let names = [owner.text_of("name"), owner.text_of("id")];
        let mut names = names.into_iter().flatten();
        let named = || names.find_map(|name| self.of.get(&(kind, name.to_owned())).cloned());
        own.into_iter().next().or_else(named)
    }
}

/// Whether this is a cors plugin that is switched on.
fn is_cors(plugin: &Value) -> bool {
    let is_off = plugin
        .get("enabled")
        .is_some_and(|on| *on.node == Json::Bool(false));
    plugin.text_of("name") == Some("cors") && !is_off
}

/// What a reference names, which may be a text or an object.
fn name_of<'s>(reference: &Value<'s>) -> Option<&'s str> {
    let name = reference
        .text_of("name")
        .or_else(|| reference.text_of("id"));
    reference.text().or(name)
}

fn is_called(owner: &Value, name: &str) -> bool {
    owner.text_of("name") == Some(name) || owner.text_of("id") == Some(name)
}

/// A route of Kong, one for each of its paths: the longer one comes first.
fn read_route(
    route: &Value,
    index: usize,
    policy: Option<Policy>,
    notes: &mut Notes,
) -> Vec<Route> {
    let hosts = notes.names(route.get("hosts"));
    let conditions = CONDITIONS.iter().filter(|(name, _)| route.has(name));
    let conditions: Vec<_> = conditions.collect();
    let mut weight = conditions.len() + usize::from(!hosts.is_empty());
    let headers = route
        .get("headers")
        .map_or(0, |headers| headers.entries().len());
    let paths = notes.texts(route.get("paths"));
    weight += usize::from(!paths.is_empty());
    let is_plain = !hosts.iter().any(|host| host.contains('*'));
    let priority = |length: usize| {
        let rank = (weight * 100 + headers.min(99)) * 2 + usize::from(is_plain);
        1 + rank * MAX_LENGTH + length.min(MAX_LENGTH - 1)
    };
    let plain = Route {
        name: route.text_of("name").unwrap_or("route").to_owned(),
        place: route.place(),
        hosts,
        paths: Vec::new(),
        route_names: Vec::new(),
        condition: conditions.first().map(|(_, words)| *words),
        policy,
        scope: Scope {
            gates: vec![index.to_string()],
            priority: Some(priority(0)),
            ..Scope::default()
        },
    };
    if paths.is_empty() {
        return vec![plain];
    }
    let read = paths.into_iter().map(|(at, text)| {
        let mut one = Route {
            place: at.place(),
            ..plain.clone()
        };
        one.scope.priority = Some(priority(text.len()));
        match read_path(text, &at, notes) {
            Some(path) => one.paths = vec![path],
            None => one.condition = Some("a regular expression over the path"),
        }
        one
    });
    read.collect()
}

/// Reads a plugin with its `config`.
fn read_policy(plugin: &Value, notes: &mut Notes) -> Option<Policy> {
    let config = plugin.field("config");
    config.allow_only(FIELDS, "Kong's cors plugin", notes);
    let place = plugin.place();
    let mut policy = Policy::new(place.clone(), 200);
    policy.unmatched_preflights = "ignore";
    policy.credentials = notes.bool(config.get("credentials"));
    policy.private_network = notes.bool(config.get("private_network"));
    read_origins(&config, &place, &mut policy, notes);

    policy.methods = notes.names(config.get("methods"));
    if policy.methods.is_empty() {
        policy.methods = METHODS.map(str::to_owned).to_vec();
        let text = format!(
            "no methods are listed: Kong allows {}, so does allowMethods",
            METHODS.join(", ")
        );
        notes.push(Code::DefaultMethods, &place, text);
    }
    policy.headers = notes.names(config.get("headers"));
    if policy.headers.is_empty() {
        policy.headers = vec!["*".to_owned()];
        let text = "no headers are listed: Kong allows what is asked, allowHeaders is [\"*\"]";
        notes.push(Code::DefaultHeaders, &place, text);
        // The methods are sent literally all the same.
        if policy.credentials && policy.methods.iter().any(|method| method == "*") {
            report_literal("methods", &place, notes);
        }
    } else {
        policy.report_literal_wildcards(&place, notes);
    }
    policy.expose = notes.names(config.get("exposed_headers"));
    policy.report_expose(&place, notes);
    match config.get("max_age") {
        Some(age) => policy.max_age = age.node.clone(),
        None => notes.push(Code::DefaultMaxAge, &place, "no max_age, so no Access-Control-Max-Age, which browsers take for 5 seconds: maxAge is 5"),
    }
    let continues = config.get("preflight_continue");
    if notes.bool(continues.clone())
        && let Some(continues) = continues
    {
        let text = "has the upstream answer every preflight; here preflights of allowed origins are answered: leave preflight_continue out";
        notes.push(Code::PassthroughPreflights, &continues.place(), text);
    }
    Some(policy)
}

const CHANGES: &[Change] = &[
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; Kong removes only its Access-Control-Allow-Origin",
    ),
    (
        When::ForAllowed,
        Code::HeadersForAllowedOnly,
        "Access-Control-Allow-Credentials and -Expose-Headers are sent to allowed origins only; Kong sends them to all",
    ),
];

const METHODS: [&str; 9] = [
    "GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT",
];
const FIELDS: &[&str] = &[
    "allow_origin_absent",
    "credentials",
    "exposed_headers",
    "headers",
    "max_age",
    "methods",
    "origins",
    "preflight_continue",
    "private_network",
];
const CONDITIONS: &[(&str, &str)] = &[
    ("expression", "an expression"),
    ("headers", "headers"),
    ("snis", "a server name of TLS"),
    ("sources", "addresses of clients"),
    ("destinations", "addresses of the gateway"),
    ("methods", METHOD),
];
/// As long as a path that has a place in the order.
const MAX_LENGTH: usize = 10_000;
