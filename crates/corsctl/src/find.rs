//! Where the plugin's configurations stand in a file: alone, in an Envoy configuration, in a resource
//! of Kubernetes.

use cors::field::{Field, PLUGIN_FIELDS, POLICY_FIELDS, find, is_comment, suggest};
use cors::node::Node;

use super::document::{Document, Source};
use super::value::Value;

/// What a document holds that concerns this plugin.
#[derive(Default)]
pub struct Found<'d> {
    pub configurations: Vec<Configuration<'d>>,
    /// Lists of HTTP filters in which the plugin stands.
    pub chains: Vec<Chain<'d>>,
    /// Routes and virtual hosts that carry metadata.
    pub routes: Vec<Route<'d>>,
    /// Resources of Kubernetes that load the plugin.
    pub resources: Vec<(String, Value<'d>)>,
    /// Where wasm plugins stand that are not this one.
    pub others: Vec<(String, Value<'d>)>,
}

/// A configuration of the plugin.
pub struct Configuration<'d> {
    /// Where it stands, in words; empty if it is the whole file.
    pub place: String,
    pub content: Content<'d>,
}

pub enum Content<'d> {
    /// None is given: the value is of what would hold it.
    Absent(Value<'d>),
    /// JSON in a string.
    Text(Value<'d>),
    Tree(Value<'d>),
}

/// The HTTP filters of one connection manager.
pub struct Chain<'d> {
    pub place: String,
    pub filters: Vec<Value<'d>>,
    /// The plugin's index among them.
    pub plugin: usize,
}

/// Something that carries metadata: a route, or a virtual host.
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
            found.look_into(document, std::slice::from_ref(place), place);
        }
        found
    }

    /// Looks through a document; `whole` is its place if it is all configuration.
    fn look_into(&mut self, document: &'d Document, place: &[String], whole: &str) {
        let value = Value::of(document);
        let mut inner = Self::default();
        inner.walk(&value, place);
        if inner.is_empty() && looks_like_a_configuration(&value) {
            self.configurations.push(Configuration {
                place: whole.to_owned(),
                content: Content::Tree(value),
            });
            return;
        }
        self.configurations.append(&mut inner.configurations);
        self.chains.append(&mut inner.chains);
        self.routes.append(&mut inner.routes);
        self.resources.append(&mut inner.resources);
        self.others.append(&mut inner.others);
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
            Node::List(_) => {
                for item in value.items() {
                    self.walk(&item, above);
                }
            }
            Node::Object(_) => self.walk_object(value, above),
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
                    for (index, wasm) in value.list_at(&["spec", "wasm"]).into_iter().enumerate() {
                        place.push(step("wasm", &wasm, index));
                        self.add_resource(value, Some(wasm), &place, "config");
                        place.pop();
                    }
                }
                _ => {}
            }
        }
        if is_wasm_filter(value) {
            self.add_filter(value, &place);
        }
        let filters = value.list("http_filters");
        if let Some(plugin) = filters.iter().position(is_plugin_filter) {
            self.chains.push(Chain {
                place: place.join(", "),
                filters,
                plugin,
            });
        }
        if value.at(&["metadata", "filter_metadata"]).is_some() {
            self.routes.push(Route {
                place: place.join(", "),
                value: value.clone(),
            });
        }
        for (key, child) in value.all_entries() {
            match (child.node, name_of_items(key)) {
                (Node::List(_), Some(name)) => {
                    for (index, item) in child.items().into_iter().enumerate() {
                        place.push(step(name, &item, index));
                        self.walk(&item, &place);
                        place.pop();
                    }
                }
                _ => self.walk(&child, &place),
            }
        }
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
        let is_ours = configuration.as_ref().is_some_and(has_policy_fields)
            || mentions_cors(&wasm, &["defaultConfig", "pluginConfig", "config"])
            || field != "config"
                && resource
                    .get("metadata")
                    .is_some_and(|metadata| mentions_cors(&metadata, &[]));
        if !is_ours {
            self.others.push((place, wasm));
            return;
        }
        let content = match configuration {
            // Istio and Envoy Gateway hand over no bytes for an empty object.
            None => Content::Absent(wasm),
            Some(configuration) => Content::Tree(configuration),
        };
        self.resources.push((place.clone(), resource.clone()));
        self.configurations.push(Configuration { place, content });
    }

    fn add_filter(&mut self, filter: &Value<'d>, place: &[String]) {
        let place = place.join(", ");
        let configuration = wasm_configuration(filter);
        if !is_plugin(filter) && !place.to_ascii_lowercase().contains("filter \"cors") {
            self.others.push((place, filter.clone()));
            return;
        }
        let content = match configuration {
            None => Content::Absent(filter.clone()),
            Some(any) => match any.get("value") {
                Some(value) if value.text().is_some() => Content::Text(value),
                Some(value) => Content::Tree(value),
                None => Content::Tree(any),
            },
        };
        self.configurations.push(Configuration { place, content });
    }
}

