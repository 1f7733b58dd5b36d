//! The table of cases: requests and what is expected to become of them, in JSON or YAML.

use ::cases::{Answer, Request};
use cors::escape::Shown;
use cors::simulate::browser::Url;

use crate::input::cursor::Value;
use crate::input::source::Source;
use crate::output::code::Code;
use crate::output::{Failure, at};

/// A case, and where it is.
pub struct Listed {
    pub case: Case,
    pub line: Option<usize>,
    place: String,
}

/// Reads a table.
pub fn read(file: &str) -> Result<Vec<Listed>, Failure> {
    let source = Source::read(file)?;
    let cases: Vec<Value> = source
        .documents
        .iter()
        .flat_map(|document| Value::of(document).items())
        .collect();
    if cases.is_empty() {
        let text = format!("{}holds no list of cases", at(&source.name, None));
        return Err(Failure::new(Code::NoCases, text));
    }
    let cases = cases.iter().enumerate();
    cases
        .map(|(index, value)| {
            let line = value.line_of("");
            let place = format!("{}case {}", at(&source.name, line), index + 1);
            let case: Result<Case, _> = value.read();
            let case = case.map_err(|error| invalid(&place, &error.to_string()))?;
            check_verdict(&case).map_err(|error| invalid(&place, &error))?;
            Ok(Listed { case, line, place })
        })
        .collect()
}

impl Listed {
    /// Why nothing can be said about the case.
    pub fn invalid(&self, error: &str) -> Failure {
        invalid(&self.place, error)
    }
}

fn invalid(place: &str, error: &str) -> Failure {
    Failure::new(Code::InvalidCase, format!("{place}: {}", Shown(error)))
}

/// A case of a user: without an answer only the verdict counts, and the other way round.
pub type Case = ::cases::Case<Option<Answer>, Option<String>>;

/// What a case can expect of the plugin.
pub const VERDICTS: [&str; 9] = [
    "allowed",
    "refused: host",
    "refused: malformed",
    "refused: null",
    "refused: origin",
    "refused: path",
    "same-origin",
    "not-cors",
    "ungoverned",
];

pub fn url(request: &Request) -> Result<Url, String> {
    Url::parse(&request.url).ok_or_else(|| format!("{:?} is not a URL", request.url))
}

/// Header lines as bytes.
pub fn bytes(headers: &[(String, String)]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let lines = headers.iter().map(|(name, value)| {
        let bytes = ::cases::bytes(value);
        let bytes = bytes.ok_or_else(|| format!("{name}: a character above U+00FF is not a byte"));
        Ok((name.clone(), bytes?))
    });
    lines.collect()
}

fn check_verdict(case: &Case) -> Result<(), String> {
    match case.verdict.as_deref() {
        Some(verdict) if !VERDICTS.contains(&verdict) => {
            let words = VERDICTS.join(", ");
            Err(format!(
                "{verdict:?} is not a verdict; write one of {words}"
            ))
        }
        _ => Ok(()),
    }
}
