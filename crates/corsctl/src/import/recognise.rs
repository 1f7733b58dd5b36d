//! What a file holds that import does not read: which objects speak of CORS, and what they are.

use cors::config::json::Json;

use crate::input::cursor::{Value, letters};

/// Where an object speaks of CORS, if it does: the first such place.
pub fn cors_in<'s>(value: &Value<'s>) -> Option<Value<'s>> {
    // A definition names the fields of others; the rest of these runs behind the gateway.
    let kind = value.kind().unwrap_or_default();
    let is_other = value.has("apiVersion") && OTHER_KINDS.contains(&kind);
    if is_other { None } else { find(value) }
}

fn find<'s>(value: &Value<'s>) -> Option<Value<'s>> {
    for (key, field) in value.entries() {
        if NOT_SETTINGS.contains(&key) {
            continue;
        }
        let is_plugin = PLUGIN_KEYS.contains(&key) && field.text() == Some("cors");
        if field.node != &Json::Null && is_cors_key(key) || is_plugin {
            return Some(field);
        }
        let found = if key == "plugins" {
            find_plugin(&field)
        } else {
            None
        };
        if let Some(found) = found.or_else(|| find(&field)) {
            return Some(found);
        }
    }
    let mut items = value.items().into_iter();
    if let Some(found) = items.find_map(|item| find(&item)) {
        return Some(found);
    }
    let text = value.text()?.to_ascii_lowercase();
    // A patch or a template within a text has them, too.
    let mut words = ["access-control-allow-", "corspolicy", "enable-cors"].iter();
    words.any(|word| text.contains(word)).then(|| value.clone())
}

/// A plugin of this name, in Kong's form.
fn find_plugin<'s>(plugins: &Value<'s>) -> Option<Value<'s>> {
    let mut plugins = plugins.items().into_iter();
    plugins.find(|plugin| plugin.text_of("name") == Some("cors") || plugin.text() == Some("cors"))
}

fn is_cors_key(key: &str) -> bool {
    let plain: Vec<u8> = letters(key).collect();
    let plain = String::from_utf8_lossy(&plain);
    let last = plain.rsplit(['/', '.']).next().unwrap_or_default();
    last.starts_with("cors")
        || last.ends_with("cors")
        || last.starts_with("enable-cors")
        || plain.contains("accesscontrolallow")
        || plain.starts_with("access-control-allow-")
        || ORIGIN_KEYS.contains(&last)
}

/// What a file is, if it is of a system that import does not read yet or of none at all.
pub fn name_of(value: &Value) -> Option<String> {
    if let Some(kind) = value.kind() {
        if ["Component", "Kustomization"].contains(&kind) {
            return Some(KUSTOMIZATION.to_owned());
        }
        let version = value.text_of("apiVersion").unwrap_or_default();
        let group = version.split_once('/').map(|(group, _)| group);
        let of = group.map_or_else(String::new, |group| format!(" of {group}"));
        let article = if kind.starts_with(['A', 'E', 'I', 'O', 'H']) && !kind.starts_with("Ho") {
            "an"
        } else {
            "a"
        };
        return Some(format!("{article} {kind}{of}"));
    }
    let has = |name: &str| value.pairs().iter().any(|(key, _)| key == name);
    let text = if has("Resources") || has("AWSTemplateFormatVersion") {
        "a CloudFormation or SAM template without resources of AWS"
    } else if has("functions") && has("provider") {
        "a configuration of the Serverless Framework"
    } else if value.at(&["apps", "http"]).is_some() {
        "a configuration of Caddy"
    } else if value
        .list("resources")
        .iter()
        .any(|one| one.text().is_some())
    {
        KUSTOMIZATION
    } else if value.has("op") && value.has("path") {
        "a JSON patch: import what kustomize build prints"
    } else if is_values(value) {
        "a file of values for a Helm chart, as it seems: import what helm template prints"
    } else if value.has("corsPolicy") || is_istio_policy(value) {
        "a part of a VirtualService of Istio: import it whole, with its hosts and paths"
    } else if value
        .list("allowOrigins")
        .iter()
        .any(|one| one.text().is_some())
    {
        "a configuration of this plugin, as it seems, and needs no import"
    } else {
        return None;
    };
    Some(text.to_owned())
}

