//! Cases: a request, and what must become of it. `corsctl test` and every runner of tests/cases.json read
//! them and compare them with what happened by this code alone.

mod headers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::headers::{HeaderList, bytes};

/// A request, and what must become of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Case")]
#[serde(deny_unknown_fields)]
pub struct Case<A = Answer, V = String> {
    /// What the case shows.
    pub name: String,
    pub request: Request,
    #[serde(default)]
    pub route: Route,
    #[serde(default)]
    pub upstream: Upstream,
    /// The answer that the client gets.
    pub answer: A,
    /// What the plugin decides.
    pub verdict: V,
    #[serde(default)]
    pub receives: Receives,
}

/// The request that the client sends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method, in upper case.
    pub method: String,
    /// The whole URL, as in `https://api.example.com/orders`.
    pub url: String,
    /// The request headers.
    #[serde(default)]
    pub headers: HeaderList,
}

/// What Envoy knows of the route.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// The name of the route, for rules with `routeNames`.
    pub name: Option<String>,
    /// The policy in the metadata of the route: the name of one, or its JSON.
    pub policy: Option<String>,
}

/// The upstream's answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Upstream {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderList,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            status: 200,
            headers: HeaderList::default(),
        }
    }
}

/// The answer that the client gets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The part that answers.
    pub from: From,
    /// The status.
    pub status: u16,
    /// Of the headers that concern a CORS filter, these and no others.
    pub headers: BTreeMap<String, String>,
}

/// The part that answers a request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum From {
    Filter,
    Upstream,
}

/// Names of request headers that the upstream receives, or does not.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Receives {
    /// Headers that the upstream does not receive.
    pub absent: Vec<String>,
    /// Headers that the upstream receives.
    pub present: Vec<String>,
}

/// What is not as expected.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// `verdict`, `from`, `status`, the name of a header, or `upstream receives` and one.
    pub field: String,
    pub actual: String,
    pub expected: String,
}

impl Difference {
    /// None if the two are equal.
    pub fn between(
        field: &str,
        actual: impl fmt::Display,
        expected: impl fmt::Display,
    ) -> Option<Self> {
        let (actual, expected) = (actual.to_string(), expected.to_string());
        (actual != expected).then(|| Self {
            field: field.to_owned(),
            actual,
            expected,
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, not {}", self.field, self.actual, self.expected)
    }
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
        let (_, value) = headers.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    pub fn is_preflight(&self) -> bool {
        let asks = self.header("access-control-request-method");
        self.method == "OPTIONS"
            && self.header("origin").is_some()
            && asks.is_some_and(|method| !method.is_empty())
    }

    fn parts(&self) -> (&str, &str) {
        let (_, rest) = self.url.split_once("://").unwrap_or(("", &self.url));
        rest.split_at(rest.find('/').unwrap_or(rest.len()))
    }
}

impl Answer {
    /// How an answer differs. The names of its headers are in lower case.
    pub fn differences<'h>(
        &self,
        from: From,
        status: u16,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    ) -> Vec<Difference> {
        let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            let value = value.iter().copied().map(char::from).collect();
            lines.entry(name).or_default().push(value);
        }
        let expected: BTreeMap<String, &String> = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let own = lines.keys().copied().filter(|name| is_covered(name, from));
        let names: BTreeSet<&str> = own.chain(expected.keys().map(String::as_str)).collect();
        let of_names = names.into_iter().filter_map(|name| {
            let actual = lines.get(name).map(Vec::as_slice).unwrap_or_default();
            let expected = expected.get(name).map(|value| std::slice::from_ref(*value));
            let expected = expected.unwrap_or_default();
            let is_same = match name {
                "vary" => {
                    tokens(actual) == tokens(expected) && actual.is_empty() == expected.is_empty()
                }
                _ => actual == expected,
            };
            (!is_same).then(|| Difference {
                field: name.to_owned(),
                actual: shown(actual),
                expected: shown(expected),
            })
        });
        Difference::between("from", from, self.from)
            .into_iter()
            .chain(Difference::between("status", status, self.status))
            .chain(of_names)
            .collect()
    }
}

