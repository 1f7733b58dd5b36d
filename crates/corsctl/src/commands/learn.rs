//! `corsctl learn`: from an access log to a policy, or to what a policy would refuse of it.

use std::fmt::Write;
use std::process::ExitCode;

use clap::ValueEnum;
use cors::config::json::Json;
use cors::escape::Shown;
use cors::select::policy_set::PolicySet;
use serde::Serialize;

use crate::discover::select::{self, Selection};
use crate::input::cursor::Value;
use crate::learn::entry::{Entry, Unread};
use crate::learn::fields::{json_format, text_format};
use crate::learn::groups::{By, Groups};
use crate::learn::judge::judge;
use crate::learn::lines::Lines;
use crate::learn::propose::{LeftOut, Proposal, propose};
use crate::learn::tally::{Counts, Seen, Tally, UNGOVERNED};
use crate::learn::trust::Trust;
use crate::output::code::Code;
use crate::output::progress::{Progress, share};
use crate::output::{
    BAD_INPUT, Failure, Output, Pretty, REFUSED, guard, print, print_error, print_json,
};

/// Logs, and what to learn from them.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Access logs of Envoy, as JSON or text; - is the standard input
    #[arg(value_name = "ACCESSLOG", required_unless_present = "format_string")]
    files: Vec<String>,

    /// Propose a policy for what was seen of this domain and below, or of this origin; can be repeated
    #[arg(long, value_name = "DOMAIN|ORIGIN")]
    trust: Vec<String>,

    /// Propose https://*.example.com in the place of three or more names below a trusted domain
    #[arg(long, requires = "trust")]
    wildcards: bool,

    /// Propose a rule for each host, or each host and first segment of the path, in the place of one policy for
    /// everything
    #[arg(long, value_enum, value_name = "BY", requires = "trust")]
    rules: Option<By>,

    /// Show which requests this configuration would refuse, instead of a proposal
    #[arg(long, value_name = "FILE", conflicts_with = "trust")]
    against: Option<String>,

    /// Where the configuration is, or a part of that, if FILE contains several
    #[arg(long, value_name = "PLACE", requires = "against")]
    at: Option<String>,

    /// How many origins to print
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    top: usize,

    /// How many origins to keep in memory; those with the most requests stay
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    max_origins: u32,

    /// Print the access log format to put into Envoy, and read nothing
    #[arg(long, value_name = "FORM", num_args = 0..=1, default_missing_value = "both", conflicts_with = "files")]
    format_string: Option<Form>,

    /// Show the progress even if the standard error is not a terminal
    #[arg(long)]
    progress: bool,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum Form {
    Both,
    Json,
    Text,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Report<'t> {
    /// Whether there is nothing that the policy would refuse.
    good: bool,
    counts: &'t Counts,
    /// Those with the most requests first; with `--against`, those with the most requests lost.
    origins: Vec<Origin<'t>>,
    /// How many origins more there are.
    more_origins: usize,
    /// The proposed policy.
    policy: Option<serde_json::Value>,
    left_out: Vec<LeftOut>,
    /// Fields of a policy about which a log says nothing.
    not_learned: &'static [&'static str],
}

#[derive(Serialize)]
struct Origin<'t> {
    origin: &'t str,
    #[serde(flatten)]
    seen: &'t Seen,
}

