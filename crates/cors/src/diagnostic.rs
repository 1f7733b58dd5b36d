//! Diagnostics of a configuration: errors, warnings and notes, each with its code and JSON path.

mod code;

use std::fmt;

pub use code::Code;

use crate::escape::{PathKey, Shown};

/// One diagnostic. None of its texts can end a line or control a terminal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    /// The path into the configuration, as in `rules[0].policy.allowOrigins[2]`; empty for the whole.
    pub path: String,
    /// The value as written, in JSON, cut at 100 bytes; empty where it would not help.
    pub value: String,
    /// What is wrong and the remedy.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        if !self.value.is_empty() {
            write!(f, "{} ", self.value)?;
        }
        f.write_str(&self.message)
    }
}

/// What a diagnostic means for the configuration.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The configuration is rejected.
    Error,
    /// It is accepted, but few people want what it does; an error under `strict`.
    Warning,
    /// It is accepted and good; `strict` ignores these.
    Note,
}

impl Severity {
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// The diagnostics of one configuration: the first 20 of each severity, and how many there are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Diagnostics {
    shown: Vec<Diagnostic>,
    counts: [usize; 3],
}

impl Diagnostics {
    /// The shown diagnostics of a severity, in order.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Diagnostic> {
        let shown = self.shown.iter();
        shown.filter(move |diagnostic| diagnostic.severity == severity)
    }

    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.of(Severity::Error)
    }

    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.of(Severity::Warning)
    }

    /// How many there are of a severity, shown or not.
    pub fn count(&self, severity: Severity) -> usize {
        self.counts
            .get(severity as usize)
            .copied()
            .unwrap_or_default()
    }

    /// How many of a severity are not shown.
    pub fn more(&self, severity: Severity) -> usize {
        self.count(severity).saturating_sub(MAX_SHOWN)
    }

    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// Adds an error about the value at the path.
    pub fn error(
        &mut self,
        code: Code,
        path: impl fmt::Display,
        value: &str,
        message: impl fmt::Display,
    ) {
        self.add(code, Severity::Error, &path, value, &message);
    }

    /// Adds a warning about the value at the path.
    pub fn warn(
        &mut self,
        code: Code,
        path: impl fmt::Display,
        value: &str,
        message: impl fmt::Display,
    ) {
        self.add(code, Severity::Warning, &path, value, &message);
    }

    /// Adds a note about the value at the path.
    pub fn note(
        &mut self,
        code: Code,
        path: impl fmt::Display,
        value: &str,
        message: impl fmt::Display,
    ) {
        self.add(code, Severity::Note, &path, value, &message);
    }

    /// Turns the warnings into errors.
    pub fn make_strict(&mut self) {
        let [errors, warnings, notes] = self.counts;
        let shown = std::mem::take(&mut self.shown);
        let (were_warnings, others) = shown
            .into_iter()
            .partition::<Vec<_>, _>(|diagnostic| diagnostic.severity == Severity::Warning);
        self.shown = others;
        for mut diagnostic in were_warnings {
            diagnostic.severity = Severity::Error;
            self.push(diagnostic);
        }
        self.counts = [errors + warnings, 0, notes];
    }

    /// Adds a diagnostic of any severity. Behind trait objects: one copy of this, whatever is displayed, keeps
    /// the module small.
    pub fn add(
        &mut self,
        code: Code,
        severity: Severity,
        path: &dyn fmt::Display,
        value: &str,
        message: &dyn fmt::Display,
    ) {
        self.push(Diagnostic {
            code,
            severity,
            path: Shown(&path.to_string()).to_string(),
            value: Shown(&cut(value)).to_string(),
            message: Shown(&message.to_string()).to_string(),
        });
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        if let Some(count) = self.counts.get_mut(diagnostic.severity as usize) {
            *count += 1;
            if *count <= MAX_SHOWN {
                self.shown.push(diagnostic);
            }
        }
    }
}

/// The path of a field of the object at a path.
pub fn join(path: &str, key: &str) -> String {
    let key = cut(&PathKey(key).to_string());
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// At most the first 100 bytes: a line of the log stays one that a person reads.
pub fn cut(value: &str) -> String {
    match value
        .char_indices()
        .find(|(at, char)| at + char.len_utf8() > MAX_VALUE)
    {
        Some((at, _)) => format!("{}…", value.get(..at).unwrap_or_default()),
        None => value.to_owned(),
    }
}

const MAX_SHOWN: usize = 20;

const MAX_VALUE: usize = 100;
