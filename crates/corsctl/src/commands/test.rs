//! `corsctl test`: a table of requests and what must become of them, held against a configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::ExitCode;

use cors::escape::Shown;
use cors::policy::verdict::Reason;
use cors::select::policy_set::PolicySet;
use cors::simulate::exchange::{Exchange, Incoming, Response, exchange};
use serde::Serialize;

use crate::cases::{self, Answer, Case, bytes};
use crate::discover::select::{self, Selection};
use crate::output::code::Code;
use crate::output::formats::print_suite;
use crate::output::results::{self, CaseResult, Suite};
use crate::output::{BAD_INPUT, Failure, Output, REFUSED, at, color, print_error};

/// A configuration, and the table to hold against it.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,

    /// The table: a list of cases in JSON or YAML; - is the standard input
    cases: String,
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
    let file = arguments.cases.as_str();
    print_suite(
        output,
        &outcome,
        || outcome.text(file),
        || outcome.suite(file),
    );
    ExitCode::from(if outcome.good { 0 } else { REFUSED })
}

fn test_all(plugin: &PolicySet, file: &str) -> Result<Vec<Tested>, Failure> {
    let cases = cases::read(file)?.into_iter();
    cases
        .map(|listed| {
            let differences = differences(&listed.case, plugin);
            let differences = differences.map_err(|error| listed.invalid(&error))?;
            Ok(Tested {
                name: listed.case.name,
                good: differences.is_empty(),
                line: listed.line,
                differences,
            })
        })
        .collect()
}

/// Sends the request through the plugin and says what is other than expected.
fn differences(case: &Case, plugin: &PolicySet) -> Result<Vec<String>, String> {
    if case.answer.is_none() && case.verdict.is_none() {
        return Err("expects nothing; write verdict, answer or both".to_owned());
    }
    let url = case.request.url()?;
    let mut headers = vec![
        (
            ":method".to_owned(),
            case.request.method.clone().into_bytes(),
        ),
        (":authority".to_owned(), url.authority.into_bytes()),
        (":path".to_owned(), url.path.into_bytes()),
    ];
    headers.extend(bytes(&case.request.headers.0)?);
    let request = Incoming {
        headers: headers.into_iter().collect(),
        route_name: case.route.name.clone(),
        route_policy: case.route.policy.clone(),
    };
    let upstream = Response {
        status: case.upstream.status,
        headers: bytes(&case.upstream.headers.0)?.into_iter().collect(),
    };
    let exchange = exchange(plugin, request, upstream);
    let mut differences = Vec::new();
    if let Some(expected) = &case.verdict {
        let verdict = word(&exchange);
        if verdict != *expected {
            differences.push(format!("verdict: {verdict}, not {expected}"));
        }
    }
    if let Some(answer) = &case.answer {
        differences.extend(answer_differences(answer, &exchange));
    }
    let seen = exchange.forwarded.unwrap_or_default();
    for name in &case.receives.absent {
        if seen.get(&name.to_ascii_lowercase()).is_some() {
            differences.push(format!("the upstream sees {name}"));
        }
    }
    for name in &case.receives.present {
        if seen.get(&name.to_ascii_lowercase()).is_none() {
            differences.push(format!("the upstream does not see {name}"));
        }
    }
    Ok(differences)
}

fn answer_differences(answer: &Answer, exchange: &Exchange) -> Vec<String> {
    let from = if exchange.forwarded.is_some() {
        "upstream"
    } else {
        "filter"
    };
    let mut differences = Vec::new();
    if answer.from != from {
        differences.push(format!("from: {from}, not {}", answer.from));
    }
    let status = exchange.response.status;
    if answer.status != status {
        differences.push(format!("status: {status}, not {}", answer.status));
    }
    let expected: BTreeMap<String, &str> = answer
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

fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

impl Outcome {
    fn suite(&self, file: &str) -> Suite {
        let cases = self.cases.iter().map(|case| results::Case {
            name: case.name.clone(),
            line: case.line,
            result: if case.good {
                CaseResult::Good
            } else {
                CaseResult::Wrong {
                    code: Code::UnexpectedOutcome,
                    text: case.differences.join("\n"),
                }
            },
            seconds: None,
        });
        Suite {
            name: "test",
            file: file.to_owned(),
            cases: cases.collect(),
        }
    }

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
