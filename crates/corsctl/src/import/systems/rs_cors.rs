//! rs/cors and what is built like it: `allowed_origins`, `allowed_methods`, in any spelling.
//! KrakenD's module is rs/cors under its own names.

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::recognise;
use crate::import::rules::route::Route;
use crate::import::system::System;
use crate::input::cursor::{Value, same};
use crate::output::code::Code;

/// The fields of one of the two; a name stands for every spelling.
pub struct Names {
    pub what: &'static str,
    pub origins: &'static str,
    pub methods: &'static str,
    pub headers: &'static str,
    pub expose: &'static str,
    /// What is allowed where no header is listed.
    pub default_headers: &'static [&'static str],
}

/// How import knows the system.
pub static SYSTEM: System = System {
    changes: |_| CHANGES,
    gives_way: true,
    ..System::new(
        "rs-cors",
        "rs/cors",
        "rs/cors and what is built like it: allowed_origins, allowed_methods",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    value.kind().is_none()
        && (value.has("allowed_origins")
            || recognise::name_of(value).is_none() && !nested(value).is_empty())
}

fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let mut routes = Vec::new();
    let objects = values
        .iter()
        .filter(|value| matches!(value.node, Json::Object(_)));
    let policies = objects.flat_map(|value| {
        let nested = if value.has("allowed_origins") {
            Vec::new()
        } else {
            nested(value)
        };
        if nested.is_empty() {
            vec![value.clone()]
        } else {
            nested
        }
    });
    for (index, value) in policies.enumerate() {
        let enabled = value.get("enabled");
        if enabled.is_some() && !notes.bool(enabled) {
            notes.push(
                Code::PolicyDisabled,
                &value.place(),
                "is not enabled: it is left out",
            );
            continue;
        }
        let names = if value.has("allow_origins") {
            &NAMES_OF_HEADERS
        } else {
            &NAMES
        };
        report_other_defaults(&value, notes);
        let mut policy = read_policy(&value, names, notes);
        // https://github.com/open-telemetry/opentelemetry-collector/blob/main/config/confighttp/server.go
        if is_within(&value, "receivers") && !policy.is_any_origin() {
            policy.credentials = true;
            let text = "the OpenTelemetry Collector allows credentials to every origin that it allows: allowCredentials is true";
            notes.push(Code::DefaultCredentials, &value.place(), text);
        }
        routes.push(Route::everything("cors", value.place(), policy).of_document(index));
    }
    routes
}

/// The programs of Ory have their own defaults, which differ between them.
fn report_other_defaults(value: &Value, notes: &mut Notes) {
    if !is_within(value, "serve") {
        return;
    }
    let fields = ["allowed_methods", "allowed_headers", "allow_credentials"];
    for name in fields.into_iter().filter(|name| !value.has(name)) {
        let text = format!(
            "leaves {name} to the program that reads the file, and Ory's programs have different defaults: write it out"
        );
        notes.push(Code::UnsupportedForm, &value.place(), text);
    }
}

/// Whether the value is somewhere below a top-level field.
fn is_within(value: &Value, field: &str) -> bool {
    let path = value.place().path;
    let rest = path.strip_prefix(field);
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// The policies under `cors` somewhere within a file, as programs that use the library have them.
fn nested<'s>(value: &Value<'s>) -> Vec<Value<'s>> {
    let mut found = Vec::new();
    for (key, field) in value.entries() {
        if same(key, "cors") && field.has("allowed_origins") {
            found.push(field);
        } else {
            found.extend(nested(&field));
        }
    }
    for item in value.items() {
        found.extend(nested(&item));
    }
    found
}

pub fn read_policy(value: &Value, names: &Names, notes: &mut Notes) -> Policy {
    let what = names.what;
    let fields = [names.origins, names.methods, names.headers, names.expose];
    value.allow_only(&[&fields[..], OTHER_FIELDS].concat(), what, notes);
    let place = value.place();
    let mut policy = Policy::new(place.clone(), 204);

    let list = value.get(names.origins);
    let texts = notes.texts(list.clone());
    if texts.is_empty() {
        notes.push(
            Code::DefaultOrigins,
            &place,
            format!("no origin is listed: {what} allows any, allowOrigins is [\"*\"]"),
        );
        policy.origins = vec!["*".to_owned()];
    }
    let mut origins = Origins::new(notes);
    for (at, text) in texts {
        if text.matches('*').count() > 1 {
            let message = format!(
                "\"{text}\" has two wildcards, of which {what} reads the first alone; write one"
            );
            origins
                .notes
                .push(Code::OriginNotExpressible, &at.place(), message);
        } else {
            origins.glob(&at, &text.to_ascii_lowercase());
        }
    }
    if let Some(list) = &list
        && policy.origins.is_empty()
    {
        origins.finish(&mut policy, list);
    }

    let methods = read_methods(value, names, notes);
    policy.set_methods(methods, &place, notes);
    let unlisted: Vec<_> = ["GET", "HEAD", "POST"]
        .into_iter()
        .filter(|safe| !policy.methods.iter().any(|method| method == safe))
        .collect();
    if !unlisted.is_empty() {
        let message = format!(
            "{} not listed, so {what} left the headers off its answers; the standard lets browsers send it without asking, and here it is answered like the others",
            unlisted.join(", ")
        );
        notes.push(Code::SafelistedMethods, &place, message);
    }

    policy.headers = notes.names(value.get(names.headers));
    if policy.headers.is_empty() {
        policy.headers = names
            .default_headers
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        let message = format!(
            "no header is listed: {what} allows {}, and so does allowHeaders",
            names.default_headers.join(", ")
        );
        notes.push(Code::DefaultHeaders, &place, message);
    }
    policy.expose = notes.names(value.get(names.expose));
    policy.credentials = notes.bool(value.get("allow_credentials"));
    policy.drop_credentials_of_any(&place, notes);
    policy.report_expose(&place, notes);
    policy.private_network = notes.bool(value.get("allow_private_network"));
    read_max_age(value, &mut policy, notes);

    match value
        .get("options_success_status")
        .as_ref()
        .map(|status| (status, status.node))
    {
        None => {}
        Some((_, Json::Number(status))) if *status == 200.0 => policy.preflight_status = 200,
        Some((_, Json::Number(status))) if *status == 204.0 => {}
        Some((status, _)) => notes.push(
            Code::SourceInvalidValue,
            &status.place(),
            "is not 200 or 204, which are the statuses that an answered preflight can have here",
        ),
    }
    let passthrough = value.get("options_passthrough");
    if notes.bool(passthrough.clone())
        && let Some(passthrough) = passthrough
    {
        notes.push(Code::PassthroughPreflights, &passthrough.place(), "lets the upstream answer every preflight; here preflights of allowed origins are answered, and the others go on under unmatchedPreflights \"forward\": choose without it");
    }
    if notes.bool(value.get("debug")) {
        notes.push(
            Code::DebugNotImported,
            &place,
            "debug is left out: write \"debug\": true at the top level to log each judgement",
        );
    }
    policy
}

