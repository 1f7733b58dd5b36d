//! `corsctl man`: the manual pages, as section 1 of a man path.

use std::path::Path;
use std::process::ExitCode;

use cors::escape::Shown;

use crate::output::code::Code;
use crate::output::{BAD_INPUT, Failure, print_error};

/// Writes one page for each command into a folder.
pub fn run(command: clap::Command, folder: &Path) -> ExitCode {
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let folder = folder.to_string_lossy();
            let text = format!("{}: cannot be written: {error}", Shown(&folder));
            print_error(&Failure::new(Code::FileUnwritable, text).to_string());
            ExitCode::from(BAD_INPUT)
        }
    }
}