/// Whether a patch of kustomize says what is to become of this object: `$patch`.
pub fn patch_in<'s>(value: &Value<'s>) -> Option<Value<'s>> {
    let fields = value.all_entries().into_iter();
    let mut fields = fields.chain(value.items().into_iter().map(|item| ("", item)));
    fields.find_map(|(key, field)| {
        if key == "$patch" {
            return Some(field);
        }
        patch_in(&field)
    })
}

/// The first text within that a template engine would have filled.
pub fn template_in<'s>(value: &Value<'s>) -> Option<Value<'s>> {
    if value.text().is_some_and(|text| text.contains("{{")) {
        return Some(value.clone());
    }
    let fields = value.entries().into_iter();
    let mut fields = fields.filter(|(key, _)| !NOT_SETTINGS.contains(key));
    let found = fields.find_map(|(_, field)| template_in(&field));
    found.or_else(|| value.items().iter().find_map(template_in))
}

/// Whether this has what the values of most charts have.
fn is_values(value: &Value) -> bool {
    let common = [
        "fullnameOverride",
        "image",
        "nameOverride",
        "replicaCount",
        "serviceAccount",
    ];
    let common = common.iter().filter(|name| value.has(name)).count();
    common > 1 || common == 1 && value.at(&["ingress", "annotations"]).is_some()
}

fn is_istio_policy(value: &Value) -> bool {
    let origins = value.list("allowOrigins");
    origins.iter().any(|origin| !origin.entries().is_empty())
}

const KUSTOMIZATION: &str = "a kustomization: import what kustomize build prints";
/// Fields of Kubernetes that configure nothing.
const NOT_SETTINGS: [&str; 3] = ["managedFields", "status", LAST_APPLIED];
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const OTHER_KINDS: [&str; 9] = [
    "CronJob",
    "CustomResourceDefinition",
    "DaemonSet",
    "Deployment",
    "Job",
    "Pod",
    "Secret",
    "Service",
    "StatefulSet",
];
/// Where plugins are chosen by name.
const PLUGIN_KEYS: [&str; 2] = ["plugin", "pluginName"];
const ORIGIN_KEYS: [&str; 6] = [
    "alloworigin",
    "alloworiginpatterns",
    "alloworigins",
    "alloworiginstringmatch",
    "allowedoriginpatterns",
    "allowedorigins",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cors_is_found_where_it_is_a_setting() {
        for (json, path) in [
            (r#"{"spec": {"cors": {"a": 1}}}"#, Some("spec.cors")),
            (
                r#"{"spec": {"enable-cors": "true"}}"#,
                Some("spec.enable-cors"),
            ),
            (r#"{"allowedOrigins": []}"#, Some("allowedOrigins")),
            (
                r#"{"plugins": [{"name": "acl"}, {"name": "cors"}]}"#,
                Some("plugins[1]"),
            ),
            (
                r#"{"lines": ["Access-Control-Allow-Origin: *"]}"#,
                Some("lines[0]"),
            ),
            (r#"{"cors": null}"#, None),
            (r#"{"status": {"cors": 1}}"#, None),
            (r#"{"origin": "a"}"#, None),
            (
                r#"{"apiVersion": "apps/v1", "kind": "Deployment", "cors": 1}"#,
                None,
            ),
        ] {
            let node = serde_json::from_str(json).unwrap();
            let found = cors_in(&Value::bare(&node)).map(|value| value.place().path);
            assert_eq!(found.as_deref(), path, "{json}");
        }
    }

    #[test]
    fn other_systems_are_named() {
        for (json, name) in [
            (
                r#"{"kind": "Ingress", "apiVersion": "networking.k8s.io/v1"}"#,
                Some("an Ingress of networking.k8s.io"),
            ),
            (r#"{"kind": "HostPolicy"}"#, Some("a HostPolicy")),
            (
                r#"{"functions": {}, "provider": {}}"#,
                Some("a configuration of the Serverless Framework"),
            ),
            (r#"{"a": 1}"#, None),
        ] {
            let node = serde_json::from_str(json).unwrap();
            assert_eq!(name_of(&Value::bare(&node)).as_deref(), name, "{json}");
        }
    }
}