/// The library compares methods as they are written, a `*` included.
fn read_methods(value: &Value, names: &Names, notes: &mut Notes) -> Vec<String> {
    let what = names.what;
    let place = value.get(names.methods).unwrap_or_else(|| value.clone());
    let place = place.place();
    let mut methods = notes.names(value.get(names.methods));
    let count = methods.len();
    methods.retain(|method| method != "*");
    if methods.len() < count {
        let (code, text) = match methods.is_empty() {
            true => (
                Code::SourceInvalidValue,
                format!(
                    "\"*\" is not a wildcard for {what}, which allows no request by it: list the methods that are meant"
                ),
            ),
            false => (
                Code::MethodWildcardAmongOthers,
                format!(
                    "\"*\" is not a wildcard for {what}, and no request has this method: it is left out"
                ),
            ),
        };
        notes.push(code, &place, text);
    }
    let is_other = |method: &&String| **method != method.to_ascii_uppercase();
    let others: Vec<&str> = methods
        .iter()
        .filter(is_other)
        .map(String::as_str)
        .collect();
    if !others.is_empty() {
        let text = format!(
            "{} read in upper case, as rs/cors did before version 1.10; newer ones compare methods as they are written, and browsers send these in upper case",
            others.join(", ")
        );
        notes.push(Code::MethodNormalized, &place, text);
    }
    for method in &mut methods {
        method.make_ascii_uppercase();
    }
    methods
}

/// No age, or none in seconds, leaves the header out, and browsers then keep the answer 5 seconds.
fn read_max_age(value: &Value, policy: &mut Policy, notes: &mut Notes) {
    let age = value.get("max_age");
    let is_zero = match age.as_ref().map(|age| age.node) {
        None => true,
        Some(Json::Number(seconds)) => *seconds == 0.0,
        Some(Json::String(text)) => {
            let mut digits = text.bytes().filter(u8::is_ascii_digit);
            digits.all(|digit| digit == b'0')
        }
        Some(_) => false,
    };
    if is_zero {
        notes.push(Code::DefaultMaxAge, &value.place(), "no max_age, so no Access-Control-Max-Age, which browsers take for 5 seconds: maxAge is 5");
        return;
    }
    match age.as_ref().map(|age| (age, age.node)) {
        Some((at, Json::Number(seconds))) if *seconds < 0.0 => {
            notes.push(
                Code::NegativeMaxAge,
                &at.place(),
                "a negative age means: do not cache; maxAge is 0",
            );
            policy.max_age = Json::Number(0.0);
        }
        Some((_, node)) => policy.max_age = node.clone(),
        None => {}
    }
}

pub const CHANGES: &[Change] = &[
    (
        When::Rejects,
        Code::RejectedPreflightStatus,
        "the preflight of an origin that is not allowed is answered 403; rs/cors answers it like any other, without CORS headers",
    ),
    (
        When::Always,
        Code::PreflightListsAll,
        "an answered preflight lists all methods and headers, and the browser says which is missing; rs/cors names the one asked for, or nothing",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; rs/cors leaves them in addition to its own and for origins that are not allowed",
    ),
    (
        When::AnyOrigin,
        Code::VaryNotSent,
        "under \"*\" there is no Vary: Origin, which rs/cors always sends",
    ),
];

const OTHER_FIELDS: &[&str] = &[
    "allow_credentials",
    "allow_private_network",
    "debug",
    "enable",
    "enabled",
    "max_age",
    "options_passthrough",
    "options_success_status",
];

/// The library's own.
pub const NAMES: Names = Names {
    what: "rs/cors",
    origins: "allowed_origins",
    methods: "allowed_methods",
    headers: "allowed_headers",
    expose: "exposed_headers",
    default_headers: &["Accept", "Content-Type", "X-Requested-With"],
};

/// The same under the names of the headers, as KrakenD has them.
const NAMES_OF_HEADERS: Names = Names {
    origins: "allow_origins",
    methods: "allow_methods",
    headers: "allow_headers",
    expose: "expose_headers",
    ..NAMES
};
