//! Kong in Kubernetes: KongPlugins and KongClusterPlugins, which Ingresses and Services name in an
//! annotation.

use std::collections::{BTreeMap, HashMap, HashSet};

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::ingress::{
    IngressPath, annotation, class_of, has_annotation_of, is_ingress, is_literal, literal_of,
    paths_of,
};
use crate::import::matching;
use crate::import::objects::Object;
use crate::import::rules::route::{Path, Route, Scope};
use crate::input::cursor::Value;
use crate::output::code::Code;

/// Whether this is a plugin of Kong, or an Ingress that Kong serves.
pub fn owns(value: &Value) -> bool {
    let is_of_kong = || {
        let class = class_of(value).unwrap_or_default();
        class.contains("kong") || has_annotation_of(value, "konghq.com/")
    };
    is_plugin(value) || is_ingress(value) && is_of_kong()
}

fn is_plugin(value: &Value) -> bool {
    KINDS
        .iter()
        .any(|kind| value.is_resource(kind, "configuration.konghq.com"))
}

type ReadPolicy = fn(&Value, &mut Notes) -> Option<Policy>;

pub fn read(
    own: &[Value],
    all: &[Object],
    read_policy: ReadPolicy,
    notes: &mut Notes,
) -> Vec<Route> {
    let mut plugins = Plugins::of(own, notes);
    let services: HashMap<_, _> = all
        .iter()
        .map(|object| &object.value)
        .filter(|value| value.kind() == Some("Service") && annotation(value, ANNOTATION).is_some())
        .map(|service| {
            (
                (
                    namespace_of(service),
                    service.resource_name().unwrap_or_default(),
                ),
                service,
            )
        })
        .collect();
    let mut routes = Vec::new();
    for ingress in own.iter().filter(|value| is_ingress(value)) {
        let namespace = namespace_of(ingress);
        let of_ingress = plugins.named_by(ingress, notes);
        for path in paths_of(ingress, notes) {
            let of_service = || services.get(&(namespace, path.service?)).copied();
            let plugin = match (&of_ingress, of_service()) {
                (Some(plugin), _) => Some(plugin.clone()),
                (None, Some(service)) => plugins.named_by(service, notes),
                (None, None) => None,
            };
            let plugin = plugin.or_else(|| plugins.global.clone());
            let policy = plugin.and_then(|plugin| read_policy(&plugin, notes));
            routes.push(route_of(&path, ingress, policy, notes));
        }
    }
    if let Some(plugin) = plugins.global.clone()
        && let Some(policy) = read_policy(&plugin, notes)
    {
        let mut route = Route::everything("cors", plugin.place(), policy);
        route.scope.priority = Some(0);
        routes.push(route);
    }
    // What else is in the file may name it in a way that import does not read.
    let is_all = all.iter().all(|object| is_plugin(&object.value));
    match plugins.alone().filter(|_| is_all && routes.is_empty()) {
        Some(plugin) => {
            let text = "is named by nothing in this file: it is written for everything that passes the filter";
            notes.push(Code::PolicyForEverything, &plugin.place(), text);
            let policy = read_policy(&plugin, notes);
            routes.extend(policy.map(|policy| {
                let name = plugin.resource_name().unwrap_or("cors");
                Route::everything(name, plugin.place(), policy)
            }));
        }
        None => plugins.report_unused(notes),
    }
    routes
}

/// The cors plugins, by namespace and name; those of the cluster have no namespace.
struct Plugins<'s> {
    all: BTreeMap<(Option<&'s str>, &'s str), Value<'s>>,
    /// Plugins of other names, so that a reference to one is not taken for one that is missing.
    others: HashSet<(Option<&'s str>, &'s str)>,
    global: Option<Value<'s>>,
    used: HashSet<(Option<&'s str>, &'s str)>,
}

