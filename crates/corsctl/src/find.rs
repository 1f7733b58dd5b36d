//! Where the plugin's configurations stand in a file: alone, in an Envoy configuration, in a resource
//! of Kubernetes.

use cors::config::fields::{Kind, PLUGIN_FIELDS, POLICY_FIELDS, find, is_comment, suggest};
use cors::config::json::Node;

use super::document::{Document, Source};
use super::value::{Value, same};

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
    /// Places of wasm plugins that are not this one, with what to say about them.
    pub others: Vec<(String, Value<'d>, &'static str)>,
    /// What routes requests, if not under a connection manager without the plugin: route configurations,
    /// virtual hosts, routes, clusters of a route.
    pub routing: Vec<Route<'d>>,
    /// Whether a connection manager without the plugin is being looked through.
    is_elsewhere: bool,
}

/// A configuration of the plugin.
pub struct Configuration<'d> {
    /// Where it stands, in words; empty if it is the whole file.
    pub place: String,
    /// The key that the configuration is written under, although it has to be at the top.
    pub wrapper: Option<&'d str>,
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
            Node::List(_) => {
                for item in value.each_item() {
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
                (Node::List(_), Some(name)) => {
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
        let configuration = wasm_configuration(filter);
        if is_of_higress(filter) {
            self.others.push((place, filter.clone(), HIGRESS));
            return;
        }
        if !is_plugin(filter) && !place.to_ascii_lowercase().contains("filter \"cors") {
            self.others.push((place, filter.clone(), NOT_CHECKED));
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
        let (Content::Absent(value) | Content::Text(value) | Content::Tree(value)) = &self.content;
        value.line_of("")
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

/// The tree of the configuration of a filter among `http_filters`, if it can be read.
pub fn with_configuration<T>(entry: &Value, read: impl Fn(&Value) -> T) -> Option<T> {
    let any = wasm_configuration(&entry.get("typed_config")?)?;
    let value = any.get("value").unwrap_or(any);
    match (value.text(), value.embedded()) {
        (Some(_), document) => document.map(|document| read(&Value::of(&document))),
        (None, _) => Some(read(&value)),
    }
}

/// Whether an entry of `http_filters` is this plugin.
pub fn is_plugin_filter(entry: &Value) -> bool {
    entry.get("typed_config").is_some_and(|config| {
        is_wasm_filter(&config)
            && !is_of_higress(&config)
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

/// Whether a wasm filter or plugin is Higress's own for CORS, whose fields are other ones.
fn is_of_higress(value: &Value) -> bool {
    const FIELD: &str = "allow_origin_patterns";
    let configurations = value
        .list("matchRules")
        .into_iter()
        .filter_map(|rule| rule.get("config"))
        .chain(value.get("defaultConfig"));
    let mut configurations = configurations.chain(wasm_configuration(value));
    let url = value.text_of("url").unwrap_or_default();
    url.contains("/plugins/cors") || configurations.any(|value| mentions(&value, FIELD, true))
}

/// Whether some key is a field of a policy or a misspelt one. Other plugins have fields that are alike,
/// so a misspelt one is a long name that begins as it should.
fn has_policy_fields(value: &Value) -> bool {
    let mut keys = value.pairs().iter().map(|(key, _)| key).take(MAX_KEYS);
    keys.any(|key| find(POLICY_FIELDS, key).is_some() || is_misspelt(key))
}

fn is_misspelt(key: &str) -> bool {
    let start = |name: &str| name.get(..2).map(str::to_ascii_lowercase);
    let names = POLICY_FIELDS.iter().map(|field| field.name);
    let long = names.filter(|name| name.len() > 8);
    suggest(long, key).is_some_and(|name| start(name) == start(key))
}

/// Whether a text that is neither JSON nor YAML names a field of a policy.
pub fn mentions_policy_field(text: &str) -> bool {
    let plain = text.replace('_', "").to_ascii_lowercase();
    let mut names = POLICY_FIELDS.iter().map(|field| field.name);
    names.any(|name| name.len() > 8 && plain.contains(&name.to_ascii_lowercase()))
}

/// Whether some text says cors, apart from what these keys hold.
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

/// Whether a key, or a text if `in_texts`, holds this word.
fn mentions(value: &Value, word: &str, in_texts: bool) -> bool {
    match value.node {
        Node::List(_) => value
            .items()
            .iter()
            .any(|item| mentions(item, word, in_texts)),
        Node::Object(_) => value
            .all_entries()
            .iter()
            .any(|(key, value)| *key == word || mentions(value, word, in_texts)),
        Node::String(text) => in_texts && text.contains(word),
        _ => false,
    }
}

/// Whether a document is the plugin's configuration itself, or was meant to be: it is empty, has a field
/// that nothing else has, or two of those that other files have too.
fn looks_like_a_configuration(value: &Value) -> bool {
    let Node::Object(pairs) = value.node else {
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
fn is_clearly_a_configuration(value: &Value) -> bool {
    let is_own = |key: &str, node: &Node| {
        let field = find(POLICY_FIELDS.iter().chain(PLUGIN_FIELDS), key);
        field.is_some_and(|field| match (field.name, &field.kind) {
            ("mode", Kind::OneOf(words)) => is_one_of(node, words),
            ("presets", Kind::EachOneOf(words)) => {
                matches!(node, Node::List(items) if items.iter().any(|item| is_one_of(item, words)))
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
            ("routeMetadataNamespace", _) => true,
            (name, _) => !COMMON_FIELDS.contains(&name),
        })
    };
    let is_other = value.has("apiVersion") && value.has("kind");
    let mut keys = value.pairs().iter().take(MAX_KEYS);
    !is_other && keys.any(|(key, node)| is_own(key, node))
}

fn is_one_of(node: &Node, words: &[&str]) -> bool {
    matches!(node, Node::String(text) if words.iter().any(|word| word.eq_ignore_ascii_case(text)))
}

/// The configuration that is all a document holds, under a key of its own.
fn wrapped<'d>(value: &Value<'d>) -> Option<(&'d str, Value<'d>)> {
    let entries = value.entries();
    let [(key, within)] = entries.as_slice() else {
        return None;
    };
    let is_name = same(key, "cors") || same(key, "corsPolicy");
    let is_configuration = !within.pairs().is_empty() && looks_like_a_configuration(within);
    (is_name && is_configuration).then(|| (*key, within.clone()))
}

/// Said of a plugin that is not this one.
pub const NOT_CHECKED: &str = "is another plugin, as far as its names tell: not checked";
pub const HIGRESS: &str =
    "is Higress's own cors plugin: not checked; corsctl import --from higress reads it";

/// As many keys as no configuration has.
const MAX_KEYS: usize = 1_000;

/// Fields that the files of other programs have too.
const COMMON_FIELDS: [&str; 5] = ["debug", "grants", "hosts", "statPrefix", "strict"];

/// Fields of what routes requests that concern the plugin.
const ROUTING_FIELDS: [&str; 4] = [
    "domains",
    "headers",
    "response_headers_to_add",
    "responseHeaderModifier",
];

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
