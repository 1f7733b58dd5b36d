//! What import has to say: errors, and every meaning that changes.

use std::collections::{HashMap, HashSet};
use std::fmt;

use cors::config::json::Node;
use cors::escape::Shown;
use serde::Serialize;

use crate::input::cursor::{Place, Value, same};

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
    /// What was read, to be said before all else.
    read: Option<String>,
    /// Whether what import does not read may be left out.
    is_partial: bool,
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
    pub fn of(file: &str, is_partial: bool) -> Self {
        Self {
            file: file.to_owned(),
            read: None,
            is_partial,
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

    /// Says what was read and what was passed over.
    pub fn tell_read(&mut self, text: String) {
        self.read = Some(text);
    }

    /// Says that something with CORS is not read, which is an error unless a part is enough.
    pub fn unread(&mut self, place: &Place, text: impl fmt::Display) {
        if self.is_partial {
            self.push(Level::Changed, place, format!("{text}; it is left out"));
        } else {
            let text = format!("{text}; --partial imports the rest without it");
            self.error(place, text);
        }
    }

    pub fn has_errors(&self) -> bool {
        self.lines.iter().any(|(level, ..)| *level == Level::Error)
    }

    /// The remarks to print: the errors alone, if there are any.
    pub fn remarks(&self) -> impl Iterator<Item = Remark<'_>> {
        let failed = self.has_errors();
        let read = self.read.iter().map(|text| Remark {
            severity: "note",
            line: None,
            path: "",
            text,
        });
        let lines = self.lines.iter();
        let lines = lines
            .filter(move |(level, ..)| !failed || *level == Level::Error)
            .map(|(level, place, text)| Remark {
                severity: level.word(),
                line: place.line,
                path: &place.path,
                text,
            });
        read.chain(lines)
    }

    /// The remarks as lines of text. What is said of many places is shown for the first of them.
    pub fn lines(&self) -> Vec<String> {
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        for remark in self.remarks() {
            *counts.entry((remark.severity, remark.text)).or_default() += 1;
        }
        let mut shown: HashMap<(&str, &str), usize> = HashMap::new();
        let lines = self.remarks().filter_map(|remark| {
            let key = (remark.severity, remark.text);
            let count = counts.get(&key).copied().unwrap_or_default();
            let number = shown.entry(key).or_default();
            *number += 1;
            let is_many = count > MAX_ALIKE;
            if is_many && *number > MAX_ALIKE {
                return None;
            }
            let more = if is_many && *number == MAX_ALIKE {
                format!(" (and at {} more places)", count - MAX_ALIKE)
            } else {
                String::new()
            };
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
            Some(format!(
                "{file}{line}: {severity}: {path}{colon}{text}{more}"
            ))
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

/// Of how many places one and the same text is shown.
const MAX_ALIKE: usize = 3;

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
