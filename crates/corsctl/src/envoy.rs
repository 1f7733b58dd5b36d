//! What is wrong around the plugin in an Envoy configuration or a resource of Kubernetes, however good
//! its own configuration is.

use cors::config::read_policy;
use cors::field::suggest;
use cors::node::Node;
use cors::plugin::Settings;
use regex_lite::Regex;

use super::find::{Chain, Found, Route, type_of};
use super::remark::{Remark, Severity};
use super::value::Value;

/// What the plugin's configurations say of route metadata.
#[derive(Default)]
pub struct Metadata {
    /// Every `routeMetadataNamespace`.
    pub namespaces: Vec<String>,
    /// The names of all `policies`.
    pub policies: Vec<String>,
    /// Whether a plugin takes its warnings for errors.
    pub is_strict: bool,
}

/// Says what is wrong, each with its place.
pub fn findings(found: &Found, metadata: &Metadata) -> Vec<(String, Remark)> {
    let chains = found
        .chains
        .iter()
        .flat_map(|chain| of_place(&chain.place, in_chain(chain)));
    let routes = found
        .routes
        .iter()
        .flat_map(|route| of_place(&route.place, in_route(route, metadata)));
    let resources = found
        .resources
        .iter()
        .flat_map(|(place, resource)| of_place(place, in_resource(resource)));
    let others = found.others.iter().map(|(place, other)| {
        (
            place.clone(),
            Remark::new(Severity::Note, other.line_of(""), NOT_CHECKED),
        )
    });
    chains
        .chain(routes)
        .chain(resources)
        .chain(others)
        .collect()
}

fn of_place(place: &str, remarks: Vec<Remark>) -> impl Iterator<Item = (String, Remark)> {
    remarks
        .into_iter()
        .map(move |remark| (place.to_owned(), remark))
}

fn in_chain(chain: &Chain) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (index, filter) in chain.filters.iter().enumerate() {
        let kind = kind_of(filter);
        let name = filter.text_of("name").unwrap_or(&kind);
        let mut warn = |text: String| {
            remarks.push(Remark::new(Severity::Warning, filter.line_of(""), text));
        };
        if kind == "cors" {
            warn(format!(
                "Envoy's own CORS filter, \"{name}\", is in the same chain: what it answers or adds is beyond this plugin; remove it"
            ));
        } else if index < chain.plugin && AUTH_FILTERS.contains(&kind.as_str()) {
            warn(format!(
                "the plugin stands behind \"{name}\", which refuses preflights, as they carry no credentials, and whose own answers no script can read; put the plugin first"
            ));
        } else if index < chain.plugin {
            warn(format!(
                "the plugin is not first: what \"{name}\" answers itself has no CORS headers; put the plugin before it"
            ));
        }
    }
    remarks
}

/// `jwt_authn` of `type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication`,
/// or the end of its name.
fn kind_of(filter: &Value) -> String {
    let config = filter.get("typed_config");
    let kind = config
        .as_ref()
        .and_then(type_of)
        .and_then(|kind| kind.split_once("filters.http."))
        .and_then(|(_, rest)| rest.split('.').next());
    let name = || {
        filter
            .text_of("name")
            .and_then(|name| name.rsplit('.').next())
    };
    kind.or_else(name).unwrap_or_default().to_owned()
}

fn in_route(route: &Route, metadata: &Metadata) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let assumed = ["cors".to_owned()];
    let namespaces = if metadata.namespaces.is_empty() {
        &assumed[..]
    } else {
        &metadata.namespaces
    };
    for namespace in namespaces {
        let path = ["metadata", "filter_metadata", namespace, "policy"];
        let Some(policy) = route.value.at(&path) else {
            continue;
        };
        remarks.extend(in_policy(&policy, metadata));
        if let Some(reason) = hidden_from_preflights(&route.value) {
            let text = format!(
                "{reason}: the policy in its metadata never sees them; put the policy on a route that is matched by host and path"
            );
            remarks.push(Remark::new(
                Severity::Warning,
                route.value.line_of(""),
                text,
            ));
        }
    }
    remarks
}

