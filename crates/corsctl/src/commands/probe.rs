//! `corsctl probe`: whether a live gateway does what a configuration says.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cors::escape::Shown;
use cors::http::header::ORIGIN;
use cors::select::policy_set::PolicySet;
use serde::{Serialize, Serializer};

use crate::cases;
use crate::discover::select::{self, Selection};
use crate::output::code::Code;
use crate::output::formats::print_suite;
use crate::output::progress::Progress;
use crate::output::results::{Case, CaseResult, Suite};
use crate::output::{BAD_INPUT, Failure, Output, REFUSED, at, color, print_error, with_code};
use crate::probe::cause::{CAUSES, likely};
use crate::probe::client::{Client, Version};
use crate::probe::compare::{Difference, differences, judge};
use crate::probe::plan::{Listed, Step, Unsent};
use crate::probe::target::Target;

/// A configuration, and the gateway that should do what it says.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,

    /// The URL to ask for; rules look at its host and path
    #[arg(long)]
    url: String,

    /// Send the requests of this table, as corsctl test takes it, to the address of the URL; what is expected
    /// is what the configuration says
    #[arg(long, value_name = "FILE")]
    cases: Option<String>,

    /// Send requests to addresses that are not of this machine, too
    #[arg(long)]
    allow_remote: bool,

    /// The address of a host, as curl has it; can be repeated
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    resolve: Vec<String>,

    /// The version of HTTP
    #[arg(long, value_enum, value_name = "VERSION", default_value = "auto")]
    http: Version,

    /// The certificate authorities to trust, in PEM, instead of the system's; or the gateway's own certificate
    #[arg(long, value_name = "FILE")]
    cacert: Option<String>,

    /// How many requests to send per second
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,

    /// How long to wait for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,

    /// How many patterns to make requests for; of more, some are chosen, evenly spread
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    max_patterns: usize,

    /// Show the progress even if the standard error is not a terminal
    #[arg(long)]
    progress: bool,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Outcome {
    good: bool,
    url: String,
    address: String,
    requests: Vec<Probed>,
    causes: Vec<Explained>,
    /// Cases of the table that are not sent.
    skipped: Vec<Skipped>,
    /// What else was not asked, and why.
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Skipped {
    name: String,
    line: Option<usize>,
    why: &'static str,
}

/// A request, and how its answer differs.
#[derive(Serialize)]
struct Probed {
    name: String,
    line: Option<usize>,
    good: bool,
    status: Option<u16>,
    differences: Vec<String>,
    /// The code of the likely cause.
    #[serde(serialize_with = "name_of")]
    cause: Option<Code>,
    /// What the cause shows by.
    because: String,
    /// Why there is no answer.
    error: Option<String>,
    seconds: f64,
    #[serde(skip)]
    has_cors: bool,
}

#[derive(Serialize)]
struct Explained {
    code: &'static str,
    requests: usize,
    text: &'static str,
}

fn name_of<S: Serializer>(code: &Option<Code>, to: S) -> Result<S::Ok, S::Error> {
    code.map(Code::name).serialize(to)
}

pub fn run(arguments: &Arguments, output: Output) -> ExitCode {
    let outcome = match probe(arguments) {
        Ok(outcome) => outcome,
        Err(failure) => {
            print_error(&failure.to_string());
            return ExitCode::from(BAD_INPUT);
        }
    };
    let file = arguments
        .cases
        .as_ref()
        .unwrap_or(&arguments.selection.file);
    print_suite(
        output,
        &outcome,
        || outcome.text(file),
        || outcome.suite(file),
    );
    let is_incomplete = outcome.requests.iter().any(|probed| probed.error.is_some());
    ExitCode::from(match outcome.good {
        _ if is_incomplete => BAD_INPUT,
        true => 0,
        false => REFUSED,
    })
}

fn probe(arguments: &Arguments) -> Result<Outcome, Failure> {
    let target = Target::find(&arguments.url, &arguments.resolve, arguments.allow_remote)?;
    let (plugin, listed) = select::plugin_with(&arguments.selection, Listed::within)?;
    let (mut notes, mut skipped) = (Vec::new(), Vec::new());
    let steps = match &arguments.cases {
        Some(file) => from_table(file, &mut skipped)?,
        None => {
            notes.extend(listed.notes(arguments.max_patterns));
            listed.steps(&target.url, arguments.max_patterns)
        }
    };
    let is_judged = |step: &Step| judge(&plugin, &step.request).is_enforced();
    if !steps.iter().any(is_judged) {
        let text = format!(
            "{}: no policy that is enforced governs these requests, so that no answer can be wrong; choose a URL by the rules, or set mode to \"enforce\"",
            Shown(&target.url.to_string())
        );
        return Err(Failure::new(Code::NothingEnforced, text));
    }
    let client = Client::new(
        target.clone(),
        arguments.http,
        Duration::from_secs(arguments.timeout),
        arguments.cacert.as_deref(),
    );
    let client = client.map_err(|error| Failure::new(Code::InvalidArgument, error))?;
    let mut requests = send(&steps, &client, &plugin, arguments, &mut notes);
    judge_together(&mut requests);
    Ok(Outcome {
        good: requests.iter().all(|probed| probed.good),
        url: target.url.to_string(),
        address: target.address.to_string(),
        causes: causes(&requests),
        requests,
        skipped,
        notes,
    })
}

/// The cases of a table whose requests change nothing.
fn from_table(file: &str, skipped: &mut Vec<Skipped>) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    for listed in cases::read(file)? {
        match Step::of_case(&listed.case, listed.line) {
            Ok(step) => steps.push(step),
            Err(Unsent::Invalid(error)) => return Err(listed.invalid(&error)),
            Err(Unsent::Skipped(why)) => skipped.push(Skipped {
                name: listed.case.name,
                line: listed.line,
                why,
            }),
        }
    }
    Ok(steps)
}

