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

mod commands;
mod discover;
mod import;
mod input;
mod output;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::output::Output;

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
    /// Say what the plugin and the browser make of a request, and why
    Explain(commands::explain::Arguments),
    /// Turn another gateway's CORS configuration into one for this plugin
    Import(commands::import::Arguments),
    /// Compare a table of requests and expected verdicts with a configuration
    Test(commands::test::Arguments),
    /// Print the JSON Schema of the plugin's configuration, for editors
    Schema(commands::schema::Arguments),
    /// Print the completions for a shell
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// Exit codes: 0 good; 1 refused, or warnings under --strict; 2 bad usage or input.
fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        Command::Check(arguments) => commands::check::run(arguments, cli.output),
        Command::Explain(arguments) => commands::explain::run(arguments, cli.output),
        Command::Import(arguments) => commands::import::run(arguments, cli.output),
        Command::Test(arguments) => commands::test::run(arguments, cli.output),
        Command::Schema(arguments) => commands::schema::run(arguments),
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
  corsctl explain envoy.yaml --origin https://app.example.com --method PUT
  corsctl test cors.json cors-cases.yaml
  corsctl import krakend.json > cors.json
  source <(corsctl completions bash)

Exit codes: 0 good, 1 refused (or warnings under --strict), 2 bad usage or input";
