//! Kubernetes' Ingress as routes, whatever its annotations say about CORS.

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::matching;
use crate::import::rules::route::{Path, Route, Scope};
use crate::input::cursor::Value;
use crate::output::code::Code;

/// Whether this is an Ingress of Kubernetes.
pub fn is_ingress(value: &Value) -> bool {
    let groups = ["networking.k8s.io", "extensions"];
    groups
        .iter()
        .any(|group| value.is_resource("Ingress", group))
}

/// The class that says which controller serves an Ingress.
pub fn class_of<'s>(ingress: &Value<'s>) -> Option<&'s str> {
    let class = ingress.at(&["spec", "ingressClassName"]);
    let class = class.or_else(|| annotation(ingress, "kubernetes.io/ingress.class"));
    class.and_then(|class| class.text())
}

/// An annotation by its whole name.
pub fn annotation<'s>(resource: &Value<'s>, name: &str) -> Option<Value<'s>> {
    resource.at(&["metadata", "annotations", name])
}

/// Whether a resource has an annotation whose name begins so.
pub fn has_annotation_of(resource: &Value, prefix: &str) -> bool {
    let annotations = resource.at(&["metadata", "annotations"]);
    let annotations = annotations.map_or_else(Vec::new, |all| all.entries());
    annotations.iter().any(|(name, _)| name.starts_with(prefix))
}

/// One path of an Ingress, with the service behind it.
pub struct IngressPath<'s> {
    /// None for any host.
    pub host: Option<&'s str>,
    /// Where the path is; the rule, or the whole Ingress, if it has none.
    pub at: Value<'s>,
    /// Without one, every path.
    pub path: Option<&'s str>,
    pub kind: &'s str,
    pub service: Option<&'s str>,
}

/// The paths of an Ingress, in their order.
pub fn paths_of<'s>(ingress: &Value<'s>, notes: &mut Notes) -> Vec<IngressPath<'s>> {
    let mut found = Vec::new();
    let default = ["defaultBackend", "backend"];
    let default = default.iter().find_map(|name| ingress.at(&["spec", name]));
    let rules = ingress.list_at(&["spec", "rules"]);
    if rules.is_empty() && default.is_none() {
        let text = "has no rules: it is a patch or a part of a chart: import what kustomize build or helm template prints";
        notes.push(Code::SourceTemplate, &ingress.place(), text);
    }
    for rule in &rules {
        let host = rule.text_of("host").filter(|host| !host.is_empty());
        let paths = rule.list_at(&["http", "paths"]);
        if paths.is_empty() {
            found.push(whole(rule, host, default.as_ref()));
        }
        found.extend(paths.iter().map(|one| IngressPath {
            host,
            at: one.clone(),
            path: one.text_of("path"),
            kind: one.text_of("pathType").unwrap_or_default(),
            service: one.get("backend").and_then(|backend| service_of(&backend)),
        }));
    }
    if rules.is_empty() && default.is_some() {
        found.push(whole(ingress, None, default.as_ref()));
    }
    found
}

/// Every path of a host, or of all.
fn whole<'s>(
    at: &Value<'s>,
    host: Option<&'s str>,
    backend: Option<&Value<'s>>,
) -> IngressPath<'s> {
    IngressPath {
        host,
        at: at.clone(),
        path: None,
        kind: "Prefix",
        service: backend.and_then(service_of),
    }
}

fn service_of<'s>(backend: &Value<'s>) -> Option<&'s str> {
    let service = backend.at(&["service", "name"]);
    service.or_else(|| backend.get("serviceName"))?.text()
}

impl IngressPath<'_> {
    /// The path as a route, whose policy comes from elsewhere. Paths are regular expressions if an
    /// annotation says so.
    pub fn route(
        &self,
        name: &str,
        scope: &Scope,
        is_regex: bool,
        policy: Option<Policy>,
        notes: &mut Notes,
    ) -> Route {
        let place = self.at.place();
        let text = self.path.filter(|path| !path.is_empty()).unwrap_or("/");
        let (path, condition) = match self.kind {
            _ if self.path.is_none() => (Path::Any, None),
            _ if is_regex => match literal_of(text) {
                Some(prefix) => (matching::below(prefix, &place, notes), None),
                None => (Path::Any, Some("a regular expression over the path")),
            },
            "Exact" => (Path::Exact(text.to_owned()), None),
            "Prefix" => (Path::below(text), None),
            _ => (matching::below(text, &place, notes), None),
        };
        if let Some(host) = self.host.filter(|host| host.starts_with("*.")) {
            let text = format!(
                "\"{host}\" is one label and this domain in an Ingress; here it is one or more labels"
            );
            notes.push(Code::HostWildcard, &place, text);
        }
        Route {
            name: name.to_owned(),
            place,
            hosts: self.host.map(str::to_owned).into_iter().collect(),
            paths: vec![path],
            route_names: Vec::new(),
            condition,
            policy,
            scope: scope.clone(),
        }
    }
}

/// The literal text that a regular expression of a path begins with, if it matches everything below
/// that: the forms that go with a rewrite, such as `/api(/|$)(.*)`.
pub fn literal_of(regex: &str) -> Option<&str> {
    if is_literal(regex) {
        return Some(regex);
    }
    let tails = [
        "(/|$)(.*)",
        "(/|$)",
        "(/.*|$)",
        "(/.*)?",
        "/?(.*)",
        "/?.*",
        "/(.*)",
        "/.*",
        "(.*)",
        ".*",
    ];
    let regex = regex.strip_suffix('$').unwrap_or(regex);
    let mut starts = tails.iter().filter_map(|tail| regex.strip_suffix(tail));
    starts.find(|start| is_literal(start))
}

/// Whether a path has no characters that a regular expression reads otherwise.
pub fn is_literal(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_for_everything_below_a_path_are_prefixes() {
        for (regex, prefix) in [
            ("/api(/|$)(.*)", Some("/api")),
            ("/(.*)", Some("")),
            ("/api/?(.*)", Some("/api")),
            ("/api", Some("/api")),
            ("/api/v[0-9]+/(.*)", None),
            ("/(a|b)/(.*)", None),
            ("/api$", None),
        ] {
            assert_eq!(literal_of(regex), prefix, "{regex}");
        }
    }
}
