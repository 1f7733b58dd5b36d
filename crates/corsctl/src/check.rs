//! `corsctl check`: everything that is wrong with a configuration, before it is deployed.

use std::process::ExitCode;

use cors::config;
use cors::escape::Shown;
use cors::field::{POLICY_FIELDS, find};
use cors::node::Node;
use cors::origin::OriginPattern;
use cors::plugin::Plugin;
use cors::report::{Report, join};
use serde::Serialize;

use super::document::{InputError, Source};
use super::envoy::{self, Metadata, NOT_CHECKED};
use super::find::{Configuration, Content, Found};
use super::remark::{Remark, Severity, at, color};
use super::value::Value;
use super::{BAD_INPUT, Output, REFUSED};

/// What to check, and how strictly.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Plugin JSON or YAML, or what contains it: an Envoy bootstrap, listeners or routes, a
    /// WasmPlugin, TrafficExtension, EnvoyFilter, EnvoyExtensionPolicy or ConfigMap; - is the
    /// standard input
    #[arg(required = true)]
    files: Vec<String>,

    /// Count warnings as errors, and what is not checked as a warning
    #[arg(long)]
    strict: bool,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Outcome {
    good: bool,
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    file: String,
    configurations: Vec<Checked>,
    /// About what stands around the configurations.
    findings: Vec<Finding>,
    /// Why the file cannot be read.
    unreadable: Option<Remark>,
}

/// A configuration, and all there is to say about it.
#[derive(Serialize)]
struct Checked {
    place: String,
    line: Option<usize>,
    good: bool,
    /// The plugin's own words for what it holds, if it takes it.
    summary: Option<String>,
    remarks: Vec<Remark>,
}

#[derive(Serialize)]
struct Finding {
    place: String,
    #[serde(flatten)]
    remark: Remark,
}

pub fn run(arguments: &Arguments, output: Output) -> ExitCode {
    let sources: Vec<_> = arguments
        .files
        .iter()
        .map(|file| Source::read(file))
        .collect();
    let found: Vec<_> = sources
        .iter()
        .map(|source| source.as_ref().map(Found::within))
        .collect();
    let metadata = metadata_of(&found);
    let mut result = Outcome {
        good: true,
        files: Vec::new(),
    };
    for (source, found) in sources.iter().zip(&found) {
        result.files.push(match (source, found) {
            (Ok(source), Ok(found)) => check(source, found, &metadata),
            (Err(error), _) => File::unreadable(error),
            (_, Err(error)) => File::unreadable(error),
        });
    }
    if result.files.iter().all(File::is_empty) {
        for file in result
            .files
            .iter_mut()
            .filter(|file| file.unreadable.is_none())
        {
            file.unreadable = Some(Remark::new(Severity::Error, None, NOTHING_FOUND));
        }
    }
    if arguments.strict {
        result.files.iter_mut().for_each(File::warn_of_unchecked);
    }
    let worst = result.files.iter().flat_map(File::severities).min();
    let is_unreadable = result.files.iter().any(|file| file.unreadable.is_some());
    let code = match worst {
        _ if is_unreadable => BAD_INPUT,
        Some(Severity::Error) => REFUSED,
        Some(Severity::Warning) if arguments.strict => REFUSED,
        _ => 0,
    };
    result.good = code == 0;
    match output {
        Output::Json => super::print_json(&result),
        Output::Text => {
            for file in &result.files {
                if let Some(remark) = &file.unreadable {
                    super::print_error(&format!("{}{}", at(&file.file, remark.line), remark.text));
                } else {
                    super::print(&file.text());
                }
            }
        }
    }
    ExitCode::from(code)
}

fn check(source: &Source, found: &Found, metadata: &Metadata) -> File {
    let findings = envoy::findings(found, metadata).into_iter();
    let mut file = File {
        file: source.name.clone(),
        configurations: found.configurations.iter().map(check_one).collect(),
        findings: findings
            .map(|(place, remark)| Finding { place, remark })
            .collect(),
        unreadable: None,
    };
    if file.is_empty() {
        let remark = Remark::new(Severity::Note, None, HOLDS_NONE);
        let place = String::new();
        file.findings.push(Finding { place, remark });
    }
    file
}

fn check_one(configuration: &Configuration) -> Checked {
    let (plugin, report) = read(configuration);
    let embedded = match &configuration.content {
        Content::Text(value) => value.embedded(),
        _ => None,
    };
    let line = |path: &str| match (&embedded, &configuration.content) {
        (Some(document), _) => document.line(path),
        (None, Content::Absent(value) | Content::Text(value)) => value.line_of(""),
        (None, Content::Tree(value)) => value.line_of(path),
    };
    let mut remarks = Remark::all(&report, line);
    let root = match (&embedded, &configuration.content) {
        (Some(document), _) => Some(Value::of(document)),
        (None, Content::Tree(value)) => Some(value.clone()),
        _ => None,
    };
    if let Some(root) = root {
        let mut count = 0;
        warn_of_public_suffixes(root.node, "", &mut |path, value, text| {
            count += 1;
            if count <= MAX_SUFFIXES {
                let mut remark = Remark::new(Severity::Warning, line(path), text);
                remark.path = path.to_owned();
                remark.value = value;
                remarks.push(remark);
            }
        });
        if count > MAX_SUFFIXES {
            let more = count - MAX_SUFFIXES;
            let text = format!("and {more} more wildcards under public suffixes");
            remarks.push(Remark::new(Severity::Warning, line(""), text));
        }
    }
    remarks.sort_by_key(|remark| remark.severity);
    Checked {
        place: configuration.place.clone(),
        line: configuration.line(),
        good: plugin.is_some(),
        summary: plugin.map(|plugin| plugin.summary()),
        remarks,
    }
}

