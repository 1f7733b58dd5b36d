//! `corsctl test`: a table of requests and what must become of them, compared with a configuration.

use std::fmt::Write;
use std::process::ExitCode;

use ::cases::{Difference, From};
use cors::escape::Shown;
use cors::http::header::{AUTHORITY, METHOD, PATH};
use cors::policy::verdict::Reason;
use cors::select::policy_set::PolicySet;
use cors::simulate::exchange::{Exchange, Incoming, Response, exchange};
use serde::Serialize;

use crate::cases::{self, Case, bytes, url};
use crate::discover::select::{self, Selection};
use crate::output::code::Code;
use crate::output::formats::print_suite;
use crate::output::results::{self, CaseResult, Suite};
use crate::output::{BAD_INPUT, Failure, Output, REFUSED, at, color, print_error};

/// A configuration, and the table to compare with it.
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
    differences: Vec<Difference>,
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

/// Sends the request of a case through the plugin, and says what is other than expected.
fn differences(case: &Case, plugin: &PolicySet) -> Result<Vec<Difference>, String> {
    if case.answer.is_none() && case.verdict.is_none() {
        return Err("expects nothing; write verdict, answer or both".to_owned());
    }
    let url = url(&case.request)?;
    let mut headers = vec![
        (METHOD.to_owned(), case.request.method.clone().into_bytes()),
        (AUTHORITY.to_owned(), url.authority.into_bytes()),
        (PATH.to_owned(), url.path.into_bytes()),
    ];
    headers.extend(bytes(&case.request.headers)?);
    let request = Incoming {
        headers: headers.into_iter().collect(),
        route_name: case.route.name.clone(),
        route_policy: case.route.policy.clone(),
    };
    let upstream = Response {
        status: case.upstream.status,
        headers: bytes(&case.upstream.headers)?.into_iter().collect(),
    };
    let exchange = exchange(plugin, request, upstream);
    let verdict = case.verdict.as_ref();
    let verdict =
        verdict.and_then(|verdict| Difference::between("verdict", word(&exchange), verdict));
    let mut differences: Vec<_> = verdict.into_iter().collect();
    if let Some(answer) = &case.answer {
        let from = match exchange.forwarded {
            Some(_) => From::Upstream,
            None => From::Filter,
        };
        let response = &exchange.response;
        differences.extend(answer.differences(from, response.status, response.headers.iter()));
    }
    let seen = exchange.forwarded.unwrap_or_default();
    differences.extend(case.receives.differences(|name| seen.get(name).is_some()));
    Ok(differences)
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

impl Tested {
    fn shown(&self) -> Vec<String> {
        self.differences.iter().map(ToString::to_string).collect()
    }
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
                    text: case.shown().join("\n"),
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
            for difference in case.shown() {
                let _ = writeln!(text, "  {}", Shown(&difference));
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
    verdict: allowed      # or refused: host, refused: malformed, refused: null, refused: origin,
                          # refused: path, same-origin, not-cors, ungoverned
    answer:               # optional: every CORS header and Vary of the answer, and no others
      from: filter        # or upstream
      status: 204
      headers: {vary: Origin, …}
Besides: upstream (status, headers), receives (absent, present), route (name, policy). Where a header has
several lines, headers is a list: [[name, value], …]. corsctl schema --cases prints the schema for editors.

Examples:
  corsctl test cors.json cors-cases.yaml

Exit codes: 0 all as expected, 1 something is not, 2 bad usage or input";
