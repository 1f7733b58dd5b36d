//! The step between the linker and the module that ships, and what is checked of that module.

mod calls;
mod check;
mod link;
mod list;
mod panics;
mod printing;
mod sizes;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Make the module that ships, and check it.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the module that ships out of the one that the linker wrote
    Link(link::Arguments),
    /// Compare imports, exports and size with the list of what they may be
    Check(check::Arguments),
    /// List the panics that a request can reach
    Panics(panics::Arguments),
    /// Print how many bytes each part of the filter takes
    Sizes(sizes::Arguments),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Link(arguments) => link::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Panics(arguments) => panics::run(&arguments),
        Command::Sizes(arguments) => sizes::run(&arguments),
    }
}
