//! ingress-nginx's annotations of an Ingress, and what Higress and Traefik read from the same ones.
//!
//! What each makes of them is in its source:
//! [ingress-nginx](https://github.com/kubernetes/ingress-nginx/blob/main/internal/ingress/annotations/cors/main.go),
//! [Higress](https://github.com/alibaba/higress/blob/main/pkg/ingress/kube/annotations/cors.go),
//! [Traefik](https://github.com/traefik/traefik/blob/master/pkg/provider/kubernetes/ingress-nginx/middleware.go).

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::import::ingress::{annotation, class_of, has_annotation_of, is_ingress, paths_of};
use crate::import::origins::Origins;
use crate::import::rules::route::{Route, Scope};
use crate::import::system::System;
use crate::import::systems::{higress, traefik};
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    changes: |_| CHANGES,
    ..System::new(
        "ingress-nginx",
        "ingress-nginx",
        "ingress-nginx: Ingress with its annotations",
        owns,
        |own, _, notes| read(own, &NGINX, notes),
    )
};

/// The same annotations as Higress reads them.
pub static HIGRESS: System = System {
    changes: |_| CHANGES_OF_HIGRESS,
    gives_way: true,
    ..System::new(
        "ingress-higress",
        "Higress's Ingress",
        "Higress: Ingress with its annotations, or those of ingress-nginx",
        |value| is_ingress(value) && (is_of_higress(value) || has_annotation_of(value, GROUP)),
        |own, _, notes| read(own, &HIGRESS_READING, notes),
    )
};

/// The same annotations as Traefik reads them.
pub static TRAEFIK: System = System {
    changes: |_| traefik::CHANGES,
    gives_way: true,
    ..System::new(
        "ingress-traefik",
        "Traefik's ingress-nginx provider",
        "Traefik: Ingress with annotations of ingress-nginx, as its provider for them reads it",
        |value| is_ingress(value) && has_annotation_of(value, GROUP) && !is_of_higress(value),
        |own, _, notes| read(own, &TRAEFIK_READING, notes),
    )
};

/// An Ingress with its annotations, or one that may be of the same controller.
fn owns(value: &Value) -> bool {
    let class = class_of(value).unwrap_or_default();
    let is_other = ["alb", "gce", "haproxy", "higress", "kong", "traefik"]
        .iter()
        .any(|name| class.contains(name));
    let has_others = OTHERS.iter().any(|prefix| has_annotation_of(value, prefix));
    let is_free = class.is_empty() || class.contains("nginx");
    is_ingress(value) && !is_other && !has_others && (is_free || has_annotation_of(value, GROUP))
}

fn is_of_higress(value: &Value) -> bool {
    let class = class_of(value).unwrap_or_default();
    class.contains("higress") || has_annotation_of(value, "higress.io/")
}

/// What one controller makes of the annotations.
struct Reading {
    what: &'static str,
    /// Where an annotation is looked for, the first first.
    groups: &'static [&'static str],
    headers: &'static [&'static str],
    preflight_status: u16,
    /// Whether texts that are not of their grammar count as absent.
    is_strict: bool,
    /// Whether any origin is sent as a literal star, which browsers refuse with credentials.
    is_literal_star: bool,
    read_origin: fn(&mut Origins, &Value, &str),
}

fn read(own: &[Value], reading: &Reading, notes: &mut Notes) -> Vec<Route> {
    let mut classes: Vec<_> = own.iter().map(class_of).collect();
    classes.sort_unstable();
    classes.dedup();
    let mut routes = Vec::new();
    for (index, ingress) in own.iter().enumerate() {
        if find(ingress, "canary", reading).is_some_and(|value| is_true(&value)) {
            let text = format!(
                "is a canary, which {} gives the CORS of the main Ingress: it is left out",
                reading.what
            );
            notes.push(Code::IgnoredResource, &ingress.place(), text);
            continue;
        }
        let policy = read_policy(ingress, reading, notes);
        // Controllers of different classes serve apart from each other.
        let class = class_of(ingress).filter(|_| classes.len() > 1);
        let scope = Scope {
            gates: class
                .map(|class| format!("class {class}"))
                .into_iter()
                .collect(),
            owner: index.to_string(),
            ..Scope::default()
        };
        let is_regex = find(ingress, "use-regex", reading).is_some_and(|value| is_true(&value))
            || find(ingress, "rewrite-target", reading).is_some();
        let name = ingress.resource_name().unwrap_or("cors");
        let aliases = aliases_of(ingress, reading, notes);
        for path in paths_of(ingress, notes) {
            let mut route = path.route(name, &scope, is_regex, policy.clone(), notes);
            if !route.hosts.is_empty() {
                route.hosts.extend(aliases.clone());
            }
            routes.push(route);
        }
    }
    routes
}

