//! The commands and what they share: arguments, output, exit codes.

mod check;
mod document;
mod envoy;
mod find;
mod import;
mod remark;
mod value;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Check, explain, test and import CORS configurations of proxy-wasm-cors.
#[derive(Parser)]
#[command(name = "corsctl", version, max_term_width = 100)]
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
    /// Turn another gateway's CORS configuration into one for this plugin
    Import(import::Arguments),
}

/// Exit codes: 0 good; 1 refused, or warnings under --strict; 2 bad usage or input.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        Command::Check(arguments) => check::run(arguments, cli.output),
        Command::Import(arguments) => import::run(arguments, cli.output),
    }
}

fn print_json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(json) => println!("{json}"),
        Err(error) => eprintln!("corsctl: {error}"),
    }
}

const REFUSED: u8 = 1;
const BAD_INPUT: u8 = 2;
