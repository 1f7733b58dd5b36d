//! `corsctl test`: a table of requests and what must become of them, held against a configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::process::ExitCode;

use cors::escape::Shown;
use cors::policy::verdict::Reason;
use cors::select::policy_set::PolicySet;
use cors::simulate::browser::Url;
use cors::simulate::exchange::{Exchange, Incoming, Response, exchange};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::discover::select::{self, Selection};
use crate::input::cursor::Value;
use crate::input::source::Source;
use crate::output::code::Code;
use crate::output::{
    BAD_INPUT, Failure, Output, REFUSED, at, color, print, print_error, print_json,
};

/// A configuration, and the table to hold against it.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,

    /// The table: a list of cases in JSON or YAML; - is the standard input
    cases: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    request: Request,
    #[serde(default)]
    route: Route,
    #[serde(default)]
    upstream: Upstream,
    /// Without it only the verdict counts.
    answer: Option<Answer>,
    verdict: Option<String>,
    #[serde(default)]
    receives: Receives,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: HeaderList,
}

/// What Envoy knows of the route.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Route {
    name: Option<String>,
    policy: Option<String>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Upstream {
    status: u16,
    headers: HeaderList,
}

/// Names and values of headers: a list of pairs, or an object.
#[derive(Default)]
struct HeaderList(Vec<(String, String)>);

impl<'de> Deserialize<'de> for HeaderList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeaderVisitor).map(Self)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers as {name: value} or [[name, value]]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut headers = Vec::new();
        while let Some(header) = map.next_entry()? {
            headers.push(header);
        }
        Ok(headers)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut headers = Vec::new();
        while let Some(header) = seq.next_element()? {
            headers.push(header);
        }
        Ok(headers)
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            status: 200,
            headers: HeaderList::default(),
        }
    }
}

/// What the client gets: of the headers of CORS, these and no others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    from: String,
    status: u16,
    headers: BTreeMap<String, String>,
}

/// Names of request headers that the upstream must, or must not, see.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Receives {
    absent: Vec<String>,
    present: Vec<String>,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Outcome {
    good: bool,
    cases: Vec<Tested>,
}

#[derive(Serialize)]
struct Tested {
    name: String,
    good: bool,
    line: Option<usize>,
    differences: Vec<String>,
}

pub fn run(arguments: &Arguments, output: Output) -> ExitCode {
    let tested =
        select::plugin(&arguments.selection).and_then(|plugin| test_all(&plugin, &arguments.cases));
    let cases = match tested {
        Ok(cases) => cases,
        Err(failure) => {
            print_error(&failure.to_string());
            return ExitCode::from(BAD_INPUT);
        }
    };
    let outcome = Outcome {
        good: cases.iter().all(|case| case.good),
        cases,
    };
    match output {
        Output::Json => print_json(&outcome),
        Output::Text => print(&outcome.text(&arguments.cases)),
    }
    ExitCode::from(if outcome.good { 0 } else { REFUSED })
}

fn test_all(plugin: &PolicySet, file: &str) -> Result<Vec<Tested>, Failure> {
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
    cases
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let line = value.line_of("");
            let case: Result<Case, _> = value.read();
            let differences = case
                .map_err(|error| error.to_string())
                .and_then(|case| Ok((case.differences(plugin)?, case.name)))
                .map_err(|error| {
                    let at = at(&source.name, line);
                    let text = format!("{at}case {}: {}", index + 1, Shown(&error));
                    Failure::new(Code::InvalidCase, text)
                })?;
            let (differences, name) = differences;
            Ok(Tested {
                name,
                good: differences.is_empty(),
                line,
                differences,
            })
        })
        .collect()
}

impl Case {
    /// Sends the request through the plugin and says what is other than expected.
    fn differences(&self, plugin: &PolicySet) -> Result<Vec<String>, String> {
        if self.answer.is_none() && self.verdict.is_none() {
            return Err("expects nothing; write verdict, answer or both".to_owned());
        }
        let url = Url::parse(&self.request.url)
            .ok_or_else(|| format!("{:?} is no URL", self.request.url))?;
        let mut headers = vec![
            (
                ":method".to_owned(),
                self.request.method.clone().into_bytes(),
            ),
            (":authority".to_owned(), url.authority.into_bytes()),
            (":path".to_owned(), url.path.into_bytes()),
        ];
        headers.extend(bytes(&self.request.headers.0)?);
        let request = Incoming {
            headers: headers.into_iter().collect(),
            route_name: self.route.name.clone(),
            route_policy: self.route.policy.clone(),
        };
        let upstream = Response {
            status: self.upstream.status,
            headers: bytes(&self.upstream.headers.0)?.into_iter().collect(),
        };
        let exchange = exchange(plugin, request, upstream);
        let mut differences = Vec::new();
        if let Some(expected) = &self.verdict {
            let verdict = word(&exchange);
            if verdict != *expected {
                differences.push(format!("verdict: {verdict}, not {expected}"));
            }
        }
        if let Some(answer) = &self.answer {
            differences.extend(answer.differences(&exchange));
        }
        let seen = exchange.forwarded.unwrap_or_default();
        for name in &self.receives.absent {
            if seen.get(&name.to_ascii_lowercase()).is_some() {
                differences.push(format!("the upstream sees {name}"));
            }
        }
        for name in &self.receives.present {
            if seen.get(&name.to_ascii_lowercase()).is_none() {
                differences.push(format!("the upstream does not see {name}"));
            }
        }
        Ok(differences)
    }
}