/// Further names of the hosts of an Ingress.
fn aliases_of(ingress: &Value, reading: &Reading, notes: &mut Notes) -> Vec<String> {
    let Some(alias) = find(ingress, "server-alias", reading) else {
        return Vec::new();
    };
    let names = alias.text().unwrap_or_default().split(',').map(str::trim);
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    if let Some(regex) = names.iter().find(|name| name.starts_with('~')) {
        let text = format!(
            "\"{regex}\" is a regular expression over the host, which no rule can match; list the hosts"
        );
        notes.push(Code::UnsupportedMatch, &alias.place(), text);
    }
    names.into_iter().map(str::to_owned).collect()
}

fn read_policy(ingress: &Value, reading: &Reading, notes: &mut Notes) -> Option<Policy> {
    let what = reading.what;
    let enabled = find(ingress, "enable-cors", reading);
    if let Some(enabled) = enabled.as_ref().filter(|value| value.text().is_none()) {
        notes.push(
            Code::SourceWrongType,
            &enabled.place(),
            "is not a text, and Kubernetes takes only texts as annotations: write it in quotes",
        );
    }
    if !enabled.as_ref().is_some_and(is_true) {
        let unused = NAMES.iter().find_map(|name| find(ingress, name, reading));
        if let Some(unused) = unused {
            let text =
                format!("has no effect without enable-cors: \"true\": {what} has no CORS here");
            notes.push(Code::IgnoredField, &unused.place(), text);
        }
        return None;
    }
    let place = enabled?.place();
    let mut policy = Policy::new(place.clone(), reading.preflight_status);

    let list = find(ingress, NAMES[0], reading);
    let texts = list.as_ref().and_then(Value::text).unwrap_or_default();
    let items = texts.split(',').map(str::trim);
    let items: Vec<_> = items.filter(|item| !item.is_empty()).collect();
    match &list {
        Some(list) if items.contains(&"*") => {
            let mut origins = Origins::new(notes);
            if items.len() > 1 {
                let text = "one entry allows any origin: the others are left out";
                origins
                    .notes
                    .push(Code::RedundantOrigins, &list.place(), text);
            }
            origins.exact(list, "*");
            origins.finish(&mut policy, list);
        }
        Some(list) if !items.is_empty() => {
            let mut origins = Origins::new(notes);
            for item in items {
                (reading.read_origin)(&mut origins, list, item);
            }
            origins.finish(&mut policy, list);
            if policy.origins.is_empty() && policy.regexes.is_empty() {
                let text = format!("lists no origin that {what} takes: it has no CORS here");
                notes.push(Code::PolicyWithoutOrigins, &list.place(), text);
                return None;
            }
        }
        _ => {
            let text = format!("no cors-allow-origin: {what} allows any, allowOrigins is [\"*\"]");
            notes.push(Code::DefaultOrigins, &place, text);
            policy.origins = vec!["*".to_owned()];
        }
    }
    policy.methods = names(ingress, NAMES[1], METHODS, is_methods, reading, notes);
    policy.headers = names(
        ingress,
        NAMES[2],
        reading.headers,
        is_headers,
        reading,
        notes,
    );
    policy.expose = names(ingress, NAMES[3], &[], is_expose, reading, notes);
    let credentials = find(ingress, NAMES[4], reading);
    policy.credentials = !credentials.as_ref().is_some_and(is_false);
    if credentials.is_none() {
        let text = format!(
            "no cors-allow-credentials: {what} allows credentials, allowCredentials is true"
        );
        notes.push(Code::DefaultCredentials, &place, text);
    }
    if reading.is_literal_star {
        policy.drop_credentials_of_any(&place, notes);
    }
    policy.read_wildcards_among_others(&place, notes);
    policy.report_expose(&place, notes);
    let age = find(ingress, NAMES[5], reading);
    policy.max_age = match age.as_ref().and_then(Value::text).map(str::parse::<i64>) {
        Some(Ok(seconds)) if seconds < 0 => {
            let text = "a negative age is not one that browsers read, which then keep the answer 5 seconds: maxAge is 5";
            notes.push(Code::NegativeMaxAge, &place, text);
            Json::Number(5.0)
        }
        Some(Ok(seconds)) => u32::try_from(seconds)
            .map_or(Json::Number(f64::from(u32::MAX)), |seconds| {
                Json::Number(seconds.into())
            }),
        _ => {
            let text = format!(
                "no cors-max-age in whole seconds: {what} sends 1728000, and so does maxAge"
            );
            notes.push(Code::DefaultMaxAge, &place, text);
            Json::Number(1_728_000.0)
        }
    };
    Some(policy)
}

