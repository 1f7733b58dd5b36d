//! What every command prints, as text or as JSON: remarks, results, why there is none.

pub mod code;
pub mod formats;
pub mod github;
pub mod junit;
pub mod progress;
pub mod results;
pub mod sarif;
pub mod tree;

use std::fmt;
use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use cors::config::json::Json;
use cors::diagnostic::Diagnostics;
use cors::diagnostic::Severity;
use cors::escape::{Shown, is_unsafe};
use serde::Serialize;

use crate::output::code::{Code, Level};
use crate::output::results::Problem;

/// How to print results.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Output {
    Text,
    Json,
    /// Annotations of GitHub's actions: check, diff, test, probe
    Github,
    /// SARIF 2.1.0: check, diff, test, probe
    Sarif,
    /// JUnit's XML: diff, test, probe
    Junit,
}

impl Output {
    /// Whether every command has it.
    pub fn is_common(self) -> bool {
        matches!(self, Self::Text | Self::Json)
    }
}

/// One remark. As text it is one line: file, line, severity, place, path, value, text, code.
#[derive(Clone, Debug, Serialize)]
pub struct Remark {
    pub severity: Level,
    /// The name of a code of the module, or of one of corsctl's own.
    pub code: &'static str,
    pub line: Option<usize>,
    /// The path into the plugin's configuration; empty for the whole.
    pub path: String,
    /// The value as written, in JSON; empty where it would not help.
    pub value: String,
    /// What is wrong and the remedy.
    pub text: String,
}

impl Remark {
    /// A remark of corsctl's own, with the severity that the code has.
    pub fn of(code: Code, line: Option<usize>, text: impl fmt::Display) -> Self {
        Self::new(code.level(), code.name(), line, text)
    }

    pub fn new(
        severity: Level,
        code: &'static str,
        line: Option<usize>,
        text: impl fmt::Display,
    ) -> Self {
        Self {
            severity,
            code,
            line,
            path: String::new(),
            value: String::new(),
            text: Shown(&text.to_string()).to_string(),
        }
    }

    /// All diagnostics of a configuration; `line` finds the line of a path.
    pub fn all(diagnostics: &Diagnostics, line: impl Fn(&str) -> Option<usize>) -> Vec<Self> {
        let mut remarks = Vec::new();
        for severity in Severity::ALL {
            remarks.extend(diagnostics.of(severity).map(|diagnostic| Self {
                severity: severity.into(),
                code: diagnostic.code.name(),
                line: line(&diagnostic.path),
                path: diagnostic.path.clone(),
                value: diagnostic.value.clone(),
                text: diagnostic.message.clone(),
            }));
            let more = diagnostics.more(severity);
            if more > 0 {
                remarks.push(Self::more(severity.into(), more, line("")));
            }
        }
        remarks
    }

    /// How many remarks of a severity are not shown.
    pub fn more(severity: Level, count: usize, line: Option<usize>) -> Self {
        let text = format!("and {count} more of these");
        Self::new(severity, Code::MoreDiagnostics.name(), line, text)
    }

    /// The remark for formats that other programs read.
    pub fn problem(&self, file: &str, place: &str) -> Problem {
        let about = [place, &self.path, &self.value].into_iter();
        let about: Vec<&str> = about.filter(|part| !part.is_empty()).collect();
        Problem {
            level: self.severity,
            code: self.code,
            file: file.to_owned(),
            line: self.line,
            about: about.join(": "),
            text: self.text.clone(),
        }
    }

    /// The remark as a line of text.
    pub fn show(&self, file: &str, place: &str) -> String {
        let mut text = format!("{}{} ", at(file, self.line), paint(self.severity));
        for part in [place, &self.path] {
            if !part.is_empty() {
                text.push_str(&format!("{}: ", Shown(part)));
            }
        }
        if !self.value.is_empty() {
            text.push_str(&format!("{} ", Shown(&self.value)));
        }
        text.push_str(&Shown(&self.text).to_string());
        with_code(&text, self.code)
    }
}

