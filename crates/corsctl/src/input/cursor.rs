//! Values of a file, each with its place.

use std::fmt;

use cors::config::fields::is_comment;
use cors::config::json::Json;
use cors::diagnostic::join;

use crate::input::document::{Document, Lines};

/// A value, and where it is.
#[derive(Clone)]
pub struct Value<'s> {
    pub node: &'s Json,
    pub lines: &'s Lines,
    path: String,
    /// The kind that a list of Kubernetes gives its items.
    pub kind: Option<&'s str>,
}

/// Where something is in a file.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Place {
    pub line: Option<usize>,
    pub path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}"),
            None => f.write_str(&self.path),
        }
    }
}

impl<'s> Value<'s> {
    pub fn of(document: &'s Document) -> Self {
        Self {
            node: &document.node,
            lines: &document.lines,
            path: String::new(),
            kind: None,
        }
    }

    /// A value whose place does not matter.
    pub fn bare(node: &'s Json) -> Self {
        Self {
            node,
            lines: &NO_LINES,
            path: String::new(),
            kind: None,
        }
    }

    /// The field of this name in camelCase, snake_case or Go's spelling; `null` counts as absent.
    pub fn get(&self, name: &str) -> Option<Self> {
        let mut pairs = self.pairs().iter();
        let index = pairs.position(|(key, _)| same(key, name))?;
        let child = self.child(index)?;
        (*child.node != Json::Null).then_some(child)
    }

    /// The field of this name, or an empty object in its place.
    pub fn field(&self, name: &str) -> Self {
        self.get(name).unwrap_or_else(|| Self {
            node: &EMPTY,
            ..self.clone()
        })
    }

    /// The field at the end of these names.
    pub fn at(&self, names: &[&str]) -> Option<Self> {
        names
            .iter()
            .try_fold(self.clone(), |value, name| value.get(name))
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The items of a list; of anything else none.
    pub fn items(&self) -> Vec<Self> {
        self.each_item().collect()
    }

    /// The items of a list, one at a time: a long list of deep ones has paths longer than its text.
    pub fn each_item(&self) -> impl Iterator<Item = Self> + '_ {
        let items = match self.node {
            Json::List(items) => items.as_slice(),
            _ => &[],
        };
        let items = items.iter().enumerate();
        items.map(|(index, node)| Self {
            node,
            lines: self.lines.of(index),
            path: format!("{}[{index}]", self.path),
            kind: None,
        })
    }

    /// The items of a list; anything else is the only one, as Protobuf reads a repeated field.
    pub fn several(&self) -> Vec<Self> {
        match self.node {
            Json::List(_) => self.items(),
            _ => vec![self.clone()],
        }
    }

    /// The same of the field with this name; none if it is absent.
    pub fn several_of(&self, name: &str) -> Vec<Self> {
        self.get(name)
            .map_or_else(Vec::new, |value| value.several())
    }

    /// The items of the list with this name; none if it is absent.
    pub fn list(&self, name: &str) -> Vec<Self> {
        self.get(name).map_or_else(Vec::new, |value| value.items())
    }

    /// The items of the list at the end of these names; none if it is absent.
    pub fn list_at(&self, names: &[&str]) -> Vec<Self> {
        self.at(names).map_or_else(Vec::new, |value| value.items())
    }

    /// The fields of an object without comments; of anything else none.
    pub fn entries(&self) -> Vec<(&'s str, Self)> {
        let entries = self.all_entries().into_iter();
        entries.filter(|(key, _)| !is_comment(key)).collect()
    }

    /// The fields of an object; of anything else none.
    pub fn all_entries(&self) -> Vec<(&'s str, Self)> {
        self.each_entry().collect()
    }

    /// The fields of an object, one at a time.
    pub fn each_entry(&self) -> impl Iterator<Item = (&'s str, Self)> + '_ {
        let pairs = self.pairs().iter().enumerate();
        pairs.filter_map(|(index, (key, _))| Some((key.as_str(), self.child(index)?)))
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&'s str> {
        match self.node {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of the field with this name; none if it is absent or no text.
    pub fn text_of(&self, name: &str) -> Option<&'s str> {
        self.get(name)?.text()
    }

    /// The line of the value at a path below this one, or of the nearest above it.
    pub fn line_of(&self, path: &str) -> Option<usize> {
        self.lines.find(self.node, path).number()
    }

    pub fn place(&self) -> Place {
        Place {
            line: self.lines.number(),
            path: self.path.clone(),
        }
    }

    pub fn pairs(&self) -> &'s [(String, Json)] {
        match self.node {
            Json::Object(pairs) => pairs,
            _ => &[],
        }
    }

    fn child(&self, index: usize) -> Option<Self> {
        let (key, node) = self.pairs().get(index)?;
        Some(Self {
            node,
            lines: self.lines.of(index),
            path: join(&self.path, key),
            kind: None,
        })
    }
}

/// Whether two keys are spellings of one name.
pub fn same(one: &str, other: &str) -> bool {
    letters(one).eq(letters(other))
}

/// What all spellings of a name have in common.
pub fn letters(key: &str) -> impl Iterator<Item = u8> + '_ {
    let letters = key.bytes().filter(|byte| *byte != b'_');
    letters.map(|byte| byte.to_ascii_lowercase())
}

static EMPTY: Json = Json::Object(Vec::new());
static NO_LINES: Lines = Lines::none();
