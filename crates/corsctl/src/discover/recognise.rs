//! Which of the filters, resources and documents of a file are this plugin's, by their names and
//! fields.

use cors::config::fields::{Kind, PLUGIN_FIELDS, POLICY_FIELDS, find, is_comment, suggest};
use cors::config::json::Json;

use crate::input::cursor::{Value, same};
use crate::input::source::mentions_policy_field;

/// The message type of an `Any`, or the one that a `TypedStruct` stands for.
pub fn type_of<'d>(value: &Value<'d>) -> Option<&'d str> {
    value.text_of("type_url").or_else(|| {
        value
            .pairs()
            .iter()
            .find(|(key, _)| key == "@type")
            .and_then(|(_, node)| match node {
                Json::String(text) => Some(text.as_str()),
                _ => None,
            })
    })
}

/// Whether it is the filter of a WebAssembly module or of a dynamic module, or of the latter for a route.
pub fn is_module_filter(value: &Value) -> bool {
    const KINDS: [&str; 3] = [
        "filters.http.wasm.v3.Wasm",
        "filters.http.dynamic_modules.v3.DynamicModuleFilter",
        ROUTE_KIND,
    ];
    type_of(value).is_some_and(|kind| KINDS.iter().any(|known| kind.ends_with(known)))
}

/// Whether the filter's configuration is that of a route, which may be the name of a policy.
pub fn is_of_route(filter: &Value) -> bool {
    type_of(filter).is_some_and(|kind| kind.ends_with(ROUTE_KIND))
}

/// `config.configuration` or `filter_config` of the filter, itself or within a `TypedStruct`.
pub fn module_configuration<'d>(filter: &Value<'d>) -> Option<Value<'d>> {
    let in_filter = |filter: &Value<'d>| {
        filter
            .at(&["config", "configuration"])
            .or_else(|| filter.get("filter_config"))
    };
    in_filter(filter).or_else(|| in_filter(&filter.get("value")?))
}