/// What is wrong with the policy of a route's metadata, or with its name.
fn in_policy(policy: &Value, metadata: &Metadata) -> Vec<Remark> {
    let Some(text) = policy.text() else {
        let text = format!(
            "the policy in the metadata is {}; write it as one string, the name of a policy or its JSON",
            policy.node.kind()
        );
        return vec![Remark::new(Severity::Error, policy.line_of(""), text)];
    };
    let is_json = text.trim_start().starts_with('{');
    if metadata.policies.iter().any(|name| name == text)
        || (!is_json && metadata.namespaces.is_empty())
    {
        return Vec::new();
    }
    if !is_json {
        let names = metadata.policies.iter().map(String::as_str);
        let suggestion = suggest(names, text)
            .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        let text = format!(
            "the policy in the metadata, {}, is none of the plugin's policies{suggestion}",
            Node::String(text.to_owned())
        );
        return vec![Remark::new(Severity::Error, policy.line_of(""), text)];
    }
    let settings = Settings {
        strict: metadata.is_strict,
        ..Settings::default()
    };
    let (_, report) = read_policy(text.as_bytes(), &settings);
    let embedded = policy.embedded();
    Remark::all(&report, |path| match &embedded {
        Some(document) => document.line(path),
        None => policy.line_of(""),
    })
}

/// Why a preflight for a request of this route takes another route.
fn hidden_from_preflights(route: &Value) -> Option<String> {
    let matcher = route.get("match")?;
    if matcher.has("grpc") {
        return Some("it is matched by the content-type of gRPC, which preflights lack".to_owned());
    }
    matcher.list("headers").iter().find_map(|header| {
        let name = header.text_of("name")?.to_ascii_lowercase();
        match name.as_str() {
            ":authority" | ":path" | ":scheme" | "host" | "origin" => None,
            ":method" if matches_options(header) => None,
            ":method" => Some("it is matched by method, and preflights are OPTIONS".to_owned()),
            _ if is_true(header, "invert_match")
                || is_true(header, "treat_missing_header_as_empty") =>
            {
                None
            }
            _ => Some(format!(
                "it is matched by the header {name}, which preflights lack"
            )),
        }
    })
}

/// Whether a matcher of `:method` lets `OPTIONS` through.
fn matches_options(header: &Value) -> bool {
    const OPTIONS: &str = "OPTIONS";
    let text = |name: &str| {
        header
            .get(name)
            .or_else(|| header.at(&["string_match", name.strip_suffix("_match").unwrap_or(name)]))
            .and_then(|value| value.text())
    };
    let regex = header
        .at(&["string_match", "safe_regex", "regex"])
        .or_else(|| header.at(&["safe_regex_match", "regex"]))
        .and_then(|value| value.text());
    let matched = text("exact_match")
        .map(|exact| exact == OPTIONS)
        .or_else(|| text("prefix_match").map(|prefix| OPTIONS.starts_with(prefix)))
        .or_else(|| text("suffix_match").map(|suffix| OPTIONS.ends_with(suffix)))
        .or_else(|| text("contains_match").map(|part| OPTIONS.contains(part)))
        .or_else(|| {
            let whole = Regex::new(&format!("^(?:{})$", regex?));
            Some(whole.is_ok_and(|regex| regex.is_match(OPTIONS)))
        })
        .unwrap_or(true);
    matched != is_true(header, "invert_match")
}

fn is_true(value: &Value, name: &str) -> bool {
    value
        .get(name)
        .is_some_and(|value| *value.node == Node::Bool(true))
}

fn in_resource(resource: &Value) -> Vec<Remark> {
    let spec = resource.get("spec");
    let phase = spec.as_ref().and_then(|spec| spec.text_of("phase"));
    let has_priority = spec.as_ref().is_some_and(|spec| spec.has("priority"));
    let line = spec.as_ref().and_then(|spec| spec.line_of(""));
    match resource.text_of("kind") {
        Some("EnvoyExtensionPolicy") => vec![Remark::new(
            Severity::Note,
            line,
            "Envoy Gateway puts wasm behind authentication, unless filterOrder of its EnvoyProxy puts envoy.filters.http.wasm first",
        )],
        _ if phase != Some("AUTHN") => vec![Remark::new(
            Severity::Warning,
            line,
            "the plugin stands behind authentication, which refuses preflights, as they carry no credentials; write phase: AUTHN and a high priority",
        )],
        _ if !has_priority => vec![Remark::new(
            Severity::Warning,
            line,
            "without a priority the plugin stands behind all others of its phase; write a high one, as in priority: 1000",
        )],
        _ => Vec::new(),
    }
}

/// Said of a plugin that is not this one.
pub const NOT_CHECKED: &str = "is another plugin, as far as its names tell: not checked";

const AUTH_FILTERS: [&str; 6] = [
    "api_key_auth",
    "basic_auth",
    "ext_authz",
    "jwt_authn",
    "oauth2",
    "rbac",
];
