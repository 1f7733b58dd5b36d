//! What is wrong around the plugin in an Envoy configuration or a resource of Kubernetes, however good
//! its own configuration is.

use cors::config::fields::suggest;
use cors::config::json::Json;
use cors::policy::read::read_policy;
use cors::settings::Settings;
use regex_lite::Regex;

use crate::discover::locate::{Chain, Found, Route};
use crate::discover::recognise::{is_plugin_filter, type_of, with_configuration};
use crate::input::cursor::Value;
use crate::input::source::InputError;
use crate::output::Remark;
use crate::output::code::Code;

/// What all configurations of the plugin say that matters around it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Whether there is a configuration at all.
    pub has_plugin: bool,
    /// What makes policies depend on the path: fields of the configuration.
    pub by_path: Option<&'static str>,
    /// Whether a policy refuses requests of other origins.
    pub rejects: bool,
    /// Whether such a policy holds for any host.
    pub rejects_on_any_host: bool,
}

impl Facts {
    pub fn of(root: &Value) -> Self {
        let rules = root.list("rules");
        let matches = |name| rules.iter().any(|rule| rule.at(&["match", name]).is_some());
        let by_path = ["exactPaths", "pathPrefixes", "routeNames"]
            .into_iter()
            .find(|name| matches(name))
            .or_else(|| root.has(NAMESPACE).then_some(NAMESPACE));
        let is_bound = |rule: &Value| rule.at(&["match", "hostnames"]).is_some();
        let named = root.field("policies");
        let named = named.entries().into_iter().map(|(name, policy)| {
            let mut users = rules
                .iter()
                .filter(|rule| rule.text_of("policyRef") == Some(name));
            // A policy that no rule names is for metadata, whatever the host.
            let is_bound = users.clone().next().is_some() && users.all(is_bound);
            (policy, is_bound)
        });
        let own = rules
            .iter()
            .filter_map(|rule| Some((rule.get("policy")?, is_bound(rule))));
        let policies: Vec<(Value, bool)> =
            named.chain(own).chain([(root.clone(), false)]).collect();
        let rejects = |policy: &Value| {
            let field = policy.text_of("unmatchedRequests");
            field.is_some_and(|word| word.eq_ignore_ascii_case("reject"))
        };
        Self {
            has_plugin: true,
            by_path,
            rejects: policies.iter().any(|(policy, _)| rejects(policy)),
            rejects_on_any_host: policies
                .iter()
                .any(|(policy, is_bound)| rejects(policy) && !is_bound && !policy.has("hosts")),
        }
    }

    pub fn add(&mut self, other: Self) {
        self.has_plugin |= other.has_plugin;
        self.by_path = self.by_path.or(other.by_path);
        self.rejects |= other.rejects;
        self.rejects_on_any_host |= other.rejects_on_any_host;
    }
}

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

/// What all configurations of the files say of route metadata, and what matters around them.
pub fn metadata_of(found: &[Result<Found, &InputError>]) -> (Metadata, Facts) {
    let mut metadata = Metadata::default();
    let mut facts = Facts::default();
    for configuration in found
        .iter()
        .flatten()
        .flat_map(|found| &found.configurations)
    {
        facts.has_plugin = true;
        let Some(root) = configuration.root() else {
            continue;
        };
        facts.add(Facts::of(&root));
        if let Some(namespace) = root.text_of("routeMetadataNamespace") {
            metadata.namespaces.push(namespace.to_owned());
        }
        let strict = root.get("strict");
        metadata.is_strict |= strict.is_some_and(|strict| *strict.node == Json::Bool(true));
        if let Some(policies) = root.get("policies") {
            let names = policies
                .entries()
                .into_iter()
                .map(|(name, _)| name.to_owned());
            metadata.policies.extend(names);
        }
    }
    metadata.namespaces.sort();
    metadata.namespaces.dedup();
    (metadata, facts)
}

/// Says what is wrong, each with its place.
pub fn findings(found: &Found, metadata: &Metadata, facts: &Facts) -> Vec<(String, Remark)> {
    let chains = found
        .chains
        .iter()
        .flat_map(|chain| of_place(&chain.place, in_chain(chain, facts)));
    let routes = found
        .routes
        .iter()
        .flat_map(|route| of_place(&route.place, in_route(route, metadata)));
    let resources = found
        .resources
        .iter()
        .flat_map(|(place, resource)| of_place(place, in_resource(place, resource)));
    let routing = found
        .routing
        .iter()
        .flat_map(|route| of_place(&route.place, in_routing(&route.value, facts)));
    let others = found.others.iter().map(|(place, other, (code, text))| {
        (place.clone(), Remark::of(*code, other.line_of(""), text))
    });
    chains
        .chain(routes)
        .chain(routing)
        .chain(resources)
        .chain(others)
        .collect()
}

