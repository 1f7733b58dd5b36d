//! `corsctl diff`: what a change of configuration allows that was not allowed before.

mod inputs;
mod lines;
mod problems;
mod text;

use std::process::ExitCode;

use cors::escape::Shown;

use crate::commands::diff::inputs::{File, One, RoutePolicy, pairs, with_moved};
use crate::commands::diff::lines::locate;
use crate::compare::finder::Finder;
use crate::compare::report::{Outcome, Plugin};
use crate::compare::rows::{Verdict, rows, undecided};
use crate::compare::side::Side;
use crate::input::files;
use crate::output::code::Code;
use crate::output::formats::print_problems;
use crate::output::junit::print_junit;
use crate::output::{BAD_INPUT, Failure, Output, REFUSED, UNDECIDED, print_error};

/// Two configurations, and which changes are meant.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The configuration before: whatever corsctl check takes, or a folder; - is the standard input
    old: String,

    /// The configuration now; files of two folders are compared by their names
    new: String,

    /// Do not fail because this rule became wider: its name, rules[INDEX], top-level, or none for what
    /// no policy governs; may be repeated
    #[arg(long, value_name = "NAME")]
    allow_wider: Vec<String>,
}

pub fn run(arguments: &Arguments, output: Output) -> ExitCode {
    let outcome = match compare(arguments) {
        Ok(outcome) => outcome,
        Err(failure) => {
            print_error(&failure.to_string());
            return ExitCode::from(BAD_INPUT);
        }
    };
    match output {
        Output::Junit => print_junit(&outcome.suites()),
        _ => print_problems(output, &outcome, || outcome.text(), || outcome.problems()),
    }
    ExitCode::from(match outcome.open().min() {
        Some(Verdict::Wider) => REFUSED,
        Some(Verdict::Undecided) => UNDECIDED,
        _ => 0,
    })
}

fn compare(arguments: &Arguments) -> Result<Outcome, Failure> {
    let inputs = [files::read(&arguments.old)?, files::read(&arguments.new)?];
    let [old_files, new_files] = inputs.each_ref().map(|inputs| File::all(inputs));
    let files = [old_files?, new_files?];
    let all = files.each_ref().map(|files| {
        files
            .iter()
            .flat_map(File::configurations)
            .collect::<Vec<One>>()
    });
    let [olds, news] = &all;
    let routes = route_policies(&files, &all)?;
    if all.iter().all(Vec::is_empty) && routes.iter().all(Vec::is_empty) {
        let text = format!(
            "{}: holds no configuration of the plugin, nor does {}",
            Shown(&arguments.new),
            Shown(&arguments.old)
        );
        return Err(Failure::new(Code::NoConfiguration, text));
    }
    let mut finder = Finder::default();
    let mut plugins = Vec::new();
    for (old, new) in with_moved(pairs(olds, news)) {
        let sides = [old, new].map(|one| one.map_or_else(|| Ok(Side::nothing()), One::side));
        let [old_side, new_side] = sides;
        let mut rows = rows(&old_side?, &new_side?, &mut finder);
        let (side, one) = (usize::from(new.is_some()), new.or(old));
        let root = one.and_then(One::root);
        locate(&mut rows, side, root.as_ref(), one.and_then(One::line));
        plugins.push(Plugin {
            old: old.map(One::at),
            new: new.map(One::at),
            rows,
        });
    }
    let [old_routes, new_routes] = &routes;
    for (old, new) in pairs(old_routes, new_routes) {
        plugins.extend(compare_routes(old, new, &mut finder)?);
    }
    let mut unused = arguments.allow_wider.clone();
    for row in plugins.iter_mut().flat_map(|plugin| &mut plugin.rows) {
        let mut named = arguments.allow_wider.iter();
        let name = named.find(|name| row.verdict == Verdict::Wider && row.names.contains(name));
        if let Some(name) = name {
            row.acknowledged = Some(name.clone());
            unused.retain(|unused| unused != name);
        }
    }
    let verdicts = plugins
        .iter()
        .flat_map(|plugin| &plugin.rows)
        .map(|row| row.verdict);
    let mut outcome = Outcome {
        verdict: verdicts.min().unwrap_or(Verdict::Equal),
        good: true,
        plugins,
        unused,
    };
    let is_good = outcome.open().all(|verdict| verdict > Verdict::Undecided);
    outcome.good = is_good;
    Ok(outcome)
}

/// The policies in the metadata of routes, on both sides.
fn route_policies<'f>(
    files: &'f [Vec<File>; 2],
    configurations: &[Vec<One>; 2],
) -> Result<[Vec<RoutePolicy<'f>>; 2], Failure> {
    let mut namespaces = vec!["cors".to_owned()];
    for one in configurations.iter().flatten() {
        namespaces.extend(one.side()?.namespace().map(str::to_owned));
    }
    namespaces.sort();
    namespaces.dedup();
    let namespaces: Vec<&str> = namespaces.iter().map(String::as_str).collect();
    let of_side = |files: &'f Vec<File>| {
        let policies = files
            .iter()
            .flat_map(|file| file.route_policies(&namespaces));
        policies.collect()
    };
    Ok(files.each_ref().map(of_side))
}

/// Compares the policies in the metadata of one route, unless they are the same text.
fn compare_routes(
    old: Option<RoutePolicy>,
    new: Option<RoutePolicy>,
    finder: &mut Finder,
) -> Result<Option<Plugin>, Failure> {
    if old.map(|old| old.text) == new.map(|new| new.text) {
        return Ok(None);
    }
    let read = |policy: Option<RoutePolicy>| policy.map_or(Ok(None), |policy| policy.read());
    let mut rows = match (read(old)?, read(new)?) {
        (Some((old, old_node)), Some((new, new_node))) => rows(
            &Side::new(old, &old_node),
            &Side::new(new, &new_node),
            finder,
        ),
        _ => vec![undecided("route metadata", OTHER_POLICY)],
    };
    let line = new.or(old).and_then(|policy| policy.line);
    locate(&mut rows, 0, None, line);
    Ok(Some(Plugin {
        old: old.map(|old| old.at()),
        new: new.map(|new| new.at()),
        rows,
    }))
}

const OTHER_POLICY: &str = "the route has another policy: by another name, or on one side only";

const EXAMPLES: &str = "\
Examples:
  corsctl diff old.json new.json
  corsctl diff <(git show origin/main:envoy.yaml) envoy.yaml
  corsctl diff --allow-wider api old.yaml new.yaml
  corsctl diff released/ gateway/
  corsctl diff --output github before.json cors.json

Exit codes: 0 nothing is wider, or all that is is acknowledged; 1 something is wider; 3 nothing is
wider as far as is decided, and something is not; 2 bad usage or input";