/// The names that an annotation lists, or those that are listed without it.
fn names(
    ingress: &Value,
    name: &str,
    default: &[&str],
    is_valid: fn(&str) -> bool,
    reading: &Reading,
    notes: &mut Notes,
) -> Vec<String> {
    let found = find(ingress, name, reading);
    let text = found.as_ref().and_then(Value::text).unwrap_or_default();
    let listed = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let listed: Vec<_> = listed.map(str::to_owned).collect();
    if let Some(at) = &found {
        if reading.is_strict && !is_valid(text) {
            let message = format!(
                "\"{text}\" is not a list that {} takes: it sends its own, {}",
                reading.what,
                default.join(", ")
            );
            notes.push(Code::IgnoredField, &at.place(), message);
        } else if let Some(two) = listed
            .iter()
            .find(|name| name.contains(char::is_whitespace))
        {
            notes.push(
                Code::SourceInvalidValue,
                &at.place(),
                format!("\"{two}\" has no comma between its names; write one"),
            );
        } else if !listed.is_empty() {
            return listed;
        }
    }
    default.iter().map(|name| (*name).to_owned()).collect()
}

/// An annotation of the controller, by its name without the group.
fn find<'s>(ingress: &Value<'s>, name: &str, reading: &Reading) -> Option<Value<'s>> {
    let mut groups = reading.groups.iter();
    groups.find_map(|group| annotation(ingress, &format!("{group}{name}")))
}

/// A Boolean as Go parses it.
fn is_true(value: &Value) -> bool {
    let spellings = ["1", "t", "T", "TRUE", "true", "True"];
    value.text().is_some_and(|text| spellings.contains(&text))
}

fn is_false(value: &Value) -> bool {
    let spellings = ["0", "f", "F", "FALSE", "false", "False"];
    value.text().is_some_and(|text| spellings.contains(&text))
}

fn is_methods(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.all(|byte| byte.is_ascii_alphabetic() || byte == b',' || byte.is_ascii_whitespace())
}

fn is_headers(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_, ".contains(&byte))
}

fn is_expose(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_, *".contains(&byte))
}

