//! Reads a whole configuration.

use std::sync::Arc;

use crate::byte_map::Indexed;
use crate::config::fields::{PLUGIN_FIELDS, POLICY_FIELDS, is_comment};
use crate::config::json::Json;
use crate::config::reader::{Object, Reader, quote};
use crate::diagnostic::{Code, Diagnostics, join};
use crate::origin::holds;
use crate::policy::Policy;
use crate::policy::read_names::MAX_NAME;
use crate::select::policy_set::PolicySet;
use crate::select::read_rules::MAX_RULES;
use crate::select::route_metadata::RouteMetadata;
use crate::settings::Settings;

impl PolicySet {
    /// Reads the bytes of a plugin configuration: JSON, a serialized `google.protobuf.Struct`, or
    /// nothing.
    ///
    /// Returns no plugin if, and only if, there is an error.
    pub fn from_bytes(bytes: &[u8]) -> (Option<PolicySet>, Diagnostics) {
        if bytes.is_empty() {
            return Self::from_json(&Json::Object(Vec::new()));
        }
        if bytes.len() > MAX_CONFIGURATION {
            let mut diagnostics = Diagnostics::default();
            diagnostics.error(
                Code::ConfigurationTooLarge,
                "",
                "",
                format!("the configuration has more than {MAX_CONFIGURATION} bytes"),
            );
            return (None, diagnostics);
        }
        match Json::parse(bytes) {
            Ok(node) => Self::from_json(&node),
            Err(error) => {
                let mut diagnostics = Diagnostics::default();
                diagnostics.error(
                    Code::NotJson,
                    "",
                    "",
                    format!("the configuration is not JSON: {error}"),
                );
                (None, diagnostics)
            }
        }
    }

    /// Reads a configuration that is parsed already.
    pub fn from_json(node: &Json) -> (Option<PolicySet>, Diagnostics) {
        let mut reader = Reader::default();
        let plugin = reader.read_plugin(node);
        let diagnostics = reader.diagnostics;
        ((!diagnostics.has_errors()).then_some(plugin), diagnostics)
    }
}

impl Reader {
    pub(crate) fn read_plugin(&mut self, node: &Json) -> PolicySet {
        let Some(object) = self.read_object("", node, &[POLICY_FIELDS, PLUGIN_FIELDS]) else {
            return PolicySet::default();
        };
        let is_absent = matches!(node, Json::Object(pairs) if pairs.is_empty());
        let settings = Settings {
            debug: self.read_bool(&object, "debug"),
            strict: self.read_bool(&object, "strict"),
            stat_prefix: self.read_stat_prefix(&object),
        };
        let policies = self.read_policies(&object);
        let names_a_policy = POLICY_FIELDS.iter().any(|field| object.has(field.name));
        let top_level = if is_absent {
            self.diagnostics
                .warn(Code::DefaultPolicy, "", "", DEFAULT_POLICY_WARNING);
            Some(Arc::new(self.default_policy()))
        } else if names_a_policy {
            Some(Arc::new(self.build_policy(&object)))
        } else {
            None
        };
        let namespace = self.read_text(&object, "routeMetadataNamespace");
        let route_metadata = namespace
            .filter(|name| self.is_namespace(&object, name))
            .map(RouteMetadata::new);
        let rules = self.read_rules(&object, &policies);
        let plugin = PolicySet::new(settings, top_level, rules, policies, route_metadata);
        if !is_absent && !self.diagnostics.has_errors() && plugin.governs_nothing() {
            self.diagnostics.warn(
                Code::NoPolicy,
                "",
                "",
                "no policy: no request is governed; list allowOrigins, or rules",
            );
        }
        if plugin.settings.strict {
            self.diagnostics.make_strict();
        }
        plugin
    }

    pub(crate) fn default_policy(&mut self) -> Policy {
        let presets = Json::List(vec![Json::String("open".to_owned())]);
        self.build_policy(&Object {
            path: String::new(),
            fields: vec![("presets", &presets)],
            unreadable: Vec::new(),
        })
    }

