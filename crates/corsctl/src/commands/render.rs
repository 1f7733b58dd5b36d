//! `corsctl render`: fills a template from the environment, and writes the result only if the module
//! takes it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use cors::config::json::Json;
use cors::escape::Shown;

use crate::discover::locate::Found;
use crate::discover::select::read_plugin;
use crate::discover::surroundings;
use crate::input::source::Source;
use crate::input::template::fill;
use crate::output::code::{Code, Level};
use crate::output::{BAD_INPUT, Failure, Pretty, REFUSED, at, print, print_error};

/// A template, and where its result goes.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The template: whatever corsctl check takes, with ${NAME} in its texts; - is the standard input
    template: String,

    /// Write to this file, which is replaced in one step; without it, to the standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let written = render(arguments).and_then(|text| match &arguments.out {
        None => {
            print(&text);
            Ok(())
        }
        Some(file) => replace(file, &text).map_err(|error| {
            let text = format!(
                "{}: cannot be written: {error}",
                Shown(&file.to_string_lossy())
            );
            Failure::new(Code::FileUnwritable, text)
        }),
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print_error(&failure.to_string());
            let is_rejected = failure.code == Code::ConfigurationRejected;
            ExitCode::from(if is_rejected { REFUSED } else { BAD_INPUT })
        }
    }
}

fn render(arguments: &Arguments) -> Result<String, Failure> {
    let template = Source::read(&arguments.template)?;
    let mut faults = Vec::new();
    let mut texts = Vec::new();
    for document in &template.documents {
        match fill(&document.node, &|name| std::env::var(name).ok()) {
            Ok(node) => texts.push(format!("{}\n", Pretty(&node, 0))),
            Err(found) => faults.extend(found.iter().map(ToString::to_string)),
        }
        if let Some(number) = inexact(&document.node) {
            faults.push(format!(
                "the number {number} would be written otherwise: put it in quotes"
            ));
        }
    }
    let file = at(&template.name, None);
    if !faults.is_empty() {
        return Err(Failure {
            list: faults,
            ..Failure::new(Code::TemplateInvalid, format!("{file}cannot be rendered:"))
        });
    }
    let text = texts.join("---\n");
    validate(&template.name, &text)?;
    Ok(text)
}

/// Whether the module takes every configuration of the result.
fn validate(name: &str, text: &str) -> Result<(), Failure> {
    let rendered = Source::of_text(&format!("{name} (rendered)"), text)?;
    if let Some(error) = rendered.malformed.first() {
        return Err(error.clone().into());
    }
    let found = Found::within(&rendered);
    for configuration in &found.configurations {
        read_plugin(&rendered.name, configuration)?;
    }
    let found = [Ok(found)];
    let (metadata, facts) = surroundings::metadata_of(&found);
    let [found] = &found;
    let findings = found.as_ref().map_or_else(
        |_| Vec::new(),
        |found| surroundings::findings(found, &metadata, &facts),
    );
    let errors = findings
        .iter()
        .filter(|(_, remark)| remark.severity == Level::Error);
    let errors: Vec<String> = errors
        .map(|(place, remark)| remark.show(&rendered.name, place))
        .collect();
    let file = at(&rendered.name, None);
    let is_empty = found
        .as_ref()
        .is_ok_and(|found| found.configurations.is_empty() && found.routes.is_empty());
    if is_empty {
        let text = format!("{file}holds no configuration of the plugin");
        return Err(Failure::new(Code::NoConfiguration, text));
    }
    if !errors.is_empty() {
        return Err(Failure {
            list: errors,
            ..Failure::new(
                Code::ConfigurationRejected,
                format!("{file}the module rejects a policy:"),
            )
        });
    }
    Ok(())
}

/// A number that is not written as it was read.
fn inexact(node: &Json) -> Option<f64> {
    match node {
        Json::Number(number) => (node.to_string().parse() != Ok(*number)).then_some(*number),
        Json::List(items) => items.iter().find_map(inexact),
        Json::Object(pairs) => pairs.iter().find_map(|(_, value)| inexact(value)),
        _ => None,
    }
}

/// Writes a file next to the target and moves it into its place: a reader sees the old text or the new one.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.tmp", std::process::id()));
    let sibling = file.with_file_name(hidden);
    let written = write(&sibling, file, text).and_then(|()| fs::rename(&sibling, file));
    if written.is_err() {
        let _ = fs::remove_file(&sibling);
    }
    written
}

fn write(sibling: &Path, file: &Path, text: &str) -> io::Result<()> {
    let mut written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(sibling)?;
    written.write_all(text.as_bytes())?;
    // The same people may read the new file as the old one.
    if let Ok(old) = fs::metadata(file) {
        written.set_permissions(old.permissions())?;
    }
    written.sync_all()
}

const EXAMPLES: &str = "\
Examples:
  ORIGINS=https://a.example.com,https://b.example.com corsctl render cors.template.json
  corsctl render ecds.template.json --out /etc/envoy/cors.json

In the texts of a template:
  ${NAME}        the value of an environment variable; refused in a regular expression
  ${NAME:regex}  in allowOriginRegexes: an expression that matches the value alone
  ${NAME:list}   as an item of a list: one item for each word, between commas or spaces
  $${            the characters themselves

Exit codes: 0 rendered, 1 the module rejects the result, 2 a variable is missing, or bad usage or input;
nothing is written unless it is 0";