/// One entry of ingress-nginx's list: it becomes a regular expression without case, in which `*` is one
/// label. What is not of its grammar makes the whole list invalid, and then any origin is allowed.
fn read_nginx_origin(origins: &mut Origins, at: &Value, item: &str) {
    let lower = item.to_ascii_lowercase();
    if lower == "null" {
        return origins.exact(at, "null");
    }
    let (scheme, rest) = lower.split_once("://").unwrap_or(("", &lower));
    let host = rest.strip_prefix("*.").unwrap_or(rest);
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let is_name = |text: &str| {
        let mut bytes = text.bytes();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    };
    let is_valid = scheme.bytes().all(|byte| byte.is_ascii_lowercase())
        && is_name(name)
        && port.bytes().all(|byte| byte.is_ascii_digit());
    if !is_valid {
        let text = format!(
            "\"{item}\" is not an entry that ingress-nginx takes: depending on its version, it then leaves the entry out or allows any origin; write scheme://host[:port], or https://*.example.com"
        );
        return origins
            .notes
            .push(Code::SourceInvalidValue, &at.place(), text);
    }
    if scheme.is_empty() {
        let text = format!("\"{item}\" has no scheme, and ingress-nginx leaves such an entry out");
        return origins.notes.push(Code::IgnoredOrigin, &at.place(), text);
    }
    if host == rest {
        return origins.exact(at, &lower);
    }
    let host = host.replace('.', "\\.");
    origins.regex(at, &format!("{scheme}://[a-z0-9-]+\\.{host}"));
}

/// One entry of Higress's list: `*` before a host is any text, of any scheme.
fn read_higress_origin(origins: &mut Origins, at: &Value, item: &str) {
    if !item.contains('*') {
        return origins.exact(at, item);
    }
    let host = item.split_once("://").map_or("", |(_, host)| host);
    match host.strip_prefix('*').filter(|end| !end.contains('*')) {
        Some(end) => origins.suffix(at, end),
        None => {
            let text = format!(
                "\"{item}\" has its \"*\" where Higress does not look for it, and Higress leaves it out"
            );
            origins.notes.push(Code::IgnoredOrigin, &at.place(), text);
        }
    }
}

const NGINX: Reading = Reading {
    what: "ingress-nginx",
    groups: &[GROUP],
    headers: &[
        "DNT",
        "Keep-Alive",
        "User-Agent",
        "X-Requested-With",
        "If-Modified-Since",
        "Cache-Control",
        "Content-Type",
        "Range",
        "Authorization",
    ],
    preflight_status: 204,
    is_strict: true,
    is_literal_star: true,
    read_origin: read_nginx_origin,
};

const HIGRESS_READING: Reading = Reading {
    what: "Higress",
    groups: &["higress.io/", GROUP],
    headers: &higress::HEADERS,
    preflight_status: 200,
    is_strict: false,
    is_literal_star: false,
    read_origin: read_higress_origin,
};

const TRAEFIK_READING: Reading = Reading {
    what: "Traefik",
    groups: &[GROUP],
    headers: NGINX.headers,
    preflight_status: 200,
    is_strict: false,
    is_literal_star: true,
    read_origin: |origins, at, item| origins.exact(at, item),
};

const CHANGES: &[Change] = &[
    (
        When::Rejects,
        Code::RejectedPreflightStatus,
        "the preflight of an origin that is not allowed is answered 403; ingress-nginx sends it on to the upstream",
    ),
    (
        When::Always,
        Code::PreflightOnly,
        "an OPTIONS request that is not a preflight goes on to the upstream; ingress-nginx answers every OPTIONS of an allowed origin",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; ingress-nginx passes them on for origins that are not allowed",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; ingress-nginx sends none",
    ),
];

const CHANGES_OF_HIGRESS: &[Change] = &[
    (
        When::Rejects,
        Code::RejectedPreflightStatus,
        "the preflight of an origin that is not allowed is answered 403; Higress sends it on to the upstream",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; Higress passes them on, for origins that are not allowed too",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; Higress sends none",
    ),
];

const GROUP: &str = "nginx.ingress.kubernetes.io/";
/// Annotations of other controllers that read an Ingress.
const OTHERS: [&str; 6] = [
    "alb.ingress.kubernetes.io/",
    "haproxy.org/",
    "haproxy-ingress.github.io/",
    "higress.io/",
    "konghq.com/",
    "traefik.ingress.kubernetes.io/",
];
const NAMES: [&str; 6] = [
    "cors-allow-origin",
    "cors-allow-methods",
    "cors-allow-headers",
    "cors-expose-headers",
    "cors-allow-credentials",
    "cors-max-age",
];
const METHODS: &[&str] = &["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"];