/// A line of text and its code, as compilers print it.
pub fn with_code(text: &str, code: &str) -> String {
    format!("{text} [{code}]")
}

/// Why a command has no result, for the user.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub text: String,
    /// What the text is about, each on a separate line.
    pub list: Vec<String>,
}

impl Failure {
    pub fn new(code: Code, text: impl fmt::Display) -> Self {
        Self {
            code,
            text: text.to_string(),
            list: Vec::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_code(&self.text, self.code.name()))?;
        self.list
            .iter()
            .try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// JSON with objects on separate lines and lists of texts on one.
pub struct Pretty<'n>(pub &'n Json, pub usize);

impl fmt::Display for Pretty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(node, depth) = self;
        let inner = "  ".repeat(depth + 1);
        let outer = "  ".repeat(*depth);
        match node {
            Json::Object(pairs) if !pairs.is_empty() => {
                for (index, (key, value)) in pairs.iter().enumerate() {
                    let before = if index == 0 { "{" } else { "," };
                    let key = Json::String((*key).clone());
                    write!(f, "{before}\n{inner}{key}: {}", Pretty(value, depth + 1))?;
                }
                write!(f, "\n{outer}}}")
            }
            Json::List(items) if matches!(items.first(), Some(Json::Object(_))) => {
                for (index, item) in items.iter().enumerate() {
                    let before = if index == 0 { "[" } else { "," };
                    write!(f, "{before}\n{inner}{}", Pretty(item, depth + 1))?;
                }
                write!(f, "\n{outer}]")
            }
            node => node.fmt(f),
        }
    }
}

/// Writes a result as JSON to the standard output.
pub fn print_json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(json) => print(&format!("{json}\n")),
        Err(error) => print_error(&error.to_string()),
    }
}

/// Writes to the standard output; the reader may stop before the end, as `head` does.
pub fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(guard(text).as_bytes());
}

/// Writes why there is no result to the standard error.
pub fn print_error(text: &str) {
    eprintln!("corsctl: {}", guard(text));
}

/// What is about to be printed, without anything that a terminal or a runner of GitHub's actions obeys:
/// whatever a caller let through. In JSON it stays the same value.
pub fn guard(text: &str) -> String {
    let has_color = wants_color();
    let mut guarded = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        let (indent, mut rest) = line.split_at(line.len() - start.len());
        guarded.push_str(indent);
        // A command is `::name::` at the start of a line, or `##[name]` anywhere.
        if let Some(command) = rest.strip_prefix("::") {
            guarded.push_str("\\u003a:");
            rest = command;
        }
        for char in rest.replace("##[", "#\\u0023[").chars() {
            let is_ours = char == '\n' || char == '\u{1b}' && has_color;
            if is_unsafe(char) && !is_ours {
                guarded.push_str(&Shown(char.encode_utf8(&mut [0; 4])).to_string());
            } else {
                guarded.push(char);
            }
        }
    }
    guarded
}

/// `file:12: `
pub fn at(file: &str, line: Option<usize>) -> String {
    let file = Shown(file);
    match line {
        Some(line) => format!("{file}:{line}: "),
        None => format!("{file}: "),
    }
}

/// The text in a colour, on a terminal whose user has not asked for none.
pub fn color(text: &str, code: u8) -> String {
    if wants_color() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

fn paint(severity: Level) -> String {
    let code = match severity {
        Level::Error => 31,
        Level::Warning => 33,
        _ => 36,
    };
    color(&format!("{}:", severity.name()), code)
}

fn wants_color() -> bool {
    std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The exit code of what is refused.
pub const REFUSED: u8 = 1;
/// The exit code of bad usage or input.
pub const BAD_INPUT: u8 = 2;
/// The exit code of a comparison that takes too long to decide.
pub const UNDECIDED: u8 = 3;