/// Sends the requests one after the other.
fn send(
    steps: &[Step],
    client: &Client,
    plugin: &PolicySet,
    arguments: &Arguments,
    notes: &mut Vec<String>,
) -> Vec<Probed> {
    let mut progress = Progress::new(arguments.progress);
    let mut requests: Vec<Probed> = Vec::new();
    let mut unanswered = 0;
    let pause = Duration::from_secs(1) / arguments.rate;
    for (index, step) in steps.iter().enumerate() {
        progress.show(|_| format!("{index} of {} requests", steps.len()));
        let start = Instant::now();
        let probed = step.send(client, plugin, steps);
        unanswered = if probed.error.is_some() {
            unanswered + 1
        } else {
            0
        };
        requests.push(probed);
        let left = steps.len() - requests.len();
        if unanswered == MAX_UNANSWERED && left > 0 {
            notes.push(format!(
                "stopped after {unanswered} requests without an answer; {left} are not sent"
            ));
            break;
        }
        if left > 0 {
            std::thread::sleep(pause.saturating_sub(start.elapsed()));
        }
    }
    progress.end();
    requests
}

impl Step {
    fn send(&self, client: &Client, plugin: &PolicySet, steps: &[Self]) -> Probed {
        let start = Instant::now();
        let answer = client.send(&self.request);
        let mut probed = Probed {
            name: self.name.clone(),
            line: self.line,
            good: false,
            status: None,
            differences: Vec::new(),
            cause: None,
            because: String::new(),
            error: None,
            seconds: start.elapsed().as_secs_f64(),
            has_cors: false,
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                probed.error = Some(error);
                return probed;
            }
        };
        probed.status = Some(answer.status);
        probed.has_cors = answer.has_cors();
        let differences = differences(&judge(plugin, &self.request), &answer);
        probed.good = differences.is_empty();
        probed.differences = differences.iter().map(Difference::text).collect();
        if !probed.good {
            let asked = steps.iter().filter_map(|step| step.request.header(ORIGIN));
            let (cause, because) = likely(&self.request, &answer, &differences, asked);
            probed.cause = Some(cause);
            probed.because = because;
        }
        probed
    }
}

/// Where no answer has any CORS header, those that only miss Vary miss it for the same cause.
fn judge_together(requests: &mut [Probed]) {
    if requests.iter().any(|probed| probed.has_cors) {
        return;
    }
    for probed in requests {
        if probed.cause == Some(Code::VaryMissing) {
            probed.cause = Some(Code::NoCorsHeaders);
        }
    }
}