    pub(crate) fn read_stat_prefix(&mut self, object: &Object) -> String {
        let Some(prefix) = self.read_text(object, "statPrefix") else {
            return "cors".to_owned();
        };
        let is_name = (1..=64).contains(&prefix.len())
            && prefix.split('.').all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            });
        if !is_name {
            self.diagnostics.error(
                Code::StatPrefixInvalid,
                object.at("statPrefix"),
                &quote(prefix),
                "is not a prefix; write 1 to 64 letters, digits, _, - and single dots between",
            );
        }
        prefix.to_owned()
    }

    pub(crate) fn is_namespace(&mut self, object: &Object, name: &str) -> bool {
        let is_good = (1..=MAX_NAME).contains(&name.len()) && !holds(name, b"\0");
        if !is_good {
            self.diagnostics.error(
                Code::NamespaceInvalid,
                object.at("routeMetadataNamespace"),
                &quote(name),
                format!("is not a namespace; write 1 to {MAX_NAME} bytes, as in \"cors\""),
            );
        }
        is_good
    }

    pub(crate) fn read_policies(&mut self, object: &Object) -> Indexed<Arc<Policy>> {
        let mut policies = Indexed::default();
        let path = object.at("policies");
        let pairs = match object.get("policies") {
            None => return policies,
            Some(Json::Object(pairs)) => pairs,
            Some(node) => {
                self.wrong_type(&path, node, "an object of policies by name");
                return policies;
            }
        };
        if pairs.len() > MAX_RULES {
            self.diagnostics.error(
                Code::TooManyPolicies,
                &path,
                "",
                format!("has more than {MAX_RULES} policies"),
            );
            return policies;
        }
        for (name, node) in pairs.iter().filter(|(name, _)| !is_comment(name)) {
            let path = join(&path, name);
            if name.is_empty() || name.len() > MAX_NAME {
                self.diagnostics.error(
                    Code::PolicyNameInvalid,
                    &path,
                    &quote(name),
                    format!("is not a name; write 1 to {MAX_NAME} bytes"),
                );
            }
            self.may_bind = true;
            let policy = Arc::new(self.read_policy(&path, node));
            self.may_bind = false;
            if policies.get(name.as_bytes()).is_some() {
                self.diagnostics.error(
                    Code::DuplicatePolicy,
                    &path,
                    "",
                    "appears twice; names are unique",
                );
            }
            policies.get_or_insert(name.as_bytes(), policy);
        }
        policies
    }
}

const DEFAULT_POLICY_WARNING: &str = "no configuration: any origin is allowed (allowOrigins \"*\"), with any header (allowHeaders \"*\"), by GET, HEAD, POST, PUT, PATCH, DELETE, CONNECT, OPTIONS and TRACE (allowMethods), without credentials (allowCredentials false), exposing every header (exposeHeaders \"*\"), for 5 s (maxAge 5); write a policy, or this one as {\"presets\": [\"open\"]}";

const MAX_CONFIGURATION: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(configuration: &str) -> Vec<String> {
        let (_, diagnostics) = PolicySet::from_bytes(configuration.as_bytes());
        diagnostics.errors().map(ToString::to_string).collect()
    }

    #[test]
    fn null_is_an_error_everywhere() {
        for configuration in [
            "null",
            r#"{"allowOrigins": null}"#,
            r#"{"allowOrigins": [null]}"#,
            r#"{"allowOrigins": ["*"], "maxAge": null}"#,
            r#"{"policies": null}"#,
            r#"{"policies": {"a": null}}"#,
            r#"{"policies": {"a": {"allowOrigins": null}}}"#,
            r#"{"rules": null}"#,
            r#"{"rules": [null]}"#,
            r#"{"rules": [{"match": null, "policy": {"allowOrigins": ["*"]}}]}"#,
            r#"{"rules": [{"match": {"hostnames": null}, "policy": {"allowOrigins": ["*"]}}]}"#,
            r#"{"rules": [{"match": {"hostnames": ["a"]}, "policy": null}]}"#,
            r#"{"rules": [{"match": {"hostnames": ["a"]}, "policyRef": null}]}"#,
            r#"{"debug": null}"#,
        ] {
            let errors = errors(configuration);
            assert_eq!(errors.len(), 1, "{configuration}: {errors:?}");
            assert!(errors[0].contains("null"), "{configuration}: {errors:?}");
        }
    }
}