impl Configuration<'_> {
    /// The line on which it starts.
    pub fn line(&self) -> Option<usize> {
        let (Content::Absent(value) | Content::Text(value) | Content::Tree(value)) = &self.content;
        value.line_of("")
    }
}

/// What the items of a list of Envoy's are called.
fn name_of_items(key: &str) -> Option<&'static str> {
    Some(match key {
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

/// The message type of an `Any`, or the one that a `TypedStruct` stands for.
pub fn type_of<'d>(value: &Value<'d>) -> Option<&'d str> {
    value.text_of("type_url").or_else(|| {
        value
            .pairs()
            .iter()
            .find(|(key, _)| key == "@type")
            .and_then(|(_, node)| match node {
                Node::String(text) => Some(text.as_str()),
                _ => None,
            })
    })
}

fn is_wasm_filter(value: &Value) -> bool {
    type_of(value).is_some_and(|kind| kind.ends_with("filters.http.wasm.v3.Wasm"))
}

/// `config.configuration` of the filter, itself or within a `TypedStruct`.
fn wasm_configuration<'d>(filter: &Value<'d>) -> Option<Value<'d>> {
    filter
        .at(&["config", "configuration"])
        .or_else(|| filter.at(&["value", "config", "configuration"]))
}

/// Whether an entry of `http_filters` is this plugin.
fn is_plugin_filter(entry: &Value) -> bool {
    entry.get("typed_config").is_some_and(|config| {
        is_wasm_filter(&config)
            && (is_plugin(&config)
                || entry
                    .text_of("name")
                    .is_some_and(|name| name.to_ascii_lowercase().contains("cors")))
    })
}

/// Whether a wasm filter is this plugin: its names or its code say cors, or its configuration is one,
/// or was meant to be.
fn is_plugin(filter: &Value) -> bool {
    let configuration = wasm_configuration(filter);
    let has_fields = configuration.is_some_and(|any| {
        let value = any.get("value").unwrap_or(any);
        match (value.text(), value.embedded()) {
            (_, Some(document)) => has_policy_fields(&Value::of(&document)),
            (Some(broken), None) => mentions_policy_field(broken),
            (None, None) => has_policy_fields(&value),
        }
    });
    has_fields || mentions_cors(filter, &["configuration"])
}

/// Whether some key is a field of a policy or a misspelt one. Other plugins have fields that are alike,
/// so a misspelt one is a long name that begins as it should.
fn has_policy_fields(value: &Value) -> bool {
    let names = || POLICY_FIELDS.iter().map(|field| field.name);
    let is_misspelt = |key: &str| {
        let start = |name: &str| name.get(..2).map(str::to_ascii_lowercase);
        let long = names().filter(|name| name.len() > 8);
        suggest(long, key).is_some_and(|name| start(name) == start(key))
    };
    let mut keys = value.pairs().iter().map(|(key, _)| key);
    keys.any(|key| find(POLICY_FIELDS, key).is_some() || is_misspelt(key))
}

/// Whether a text that is neither JSON nor YAML names a field of a policy.
fn mentions_policy_field(text: &str) -> bool {
    let plain = text.replace('_', "").to_ascii_lowercase();
    let mut names = POLICY_FIELDS.iter().map(|field| field.name);
    names.any(|name| name.len() > 8 && plain.contains(&name.to_ascii_lowercase()))
}

/// Whether some text says cors, apart from what stands under these keys.
fn mentions_cors(value: &Value, except: &[&str]) -> bool {
    match value.node {
        Node::List(_) => value.items().iter().any(|item| mentions_cors(item, except)),
        Node::Object(_) => value
            .entries()
            .iter()
            .any(|(key, value)| !except.contains(key) && mentions_cors(value, except)),
        Node::String(text) => text.to_ascii_lowercase().contains("cors"),
        _ => false,
    }
}

/// Whether a document is the plugin's configuration itself: of what has nothing of it, nothing can
/// be said.
fn looks_like_a_configuration(value: &Value) -> bool {
    let Node::Object(pairs) = value.node else {
        return false;
    };
    let known = || POLICY_FIELDS.iter().chain(PLUGIN_FIELDS);
    let is_close = |key: &str| {
        let name = |field: &'static Field| field.name;
        find(known(), key).is_some() || suggest(known().map(name), key).is_some()
    };
    let is_other = value.has("apiVersion") && value.has("kind")
        || ENVOY_FIELDS.iter().any(|name| value.has(name));
    let mut keys = pairs.iter().filter(|(key, _)| !is_comment(key));
    !is_other && (pairs.is_empty() || keys.any(|(key, _)| is_close(key)))
}

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