pub fn run(arguments: &Arguments, output: Output) -> ExitCode {
    if let Some(form) = arguments.format_string {
        print(&format_string(form));
        return ExitCode::SUCCESS;
    }
    match learn(arguments, output) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            print_error(&failure.to_string());
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn learn(arguments: &Arguments, output: Output) -> Result<u8, Failure> {
    let trusted = arguments.trust.iter().map(|text| Trust::parse(text));
    let trusted = trusted.collect::<Result<Vec<_>, _>>();
    let trusted = trusted.map_err(|error| Failure::new(Code::InvalidArgument, error))?;
    let against = arguments.against.as_ref().map(|file| Selection {
        file: file.clone(),
        at: arguments.at.clone(),
    });
    let plugin = against.as_ref().map(select::plugin).transpose()?;
    let max_origins = arguments.max_origins as usize;
    let mut groups = arguments.rules.map(|by| Groups::new(by, max_origins));
    let tally = read(arguments, plugin.as_ref(), |entry| {
        if let Some(groups) = &mut groups {
            groups.add(entry, &trusted);
        }
    })?;
    let mut proposal = match trusted.as_slice() {
        [] => None,
        trusted => {
            let proposal = propose(&tally, trusted, arguments.wildcards);
            Some(proposal.ok_or_else(|| {
                let text = format!(
                    "nothing to propose: --trust names none of the {} origins that were seen",
                    tally.origins.len()
                );
                Failure::new(Code::NothingTrusted, text)
            })?)
        }
    };
    if let (Some(groups), Some(proposal)) = (&groups, &mut proposal) {
        proposal.policy = groups.propose(&trusted, arguments.wildcards);
        proposal.without_rule = groups.dropped;
    }
    if let Some(proposal) = &proposal {
        accept(&proposal.policy)?;
    }
    let lost = tally.by_loss().iter().any(|(_, seen)| seen.lost() > 0);
    match (output, &proposal) {
        (Output::Json, _) => print_json(&report(&tally, proposal, arguments, lost)),
        (_, Some(proposal)) => {
            eprint!("{}", guard(&proposal_text(&tally, proposal, arguments)));
            print(&format!("{}\n", Pretty(&proposal.policy, 0)));
        }
        (_, None) if plugin.is_some() => print(&against_text(&tally, arguments)),
        (_, None) => print(&seen_text(&tally, arguments)),
    }
    Ok(if lost { REFUSED } else { 0 })
}

fn read(
    arguments: &Arguments,
    plugin: Option<&PolicySet>,
    mut each: impl FnMut(&Entry),
) -> Result<Tally, Failure> {
    let mut tally = Tally::new(arguments.max_origins as usize);
    let mut lines = Lines::of(&arguments.files);
    let mut progress = Progress::new(arguments.progress);
    let mut first_unread = None;
    loop {
        let (read, size) = (lines.read, lines.size);
        let Some(line) = lines
            .next()
            .map_err(|error| Failure::new(Code::FileUnreadable, error))?
        else {
            break;
        };
        let text = line.bytes.map(String::from_utf8_lossy);
        let entry = match &text {
            Some(text) => Entry::parse(text),
            None => Err(Unread::Torn),
        };
        if entry.is_err() && first_unread.is_none() {
            first_unread = Some(format!("{}:{}", Shown(line.file), line.number));
        }
        let judged = match (&entry, plugin) {
            (Ok(entry), Some(plugin)) => Some(judge(plugin, entry)),
            _ => None,
        };
        tally.add(&entry, judged);
        if let Ok(entry) = &entry {
            each(entry);
        }
        // The time is not asked for at each line.
        if tally.counts.lines.is_multiple_of(4096) {
            progress.show(|elapsed| {
                let megabytes = read / 1_000_000;
                let of = size.map_or_else(String::new, |size| {
                    format!(" of {} ({})", size / 1_000_000, share(read, size, elapsed))
                });
                format!("{megabytes} MB{of}, {} lines", tally.counts.lines)
            });
        }
    }
    progress.end();
    tally.first_unread = first_unread;
    if tally.has_entries() {
        return Ok(tally);
    }
    let files: Vec<String> = arguments
        .files
        .iter()
        .map(|file| Shown(file).to_string())
        .collect();
    let text = format!(
        "{}: no line names an origin ({} lines, {} cut off); corsctl learn --format-string prints the format to put into Envoy's access log",
        files.join(", "),
        tally.counts.lines,
        tally.counts.torn
    );
    Err(Failure::new(Code::LogWithoutOrigins, text))
}

/// Makes sure that the plugin takes what is proposed.
fn accept(policy: &Json) -> Result<(), Failure> {
    let (plugin, diagnostics) = PolicySet::from_json(policy);
    plugin.map(|_| ()).ok_or_else(|| {
        let text = "the plugin does not take what was seen:";
        let errors = diagnostics.errors().map(ToString::to_string);
        Failure {
            list: errors.collect(),
            ..Failure::new(Code::ConfigurationRejected, text)
        }
    })
}

fn report<'t>(
    tally: &'t Tally,
    proposal: Option<Proposal>,
    arguments: &Arguments,
    lost: bool,
) -> Report<'t> {
    let mut origins = if arguments.against.is_some() {
        tally.by_loss()
    } else {
        tally.by_count()
    };
    let more_origins = origins.len().saturating_sub(arguments.top);
    origins.truncate(arguments.top);
    let policy = proposal.as_ref();
    Report {
        good: !lost,
        counts: &tally.counts,
        origins: origins
            .into_iter()
            .map(|(origin, seen)| Origin { origin, seen })
            .collect(),
        more_origins,
        policy: policy.and_then(|proposal| Value::bare(&proposal.policy).read().ok()),
        left_out: proposal.map_or_else(Vec::new, |proposal| proposal.left_out),
        not_learned: NOT_LEARNED,
    }
}