/// Reads a configuration as the plugin will.
pub fn read(configuration: &Configuration) -> (Option<Plugin>, Report) {
    match &configuration.content {
        Content::Absent(_) => config::read(b""),
        Content::Text(value) => config::read(value.text().unwrap_or_default().as_bytes()),
        Content::Tree(value) => config::read_node(value.node),
    }
}

/// Finds wildcards over a [public suffix](https://publicsuffix.org/): strangers have names below it.
/// The list is too large for the module.
fn warn_of_public_suffixes(node: &Node, path: &str, warn: &mut impl FnMut(&str, String, String)) {
    match node {
        Node::List(items) => {
            for (index, item) in items.iter().enumerate() {
                warn_of_public_suffixes(item, &format!("{path}[{index}]"), warn);
            }
        }
        Node::Object(pairs) => {
            for (key, node) in pairs {
                let path = join(path, key);
                let is_origins =
                    find(POLICY_FIELDS, key).is_some_and(|field| field.name == "allowOrigins");
                match node {
                    Node::List(items) if is_origins => {
                        for (index, item) in items.iter().enumerate() {
                            if let Some(suffix) = public_suffix_under_wildcard(item) {
                                let text = format!(
                                    "lets strangers in: under the public suffix {suffix} anybody can have a name; list the names that are yours"
                                );
                                warn(&format!("{path}[{index}]"), item.to_string(), text);
                            }
                        }
                    }
                    _ => warn_of_public_suffixes(node, &path, warn),
                }
            }
        }
        _ => {}
    }
}

fn public_suffix_under_wildcard(item: &Node) -> Option<String> {
    let Node::String(text) = item else {
        return None;
    };
    let Ok((OriginPattern::Tuple(pattern), _)) = OriginPattern::parse(text) else {
        return None;
    };
    let domain = pattern.wildcard_domain()?;
    let suffix = psl::suffix(domain.as_bytes())?;
    (suffix.is_known() && suffix.as_bytes() == domain.as_bytes()).then(|| domain.to_owned())
}

fn metadata_of(found: &[Result<Found, &InputError>]) -> Metadata {
    let mut metadata = Metadata::default();
    for configuration in found
        .iter()
        .flatten()
        .flat_map(|found| &found.configurations)
    {
        let embedded = match &configuration.content {
            Content::Text(value) => value.embedded(),
            _ => None,
        };
        let root = match (&embedded, &configuration.content) {
            (Some(document), _) => Value::of(document),
            (None, Content::Tree(value)) => value.clone(),
            _ => continue,
        };
        if let Some(namespace) = root.text_of("routeMetadataNamespace") {
            metadata.namespaces.push(namespace.to_owned());
        }
        let strict = root.get("strict");
        metadata.is_strict |= strict.is_some_and(|strict| *strict.node == Node::Bool(true));
        if let Some(policies) = root.get("policies") {
            let names = policies
                .entries()
                .into_iter()
                .map(|(name, _)| name.to_owned());
            metadata.policies.extend(names);
        }
    }
    metadata.namespaces.sort();
    metadata.namespaces.dedup();
    metadata
}

impl File {
    fn unreadable(error: &InputError) -> Self {
        Self {
            file: error.file.clone(),
            configurations: Vec::new(),
            findings: Vec::new(),
            unreadable: Some(Remark::new(Severity::Error, error.line, &error.text)),
        }
    }

    /// Whether there is no configuration of the plugin in it, nor a policy in a route.
    fn is_empty(&self) -> bool {
        let is_note = |finding: &Finding| finding.remark.severity == Severity::Note;
        self.configurations.is_empty() && self.findings.iter().all(is_note)
    }

    /// What is not checked is not known to be good.
    fn warn_of_unchecked(&mut self) {
        for Finding { remark, .. } in &mut self.findings {
            if [HOLDS_NONE, NOT_CHECKED].contains(&remark.text.as_str()) {
                remark.severity = Severity::Warning;
            }
        }
    }

    fn severities(&self) -> impl Iterator<Item = Severity> {
        let findings = self.findings.iter().map(|finding| &finding.remark);
        let remarks = self
            .configurations
            .iter()
            .flat_map(|checked| &checked.remarks);
        remarks.chain(findings).map(|remark| remark.severity)
    }

    /// The lines for the standard output.
    fn text(&self) -> String {
        let mut lines = Vec::new();
        for checked in &self.configurations {
            let (place, remarks) = (&checked.place, &checked.remarks);
            lines.extend(remarks.iter().map(|remark| remark.show(&self.file, place)));
            if let Some(summary) = &checked.summary {
                let colon = if place.is_empty() { "" } else { ": " };
                let at = at(&self.file, checked.line);
                lines.push(format!(
                    "{at}{} {}{colon}{summary}",
                    color("good:", 32),
                    Shown(place)
                ));
            }
        }
        let findings = self.findings.iter();
        lines.extend(findings.map(|finding| finding.remark.show(&self.file, &finding.place)));
        lines.into_iter().map(|line| line + "\n").collect()
    }
}

/// As many as a report shows of its own.
const MAX_SUFFIXES: usize = 20;
const HOLDS_NONE: &str = "holds no configuration of the plugin";
const NOTHING_FOUND: &str =
    "holds no configuration of the plugin; to read another gateway's there is corsctl import";

const EXAMPLES: &str = "\
Examples:
  corsctl check cors.json
  corsctl check --strict envoy.yaml rds.yaml
  kubectl get wasmplugin cors -o yaml | corsctl check -

Exit codes: 0 good, 1 refused (or warnings under --strict), 2 bad usage or input";
