//! What there is to say about a configuration: errors, warnings and notes, each with its JSON path.

use std::fmt;

use crate::escape::{PathKey, Shown};

/// One remark: where, on what value, and what to write instead. No character of it commands a
/// terminal or ends a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The path into the configuration, as in `rules[0].policy.allowOrigins[2]`; empty for the whole.
    pub path: String,
    /// The value as written, in JSON, cut at 100 bytes; empty where it would not help.
    pub value: String,
    /// What is wrong and the remedy.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        if !self.value.is_empty() {
            write!(f, "{} ", self.value)?;
        }
        f.write_str(&self.text)
    }
}

/// The first problems of one kind, and how many there are beyond.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Problems {
    pub shown: Vec<Problem>,
    pub more: usize,
}

impl Problems {
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    pub fn len(&self) -> usize {
        self.shown.len() + self.more
    }

    fn push(&mut self, problem: Problem) {
        if self.shown.len() < MAX_SHOWN {
            self.shown.push(problem);
        } else {
            self.more += 1;
        }
    }

    fn append(&mut self, others: Self) {
        for problem in others.shown {
            self.push(problem);
        }
        self.more += others.more;
    }
}

/// Everything there is to say about one configuration.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// The configuration is not taken.
    pub errors: Problems,
    /// It is taken, but does what few people want; errors under `strict`.
    pub warnings: Problems,
    /// It is taken and good; `strict` ignores these.
    pub notes: Problems,
}

impl Report {
    /// Adds an error about the value at the path.
    pub fn error(&mut self, path: impl fmt::Display, value: &str, text: impl fmt::Display) {
        self.errors.push(problem(&path, value, &text));
    }

    /// Adds a warning about the value at the path.
    pub fn warn(&mut self, path: impl fmt::Display, value: &str, text: impl fmt::Display) {
        self.warnings.push(problem(&path, value, &text));
    }

    /// Adds a note about the value at the path.
    pub fn note(&mut self, path: impl fmt::Display, value: &str, text: impl fmt::Display) {
        self.notes.push(problem(&path, value, &text));
    }

    /// Turns the warnings into errors.
    pub fn make_strict(&mut self) {
        let warnings = std::mem::take(&mut self.warnings);
        self.errors.append(warnings);
    }
}

/// Behind trait objects: one copy of this, whatever is displayed, keeps the module small.
fn problem(path: &dyn fmt::Display, value: &str, text: &dyn fmt::Display) -> Problem {
    Problem {
        path: Shown(&path.to_string()).to_string(),
        value: Shown(&cut(value)).to_string(),
        text: Shown(&text.to_string()).to_string(),
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
