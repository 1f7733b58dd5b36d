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

mod cases;
mod check;
mod document;
mod envoy;
mod explain;
mod find;
mod import;
mod regexes;
mod remark;
mod schema;
mod select;
mod slashes;
mod value;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

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

#[derive(Clone, Copy, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Find every error in configurations, wherever they stand
    Check(check::Arguments),
    /// Say what the plugin and the browser make of a request, and why
    Explain(explain::Arguments),
    /// Turn another gateway's CORS configuration into one for this plugin
    Import(import::Arguments),
    /// Hold a table of requests and expected verdicts against a configuration
    Test(cases::Arguments),
    /// Print the JSON Schema of the plugin's configuration, for editors
    Schema,
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
        Command::Check(arguments) => check::run(arguments, cli.output),
        Command::Explain(arguments) => explain::run(arguments, cli.output),
        Command::Import(arguments) => import::run(arguments, cli.output),
        Command::Test(arguments) => cases::run(arguments, cli.output),
        Command::Schema => schema::run(),
        Command::Completions { shell } => {
            let mut command = Cli::command();
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command, "corsctl", &mut script);
            let _ = std::io::stdout().lock().write_all(&script);
            ExitCode::SUCCESS
        }
    }
}

fn print_json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(json) => print(&format!("{json}\n")),
        Err(error) => print_error(&error.to_string()),
    }
}

/// Writes to the standard output; whoever reads it may stop before the end, as `head` does.
fn print(text: &str) {
    let _ = std::io::stdout()
        .lock()
        .write_all(remark::guard(text).as_bytes());
}

/// Writes why there is no result to the standard error.
fn print_error(text: &str) {
    eprintln!("corsctl: {}", remark::guard(text));
}

const REFUSED: u8 = 1;
const BAD_INPUT: u8 = 2;

const HELP: &str = "\
Examples:
  corsctl check envoy.yaml
  corsctl explain envoy.yaml --origin https://app.example.com --method PUT
  corsctl test cors.json cors-cases.yaml
  corsctl import krakend.json > cors.json
  source <(corsctl completions bash)

Exit codes: 0 good, 1 refused (or warnings under --strict), 2 bad usage or input";