impl<'s> Plugins<'s> {
    fn of(own: &[Value<'s>], notes: &mut Notes) -> Self {
        let mut plugins = Self {
            all: BTreeMap::new(),
            others: HashSet::new(),
            global: None,
            used: HashSet::new(),
        };
        for plugin in own.iter().filter(|value| is_plugin(value)) {
            let namespace = (plugin.kind() == Some(KINDS[0])).then(|| namespace_of(plugin));
            let key = (namespace, plugin.resource_name().unwrap_or_default());
            let is_off = plugin
                .get("disabled")
                .is_some_and(|off| *off.node == Json::Bool(true));
            if plugin.text_of("plugin") != Some("cors") || is_off {
                plugins.others.insert(key);
                continue;
            }
            for name in ["configFrom", "configPatches"] {
                if let Some(from) = plugin.get(name) {
                    let text = "takes its configuration from a Secret, which import does not read: write it as config";
                    notes.push(Code::MissingReference, &from.place(), text);
                }
            }
            let label = plugin.at(&["metadata", "labels", "global"]);
            if label.and_then(|label| label.text()) == Some("true") {
                plugins.used.insert(key);
                if plugins.global.replace(plugin.clone()).is_some() {
                    let text = "is a second cors plugin of everything; write one";
                    notes.push(Code::SeveralPolicies, &plugin.place(), text);
                }
            }
            plugins.all.insert(key, plugin.clone());
        }
        plugins
    }

    /// The cors plugin among those that an annotation names: of the namespace, then of the cluster.
    fn named_by(&mut self, resource: &Value<'s>, notes: &mut Notes) -> Option<Value<'s>> {
        let list = annotation(resource, ANNOTATION)?;
        let names = list.text()?.split(',').map(str::trim);
        let mut found = None;
        for name in names.filter(|name| !name.is_empty()) {
            let (namespace, name) = name
                .split_once(':')
                .unwrap_or((namespace_of(resource), name));
            let keys = [(Some(namespace), name), (None, name)];
            let mut plugins = keys
                .iter()
                .filter_map(|key| Some((key, self.all.get(key)?)));
            if let Some((key, plugin)) = plugins.next() {
                if found.replace(plugin.clone()).is_some() {
                    let text = "names two cors plugins; leave one";
                    notes.push(Code::SeveralPolicies, &list.place(), text);
                }
                self.used.insert(*key);
            } else if !keys.iter().any(|key| self.others.contains(key)) {
                let text = format!(
                    "names the plugin \"{name}\", which is not in this file and may be a cors plugin: import both together"
                );
                notes.unread(&list.place(), text);
            }
        }
        found
    }

    /// The only plugin, if there is one alone.
    fn alone(&self) -> Option<Value<'s>> {
        let mut all = self.all.values();
        all.next().filter(|_| all.next().is_none()).cloned()
    }

    fn report_unused(&self, notes: &mut Notes) {
        let unused = self.all.iter().filter(|(key, _)| !self.used.contains(*key));
        for (_, plugin) in unused {
            let text = format!(
                "the {} \"{}\" is named by no Ingress and no Service of this file: import it together with those that name it",
                plugin.kind().unwrap_or_default(),
                plugin.resource_name().unwrap_or_default()
            );
            notes.unread(&plugin.place(), text);
        }
    }
}

/// Kong's order: a host before none, then the longer path.
fn route_of(
    path: &IngressPath,
    ingress: &Value,
    policy: Option<Policy>,
    notes: &mut Notes,
) -> Route {
    let length = path.path.map_or(0, str::len);
    let is_exact = usize::from(path.kind == "Exact");
    let host = path
        .host
        .map_or(0, |host| if host.starts_with('*') { 1 } else { 2 });
    let scope = Scope {
        priority: Some(1 + ((host * 2) + is_exact) * 10_000 + length.min(9_999)),
        ..Scope::default()
    };
    let name = ingress.resource_name().unwrap_or("cors");
    let regex = path.path.and_then(|path| path.strip_prefix("/~"));
    let mut route = path.route(name, &scope, false, policy, notes);
    if let Some(regex) = regex {
        let text = format!("~{regex}");
        match read_path(&text, &path.at, notes) {
            Some(path) => route.paths = vec![path],
            None => {
                route.paths = vec![Path::Any];
                route.condition = Some("a regular expression over the path");
            }
        }
    }
    route
}

/// A path of Kong: a prefix of text, or a regular expression; none if no rule can match that.
pub fn read_path(text: &str, at: &Value, notes: &mut Notes) -> Option<Path> {
    let regex = text.strip_prefix('~');
    if regex.is_none() && is_literal(text) {
        return Some(matching::below(text, &at.place(), notes));
    }
    let regex = regex.unwrap_or(text);
    let exact = regex.strip_suffix('$').filter(|path| is_literal(path));
    match exact {
        Some(path) => Some(Path::Exact(path.to_owned())),
        None => Some(matching::below(literal_of(regex)?, &at.place(), notes)),
    }
}

fn namespace_of<'s>(value: &Value<'s>) -> &'s str {
    value.resource_namespace().unwrap_or_default()
}

const KINDS: [&str; 2] = ["KongPlugin", "KongClusterPlugin"];
const ANNOTATION: &str = "konghq.com/plugins";