fn of_place(place: &str, remarks: Vec<Remark>) -> impl Iterator<Item = (String, Remark)> {
    remarks
        .into_iter()
        .map(move |remark| (place.to_owned(), remark))
}

fn in_chain(chain: &Chain, facts: &Facts) -> Vec<Remark> {
    let plugin = chain.filters.get(chain.plugin);
    let own = plugin.and_then(|plugin| with_configuration(plugin, Facts::of));
    let facts = own.as_ref().unwrap_or(facts);
    let mut remarks = in_manager(&chain.manager, facts);
    for (index, filter) in chain.filters.iter().enumerate() {
        let kind = kind_of(filter);
        let name = filter.text_of("name").unwrap_or(&kind);
        let mut warn = |code: Code, text: String| {
            remarks.push(Remark::of(code, filter.line_of(""), text));
        };
        if kind == "cors" {
            warn(
                Code::EnvoyCorsFilter,
                format!(
                    "Envoy's own CORS filter, \"{name}\", is in the same chain: what it answers or adds is beyond this plugin; remove it"
                ),
            );
        } else if index < chain.plugin && AUTH_FILTERS.contains(&kind.as_str()) {
            warn(
                Code::BehindAuthentication,
                format!(
                    "the plugin is behind \"{name}\", which refuses preflights, as they carry no credentials, and whose own answers no script can read; put the plugin first"
                ),
            );
        } else if index < chain.plugin {
            warn(
                Code::NotFirst,
                format!(
                    "the plugin is not first: what \"{name}\" answers itself has no CORS headers; put the plugin before it"
                ),
            );
        }
    }
    remarks
}

/// What is wrong with the connection manager of a chain that has the plugin.
fn in_manager(manager: &Value, facts: &Facts) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let upgrades = manager.list("upgrade_configs");
    for upgrade in upgrades.iter().filter(|_| facts.rejects) {
        let filters = upgrade.list("filters");
        if !filters.is_empty() && !filters.iter().any(is_plugin_filter) {
            let kind = upgrade.text_of("upgrade_type").unwrap_or_default();
            let text = format!(
                "upgrades to {} have a filter chain of their own without the plugin: unmatchedRequests \"reject\" does not reject them; add the plugin there as the first of filters",
                Json::String(kind.to_owned())
            );
            remarks.push(Remark::of(
                Code::UpgradeWithoutPlugin,
                upgrade.line_of(""),
                text,
            ));
        }
    }
    if let Some(field) = facts.by_path {
        let slashes = manager.get("path_with_escaped_slashes_action");
        let has_action = slashes.is_some_and(|action| match action.node {
            Json::String(word) => ESCAPED_SLASHES.contains(&word.as_str()),
            Json::Number(number) => *number >= 2.0,
            _ => false,
        });
        let missing: Vec<&str> = [
            (is_true(manager, "normalize_path"), "normalize_path: true"),
            (is_true(manager, "merge_slashes"), "merge_slashes: true"),
            (
                has_action,
                "path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT",
            ),
        ]
        .iter()
        .filter_map(|(is_set, text)| (!is_set).then_some(*text))
        .collect();
        if !missing.is_empty() {
            let text = format!(
                "policies depend on the path ({field}), and the upstream may read it otherwise than Envoy, which takes it as sent; write {} here",
                missing.join(", ")
            );
            remarks.push(Remark::of(
                Code::PathNotNormalized,
                manager.line_of(""),
                text,
            ));
        }
    }
    remarks
}

