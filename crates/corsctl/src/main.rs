//! `corsctl`: know before you deploy, know why. The commands and what they share: arguments, output,
//! exit codes.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]
// What only `probe` uses.
#![cfg_attr(target_family = "wasm", allow(dead_code))]

mod cases;
mod commands;
mod compare;
mod discover;
mod import;
mod input;
mod learn;
mod output;
#[cfg(not(target_family = "wasm"))]
mod probe;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::output::code::Code;
use crate::output::{BAD_INPUT, Failure, Output, print_error};

/// Check, explain, test and import CORS configurations of proxy-wasm-cors.
#[derive(Parser)]
#[command(name = "corsctl", version, max_term_width = 100, after_help = HELP)]
pub struct Cli {
    /// How to print results
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    output: Output,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find every error in configurations, wherever they are
    Check(commands::check::Arguments),
    /// Say what a change of configuration allows that was not allowed before
    Diff(commands::diff::Arguments),
    /// Say what the plugin and the browser make of a request, and why
    Explain(commands::explain::Arguments),
    /// Turn another gateway's CORS configuration into one for this plugin
    Import(commands::import::Arguments),
    /// Propose a policy from an access log, or show what a policy would refuse of it
    Learn(commands::learn::Arguments),
    #[cfg(not(target_family = "wasm"))]
    /// Compare the answers of a live gateway with a configuration
    Probe(commands::probe::Arguments),
    /// Compare a table of requests and expected verdicts with a configuration
    Test(commands::test::Arguments),
    /// Fill a template from the environment, and write it only if the module takes it
    Render(commands::render::Arguments),
    /// Print the JSON Schema of the plugin's configuration, for editors
    Schema(commands::schema::Arguments),
    /// Print the completions for a shell
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write the manual pages into a folder
    Man { folder: PathBuf },
}

impl Command {
    /// Whether the command has the form of output.
    fn has(&self, output: Output) -> bool {
        match self {
            Self::Check(_) => output != Output::Junit,
            Self::Diff(_) | Self::Test(_) => true,
            #[cfg(not(target_family = "wasm"))]
            Self::Probe(_) => true,
            _ => output.is_common(),
        }
    }
}

/// Exit codes: 0 good; 1 refused, or warnings under --strict; 2 bad usage or input.
fn main() -> ExitCode {
    let cli = Cli::parse();
    if !cli.command.has(cli.output) {
        let text = "--output: this command prints text and json; check, diff, test and probe print github and sarif, and all of these but check print junit";
        print_error(&Failure::new(Code::InvalidArgument, text).to_string());
        return ExitCode::from(BAD_INPUT);
    }
    match &cli.command {
        Command::Check(arguments) => commands::check::run(arguments, cli.output),
        Command::Diff(arguments) => commands::diff::run(arguments, cli.output),
        Command::Explain(arguments) => commands::explain::run(arguments, cli.output),
        Command::Import(arguments) => commands::import::run(arguments, cli.output),
        Command::Learn(arguments) => commands::learn::run(arguments, cli.output),
        #[cfg(not(target_family = "wasm"))]
        Command::Probe(arguments) => commands::probe::run(arguments, cli.output),
        Command::Test(arguments) => commands::test::run(arguments, cli.output),
        Command::Render(arguments) => commands::render::run(arguments),
        Command::Schema(arguments) => commands::schema::run(arguments),
        Command::Man { folder } => commands::man::run(Cli::command(), folder),
        Command::Completions { shell } => {
            let mut command = Cli::command();
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command, "corsctl", &mut script);
            let _ = std::io::stdout().lock().write_all(&script);
            ExitCode::SUCCESS
        }
    }
}

const HELP: &str = "\
Examples:
  corsctl check envoy.yaml
  corsctl diff old.json new.json
  corsctl explain envoy.yaml --origin https://app.example.com --method PUT
  corsctl test cors.json cors-cases.yaml
  corsctl import krakend.json > cors.json
  source <(corsctl completions bash)

Exit codes: 0 good, 1 refused (or warnings under --strict, or wider), 2 bad usage or input, 3 undecided";
