//! Where a file has the plugin's configurations: alone, in an Envoy configuration, in a resource
//! of Kubernetes.

use cors::config::json::Json;
use cors::diagnostic::{Diagnostics, join};
use cors::select::policy_set::PolicySet;

use crate::discover::recognise::{
    MAX_KEYS, has_policy_fields, is_clearly_a_configuration, is_misspelt, is_module_filter,
    is_of_higress, is_of_route, is_plugin, is_plugin_filter, looks_like_a_configuration,
    mentions_cors, module_configuration, type_of, wrapped,
};
use crate::input::cursor::Value;
use crate::input::document::Document;
use crate::input::source::Source;
use crate::output::code::Code;

/// What a document holds that concerns this plugin.
#[derive(Default)]
pub struct Found<'d> {
    pub configurations: Vec<Configuration<'d>>,
    /// Lists of HTTP filters that contain the plugin.
    pub chains: Vec<Chain<'d>>,
    /// Routes and virtual hosts that carry metadata.
    pub routes: Vec<Route<'d>>,
    /// Resources of Kubernetes that load the plugin.
    pub resources: Vec<(String, Value<'d>)>,
    /// Places of wasm plugins that are not this one, with what to say about them.
    pub others: Vec<(String, Value<'d>, Other)>,
    /// What routes requests, if not under a connection manager without the plugin: route configurations,
    /// virtual hosts, routes, clusters of a route.
    pub routing: Vec<Route<'d>>,
    /// Whether a connection manager without the plugin is being looked through.
    is_elsewhere: bool,
}

/// A configuration of the plugin.
pub struct Configuration<'d> {
    /// Where it is, in words; empty if it is the whole file.
    pub place: String,
    /// The key that the configuration is written under, although it has to be at the top.
    pub wrapper: Option<&'d str>,
    pub content: Content<'d>,
}

pub enum Content<'d> {
    /// None is given: the value is of what would hold it.
    Absent(Value<'d>),
    /// JSON in a string, and what it holds if it can be read.
    Text {
        value: Value<'d>,
        document: Option<Document>,
    },
    Tree(Value<'d>),
}

/// The HTTP filters of one connection manager.
pub struct Chain<'d> {
    pub place: String,
    pub manager: Value<'d>,
    pub filters: Vec<Value<'d>>,
    /// The plugin's index among them.
    pub plugin: usize,
}

/// A route, a virtual host, or another level of routing.
pub struct Route<'d> {
    pub place: String,
    pub value: Value<'d>,
}

impl<'d> Found<'d> {
    /// Looks through all documents of a file.
    pub fn within(source: &'d Source) -> Self {
        let mut found = Self::default();
        let is_one = source.documents.len() == 1;
        for (index, document) in source.documents.iter().enumerate() {
            let name = format!("document {}", index + 1);
            found.look_into(document, &[], if is_one { "" } else { &name });
        }
        for (place, document) in &source.inner {
            let place = std::slice::from_ref(place);
            found.look_into(document, place, "");
        }
        found
    }

    /// Looks through a document; `whole` is its place if it is all configuration and not a file within
    /// the file.
    fn look_into(&mut self, document: &'d Document, place: &[String], whole: &str) {
        let value = Value::of(document);
        let mut inner = Self::default();
        inner.walk(&value, place);
        if inner.is_empty() {
            let is_configuration = match place {
                [] => looks_like_a_configuration(&value),
                _ => {
                    let mut keys = value.pairs().iter().take(MAX_KEYS);
                    is_clearly_a_configuration(&value) || keys.any(|(key, _)| is_misspelt(key))
                }
            };
            let content = match wrapped(&value) {
                _ if is_configuration => Some((None, value.clone())),
                Some((key, within)) if place.is_empty() => Some((Some(key), within)),
                _ => None,
            };
            if let Some((wrapper, content)) = content {
                self.configurations.push(Configuration {
                    place: place.first().map_or(whole, String::as_str).to_owned(),
                    wrapper,
                    content: Content::Tree(content),
                });
                return;
            }
        }
        self.configurations.append(&mut inner.configurations);
        self.chains.append(&mut inner.chains);
        self.routes.append(&mut inner.routes);
        self.resources.append(&mut inner.resources);
        self.others.append(&mut inner.others);
        self.routing.append(&mut inner.routing);
    }

    fn is_empty(&self) -> bool {
        self.configurations.is_empty()
            && self.chains.is_empty()
            && self.routes.is_empty()
            && self.resources.is_empty()
            && self.others.is_empty()
    }

