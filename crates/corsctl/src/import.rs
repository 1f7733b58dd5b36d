//! Reads another system's configuration, writes ours, and says every meaning that changes.
//!
//! Each system has a file that turns its configuration into routes with policies in our terms
//! ([`policy`], [`origins`]); [`routes`] writes them as one configuration. Nothing is allowed that
//! the source does not allow without being told ([`notes`]), and what cannot be said is refused.

mod envoy;
mod gateway_api;
mod higress;
mod istio;
mod krakend;
mod matching;
mod notes;
mod origins;
mod policy;
mod recognise;
mod routes;
mod rs_cors;
mod rule;
mod traefik;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::process::ExitCode;

use clap::ValueEnum;
use cors::config::json::Node;
use cors::select::policy_set::Plugin;
use serde::Serialize;

use super::Output;
use super::document::Source;
use super::value::{self, Place, Value, letters};
use notes::{Level, Notes, Remark};
use policy::Change;
use routes::{Precedence, Route};

/// What to import, and from where.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The configuration to read, YAML or JSON; - is the standard input
    file: String,

    /// The system that it belongs to; without this it is recognised by its shape
    #[arg(long, value_enum)]
    from: Option<System>,

    /// Import what can be read, and leave out what speaks of CORS and cannot
    #[arg(long)]
    partial: bool,
}

/// A system that has CORS policies.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum System {
    /// Envoy: CorsPolicy, alone or in routes, virtual hosts, listeners
    Envoy,
    /// Gateway API HTTPRoute and kgateway TrafficPolicy
    GatewayApi,
    /// Higress: the cors plugin's configuration, or its WasmPlugin
    Higress,
    /// Istio: VirtualService
    Istio,
    /// KrakenD: the whole file, version 2 or 3
    Krakend,
    /// rs/cors and what is built like it: allowed_origins, allowed_methods
    RsCors,
    /// Traefik: the headers middleware, and Traefik Hub's API
    Traefik,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Outcome<'n> {
    good: bool,
    /// None if something cannot be said.
    configuration: Option<serde_json::Value>,
    remarks: Vec<Remark<'n>>,
}

/// Prints the configuration to the standard output, or errors and no configuration.
pub fn run(arguments: &Arguments, output: Output) -> ExitCode {
    let source = match Source::read(&arguments.file) {
        Ok(source) => source,
        Err(error) => {
            super::print_error(&error.to_string());
            return ExitCode::from(2);
        }
    };
    let mut notes = Notes::of(&source.name, arguments.partial);
    let configuration = import(&source, arguments.from, &mut notes);
    let configuration = configuration.filter(|_| !notes.has_errors());
    match output {
        Output::Json => super::print_json(&Outcome {
            good: configuration.is_some(),
            configuration: configuration
                .as_ref()
                .and_then(|configuration| serde_json::from_str(&configuration.to_string()).ok()),
            remarks: notes.remarks().collect(),
        }),
        Output::Text => {
            for line in notes.lines() {
                eprintln!("{}", super::remark::guard(&line));
            }
            if let Some(configuration) = &configuration {
                super::print(&format!("{}\n", Pretty(configuration, 0)));
            }
        }
    }
    ExitCode::from(if configuration.is_some() { 0 } else { 2 })
}

