//! The table of cases, `tests/cases.json`.

pub use cases::{Answer, Case, Difference, From, Receives, Request, Upstream};
use serde::Deserialize;
use serde_json::Value;

use crate::header_map::HeaderMap;

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

/// What became of the request of a case behind a host's interface.
pub struct Outcome<'a> {
    pub is_from_filter: bool,
    pub status: u16,
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// The request's headers as the upstream saw them, if it did.
    pub upstream_saw: Option<&'a HeaderMap>,
}

impl Outcome<'_> {
    /// How it differs from what the case expects.
    pub fn differences(&self, case: &Case) -> Vec<String> {
        let from = if self.is_from_filter {
            From::Filter
        } else {
            From::Upstream
        };
        let headers = self.headers.iter().copied();
        let mut wrong = case.answer.differences(from, self.status, headers);
        let has_received = |name: &str| {
            let seen = self.upstream_saw;
            seen.is_some_and(|headers| headers.read(name).is_some())
        };
        wrong.extend(case.receives.differences(has_received));
        wrong.iter().map(ToString::to_string).collect()
    }
}

/// What is wrong with the names of the counters that went up, whatever their prefix.
pub fn wrongly_counted<'a>(
    case: &Case,
    counters: impl Iterator<Item = &'a String> + Clone,
) -> Option<String> {
    let expected = match case.verdict.as_str() {
        "not-cors" | "ungoverned" => "nothing",
        verdict => verdict,
    };
    let is_counted = |end: &str| counters.clone().any(|name| name.ends_with(end));
    let reason = counters
        .clone()
        .find_map(|name| Some(name.rsplit_once(".refused.")?.1));
    let counted = match reason {
        Some(reason) if is_counted("_refused") => format!("refused: {reason}"),
        Some(reason) => format!("only .refused.{reason}"),
        None if is_counted("_allowed") => "allowed".into(),
        None if is_counted("_same_origin") => "same-origin".into(),
        None => "nothing".into(),
    };
    (counted != expected).then(|| format!("counted {counted}, not {expected}"))
}