    fn walk(&mut self, value: &Value<'d>, above: &[String]) {
        match value.node {
            Json::List(_) => {
                for item in value.each_item() {
                    self.walk(&item, above);
                }
            }
            Json::Object(_) => self.walk_object(value, above),
            _ => {}
        }
    }

    fn walk_object(&mut self, value: &Value<'d>, above: &[String]) {
        let mut place = above.to_vec();
        if let (Some(kind), Some(_)) = (value.text_of("kind"), value.text_of("apiVersion")) {
            let text = |name| Some(value.at(&["metadata", name])?.text()?.to_owned());
            let namespace = text("namespace").map_or_else(String::new, |name| name + "/");
            let name = text("name").unwrap_or_default();
            place.push(format!("{kind} \"{namespace}{name}\""));
            match kind {
                "WasmPlugin" => {
                    let is_higress = value
                        .text_of("apiVersion")
                        .is_some_and(|version| version.contains("higress"));
                    let field = if is_higress {
                        "defaultConfig"
                    } else {
                        "pluginConfig"
                    };
                    self.add_resource(value, value.get("spec"), &place, field);
                }
                "TrafficExtension" => {
                    self.add_resource(value, value.at(&["spec", "wasm"]), &place, "pluginConfig");
                }
                "EnvoyExtensionPolicy" => {
                    for list in ["wasm", "dynamicModule"] {
                        let modules = value.list_at(&["spec", list]);
                        for (index, module) in modules.into_iter().enumerate() {
                            place.push(step(list, &module, index));
                            self.add_resource(value, Some(module), &place, "config");
                            place.pop();
                        }
                    }
                }
                _ => {}
            }
        }
        if is_module_filter(value) {
            self.add_filter(value, &place);
        }
        let filters = value.list("http_filters");
        if let Some(plugin) = filters.iter().position(is_plugin_filter) {
            self.chains.push(Chain {
                place: place.join(", "),
                manager: value.clone(),
                filters: filters.clone(),
                plugin,
            });
        }
        let route = || Route {
            place: place.join(", "),
            value: value.clone(),
        };
        if value.at(&["metadata", "filter_metadata"]).is_some() {
            self.routes.push(route());
        }
        // What is discovered may be the plugin.
        let may_be_plugin =
            |filter: &Value| is_plugin_filter(filter) || filter.has("config_discovery");
        let was_elsewhere = self.is_elsewhere;
        self.is_elsewhere |= !filters.is_empty() && !filters.iter().any(may_be_plugin);
        if !self.is_elsewhere && ROUTING_FIELDS.iter().any(|name| value.has(name)) {
            self.routing.push(route());
        }
        for (key, child) in value.each_entry() {
            match (child.node, name_of_items(key)) {
                (Json::List(_), Some(name)) => {
                    for (index, item) in child.each_item().enumerate() {
                        place.push(step(name, &item, index));
                        self.walk(&item, &place);
                        place.pop();
                    }
                }
                _ => self.walk(&child, &place),
            }
        }
        self.is_elsewhere = was_elsewhere;
    }

    fn add_resource(
        &mut self,
        resource: &Value<'d>,
        wasm: Option<Value<'d>>,
        place: &[String],
        field: &str,
    ) {
        let Some(wasm) = wasm else {
            return;
        };
        let configuration = wasm.get(field);
        let place = place.join(", ");
        if is_of_higress(&wasm) {
            self.others.push((place, wasm, HIGRESS));
            return;
        }
        let is_ours = configuration.as_ref().is_some_and(has_policy_fields)
            || mentions_cors(&wasm, &["defaultConfig", "pluginConfig", "config"])
            || field != "config"
                && resource
                    .get("metadata")
                    .is_some_and(|metadata| mentions_cors(&metadata, &[]));
        if !is_ours {
            self.others.push((place, wasm, NOT_CHECKED));
            return;
        }
        let content = match configuration {
            // Istio and Envoy Gateway hand over no bytes for an empty object.
            None => Content::Absent(wasm),
            Some(configuration) => Content::Tree(configuration),
        };
        self.resources.push((place.clone(), resource.clone()));
        self.configurations.push(Configuration {
            place,
            wrapper: None,
            content,
        });
    }