fn import(source: &Source, from: Option<System>, notes: &mut Notes) -> Option<Node> {
    let objects = objects_of(source);
    if objects.is_empty() {
        notes.error(&Place::default(), "is empty");
        return None;
    }
    let systems = match from {
        Some(system) => vec![system],
        None => detect(&objects, notes),
    };
    if systems.is_empty() {
        return None;
    }
    // What is named by --from may have any shape.
    let is_owned = |value: &Value| systems.iter().any(|system| system.owns(value));
    let is_any = from.is_some() && !objects.iter().any(|object| is_owned(&object.value));
    let (read, passed): (Vec<_>, Vec<_>) = objects
        .iter()
        .partition(|object| is_owned(&object.value) || is_any && object.value.kind().is_none());
    let read: Vec<_> = read
        .into_iter()
        .map(|object| object.value.clone())
        .collect();
    for value in &read {
        check_keys(value, notes);
    }
    let mut routes = Vec::new();
    for system in &systems {
        let mut own = system.read(&read, &objects, notes);
        for route in &mut own {
            route.scope.precedence = system.precedence();
        }
        routes.extend(own);
    }
    let is_read = |object: &&&Object| !object.is_read_within(&objects, &is_owned);
    let passed: Vec<_> = passed.iter().filter(is_read).copied().collect();
    notes.tell_read(tell_read(&systems, &read, &routes, &passed));
    tell_passed(&passed, notes);
    if notes.has_errors() {
        return None;
    }
    let policies: Vec<_> = routes
        .iter()
        .filter_map(|route| route.policy.as_ref())
        .collect();
    for route in &routes {
        route.check(notes);
    }
    for policy in &policies {
        policy.check(notes);
        policy.tell_null(notes);
    }
    if policies.is_empty() {
        let text = format!("has no CORS policy of {}", names_of(&systems));
        notes.error(&Place::default(), text);
    }
    if notes.has_errors() {
        return None;
    }
    let configuration = routes::write(&routes, notes);
    // An empty configuration would be the default one, which allows any origin.
    if !notes.has_errors() && configuration == Node::Object(Vec::new()) {
        notes.error(
            &Place::default(),
            "has CORS policies, but none that a request reaches",
        );
    }
    for (when, text) in systems.iter().flat_map(|system| system.changes(&read)) {
        if policies.iter().any(|policy| when.concerns(policy)) {
            notes.push(Level::Changed, &Place::default(), text);
        }
    }
    let (_, diagnostics) = Plugin::from_json(&configuration);
    for error in diagnostics.errors() {
        notes.error(&Place::default(), error);
    }
    for warning in diagnostics.warnings() {
        notes.push(Level::Warning, &Place::default(), warning);
    }
    Some(configuration)
}

/// Something in a file that may be read: a document, a resource, or a file within a ConfigMap.
struct Object<'s> {
    value: Value<'s>,
    /// Of a file within a ConfigMap: its place in words.
    within: Option<&'s str>,
}

impl Object<'_> {
    fn kind(&self) -> &str {
        match self.within {
            Some(_) => "ConfigMap",
            None => self.value.kind().unwrap_or("document"),
        }
    }

    /// The object in words, as in `the Service "a/b"`.
    fn name(&self) -> String {
        let name = self.value.resource_name().unwrap_or_default();
        let namespace = self.value.resource_namespace();
        let namespace = namespace.map_or_else(String::new, |name| format!("{name}/"));
        match (self.within, self.value.kind().is_some()) {
            (Some(place), _) => format!("the {place}"),
            (None, true) => format!("the {} \"{namespace}{name}\"", self.kind()),
            (None, false) => "this document".to_owned(),
        }
    }

    /// Whether this is a ConfigMap of which a file is read.
    fn is_read_within(&self, all: &[Self], is_owned: &impl Fn(&Value) -> bool) -> bool {
        let name = self.value.resource_name().unwrap_or_default();
        let start = format!("ConfigMap \"{name}\",");
        let mut inner = all.iter().filter(|object| {
            let within = object.within;
            within.is_some_and(|place| place.starts_with(&start))
        });
        self.within.is_none()
            && self.kind() == "ConfigMap"
            && inner.any(|object| is_owned(&object.value))
    }
}

/// All that a file holds, lists and the files within ConfigMaps included.
fn objects_of(source: &Source) -> Vec<Object<'_>> {
    let documents = source.documents.iter().map(|document| (None, document));
    let inner = source.inner.iter();
    let inner = inner.map(|(place, document)| (Some(place.as_str()), document));
    let mut objects = Vec::new();
    for (within, document) in documents.chain(inner) {
        let mut values = Vec::new();
        flatten(Value::of(document), &mut values);
        objects.extend(values.into_iter().map(|value| Object { value, within }));
    }
    objects
}

/// A value, or what it lists if it is a list: of Kubernetes, or one of objects.
fn flatten<'s>(value: Value<'s>, values: &mut Vec<Value<'s>>) {
    let items = if matches!(value.node, Node::List(_)) {
        value.items()
    } else if let Some(items) = value.resources() {
        items
    } else {
        return values.push(value);
    };
    for item in items {
        flatten(item, values);
    }
}

