//! The table of cases, `tests/cases.json`.

pub use cases::{Answer, Case, Difference, From, Receives, Request, Upstream};
use serde::Deserialize;
use serde_json::Value;

/// Cases under one plugin configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub name: String,
    pub config: Value,
    pub cases: Vec<Case>,
}

/// Reads the whole table.
pub fn groups() -> Vec<Group> {
    serde_json::from_str(include_str!("../cases.json")).expect("tests/cases.json")
}

/// The bytes of a header value in the table.
pub fn bytes(text: &str) -> Vec<u8> {
    cases::bytes(text).expect("a character of the table above U+00FF")
}
