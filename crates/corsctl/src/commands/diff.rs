//! `corsctl diff`: what a change of configuration allows that was not allowed before.

use std::process::ExitCode;

use cors::config::json::Node;
use cors::escape::Shown;
use serde::Serialize;

use crate::compare::ask::{Direction, Example};
use crate::compare::finder::Finder;
use crate::compare::policies::{Change, some_of};
use crate::compare::rows::{Row, Verdict, rows};
use crate::compare::side::Side;
use crate::discover::locate::{Configuration, Found};
use crate::discover::select::read_plugin;
use crate::input::files::{self, Input};
use crate::output::code::Code;
use crate::output::{
    BAD_INPUT, Failure, Output, REFUSED, UNDECIDED, color, print, print_error, print_json,
};

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

/// What `--output json` prints.
#[derive(Serialize)]
struct Outcome {
    verdict: Verdict,
    /// Whether everything that became wider is acknowledged, and everything is decided.
    good: bool,
    plugins: Vec<Plugin>,
    /// Names under --allow-wider that acknowledge nothing.
    unused: Vec<String>,
}

/// The comparison of one configuration with its successor.
#[derive(Serialize)]
struct Plugin {
    /// Where the configuration is; none if it is not there on this side.
    old: Option<At>,
    new: Option<At>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct At {
    file: String,
    /// As corsctl check prints it; empty for the whole file.
    place: String,
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
        Output::Json => print_json(&outcome),
        _ => print(&outcome.text()),
    }
    ExitCode::from(match outcome.open().min() {
        Some(Verdict::Wider) => REFUSED,
        Some(Verdict::Undecided) => UNDECIDED,
        _ => 0,
    })
}

fn compare(arguments: &Arguments) -> Result<Outcome, Failure> {
    let inputs = [files::read(&arguments.old)?, files::read(&arguments.new)?];
    let [olds, news] = inputs.each_ref().map(|inputs| File::all(inputs));
    let (olds, news) = (olds?, news?);
    let [olds, news] =
        [&olds, &news].map(|files| files.iter().flat_map(File::each).collect::<Vec<_>>());
    if olds.is_empty() && news.is_empty() {
        let text = format!(
            "{}: holds no configuration of the plugin, nor does {}",
            Shown(&arguments.new),
            Shown(&arguments.old)
        );
        return Err(Failure::new(Code::NoConfiguration, text));
    }
    let mut finder = Finder::default();
    let mut plugins = Vec::new();
    for (old, new) in pairs(&olds, &news) {
        let sides = [old, new].map(|one| one.map_or_else(|| Ok(Side::nothing()), One::side));
        let [old_side, new_side] = sides;
        plugins.push(Plugin {
            old: old.map(One::at),
            new: new.map(One::at),
            rows: rows(&old_side?, &new_side?, &mut finder),
        });
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

/// A file, and what it holds.
struct File<'i> {
    below: &'i str,
    name: &'i str,
    found: Found<'i>,
}

impl<'i> File<'i> {
    fn all(inputs: &'i [Input]) -> Result<Vec<Self>, Failure> {
        let files = inputs.iter().map(|input| {
            let source = input.source.as_ref().map_err(Clone::clone)?;
            match source.malformed.first() {
                Some(error) => Err(error.clone().into()),
                None => Ok(Self {
                    below: &input.below,
                    name: &source.name,
                    found: Found::within(source),
                }),
            }
        });
        files.collect()
    }

    fn each(&self) -> impl Iterator<Item = One<'_>> {
        self.found.configurations.iter().map(|configuration| One {
            below: self.below,
            name: self.name,
            configuration,
        })
    }
}

/// One configuration.
#[derive(Clone, Copy)]
struct One<'f> {
    below: &'f str,
    name: &'f str,
    configuration: &'f Configuration<'f>,
}

impl<'f> One<'f> {
    fn side(self) -> Result<Side<'f>, Failure> {
        let plugin = read_plugin(self.name, self.configuration)?;
        Ok(Side::new(
            plugin,
            self.configuration.node().unwrap_or(&EMPTY),
        ))
    }

    fn at(self) -> At {
        At {
            file: self.name.to_owned(),
            place: self.configuration.place.clone(),
        }
    }
}

/// Each configuration with its successor: in the same file at the same place, else one that has none with
/// one that has none, in order.
fn pairs<'f>(olds: &[One<'f>], news: &[One<'f>]) -> Vec<(Option<One<'f>>, Option<One<'f>>)> {
    let mut left = olds.to_vec();
    let key = |one: &One<'f>| (one.below, one.configuration.place.as_str());
    let mut pairs: Vec<_> = news
        .iter()
        .map(|new| {
            let place = left.iter().position(|old| key(old) == key(new));
            (place.map(|place| left.remove(place)), Some(*new))
        })
        .collect();
    let mut left = left.into_iter();
    for (old, _) in pairs.iter_mut().filter(|(old, _)| old.is_none()) {
        *old = left.next();
    }
    pairs.extend(left.map(|old| (Some(old), None)));
    pairs
}