/// Says in one line which system was read and what was passed over.
fn tell_read(systems: &[System], read: &[Value], routes: &[Route], passed: &[&Object]) -> String {
    let policies = routes.iter().filter_map(|route| route.policy.as_ref());
    let places: HashSet<&Place> = policies.map(|policy| &policy.place).collect();
    let count = |number: usize, one: &str| match (number, one.strip_suffix('y')) {
        (0, _) => format!("no {one}"),
        (1, _) => format!("1 {one}"),
        (_, Some(start)) => format!("{number} {start}ies"),
        (_, None) => format!("{number} {one}s"),
    };
    let mut text = format!(
        "read as {}: {}",
        names_of(systems),
        count(places.len(), "policy")
    );
    let kinds = read.iter().filter_map(|value| value.kind());
    let kinds: Vec<_> = counted(kinds)
        .into_iter()
        .map(|(kind, number)| count(number, kind))
        .collect();
    if !kinds.is_empty() {
        text += &format!(" in {}", kinds.join(", "));
    }
    if !passed.is_empty() {
        let kinds = counted(passed.iter().map(|object| object.kind())).into_iter();
        let kinds: Vec<_> = kinds
            .map(|(kind, number)| format!("{kind} {number}"))
            .collect();
        text += &format!("; passed over: {}", kinds.join(", "));
    }
    text
}

/// How often each text occurs, in the order of the first ones.
fn counted<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<(&'t str, usize)> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    let mut places = HashMap::new();
    for text in texts {
        let next = counts.len();
        let place = *places.entry(text).or_insert(next);
        match counts.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => counts.push((text, 1)),
        }
    }
    counts
}

/// What speaks of CORS and is passed over is never dropped in silence.
fn tell_passed(passed: &[&Object], notes: &mut Notes) {
    for object in passed {
        if let Some(at) = recognise::cors_in(&object.value) {
            let text = format!(
                "{} speaks of CORS here, which import does not read yet",
                object.name()
            );
            notes.unread(&at.place(), text);
        }
    }
}

/// Of two fields with one name one would be dropped in silence, and so would what a merge key brings.
fn check_keys(value: &Value, notes: &mut Notes) {
    let mut seen = HashSet::new();
    for (key, field) in value.entries() {
        if key == "<<" {
            let text = "is a merge key, which import does not read; write out what it brings";
            notes.error(&field.place(), text);
        } else if !seen.insert(letters(key).collect::<Vec<_>>()) {
            notes.error(&field.place(), "stands twice");
        }
        check_keys(&field, notes);
    }
    for item in value.items() {
        check_keys(&item, notes);
    }
}

/// Recognises the systems by what only their files hold. Several are read together only if one gateway
/// may serve them together.
fn detect(objects: &[Object], notes: &mut Notes) -> Vec<System> {
    let values = || objects.iter().map(|object| &object.value);
    let is_of = |system: &System| values().any(|value| system.owns(value));
    let all = System::value_variants();
    let found: Vec<_> = all.iter().copied().filter(is_of).collect();
    let names = |systems: &[System]| {
        let names = systems.iter().map(|system| system.argument());
        names.collect::<Vec<_>>().join(", ")
    };
    if found.len() == 1 || found == [System::GatewayApi, System::Istio] {
        return found;
    }
    if !found.is_empty() {
        let text = format!(
            "could be of several systems; say which with --from: {}",
            names(&found)
        );
        notes.error(&Place::default(), text);
        return Vec::new();
    }
    if values().any(|value| value.has("allow_origins")) {
        let text = "could be a configuration of this plugin (then it needs no import), of Higress or of rs/cors; say which with --from: higress, rs-cors";
        notes.error(&Place::default(), text);
        return Vec::new();
    }
    for object in objects {
        let value = &object.value;
        let Some(name) = recognise::name_of(value) else {
            continue;
        };
        let cors = recognise::cors_in(value);
        match (value.kind(), cors) {
            (Some(_), None) => {}
            (Some(_), Some(at)) => {
                let at = at.place();
                let text = format!("is {name} with CORS ({at}), which import does not read yet");
                notes.error(&value.place(), text);
            }
            // A name with a remedy says it all.
            (None, _) if name.contains([':', ',']) => {
                notes.error(&value.place(), format!("is {name}"));
            }
            (None, _) => {
                let text = format!("is {name}, which import does not read yet");
                notes.error(&value.place(), text);
            }
        }
    }
    if !notes.has_errors() {
        let kinds = counted(objects.iter().map(Object::kind)).into_iter();
        let kinds: Vec<_> = kinds
            .map(|(kind, number)| format!("{kind} {number}"))
            .collect();
        let text = format!(
            "is not of a system that import recognises ({}); if it is of one, say which with --from: {}",
            kinds.join(", "),
            names(all)
        );
        notes.error(&Place::default(), text);
    }
    Vec::new()
}

