//! Higress's `cors` plugin: its configuration, alone or in a WasmPlugin with `matchRules`.

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When, report_literal};
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::{Precedence, Route, Scope};
use crate::import::system::System;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    precedence: Precedence::First,
    changes: |_| CHANGES,
    ..System::new(
        "higress",
        "Higress",
        "Higress: the cors plugin's configuration, or its WasmPlugin",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    let version = value.text_of("apiVersion").unwrap_or_default();
    version.starts_with("extensions.higress.io/") || value.has("allow_origin_patterns")
}

fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let mut routes = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let read = if let Some(spec) = value.get("spec").filter(|_| owns(value)) {
            if !is_cors(value, &spec) {
                let message = "is another plugin, by its name, its url and its fields: left out";
                notes.push(Code::OtherPlugin, &value.place(), message);
                continue;
            }
            read_plugin(&spec, notes)
        } else if value.kind().is_none() && matches!(value.node, Json::Object(_)) {
            read_rules(value, notes)
        } else {
            continue;
        };
        routes.extend(read.into_iter().map(|route| route.of_document(index)));
    }
    routes
}

/// Whether a WasmPlugin is this one: its names say so, or one of its configurations has its fields.
fn is_cors(value: &Value, spec: &Value) -> bool {
    let names = [value.at(&["metadata", "name"]), spec.get("url")];
    let mut names = names.iter().flatten().filter_map(Value::text);
    let rules = spec.list("matchRules").into_iter();
    let configs = rules.filter_map(|rule| rule.get("config"));
    let mut configs = configs.chain(spec.get("defaultConfig"));
    names.any(|name| name.to_ascii_lowercase().contains("cors"))
        || configs.any(|config| FIELDS.iter().any(|field| config.has(field)))
}

/// Reads a configuration with its own rules: `_rules_`.
fn read_rules(value: &Value, notes: &mut Notes) -> Vec<Route> {
    let Json::Object(pairs) = value.node else {
        return Vec::new();
    };
    if let Some((_, Json::List(rules))) = pairs.iter().find(|(key, _)| key == "_rules_")
        && !rules.is_empty()
    {
        notes.push(
            Code::UnsupportedForm,
            &value.place(),
            "has _rules_, the form that Higress makes of a WasmPlugin: import the WasmPlugin",
        );
    }
    let policy = read_policy(value, notes);
    vec![Route::everything("cors", value.place(), policy)]
}

/// The first of the rules that matches holds, then the default. A rule that is disabled is none at
/// all, and one without a configuration has an empty one, which allows any origin.
fn read_plugin(spec: &Value, notes: &mut Notes) -> Vec<Route> {
    let mut routes = Vec::new();
    if let Some(config) = spec.get("pluginConfig") {
        let text =
            "takes the place of defaultConfig and matchRules in Higress: write these instead";
        notes.push(Code::UnsupportedForm, &config.place(), text);
    }
    for (index, rule) in spec.list("matchRules").iter().enumerate() {
        if notes.bool(rule.get("configDisable")) {
            continue;
        }
        let service = rule.get("service");
        if let Some(service) = &service {
            notes.push(
                Code::UnsupportedMatch,
                &service.place(),
                "matches by service, which no rule can; match by domain or ingress",
            );
        }
        let hosts = notes.names(rule.get("domain"));
        let names = notes.names(rule.get("ingress"));
        match (hosts.is_empty(), names.is_empty()) {
            (true, true) if service.is_none() => notes.push(Code::SourceInvalidValue, &rule.place(), "matches nothing, neither domain nor ingress: Higress refuses the plugin"),
            (false, false) => notes.push(Code::SourceInvalidValue, &rule.place(), "has both domain and ingress, of which Higress takes the ingress alone, or refuses both; write two rules"),
            _ => {}
        }
        if !names.is_empty() {
            notes.push(
                Code::RouteNamesOfSystem,
                &rule.place(),
                "matches by ingress: routeNames are the names that Higress gives its routes",
            );
        }
        let is_any = hosts.iter().any(|host| host == "*");
        routes.push(Route {
            name: format!("matchRules-{index}"),
            place: rule.place(),
            hosts: if is_any { Vec::new() } else { hosts },
            paths: Vec::new(),
            route_names: names,
            condition: None,
            policy: Some(read_policy(&rule.field("config"), notes)),
            scope: Scope::default(),
        });
    }
    // Next to rules an empty default is none; alone it allows any origin.
    let default = spec.field("defaultConfig");
    let is_empty = default.entries().is_empty() && !routes.is_empty();
    if !notes.bool(spec.get("defaultConfigDisable")) && !is_empty {
        let policy = read_policy(&default, notes);
        routes.push(Route::everything("cors", default.place(), policy));
    }
    routes
}