/// The configuration of a wasm filter, as a tree or as text that cannot be read.
enum Embedded<'v, 'd> {
    Broken(&'v str),
    Tree(&'v Value<'d>),
}

/// Reads the configuration of a wasm filter, if it has one: a tree, or JSON in a string.
fn with_embedded<T>(filter: &Value, read: impl Fn(Embedded) -> T) -> Option<T> {
    let any = module_configuration(filter)?;
    let value = any.get("value").unwrap_or(any);
    Some(match (value.text(), value.embedded()) {
        (_, Some(document)) => read(Embedded::Tree(&Value::of(&document))),
        (Some(broken), None) => read(Embedded::Broken(broken)),
        (None, None) => read(Embedded::Tree(&value)),
    })
}

/// The tree of the configuration of a filter among `http_filters`, if it can be read.
pub fn with_configuration<T>(entry: &Value, read: impl Fn(&Value) -> T) -> Option<T> {
    with_embedded(&entry.get("typed_config")?, |embedded| match embedded {
        Embedded::Broken(_) => None,
        Embedded::Tree(tree) => Some(read(tree)),
    })?
}

/// Whether an entry of `http_filters` is this plugin.
pub fn is_plugin_filter(entry: &Value) -> bool {
    entry.get("typed_config").is_some_and(|config| {
        is_module_filter(&config)
            && !is_of_higress(&config)
            && (is_plugin(&config)
                || entry
                    .text_of("name")
                    .is_some_and(|name| name.to_ascii_lowercase().contains("cors")))
    })
}

/// Whether a wasm filter is this plugin: its names or its code say cors, or its configuration is one,
/// or was meant to be.
pub fn is_plugin(filter: &Value) -> bool {
    let has_fields = || {
        let has_fields = with_embedded(filter, |embedded| match embedded {
            Embedded::Broken(text) => mentions_policy_field(text),
            Embedded::Tree(tree) => has_policy_fields(tree),
        });
        has_fields.unwrap_or_default()
    };
    mentions_cors(filter, &["configuration", "filter_config"]) || has_fields()
}

/// Whether a wasm filter or plugin is Higress's own for CORS, whose fields are other ones.
pub fn is_of_higress(value: &Value) -> bool {
    const FIELD: &str = "allow_origin_patterns";
    let configurations = value
        .list("matchRules")
        .into_iter()
        .filter_map(|rule| rule.get("config"))
        .chain(value.get("defaultConfig"));
    let mut configurations = configurations.chain(module_configuration(value));
    let url = value.text_of("url").unwrap_or_default();
    url.contains("/plugins/cors") || configurations.any(|value| mentions(&value, FIELD, true))
}

/// Whether some key is a field of a policy or a misspelt one. Other plugins have fields that are alike,
/// so a misspelt one is a long name that begins as it should.
pub fn has_policy_fields(value: &Value) -> bool {
    let mut keys = value.pairs().iter().map(|(key, _)| key).take(MAX_KEYS);
    keys.any(|key| find(POLICY_FIELDS, key).is_some() || is_misspelt(key))
}

/// Whether a key is a misspelt field of a policy: a long name that begins as it should.
pub fn is_misspelt(key: &str) -> bool {
    let start = |name: &str| name.get(..2).map(str::to_ascii_lowercase);
    let names = POLICY_FIELDS.iter().map(|field| field.name);
    let long = names.filter(|name| name.len() > 8);
    suggest(long, key).is_some_and(|name| start(name) == start(key))
}

/// Whether some text says cors, apart from what these keys hold.
pub fn mentions_cors(value: &Value, except: &[&str]) -> bool {
    match value.node {
        Json::List(_) => value.items().iter().any(|item| mentions_cors(item, except)),
        Json::Object(_) => value
            .entries()
            .iter()
            .any(|(key, value)| !except.contains(key) && mentions_cors(value, except)),
        Json::String(text) => text.to_ascii_lowercase().contains("cors"),
        _ => false,
    }
}

/// Whether a key, or a text if `in_texts`, holds this word.
fn mentions(value: &Value, word: &str, in_texts: bool) -> bool {
    match value.node {
        Json::List(_) => value
            .items()
            .iter()
            .any(|item| mentions(item, word, in_texts)),
        Json::Object(_) => value
            .all_entries()
            .iter()
            .any(|(key, value)| *key == word || mentions(value, word, in_texts)),
        Json::String(text) => in_texts && text.contains(word),
        _ => false,
    }
}

/// Whether a document is the plugin's configuration itself, or was meant to be: it is empty, has a field
/// that nothing else has, or two of those that other files have too.
pub fn looks_like_a_configuration(value: &Value) -> bool {
    let Json::Object(pairs) = value.node else {
        return false;
    };
    let is_other = value.has("apiVersion") && value.has("kind")
        || ENVOY_FIELDS.iter().any(|name| value.has(name));
    let known = || POLICY_FIELDS.iter().chain(PLUGIN_FIELDS);
    let keys = || {
        let keys = pairs.iter().filter(|(key, _)| !is_comment(key));
        keys.take(MAX_KEYS)
    };
    let fields = keys().filter_map(|(key, _)| find(known(), key));
    !is_other
        && (pairs.is_empty()
            || is_clearly_a_configuration(value)
            || keys().any(|(key, _)| is_misspelt(key))
            || fields.count() > 1)
}

/// Whether a document has a field that no other file has, by its exact name.
pub fn is_clearly_a_configuration(value: &Value) -> bool {
    let is_own = |key: &str, node: &Json| {
        let field = find(POLICY_FIELDS.iter().chain(PLUGIN_FIELDS), key);
        field.is_some_and(|field| match (field.name, &field.kind) {
            ("mode", Kind::OneOf(words)) => is_one_of(node, words),
            ("presets", Kind::EachOneOf(words)) => {
                matches!(node, Json::List(items) if items.iter().any(|item| is_one_of(item, words)))
            }
            ("rules", _) => {
                let rules = value.list("rules");
                rules
                    .iter()
                    .any(|rule| rule.has("match") && (rule.has("policy") || rule.has("policyRef")))
            }
            ("policies", _) => {
                let policies = value.field("policies");
                policies
                    .entries()
                    .iter()
                    .any(|(_, policy)| has_policy_fields(policy))
            }
            ("grants", _) => value.list("grants").iter().any(is_clearly_a_configuration),
            ("routeMetadataNamespace", _) => true,
            (name, _) => !COMMON_FIELDS.contains(&name),
        })
    };
    let is_other = value.has("apiVersion") && value.has("kind");
    let mut keys = value.pairs().iter().take(MAX_KEYS);
    !is_other && keys.any(|(key, node)| is_own(key, node))
}

fn is_one_of(node: &Json, words: &[&str]) -> bool {
    matches!(node, Json::String(text) if words.iter().any(|word| word.eq_ignore_ascii_case(text)))
}

/// The configuration that is all a document holds, under its own key.
pub fn wrapped<'d>(value: &Value<'d>) -> Option<(&'d str, Value<'d>)> {
    let entries = value.entries();
    let [(key, within)] = entries.as_slice() else {
        return None;
    };
    let is_name = same(key, "cors") || same(key, "corsPolicy");
    let is_configuration = !within.pairs().is_empty() && looks_like_a_configuration(within);
    (is_name && is_configuration).then(|| (*key, within.clone()))
}

const ROUTE_KIND: &str = "filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute";

/// As many keys as no configuration has.
pub const MAX_KEYS: usize = 1_000;

/// Fields that the files of other programs have too.
const COMMON_FIELDS: [&str; 5] = ["debug", "grants", "hosts", "statPrefix", "strict"];

