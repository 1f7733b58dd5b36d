//! What import has to say: errors, and every meaning that changes.

use std::collections::{HashMap, HashSet};
use std::fmt;

use cors::config::json::Json;
use cors::diagnostic::Diagnostic;
use cors::escape::Shown;

use crate::input::cursor::{Place, Value, same};
use crate::output::code::{Code, Level};
use crate::output::{Remark, with_code};

/// All that there is to say about one file.
pub struct Notes {
    file: String,
    /// What was read, to be said before all else.
    read: Option<Remark>,
    /// Whether what import does not read may be left out.
    is_partial: bool,
    remarks: Vec<Remark>,
    /// What was said already.
    said: HashSet<(Place, String)>,
}

impl Notes {
    pub fn of(file: &str, is_partial: bool) -> Self {
        Self {
            file: file.to_owned(),
            read: None,
            is_partial,
            remarks: Vec::new(),
            said: HashSet::new(),
        }
    }

    /// Reports something once for each place.
    pub fn push(&mut self, code: Code, place: &Place, text: impl fmt::Display) {
        self.add(Remark::of(code, place.line, text), place);
    }

    /// Reports what the plugin finds in what import writes.
    pub fn push_diagnostic(&mut self, place: &Place, diagnostic: &Diagnostic) {
        let (level, code) = (diagnostic.severity.into(), diagnostic.code.name());
        self.add(Remark::new(level, code, place.line, diagnostic), place);
    }

    /// Says what was read and what was skipped.
    pub fn report_read(&mut self, text: String) {
        self.read = Some(Remark::of(Code::Imported, None, text));
    }

    /// Reports that something with CORS is not read, which is an error unless a part is enough.
    pub fn unread(&mut self, place: &Place, text: impl fmt::Display) {
        let code = Code::NotImported;
        if self.is_partial {
            let text = format!("{text}; it is left out");
            let remark = Remark::new(Level::Changed, code.name(), place.line, text);
            self.add(remark, place);
        } else {
            let text = format!("{text}; --partial imports the rest without it");
            self.push(code, place, text);
        }
    }

    fn add(&mut self, mut remark: Remark, place: &Place) {
        remark.path.clone_from(&place.path);
        if self.said.insert((place.clone(), remark.text.clone())) {
            self.remarks.push(remark);
        }
    }

    pub fn has_errors(&self) -> bool {
        let mut levels = self.remarks.iter().map(|remark| remark.severity);
        levels.any(|level| level == Level::Error)
    }

    /// The remarks to print: the errors alone, if there are any.
    pub fn remarks(&self) -> impl Iterator<Item = &Remark> {
        let failed = self.has_errors();
        let remarks = self.remarks.iter();
        let remarks = remarks.filter(move |remark| !failed || remark.severity == Level::Error);
        self.read.iter().chain(remarks)
    }

    /// The remarks as lines of text. What is said of many places is shown for the first of them.
    pub fn lines(&self) -> Vec<String> {
        let mut counts: HashMap<(Level, &str), usize> = HashMap::new();
        for remark in self.remarks() {
            *counts.entry((remark.severity, &remark.text)).or_default() += 1;
        }
        let mut shown: HashMap<(Level, &str), usize> = HashMap::new();
        let lines = self.remarks().filter_map(|remark| {
            let key = (remark.severity, remark.text.as_str());
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
            let [file, path, text] =
                [&self.file, &remark.path, &remark.text].map(|text| Shown(text));
            let level = remark.severity.name();
            let text = format!("{file}{line}: {level}: {path}{colon}{text}{more}");
            Some(with_code(&text, remark.code))
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
            Some((_, Json::Bool(truth))) => *truth,
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
        if !matches!(value.node, Json::List(_)) {
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
        let text = format!("is {kind}, not {wanted}");
        self.push(Code::SourceWrongType, &value.place(), text);
    }
}

/// Of how many places one and the same text is shown.
const MAX_ALIKE: usize = 3;

impl Value<'_> {
    /// Reports every field that is not among these: what is not known is not dropped.
    pub fn allow_only(&self, names: &[&str], what: &str, notes: &mut Notes) {
        if !matches!(self.node, Json::Object(_)) {
            notes.wrong(self, "an object");
        }
        for (key, value) in self.entries() {
            if !names.iter().any(|name| same(key, name)) {
                let text = format!("is not a field of {what} that import knows");
                notes.push(Code::SourceUnknownField, &value.place(), text);
            }
        }
    }
}
