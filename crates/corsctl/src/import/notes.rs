//! What import has to say: errors, and every meaning that changes.

use std::collections::HashSet;
use std::fmt;

use cors::escape::Shown;
use cors::node::Node;
use serde::Serialize;

use super::value::{Place, Value, same};

/// What import says about one place, or about the whole file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// Other than it was, neither wider nor narrower.
    Changed,
    /// Written out, where the source leaves it to a default.
    Default,
    Error,
    /// Allows less than it did.
    Narrower,
    /// What the plugin itself warns of.
    Warning,
    /// Allows more than it did.
    Wider,
}

/// All that there is to say about one file.
pub struct Notes {
    file: String,
    lines: Vec<(Level, Place, String)>,
    /// What was said already.
    said: HashSet<(Place, String)>,
}

/// One thing that is said, as `--output json` prints it.
#[derive(Serialize)]
pub struct Remark<'n> {
    severity: &'static str,
    line: Option<usize>,
    path: &'n str,
    text: &'n str,
}

impl Notes {
    pub fn of(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            lines: Vec::new(),
            said: HashSet::new(),
        }
    }

    pub fn error(&mut self, place: &Place, text: impl fmt::Display) {
        self.push(Level::Error, place, text);
    }

    /// Says something once for each place.
    pub fn push(&mut self, level: Level, place: &Place, text: impl fmt::Display) {
        let text = text.to_string();
        if self.said.insert((place.clone(), text.clone())) {
            self.lines.push((level, place.clone(), text));
        }
    }

    pub fn has_errors(&self) -> bool {
        self.lines.iter().any(|(level, ..)| *level == Level::Error)
    }

    /// The remarks to print: the errors alone, if there are any.
    pub fn remarks(&self) -> impl Iterator<Item = Remark<'_>> {
        let failed = self.has_errors();
        let lines = self.lines.iter();
        lines
            .filter(move |(level, ..)| !failed || *level == Level::Error)
            .map(|(level, place, text)| Remark {
                severity: level.word(),
                line: place.line,
                path: &place.path,
                text,
            })
    }

    /// The remarks as lines of text.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.remarks().map(|remark| {
            let line = remark.line.map(|line| format!(":{line}"));
            let line = line.unwrap_or_default();
            let colon = if remark.path.is_empty() { "" } else { ": " };
            let Remark {
                severity,
                path,
                text,
                ..
            } = remark;
            let [file, path, text] = [&self.file, path, text].map(Shown);
            format!("{file}{line}: {severity}: {path}{colon}{text}")
        });
        lines.collect()
    }

    /// Reads a text.
    pub fn text<'s>(&mut self, value: &Value<'s>) -> Option<&'s str> {
        let text = value.text();
        if text.is_none() {
            self.wrong(value, "a text");
        }
        text
    }

    /// Reads `true` or `false`; absent is `false`.
    pub fn bool(&mut self, value: Option<Value>) -> bool {
        match value.as_ref().map(|value| (value, value.node)) {
            None => false,
            Some((_, Node::Bool(truth))) => *truth,
            Some((value, _)) => {
                self.wrong(value, "true or false");
                false
            }
        }
    }

    /// Reads a list of texts; absent is empty.
    pub fn texts<'s>(&mut self, value: Option<Value<'s>>) -> Vec<(Value<'s>, &'s str)> {
        let Some(value) = value else {
            return Vec::new();
        };
        if !matches!(value.node, Node::List(_)) {
            self.wrong(&value, "a list of texts");
        }
        let items = value.items().into_iter();
        items
            .filter_map(|item| self.text(&item).map(|text| (item.clone(), text)))
            .collect()
    }

    /// Reads a list of names: header names or methods.
    pub fn names(&mut self, value: Option<Value>) -> Vec<String> {
        let texts = self.texts(value).into_iter();
        texts.map(|(_, text)| text.trim().to_owned()).collect()
    }

    pub fn wrong(&mut self, value: &Value, wanted: &str) {
        let kind = value.node.kind();
        self.error(&value.place(), format!("is {kind}, not {wanted}"));
    }
}

impl Value<'_> {
    /// Tells of every field that is not among these: what is not known is not dropped.
    pub fn allow_only(&self, names: &[&str], what: &str, notes: &mut Notes) {
        if !matches!(self.node, Node::Object(_)) {
            notes.error(
                &self.place(),
                format!("is {}, not an object", self.node.kind()),
            );
        }
        for (key, value) in self.entries() {
            if !names.iter().any(|name| same(key, name)) {
                notes.error(
                    &value.place(),
                    format!("is no field of {what} that import knows"),
                );
            }
        }
    }
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Default => "default",
            Self::Error => "error",
            Self::Narrower => "narrower",
            Self::Warning => "warning",
            Self::Wider => "wider",
        }
    }
}
