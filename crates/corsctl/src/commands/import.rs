//! `corsctl import`: another system's configuration, written as one for this plugin.

use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use crate::import::changes::Notes;
use crate::import::read::import;
use crate::import::system::System;
use crate::import::systems::{SYSTEMS, find};
use crate::input::source::Source;
use crate::output::tree::Tree;
use crate::output::{Failure, Output, Pretty, Remark, guard, print, print_error, print_json};

/// What to import, and from where.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The configuration to read, YAML or JSON; - is the standard input
    file: String,

    /// The system that it belongs to; without this it is recognised by its shape. Several can be named,
    /// one after the other
    #[arg(long, value_parser = parse_system())]
    from: Vec<&'static System>,

    /// Import what can be read, and leave out what speaks of CORS and cannot
    #[arg(long)]
    partial: bool,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Outcome<'n> {
    good: bool,
    /// None if something cannot be said.
    configuration: Option<Tree<'n>>,
    remarks: Vec<&'n Remark>,
}

/// Prints the configuration to the standard output, or errors and no configuration.
pub fn run(arguments: &Arguments, output: Output) -> ExitCode {
    let source = match Source::read(&arguments.file) {
        Ok(source) => source,
        Err(error) => {
            print_error(&Failure::from(error).to_string());
            return ExitCode::from(2);
        }
    };
    let mut notes = Notes::of(&source.name, arguments.partial);
    let configuration = import(&source, &arguments.from, &mut notes);
    let configuration = configuration.filter(|_| !notes.has_errors());
    match output {
        Output::Json => print_json(&Outcome {
            good: configuration.is_some(),
            configuration: configuration.as_ref().map(Tree),
            remarks: notes.remarks().collect(),
        }),
        _ => {
            for line in notes.lines() {
                eprintln!("{}", guard(&line));
            }
            if let Some(configuration) = &configuration {
                print(&format!("{}\n", Pretty(configuration, 0)));
            }
        }
    }
    ExitCode::from(if configuration.is_some() { 0 } else { 2 })
}

/// Parses the name of a system.
fn parse_system() -> impl TypedValueParser<Value = &'static System> {
    let names = SYSTEMS
        .iter()
        .map(|system| PossibleValue::new(system.argument).help(system.about));
    PossibleValuesParser::new(names).try_map(|name| find(&name).ok_or("is not a system"))
}

const EXAMPLES: &str = "\
Examples:
  corsctl import krakend.json > cors.json
  kubectl get httproutes,trafficpolicies -A -o yaml | corsctl import - --from gateway-api > cors.json

The configuration goes to the standard output; every meaning that changes goes to the standard error.
Nothing is written if something cannot be said.";