impl Receives {
    /// How what the upstream received differs; it is asked by names in lower case.
    pub fn differences(&self, has_received: impl Fn(&str) -> bool) -> Vec<Difference> {
        let expected = [(&self.absent, false), (&self.present, true)];
        let expected = expected
            .into_iter()
            .flat_map(|(names, expected)| names.iter().map(move |name| (name, expected)));
        let differences = expected.filter_map(|(name, expected)| {
            let received = has_received(&name.to_ascii_lowercase());
            Difference::between(&format!("upstream receives {name}"), received, expected)
        });
        differences.collect()
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => "filter",
            Self::Upstream => "upstream",
        })
    }
}

/// Whether an answer lists all lines of this header.
fn is_covered(name: &str, from: From) -> bool {
    const OF_FILTER: [&str; 3] = ["cache-control", "content-type", "x-content-type-options"];
    name.starts_with("access-control-")
        || matches!(name, "allow" | "timing-allow-origin" | "vary")
        || from == From::Filter && OF_FILTER.contains(&name)
}

/// The tokens of Vary, whose order and case have no meaning; a repeated token stays repeated.
fn tokens(values: &[String]) -> Vec<String> {
    let tokens = values.iter().flat_map(|value| value.split(','));
    let tokens = tokens.map(|token| token.trim().to_ascii_lowercase());
    let mut tokens: Vec<String> = tokens.filter(|token| !token.is_empty()).collect();
    tokens.sort();
    tokens
}

fn shown(values: &[String]) -> String {
    match values {
        [] => "absent".to_owned(),
        values => {
            let values: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
            values.join(" and ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&str, &str)]) -> Answer {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Answer {
            from: From::Upstream,
            status: 200,
            headers: headers.collect(),
        }
    }

    #[test]
    fn an_answer_differs_by_its_status_its_source_and_each_covered_header() {
        let expected = answer(&[("Vary", "Origin, Accept"), ("allow", "GET")]);
        for (from, status, headers, fields) in [
            (
                From::Upstream,
                200,
                &[("vary", "accept"), ("vary", "ORIGIN"), ("allow", "GET")][..],
                &[][..],
            ),
            (
                From::Filter,
                403,
                &[("vary", "accept,origin"), ("allow", "GET")],
                &["from", "status"],
            ),
            (
                From::Upstream,
                200,
                &[("vary", "origin"), ("allow", "get")],
                &["allow", "vary"],
            ),
            (
                From::Upstream,
                200,
                &[("vary", "origin,origin,accept"), ("allow", "GET")],
                &["vary"],
            ),
            (
                From::Upstream,
                200,
                &[
                    ("vary", "origin,accept"),
                    ("allow", "GET"),
                    ("allow", "GET"),
                ],
                &["allow"],
            ),
            (
                From::Upstream,
                200,
                &[
                    ("vary", "origin,accept"),
                    ("allow", "GET"),
                    ("access-control-max-age", "5"),
                    ("server", "x"),
                    ("cache-control", "no-store"),
                ],
                &["access-control-max-age"],
            ),
        ] {
            let lines = headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes()));
            let differences = expected.differences(from, status, lines);
            let found: Vec<_> = differences.iter().map(|one| one.field.as_str()).collect();
            assert_eq!(found, fields, "{headers:?}");
        }
    }

    #[test]
    fn what_the_filter_adds_itself_is_covered() {
        let expected = Answer {
            from: From::Filter,
            ..answer(&[])
        };
        let lines = [("cache-control", &b"no-store"[..])];
        let differences = expected.differences(From::Filter, 200, lines);
        assert_eq!(
            differences[0].to_string(),
            "cache-control: \"no-store\", not absent"
        );
    }

    #[test]
    fn names_of_received_headers_have_no_case() {
        let receives = Receives {
            absent: vec!["Origin".to_owned()],
            present: vec!["Cookie".to_owned()],
        };
        let fields = |names: &[&str]| -> Vec<String> {
            let differences = receives
                .differences(|name| names.contains(&name))
                .into_iter();
            differences.map(|one| one.to_string()).collect()
        };
        assert_eq!(fields(&["cookie"]), [""; 0]);
        assert_eq!(
            fields(&["origin"]),
            [
                "upstream receives Origin: true, not false",
                "upstream receives Cookie: false, not true"
            ]
        );
    }
}