impl Outcome {
    /// The verdicts that nobody has acknowledged.
    fn open(&self) -> impl Iterator<Item = Verdict> {
        let rows = self.plugins.iter().flat_map(|plugin| &plugin.rows);
        rows.filter(|row| row.acknowledged.is_none())
            .map(|row| row.verdict)
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        for plugin in &self.plugins {
            let at = plugin.new.as_ref().or(plugin.old.as_ref());
            let place = at.map(At::text).unwrap_or_default();
            match (&plugin.old, &plugin.new) {
                (None, _) => lines.push(format!("{place}the plugin is new")),
                (_, None) => lines.push(format!("{place}the plugin is gone")),
                _ => {}
            }
            for row in &plugin.rows {
                row.write(&place, &mut lines);
            }
        }
        for name in &self.unused {
            lines.push(format!(
                "--allow-wider {}: acknowledges nothing here",
                Shown(name)
            ));
        }
        lines.into_iter().map(|line| line + "\n").collect()
    }
}

impl At {
    fn text(&self) -> String {
        let place = match self.place.as_str() {
            "" => String::new(),
            place => format!("{}: ", Shown(place)),
        };
        format!("{}: {place}", Shown(&self.file))
    }
}

impl Row {
    fn write(&self, place: &str, lines: &mut Vec<String>) {
        let what = if self.moved {
            format!("{} (before: {})", Shown(&self.new), Shown(&self.old))
        } else {
            Shown(&self.new).to_string()
        };
        let acknowledged = match &self.acknowledged {
            Some(name) => format!(", acknowledged by --allow-wider {}", Shown(name)),
            None => String::new(),
        };
        lines.push(format!(
            "{place}{what}: {}{acknowledged}",
            word(self.verdict)
        ));
        if self.moved {
            lines.push(format!("  for {}", Shown(&some_of(&self.targets))));
        }
        let mut changes: Vec<&Change> = self.changes.iter().collect();
        let more = changes.len().saturating_sub(MAX_CHANGES);
        changes.truncate(MAX_CHANGES);
        for change in changes {
            change.write(lines);
        }
        if more > 0 {
            lines.push(format!("  and {more} more, which --output json has"));
        }
        if self.verdict == Verdict::Wider && self.acknowledged.is_none() {
            if let Some(name) = self.names.first() {
                lines.push(format!(
                    "  if that is meant: --allow-wider {}",
                    Shown(&quoted(name))
                ));
            }
        }
    }
}

impl Change {
    fn write(&self, lines: &mut Vec<String>) {
        let direction = match self.direction {
            Direction::Wider => "wider",
            Direction::Undecided => "undecided",
            Direction::Narrower => "narrower",
            Direction::Neutral => "different",
        };
        let is_of_origins = self.field.starts_with("allowOrigin") || self.field == "presets";
        let values = match self.values.as_slice() {
            [value] if is_of_origins => format!(" {}", Node::String(value.clone())),
            _ => String::new(),
        };
        let no_longer = if self.direction == Direction::Narrower {
            "no longer: "
        } else {
            ""
        };
        lines.push(format!(
            "  {direction}: {}{values}: {no_longer}{}",
            self.field,
            Shown(&self.text)
        ));
        if let Some(example) = self
            .example
            .as_ref()
            .filter(|_| self.direction != Direction::Neutral)
        {
            lines.push(format!("    {}", Shown(&example.request())));
            lines.push(format!("      before: {}", Shown(&example.old)));
            lines.push(format!("      now:    {}", Shown(&example.new)));
        }
    }
}

impl Example {
    fn request(&self) -> String {
        let mut words = format!("{} {}", self.method, self.url);
        match &self.origin {
            Some(origin) => words.push_str(&format!(" from {origin}")),
            None => words.push_str(" without Origin"),
        }
        if self.credentials {
            words.push_str(" with credentials");
        }
        if !self.request_headers.is_empty() {
            words.push_str(&format!(
                " with the header {}",
                self.request_headers.join(", ")
            ));
        }
        if let Some(name) = &self.route_name {
            words.push_str(&format!(" on the route {name}"));
        }
        if let Some(policy) = &self.route_policy {
            words.push_str(&format!(" on a route with the policy {policy}"));
        }
        if self.upstream_grants {
            words.push_str(", the upstream grants it");
        }
        words
    }
}

/// A name as one word of a shell.
fn quoted(name: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./".contains(char);
    if name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

fn word(verdict: Verdict) -> String {
    match verdict {
        Verdict::Wider => color("wider", 31),
        Verdict::Undecided => color("undecided", 33),
        Verdict::Narrower => color("narrower", 36),
        Verdict::Equal => color("equal", 32),
    }
}

static EMPTY: Node = Node::Object(Vec::new());
const MAX_CHANGES: usize = 20;

const EXAMPLES: &str = "\
Examples:
  corsctl diff old.json new.json
  corsctl diff <(git show origin/main:envoy.yaml) envoy.yaml
  corsctl diff --allow-wider api old.yaml new.yaml
  corsctl diff released/ gateway/

Exit codes: 0 nothing is wider, or all that is is acknowledged; 1 something is wider; 3 nothing is
wider as far as is decided, and something is not; 2 bad usage or input";