/// What was seen, if nothing is trusted yet.
fn seen_text(tally: &Tally, arguments: &Arguments) -> String {
    let mut text = counts_text(tally);
    let origins = tally.by_count();
    if !origins.is_empty() {
        text.push_str("requests  preflights  origin\n");
    }
    for (origin, seen) in origins.iter().take(arguments.top) {
        let _ = writeln!(
            text,
            "{:>8}  {:>10}  {}, as for {}",
            seen.requests,
            seen.preflights,
            Shown(origin),
            Shown(&seen.example)
        );
    }
    more(&mut text, origins.len(), arguments.top);
    text.push_str(
        "seen is not trusted: anybody can send any Origin; for a policy, name what is yours with --trust, as in --trust example.com\n",
    );
    text
}

fn proposal_text(tally: &Tally, proposal: &Proposal, arguments: &Arguments) -> String {
    let mut text = counts_text(tally);
    let _ = writeln!(
        text,
        "proposed for {} trusted origins with {} requests",
        proposal.origins, proposal.requests
    );
    if proposal.without_rule > 0 {
        let _ = writeln!(
            text,
            "{} requests of trusted origins have no rule: their host is not a name, or is among the rarest of many",
            proposal.without_rule
        );
    }
    if !proposal.left_out.is_empty() {
        text.push_str("left out:\n");
    }
    for left_out in proposal.left_out.iter().take(arguments.top) {
        let _ = writeln!(
            text,
            "{:>8}  {}: {}",
            left_out.requests,
            Shown(&left_out.what),
            left_out.why
        );
    }
    more(&mut text, proposal.left_out.len(), arguments.top);
    let _ = writeln!(
        text,
        "not learned, since a log does not show it: {}",
        NOT_LEARNED.join(", ")
    );
    text
}

fn against_text(tally: &Tally, arguments: &Arguments) -> String {
    let mut text = counts_text(tally);
    let origins = tally.by_loss();
    for (origin, seen) in origins.iter().take(arguments.top) {
        for (reason, requests) in &seen.judged {
            let _ = writeln!(
                text,
                "{requests:>8}  {}: {}, as for {}",
                Shown(origin),
                Shown(reason),
                Shown(&seen.example)
            );
        }
    }
    more(&mut text, origins.len(), arguments.top);
    let lost: u64 = origins.iter().map(|(_, seen)| seen.lost()).sum();
    let ungoverned: u64 = origins
        .iter()
        .filter_map(|(_, seen)| seen.judged.get(UNGOVERNED))
        .sum();
    let _ = writeln!(
        text,
        "{lost} requests would be refused or blocked; {ungoverned} are under no policy"
    );
    text
}

fn more(text: &mut String, count: usize, top: usize) {
    if count > top {
        let _ = writeln!(text, "and {} more; --top {count} prints all", count - top);
    }
}

fn counts_text(tally: &Tally) -> String {
    let counts = &tally.counts;
    let mut text = format!(
        "{} lines: {} from other origins ({} preflights), {} from the service's own, {} without Origin, {} null, {} malformed\n",
        counts.lines,
        counts.other_origin,
        counts.preflights,
        counts.same_origin,
        counts.without_origin,
        counts.null_origin,
        counts.malformed_origin,
    );
    if let Some(place) = &tally.first_unread {
        let _ = writeln!(
            text,
            "skipped: {} lines cut off, {} of another format, the first at {place}",
            counts.torn, counts.other_format
        );
    }
    if counts.dropped_origins > 0 {
        let _ = writeln!(
            text,
            "more than {} origins: {} with fewer than {} requests were dropped, and counts can be that much too low; --max-origins keeps more",
            tally.max_origins,
            counts.dropped_origins,
            counts.dropped_below + 1
        );
    }
    if counts.unknown_headers > 0 {
        let _ = writeln!(
            text,
            "{} preflights ask for more headers than the log holds",
            counts.unknown_headers
        );
    }
    text
}

fn format_string(form: Form) -> String {
    let mut text = String::new();
    if form != Form::Text {
        let _ = writeln!(text, "{}", json_format());
    }
    if form != Form::Json {
        let _ = writeln!(text, "{}", text_format());
    }
    text
}

/// Fields of a policy about which a log says nothing.
const NOT_LEARNED: &[&str] = &["allowCredentials", "exposeHeaders", "maxAge"];

const HELP: &str = "\
Examples:
  corsctl learn --format-string          # log_format of Envoy's access log, as JSON and as text
  corsctl learn access.log               # who asks
  corsctl learn access.log --trust example.com --trust https://partner.example > cors.json
  corsctl learn access.log --trust example.com --rules path > cors.json
  zcat access.log.*.gz | corsctl learn - --against cors.json

With --trust, the policy goes to the standard output, and what was left out and why to the standard error.

Exit codes: 0 done, 1 --against would refuse requests, 2 bad usage or input";