    fn add_filter(&mut self, filter: &Value<'d>, place: &[String]) {
        let place = place.join(", ");
        let configuration = module_configuration(filter);
        if is_of_higress(filter) {
            self.others.push((place, filter.clone(), HIGRESS));
            return;
        }
        if !is_plugin(filter) && !place.to_ascii_lowercase().contains("filter \"cors") {
            self.others.push((place, filter.clone(), NOT_CHECKED));
            return;
        }
        let text = configuration.as_ref().and_then(|any| any.get("value"));
        let text = text.as_ref().and_then(Value::text);
        if is_of_route(filter) && text.is_some_and(|text| !text.trim_start().starts_with('{')) {
            // The name of a policy.
            return;
        }
        let content = match configuration {
            None => Content::Absent(filter.clone()),
            Some(any) => match any.get("value") {
                Some(value) if value.text().is_some() => Content::Text {
                    document: value.embedded(),
                    value,
                },
                Some(value) => Content::Tree(value),
                None => Content::Tree(any),
            },
        };
        self.configurations.push(Configuration {
            place,
            wrapper: None,
            content,
        });
    }
}

impl Configuration<'_> {
    /// The line on which it starts.
    pub fn line(&self) -> Option<usize> {
        let (Content::Absent(value) | Content::Text { value, .. } | Content::Tree(value)) =
            &self.content;
        value.line_of("")
    }

    /// The same without its place.
    pub fn node(&self) -> Option<&Json> {
        match &self.content {
            Content::Absent(_) => None,
            Content::Text { document, .. } => document.as_ref().map(|document| &document.node),
            Content::Tree(value) => Some(value.node),
        }
    }

    /// What it holds, if it holds anything that can be read.
    pub fn root(&self) -> Option<Value<'_>> {
        match &self.content {
            Content::Absent(_) => None,
            Content::Text { document, .. } => document.as_ref().map(Value::of),
            Content::Tree(value) => Some(value.clone()),
        }
    }
}

/// Reads a configuration as the plugin will.
pub fn read(configuration: &Configuration) -> (Option<PolicySet>, Diagnostics) {
    match &configuration.content {
        Content::Absent(_) => PolicySet::from_bytes(b""),
        Content::Text { value, .. } => {
            PolicySet::from_bytes(value.text().unwrap_or_default().as_bytes())
        }
        Content::Tree(value) => PolicySet::from_json(value.node),
    }
}

/// Visits every object that may be a policy, with its path.
pub fn each_policy(node: &Json, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    match node {
        Json::List(items) => {
            for (index, item) in items.iter().enumerate() {
                if matches!(item, Json::List(_) | Json::Object(_)) {
                    each_policy(item, &format!("{path}[{index}]"), visit);
                }
            }
        }
        Json::Object(pairs) => {
            visit(path, &Value::bare(node));
            for (key, node) in pairs {
                if matches!(node, Json::List(_) | Json::Object(_)) {
                    each_policy(node, &join(path, key), visit);
                }
            }
        }
        _ => {}
    }
}

/// What the items of a list of Envoy's are called.
fn name_of_items(key: &str) -> Option<&'static str> {
    Some(match key {
        "clusters" => "cluster",
        "configPatches" | "config_patches" => "patch",
        "httpFilters" | "http_filters" => "filter",
        "listeners" => "listener",
        "resources" => "resource",
        "routes" => "route",
        "virtualHosts" | "virtual_hosts" => "virtual host",
        _ => return None,
    })
}

fn step(name: &str, item: &Value, index: usize) -> String {
    let kind = match (name, type_of(item)) {
        ("resource", Some(kind)) if kind.ends_with(".Listener") => "listener",
        ("resource", Some(kind)) if kind.ends_with(".RouteConfiguration") => "route configuration",
        ("resource", Some(kind)) if kind.ends_with(".VirtualHost") => "virtual host",
        _ => name,
    };
    match item.text_of("name") {
        Some(name) => format!("{kind} \"{name}\""),
        None => format!("{kind} {}", index + 1),
    }
}

type Other = (Code, &'static str);

/// Said of a plugin that is not this one.
const NOT_CHECKED: Other = (
    Code::NotChecked,
    "is another plugin, by its names: not checked",
);
const HIGRESS: Other = (
    Code::HigressPlugin,
    "is Higress's own cors plugin: not checked; corsctl import --from higress reads it",
);

/// Fields of what routes requests that concern the plugin.
const ROUTING_FIELDS: [&str; 4] = [
    "domains",
    "headers",
    "response_headers_to_add",
    "responseHeaderModifier",
];