fn names_of(systems: &[System]) -> String {
    let names: Vec<_> = systems.iter().map(System::to_string).collect();
    names.join(" and ")
}

impl System {
    fn owns(self, value: &Value) -> bool {
        match self {
            Self::Envoy => envoy::owns(value),
            Self::GatewayApi => gateway_api::owns(value),
            Self::Higress => higress::owns(value),
            Self::Istio => istio::owns(value),
            Self::Krakend => krakend::owns(value),
            Self::RsCors => rs_cors::owns(value),
            Self::Traefik => traefik::owns(value),
        }
    }

    fn read(self, values: &[Value], all: &[Object], notes: &mut Notes) -> Vec<Route> {
        match self {
            Self::Envoy => envoy::read(values, notes),
            Self::GatewayApi => gateway_api::read(values, all, notes),
            Self::Higress => higress::read(values, notes),
            Self::Istio => istio::read(values, notes),
            Self::Krakend => krakend::read(values, notes),
            Self::RsCors => rs_cors::read(values, notes),
            Self::Traefik => traefik::read(values, notes),
        }
    }

    /// What is different for every policy of the system.
    fn changes(self, values: &[Value]) -> &'static [Change] {
        match self {
            Self::Envoy => envoy::CHANGES,
            Self::GatewayApi => gateway_api::changes(values),
            Self::Higress => higress::CHANGES,
            Self::Istio => istio::CHANGES,
            Self::Krakend => krakend::CHANGES,
            Self::RsCors => rs_cors::CHANGES,
            Self::Traefik => traefik::CHANGES,
        }
    }

    fn precedence(self) -> Precedence {
        match self {
            Self::Envoy | Self::Istio => Precedence::FirstOfHost,
            Self::Higress | Self::Traefik => Precedence::First,
            Self::GatewayApi | Self::Krakend | Self::RsCors => Precedence::Specific,
        }
    }

    fn argument(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Envoy => "Envoy",
            Self::GatewayApi => "the Gateway API",
            Self::Higress => "Higress",
            Self::Istio => "Istio",
            Self::Krakend => "KrakenD",
            Self::RsCors => "rs/cors",
            Self::Traefik => "Traefik",
        })
    }
}

/// JSON with objects on lines of their own and lists of texts on one.
struct Pretty<'n>(&'n Node, usize);

impl fmt::Display for Pretty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(node, depth) = self;
        let inner = "  ".repeat(depth + 1);
        let outer = "  ".repeat(*depth);
        match node {
            Node::Object(pairs) if !pairs.is_empty() => {
                for (index, (key, value)) in pairs.iter().enumerate() {
                    let before = if index == 0 { "{" } else { "," };
                    let key = policy::text(key);
                    write!(f, "{before}\n{inner}{key}: {}", Pretty(value, depth + 1))?;
                }
                write!(f, "\n{outer}}}")
            }
            Node::List(items) if matches!(items.first(), Some(Node::Object(_))) => {
                for (index, item) in items.iter().enumerate() {
                    let before = if index == 0 { "[" } else { "," };
                    write!(f, "{before}\n{inner}{}", Pretty(item, depth + 1))?;
                }
                write!(f, "\n{outer}]")
            }
            node => node.fmt(f),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  corsctl import krakend.json > cors.json
  kubectl get httproutes,trafficpolicies -A -o yaml | corsctl import - --from gateway-api > cors.json

The configuration goes to the standard output; every meaning that changes goes to the standard error.
Nothing is written if something cannot be said.";