fn read_policy(config: &Value, notes: &mut Notes) -> Policy {
    config.allow_only(FIELDS, "Higress's cors", notes);
    let place = config.place();
    let mut policy = Policy::new(place.clone(), 200);
    policy.rejects_requests = true;
    policy.credentials = notes.bool(config.get("allow_credentials"));

    let exact = notes.texts(config.get("allow_origins"));
    let patterns = notes.texts(config.get("allow_origin_patterns"));
    let lists_any = exact.iter().any(|(_, text)| text.trim() == "*");
    if policy.credentials && lists_any {
        policy.credentials = false;
        notes.push(Code::CredentialsDropped, &place, "allow_origins \"*\" with allow_credentials: Higress drops the credentials, and allowCredentials is false");
    }
    if exact.is_empty() && patterns.is_empty() && !policy.credentials {
        notes.push(
            Code::DefaultOrigins,
            &place,
            "no origin is listed: Higress allows any, allowOrigins is [\"*\"]",
        );
        policy.origins = vec!["*".to_owned()];
    } else {
        let mut origins = Origins::new(notes);
        for (at, text) in exact {
            let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
            origins.exact(&at, &text);
        }
        for (at, text) in patterns {
            let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
            origins.ported_glob(&at, &text);
        }
        origins.finish(&mut policy, config);
    }

    let methods = notes.names(config.get("allow_methods")).into_iter();
    policy.methods = methods.map(|method| method.to_ascii_uppercase()).collect();
    if policy.methods.is_empty() {
        policy.methods = METHODS.map(str::to_owned).to_vec();
        notes.push(
            Code::DefaultMethods,
            &place,
            format!(
                "no method is listed: Higress allows {}, so does allowMethods",
                METHODS.join(", ")
            ),
        );
    }
    policy.report_unlisted("so Higress refused such requests with 403", &place, notes);
    // Of headers it names those that are asked.
    if policy.credentials && policy.methods.iter().any(|method| method == "*") {
        report_literal("methods", &place, notes);
    }
    policy.headers = notes.names(config.get("allow_headers"));
    if policy.headers.is_empty() {
        policy.headers = HEADERS.map(str::to_owned).to_vec();
        notes.push(
            Code::DefaultHeaders,
            &place,
            format!(
                "no header is listed: Higress allows {}, so does allowHeaders",
                HEADERS.join(", ")
            ),
        );
    }
    policy.expose = notes.names(config.get("expose_headers"));
    policy.report_expose(&place, notes);
    match config.get("max_age").as_ref().map(|age| age.node) {
        Some(Json::Number(seconds)) if *seconds > 0.0 => policy.max_age = Json::Number(*seconds),
        Some(Json::Number(_)) | None => {
            policy.max_age = Json::Number(86400.0);
            notes.push(
                Code::DefaultMaxAge,
                &place,
                "no max_age: Higress's default is 86400 seconds, in older versions 1728000",
            );
        }
        Some(other) => policy.max_age = other.clone(),
    }
    policy
}

const CHANGES: &[Change] = &[
    (
        When::Always,
        Code::PreflightListsAll,
        "an answered preflight lists all methods and headers, and the browser says which is missing; Higress answers 403",
    ),
    (
        When::Rejects,
        Code::SameOriginNotRejected,
        "a request from an origin that is not allowed is answered 403 as in Higress (unmatchedRequests \"reject\"), but not one that Sec-Fetch-Site says is of the same origin",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; older versions of Higress send none",
    ),
    (
        When::Always,
        Code::PatternMatchesWhole,
        "origin patterns are matched whole; older versions of Higress find them anywhere in the Origin",
    ),
    (
        When::Always,
        Code::ResponseDetails,
        "X-Cors-Version is not sent, and a refused preflight has no body",
    ),
];

const FIELDS: &[&str] = &[
    "allow_credentials",
    "allow_headers",
    "allow_methods",
    "allow_origin_patterns",
    "allow_origins",
    "expose_headers",
    "max_age",
];
const METHODS: [&str; 6] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"];
/// What Higress allows where no headers are listed, by its plugin and by its annotations.
pub(super) const HEADERS: [&str; 9] = [
    "DNT",
    "X-CustomHeader",
    "Keep-Alive",
    "User-Agent",
    "X-Requested-With",
    "If-Modified-Since",
    "Cache-Control",
    "Content-Type",
    "Authorization",
];