impl Answer {
    fn differences(&self, exchange: &Exchange) -> Vec<String> {
        let from = if exchange.forwarded.is_some() {
            "upstream"
        } else {
            "filter"
        };
        let mut differences = Vec::new();
        if self.from != from {
            differences.push(format!("from: {from}, not {}", self.from));
        }
        let status = exchange.response.status;
        if self.status != status {
            differences.push(format!("status: {status}, not {}", self.status));
        }
        let expected: BTreeMap<String, &str> = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
            .collect();
        let headers = &exchange.response.headers;
        let own = headers.iter().map(|(name, _)| name);
        let own = own.filter(|name| is_covered(name, from == "filter"));
        let names: BTreeSet<&str> = own.chain(expected.keys().map(String::as_str)).collect();
        for name in names {
            let got = headers.get(name).map(text);
            let expected = expected.get(name).map(|value| (*value).to_owned());
            let is_same = match name {
                "vary" => got.as_deref().map(tokens) == expected.as_deref().map(tokens),
                _ => got == expected,
            };
            if !is_same {
                let show = |value: Option<String>| {
                    value.map_or_else(|| "absent".to_owned(), |value| format!("{value:?}"))
                };
                differences.push(format!("{name}: {}, not {}", show(got), show(expected)));
            }
        }
        differences
    }
}

/// The verdict in the words of the table.
fn word(exchange: &Exchange) -> String {
    match exchange.judgement.verdict().map(|verdict| verdict.reason) {
        None => "ungoverned".to_owned(),
        Some(Reason::Allowed) => "allowed".to_owned(),
        Some(Reason::NotCors) => "not-cors".to_owned(),
        Some(Reason::Refused(refusal)) => format!("refused: {}", refusal.code()),
        Some(Reason::SameOrigin(_)) => "same-origin".to_owned(),
    }
}

/// Whether an answer names all of this header.
fn is_covered(name: &str, is_from_filter: bool) -> bool {
    let of_filter = ["cache-control", "content-type", "x-content-type-options"];
    name.starts_with("access-control-")
        || matches!(name, "allow" | "vary")
        || is_from_filter && of_filter.contains(&name)
}

/// The tokens of Vary, whose order and case mean nothing.
fn tokens(value: &str) -> Vec<String> {
    let tokens = value
        .split(',')
        .map(|token| token.trim().to_ascii_lowercase());
    let mut tokens: Vec<String> = tokens.filter(|token| !token.is_empty()).collect();
    tokens.sort();
    tokens
}

/// In a table one character up to U+00FF is one byte.
fn bytes(headers: &[(String, String)]) -> Result<Vec<(String, Vec<u8>)>, String> {
    headers
        .iter()
        .map(|(name, value)| {
            let bytes = value
                .chars()
                .map(u8::try_from)
                .collect::<Result<Vec<u8>, _>>();
            let bytes =
                bytes.map_err(|_| format!("{name}: a character above U+00FF is no byte"))?;
            Ok((name.clone(), bytes))
        })
        .collect()
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

impl Outcome {
    fn text(&self, file: &str) -> String {
        let mut text = String::new();
        for case in &self.cases {
            let word = if case.good {
                color("ok:", 32)
            } else {
                color("wrong:", 31)
            };
            let name = Shown(&case.name);
            let _ = writeln!(text, "{}{word} {name}", at(file, case.line));
            for difference in &case.differences {
                let _ = writeln!(text, "  {}", Shown(difference));
            }
        }
        let wrong = self.cases.iter().filter(|case| !case.good).count();
        let count = self.cases.len();
        let plural = if count == 1 { "" } else { "s" };
        let _ = writeln!(text, "{count} case{plural}, {wrong} wrong");
        text
    }
}

const HELP: &str = "\
A case, here in YAML:
  - name: the shop may change orders
    request:
      method: OPTIONS
      url: https://api.example.com/orders
      headers: {origin: https://shop.example.com, access-control-request-method: PUT}
    verdict: allowed      # or refused: origin, refused: null, refused: malformed, refused: path,
                          # same-origin, not-cors, ungoverned
    answer:               # optional: every CORS header and Vary of the answer, and no others
      from: filter        # or upstream
      status: 204
      headers: {vary: Origin, …}
Besides: upstream (status, headers), receives (absent, present), route (name, policy). Where a header has
several lines, headers is a list: [[name, value], …].

Examples:
  corsctl test cors.json cors-cases.yaml

Exit codes: 0 all as expected, 1 something is not, 2 bad usage or input";