/// The likely causes, each with the number of its requests.
fn causes(requests: &[Probed]) -> Vec<Explained> {
    let causes = CAUSES.iter().map(|(code, text)| Explained {
        code: code.name(),
        requests: requests
            .iter()
            .filter(|probed| probed.cause == Some(*code))
            .count(),
        text,
    });
    causes.filter(|cause| cause.requests > 0).collect()
}

impl Probed {
    /// What is wrong, over several lines.
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.differences.clone();
        if let Some(cause) = self.cause {
            let because = match self.because.as_str() {
                "" => String::new(),
                because => format!(": {because}"),
            };
            lines.push(format!("likely {}{because}", cause.name()));
        }
        let error = self.error.iter();
        lines.extend(error.map(|error| with_code(error, Code::NoAnswer.name())));
        lines
    }
}

impl Outcome {
    fn text(&self, file: &str) -> String {
        let mut text = String::new();
        for probed in &self.requests {
            let word = match (&probed.error, probed.good) {
                (Some(_), _) => color("failed:", 31),
                (None, true) => color("ok:", 32),
                (None, false) => color("wrong:", 31),
            };
            let place = probed
                .line
                .map_or_else(String::new, |line| at(file, Some(line)));
            let _ = writeln!(text, "{place}{word} {}", Shown(&probed.name));
            for line in probed.lines() {
                let _ = writeln!(text, "  {}", Shown(&line));
            }
        }
        for skipped in &self.skipped {
            let (place, name) = (at(file, skipped.line), Shown(&skipped.name));
            let _ = writeln!(text, "{place}skipped: {name}: {}", skipped.why);
        }
        for note in &self.notes {
            let _ = writeln!(text, "note: {}", Shown(note));
        }
        for cause in &self.causes {
            let line = format!("likely, by {} requests: {}", cause.requests, cause.text);
            let _ = writeln!(text, "{}", with_code(&line, cause.code));
        }
        let count = |is_counted: fn(&Probed) -> bool| {
            self.requests
                .iter()
                .filter(|probed| is_counted(probed))
                .count()
        };
        let _ = writeln!(
            text,
            "{} requests to {} ({}), {} wrong, {} without an answer",
            self.requests.len(),
            Shown(&self.url),
            self.address,
            count(|probed| !probed.good && probed.error.is_none()),
            count(|probed| probed.error.is_some()),
        );
        text
    }

    fn suite(&self, file: &str) -> Suite {
        let cases = self.requests.iter().map(|probed| Case {
            name: probed.name.clone(),
            line: probed.line,
            result: match (&probed.error, probed.cause) {
                (Some(_), _) => CaseResult::Failed {
                    code: Code::NoAnswer,
                    text: probed.lines().join("\n"),
                },
                (None, Some(code)) => CaseResult::Wrong {
                    code,
                    text: probed.lines().join("\n"),
                },
                (None, None) => CaseResult::Good,
            },
            seconds: Some(probed.seconds),
        });
        let skipped = self.skipped.iter().map(|skipped| Case {
            name: skipped.name.clone(),
            line: skipped.line,
            result: CaseResult::Skipped {
                why: skipped.why.to_owned(),
            },
            seconds: None,
        });
        Suite {
            name: "probe",
            file: file.to_owned(),
            cases: cases.chain(skipped).collect(),
        }
    }
}

/// After so many requests in a row without an answer the rest is not sent.
const MAX_UNANSWERED: usize = 3;

const HELP: &str = "\
For each pattern of the configuration, requests are sent from an origin that it allows and from origins that
look like it: preflights, and requests by GET, which change nothing. Each answer is compared with what the
plugin would have made of it. A difference comes with its likely cause: vary-missing, second-cors-layer,
preflight-answered-in-front, cached-for-another-origin, no-cors-headers, answer-differs.

Examples:
  corsctl probe cors.json --url http://localhost:10000/
  corsctl probe cors.json --url https://api.example.com/items --allow-remote --rate 5
  corsctl probe envoy.yaml --url https://api.example.com/ --resolve api.example.com:443:127.0.0.1

Exit codes: 0 all as expected, 1 something is not, 2 bad usage or input, or a request without an answer";
