//! Results in the format that was asked for.

use serde::Serialize;

use crate::output::github::print_annotations;
use crate::output::junit::print_junit;
use crate::output::results::{Problem, Suite};
use crate::output::sarif::print_sarif;
use crate::output::{Output, print, print_json};

/// Prints what cases came to: `json` and `text` are the command's own forms.
pub fn print_suite(
    output: Output,
    json: &impl Serialize,
    text: impl FnOnce() -> String,
    suite: impl FnOnce() -> Suite,
) {
    match output {
        Output::Junit => print_junit(&[suite()]),
        other => print_problems(other, json, text, || suite().problems()),
    }
}

/// Prints what was found wrong.
pub fn print_problems(
    output: Output,
    json: &impl Serialize,
    text: impl FnOnce() -> String,
    problems: impl FnOnce() -> Vec<Problem>,
) {
    match output {
        Output::Github => print_annotations(&problems()),
        Output::Json => print_json(json),
        Output::Sarif => print_sarif(&problems()),
        Output::Junit | Output::Text => print(&text()),
    }
}
