//! Reads another system's configuration, writes ours, and says every meaning that changes.

use std::process::ExitCode;

use super::Output;
use super::document::Source;

/// What to import.
#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration to read; - is the standard input
    file: String,
}

pub fn run(arguments: &Arguments, _: Output) -> ExitCode {
    let source = match Source::read(&arguments.file) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("corsctl: {error}");
            return ExitCode::from(2);
        }
    };
    for document in &source.documents {
        let line = document.line("").unwrap_or_default();
        eprintln!(
            "corsctl: {}:{line}: import cannot read it: {}",
            source.name,
            document.node.kind()
        );
    }
    ExitCode::from(2)
}
