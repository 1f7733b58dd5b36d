//! The table of cases, `tests/cases.json`, and the comparison of an answer with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::http::Lines;

/// Cases under one plugin configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub name: String,
    pub config: Value,
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub request: Request,
    #[serde(default)]
    pub upstream: Upstream,
    pub answer: Answer,
    pub verdict: String,
    #[serde(default)]
    pub receives: Receives,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
}

/// The upstream's answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

/// The client's answer: of the headers that concern a CORS filter, these and no others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub from: From,
    pub status: u16,
    pub headers: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum From {
    Filter,
    Upstream,
}

/// Names of request headers that the upstream must, or must not, have seen.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Receives {
    pub absent: Vec<String>,
    pub present: Vec<String>,
}

/// Reads the whole table.
pub fn groups() -> Vec<Group> {
    serde_json::from_str(include_str!("../cases.json")).expect("tests/cases.json")
}

/// The bytes of a header value in the table: one character up to U+00FF is one byte.
pub fn bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|char| u8::try_from(char).expect("a character of the table above U+00FF"))
        .collect()
}

impl Request {
    /// `api.example:8443` of `https://api.example:8443/path?query`.
    pub fn authority(&self) -> &str {
        self.parts().0
    }

    /// `/path?query` of `https://api.example:8443/path?query`.
    pub fn path(&self) -> &str {
        self.parts().1
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        Some(&headers.find(|(own, _)| own.eq_ignore_ascii_case(name))?.1)
    }

    pub fn is_preflight(&self) -> bool {
        let asks = self.header("access-control-request-method");
        self.method == "OPTIONS"
            && self.header("origin").is_some()
            && asks.is_some_and(|method| !method.is_empty())
    }

    fn parts(&self) -> (&str, &str) {
        let (_, rest) = self.url.split_once("://").expect("a URL with a scheme");
        rest.split_at(rest.find('/').expect("a URL with a path"))
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
        }
    }
}

impl Answer {
    /// The differences of an actual answer; empty if it is as expected.
    pub fn differences(&self, from: From, status: u16, headers: &Lines) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.from != from {
            wrong.push(format!("from {:?}, not {:?}", from, self.from));
        }
        if self.status != status {
            wrong.push(format!("status {status}, not {}", self.status));
        }
        let mut names: BTreeSet<&str> = headers.names().filter(|name| self.covers(name)).collect();
        names.extend(self.headers.keys().map(String::as_str));
        for name in names {
            let expected = self.headers.get(name).map(|value| bytes(value));
            let got: Vec<_> = headers.values(name).collect();
            let same = match (&expected, name) {
                (Some(expected), "vary") => {
                    vary_tokens([&expected[..]]) == vary_tokens(got.clone())
                }
                (expected, _) => expected.iter().map(Vec::as_slice).eq(got.iter().copied()),
            };
            if !same {
                let got: Vec<_> = got
                    .iter()
                    .map(|value| value.escape_ascii().to_string())
                    .collect();
                let expected = expected.map(|value| value.escape_ascii().to_string());
                wrong.push(format!("{name}: {got:?}, not {expected:?}"));
            }
        }
        wrong
    }

    fn covers(&self, name: &str) -> bool {
        name.starts_with("access-control-")
            || matches!(name, "allow" | "timing-allow-origin" | "vary")
            || self.from == From::Filter
                && matches!(
                    name,
                    "cache-control" | "content-type" | "x-content-type-options"
                )
    }
}

/// The tokens of Vary in lower case and sorted; a repeated token stays repeated.
fn vary_tokens<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut tokens: Vec<_> = values
        .into_iter()
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(|token| {
            token
                .trim_ascii()
                .escape_ascii()
                .to_string()
                .to_ascii_lowercase()
        })
        .filter(|token| !token.is_empty())
        .collect();
    tokens.sort();
    tokens
}