/// What is wrong with a level of routing next to the plugin.
fn in_routing(value: &Value, facts: &Facts) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if !facts.has_plugin {
        return remarks;
    }
    let mut warn = |code: Code, at: &Value, text: String| {
        remarks.push(Remark::of(code, at.line_of(""), text));
    };
    for (name, at) in added_headers(value) {
        if name.to_ascii_lowercase().starts_with("access-control-") {
            let text = format!(
                "adds the header {} in addition to the plugin, to preflights too: browsers refuse two values; remove it here",
                Json::String(name.to_owned())
            );
            warn(Code::CorsHeaderAdded, &at, text);
        }
    }
    if let Some(domains) = value.get("domains").filter(|_| facts.rejects_on_any_host)
        && domains
            .items()
            .iter()
            .any(|domain| domain.text() == Some("*"))
    {
        let text = "any Host is served, so that unmatchedRequests \"reject\" lets DNS rebinding through, where Origin and Host agree; list the host names in domains, or in the field hosts of the policy";
        warn(Code::AnyDomain, &domains, text.to_owned());
    }
    remarks
}

/// The headers that a level of Envoy's routing, a route of Istio or a filter of the Gateway API adds to
/// responses.
fn added_headers<'s>(value: &Value<'s>) -> Vec<(&'s str, Value<'s>)> {
    let mut added = Vec::new();
    for option in value.list("response_headers_to_add") {
        if let Some(name) = option.at(&["header", "key"]).and_then(|key| key.text()) {
            added.push((name, option));
        }
    }
    for verb in ["add", "set"] {
        if let Some(headers) = value.at(&["headers", "response", verb]) {
            added.extend(headers.entries());
        }
        for header in value.list_at(&["responseHeaderModifier", verb]) {
            added.extend(header.text_of("name").map(|name| (name, header.clone())));
        }
    }
    added
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
            let line = route.value.line_of("");
            remarks.push(Remark::of(Code::RouteMissesPreflights, line, text));
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
        let code = Code::RoutePolicyNotString;
        return vec![Remark::of(code, policy.line_of(""), text)];
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
            Json::String(text.to_owned())
        );
        let code = Code::RoutePolicyUnknown;
        return vec![Remark::of(code, policy.line_of(""), text)];
    }
    let settings = Settings {
        strict: metadata.is_strict,
        ..Settings::default()
    };
    let (_, diagnostics) = read_policy(text.as_bytes(), &settings);
    let embedded = policy.embedded();
    Remark::all(&diagnostics, |path| match &embedded {
        Some(document) => document.line(path),
        None => policy.line_of(""),
    })
}

/// Why a preflight for a request of this route takes another route.
fn hidden_from_preflights(route: &Value) -> Option<String> {
    let matcher = route.get("match")?;
    if matcher.has("grpc") {
        return Some(
            "it is matched by the content-type of gRPC, which preflights do not have".to_owned(),
        );
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
                "it is matched by the header {name}, which preflights do not have"
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
        .is_some_and(|value| *value.node == Json::Bool(true))
}

fn in_resource(place: &str, resource: &Value) -> Vec<Remark> {
    let spec = resource.get("spec");
    let phase = spec.as_ref().and_then(|spec| spec.text_of("phase"));
    let has_priority = spec.as_ref().is_some_and(|spec| spec.has("priority"));
    let line = spec.as_ref().and_then(|spec| spec.line_of(""));
    match resource.text_of("kind") {
        Some("EnvoyExtensionPolicy") => {
            let (what, filter) = if place.contains(", dynamicModule ") {
                ("dynamic modules", "envoy.filters.http.dynamic_modules")
            } else {
                ("wasm", "envoy.filters.http.wasm")
            };
            vec![Remark::of(
                Code::EnvoyGatewayOrder,
                line,
                format!(
                    "Envoy Gateway puts {what} behind authentication, unless filterOrder of its EnvoyProxy puts {filter} first"
                ),
            )]
        }
        _ if phase != Some("AUTHN") => vec![Remark::of(
            Code::BehindAuthentication,
            line,
            "the plugin is behind authentication, which refuses preflights, as they carry no credentials; write phase: AUTHN and a high priority",
        )],
        _ if !has_priority => vec![Remark::of(
            Code::NoPriority,
            line,
            "without a priority the plugin is behind all others of its phase; write a high one, as in priority: 1000",
        )],
        _ => Vec::new(),
    }
}

const NAMESPACE: &str = "routeMetadataNamespace";

/// What makes an escaped slash one before the plugin sees it, or refuses it.
const ESCAPED_SLASHES: [&str; 3] = [
    "REJECT_REQUEST",
    "UNESCAPE_AND_FORWARD",
    "UNESCAPE_AND_REDIRECT",
];

const AUTH_FILTERS: [&str; 6] = [
    "api_key_auth",
    "basic_auth",
    "ext_authz",
    "jwt_authn",
    "oauth2",
    "rbac",
];
