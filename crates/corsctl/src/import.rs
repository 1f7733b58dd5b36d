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
mod routes;
mod rs_cors;
mod traefik;

use std::collections::HashSet;
use std::fmt;
use std::process::ExitCode;

use clap::ValueEnum;
use cors::config;
use cors::node::Node;
use serde::Serialize;

use super::Output;
use super::document::{Document, Source};
use super::value::{self, Place, Value, letters};
use notes::{Level, Notes, Remark};
use routes::{Precedence, Route};

/// What to import, and from where.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The configuration to read, YAML or JSON; - is the standard input
    file: String,

    /// The system that it belongs to; without this it is told by its shape
    #[arg(long, value_enum)]
    from: Option<System>,
}

/// A system that has CORS policies.
#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
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
            eprintln!("corsctl: {error}");
            return ExitCode::from(2);
        }
    };
    let mut notes = Notes::of(&source.name);
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
                eprintln!("{line}");
            }
            if let Some(configuration) = &configuration {
                super::print(&format!("{}\n", Pretty(configuration, 0)));
            }
        }
    }
    ExitCode::from(if configuration.is_some() { 0 } else { 2 })
}

fn import(source: &Source, from: Option<System>, notes: &mut Notes) -> Option<Node> {
    let documents = source.documents.iter();
    let values: Vec<_> = documents.flat_map(Document::resources).collect();
    for document in &source.documents {
        check_keys(&Value::of(document), notes);
    }
    let system = from.or_else(|| detect(&values, notes))?;
    let routes = system.read(&values, notes);
    if notes.has_errors() {
        return None;
    }
    let policies = routes
        .iter()
        .filter_map(|route| Some((route, route.policy.as_ref()?)));
    for route in &routes {
        route.check(notes);
    }
    for (route, policy) in policies.clone() {
        policy.check(&route.place, notes);
        policy.tell_null(&route.place, notes);
    }
    if policies.count() == 0 {
        notes.error(&Place::default(), format!("has no CORS policy of {system}"));
    }
    if notes.has_errors() {
        return None;
    }
    let configuration = routes::write(&routes, system.precedence(), notes);
    // An empty configuration would be the default one, which allows any origin.
    if !notes.has_errors() && configuration == Node::Object(Vec::new()) {
        notes.error(
            &Place::default(),
            "has CORS policies, but none that a request reaches",
        );
    }
    for text in system.changes() {
        notes.push(Level::Changed, &Place::default(), text);
    }
    let (_, report) = config::read_node(&configuration);
    for problem in &report.errors.shown {
        notes.error(&Place::default(), problem);
    }
    for problem in &report.warnings.shown {
        notes.push(Level::Warning, &Place::default(), problem);
    }
    Some(configuration)
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

/// Tells the system by what only its files hold.
fn detect(values: &[Value], notes: &mut Notes) -> Option<System> {
    let is_of = |system: &&System| values.iter().any(|value| system.owns(value));
    let found: Vec<_> = System::value_variants().iter().filter(is_of).collect();
    let names = |systems: &[&System]| {
        let names = systems.iter().map(|system| system.argument());
        names.collect::<Vec<_>>().join(", ")
    };
    if let [system] = found.as_slice() {
        return Some(**system);
    }
    if !found.is_empty() {
        let text = format!(
            "could be of several systems; say which with --from: {}",
            names(&found)
        );
        notes.error(&Place::default(), text);
    } else if values.iter().any(|value| value.has("allow_origins")) {
        let text = "could be a configuration of this plugin (then it needs no import), of Higress or of rs/cors; say which with --from: higress, rs-cors";
        notes.error(&Place::default(), text);
    } else {
        let all: Vec<_> = System::value_variants().iter().collect();
        let text = format!(
            "is of no system that import knows by its shape; if it is of one, say which with --from: {}",
            names(&all)
        );
        notes.error(&Place::default(), text);
    }
    None
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

    fn read(self, values: &[Value], notes: &mut Notes) -> Vec<Route> {
        match self {
            Self::Envoy => envoy::read(values, notes),
            Self::GatewayApi => gateway_api::read(values, notes),
            Self::Higress => higress::read(values, notes),
            Self::Istio => istio::read(values, notes),
            Self::Krakend => krakend::read(values, notes),
            Self::RsCors => rs_cors::read(values, notes),
            Self::Traefik => traefik::read(values, notes),
        }
    }

    /// What is different for every policy of the system.
    fn changes(self) -> &'static [&'static str] {
        match self {
            Self::Envoy => envoy::CHANGES,
            Self::GatewayApi => gateway_api::CHANGES,
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