/// Fields at the top of Envoy's own files.
const ENVOY_FIELDS: [&str; 8] = [
    "admin",
    "dynamic_resources",
    "filter_chains",
    "http_filters",
    "resources",
    "static_resources",
    "typed_config",
    "virtual_hosts",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn node(json: &str) -> Json {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_document_is_a_configuration_by_fields_that_nothing_else_has() {
        for (json, is_it) in [
            ("{}", true),
            (r#"{"allowOrigins": []}"#, true),
            (r#"{"allow_origins": []}"#, true),
            (r#"{"allowOrigin": []}"#, true),
            (r#"{"mode": "shadow"}"#, true),
            // Fields that other files have too, alone and together.
            (r#"{"mode": "production"}"#, false),
            (r#"{"debug": true}"#, false),
            (r#"{"debug": true, "strict": true}"#, true),
            (r#"{"rules": [{"match": {}, "policyRef": "a"}]}"#, true),
            (r#"{"rules": [{"host": "a"}]}"#, false),
            (
                r#"{"apiVersion": "v1", "kind": "X", "allowOrigins": []}"#,
                false,
            ),
            (r#"{"static_resources": {}, "allowOrigins": []}"#, false),
            ("[]", false),
        ] {
            let node = node(json);
            assert_eq!(
                looks_like_a_configuration(&Value::bare(&node)),
                is_it,
                "{json}"
            );
        }
    }

    #[test]
    fn only_long_names_that_begin_as_they_should_are_misspelt() {
        for (key, is_it) in [
            ("allowOrigns", true),
            ("exposeHeader", true),
            ("fallowOrigins", false),
            ("mod", false),
            ("origins", false),
        ] {
            assert_eq!(is_misspelt(key), is_it, "{key}");
        }
    }

    #[test]
    fn a_filter_is_this_plugin_by_its_names_or_its_configuration() {
        const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
        for (name, config, is_it) in [
            ("cors", "{}", true),
            ("wasm", r#"{"name": "my-cors"}"#, true),
            (
                "wasm",
                r#"{"configuration": {"value": "{\"allowOrigins\": []}"}}"#,
                true,
            ),
            (
                "wasm",
                r#"{"configuration": {"value": "{\"allowOrigins\": ["}}"#,
                true,
            ),
            (
                "wasm",
                r#"{"configuration": {"value": "{\"text\": \"cors\"}"}}"#,
                false,
            ),
            (
                "wasm",
                r#"{"configuration": {"value": {"allowOrigins": []}}}"#,
                true,
            ),
            (
                "wasm",
                r#"{"configuration": {"value": {"allow_origin_patterns": []}}}"#,
                false,
            ),
            ("ratelimit", r#"{"name": "limits"}"#, false),
        ] {
            let json = format!(
                r#"{{"name": "{name}", "typed_config": {{"@type": "{WASM}", "config": {config}}}}}"#
            );
            let node = node(&json);
            assert_eq!(is_plugin_filter(&Value::bare(&node)), is_it, "{json}");
        }
    }

    #[test]
    fn the_filter_of_a_dynamic_module_is_this_plugin_as_that_of_a_wasm_module_is() {
        const FILTER: &str = "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter";
        for (config, is_it) in [
            (r#"{"dynamic_module_config": {"name": "cors"}}"#, true),
            (
                r#"{"dynamic_module_config": {"name": "a"}, "filter_config": {"value": "{\"allowOrigins\": []}"}}"#,
                true,
            ),
            (
                r#"{"dynamic_module_config": {"name": "a"}, "filter_config": {"value": "{\"text\": \"cors\"}"}}"#,
                false,
            ),
        ] {
            for (kind, is_of_this_route) in [("", false), ("PerRoute", true)] {
                let mut config: serde_json::Value = serde_json::from_str(config).unwrap();
                config["@type"] = format!("{FILTER}{kind}").into();
                let entry = serde_json::json!({"name": "a", "typed_config": config});
                let node = node(&entry.to_string());
                assert_eq!(is_plugin_filter(&Value::bare(&node)), is_it, "{entry}");
                let filter = Value::bare(&node).get("typed_config").unwrap();
                assert_eq!(is_of_route(&filter), is_of_this_route, "{entry}");
            }
        }
    }

    #[test]
    fn a_configuration_under_a_key_of_its_own_is_found_below_it() {
        for (json, key) in [
            (r#"{"cors": {"allowOrigins": []}}"#, Some("cors")),
            (
                r#"{"cors_policy": {"allowOrigins": []}}"#,
                Some("cors_policy"),
            ),
            (r#"{"cors": {}}"#, None),
            (r#"{"cors": {"allowOrigins": []}, "a": 1}"#, None),
            (r#"{"spec": {"allowOrigins": []}}"#, None),
        ] {
            let node = node(json);
            let found = wrapped(&Value::bare(&node)).map(|(key, _)| key.to_owned());
            assert_eq!(found.as_deref(), key, "{json}");
        }
    }
}
