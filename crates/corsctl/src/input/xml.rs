//! Reads XML as a tree with lines.
//!
//! An element is an object of its attributes, as texts, and of its elements, of which each name has a
//! list; one that has text alone is that text.

use std::collections::HashMap;

use cors::config::json::Json;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::input::document::{Document, Lines};

/// Whether a text looks like XML.
pub fn is_xml(text: &str) -> bool {
    let text = text.trim_start();
    let name = text.strip_prefix('<').and_then(|rest| rest.chars().next());
    name.is_some_and(|first| first.is_ascii_alphabetic() || "!?".contains(first))
        && text.contains('>')
}

/// Reads a text as XML; the error has its line.
pub fn parse_xml(text: &str) -> Result<Document, (usize, String)> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::new("", 1)];
    let mut lines = LineCounter {
        text,
        at: 0,
        line: 1,
    };
    loop {
        let event = reader.read_event();
        let line = match &event {
            Ok(_) => lines.at(reader.buffer_position()),
            Err(_) => lines.at(reader.error_position()),
        };
        let wrong = |error: &dyn std::fmt::Display| (line, error.to_string());
        match event.map_err(|error| wrong(&error))? {
            Event::Start(start) => {
                if open.len() > MAX_DEPTH {
                    return Err((line, format!("has more than {MAX_DEPTH} levels")));
                }
                open.push(Element::of(&start, line));
            }
            Event::Empty(start) => close(&mut open, Element::of(&start, line)),
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(&mut open, element);
                }
            }
            Event::Text(part) => {
                let part = part.xml10_content().map_err(|error| wrong(&error))?;
                add_text(&mut open, &part);
            }
            Event::CData(part) => {
                let part = part.decode().map_err(|error| wrong(&error))?;
                add_text(&mut open, &part);
            }
            Event::GeneralRef(name) => {
                let char = name.resolve_char_ref().map_err(|error| wrong(&error))?;
                let name = name.decode().map_err(|error| wrong(&error))?;
                match (char, resolve_predefined_entity(&name)) {
                    (Some(char), _) => add_text(&mut open, char.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => add_text(&mut open, text),
                    (None, None) => {
                        return Err((line, format!("has the unknown entity &{name};")));
                    }
                }
            }
            Event::Comment(_) | Event::Decl(_) | Event::DocType(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(root), true) if !root.fields.is_empty() => {
            let (node, lines) = root.finish();
            Ok(Document { node, lines })
        }
        (Some(element), false) => {
            let text = format!("the element <{}> has no end", element.name);
            Err((element.line, text))
        }
        _ => Err((1, "has no element".to_owned())),
    }
}

/// An element that is being read.
struct Element {
    name: String,
    line: usize,
    fields: Vec<(String, Json)>,
    within: Vec<Lines>,
    /// Where the lists of elements are among the fields, by name.
    lists: HashMap<String, usize>,
    text: String,
}

impl Element {
    fn new(name: &str, line: usize) -> Self {
        Self {
            name: name.to_owned(),
            line,
            fields: Vec::new(),
            within: Vec::new(),
            lists: HashMap::new(),
            text: String::new(),
        }
    }

    fn of(start: &BytesStart, line: usize) -> Self {
        let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
        let mut element = Self::new(&name, line);
        for attribute in start.attributes() {
            let value = attribute.as_ref().map(|attribute| {
                let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
                let value = attribute.normalized_value(XmlVersion::Implicit1_0);
                value.map(|value| (key, value.into_owned()))
            });
            // Expressions of Azure have quotes within quotes; the reader of the element decides.
            let (key, value) = match value {
                Ok(Ok(pair)) => pair,
                _ => (UNREADABLE.to_owned(), String::new()),
            };
            element.fields.push((key, Json::String(value)));
            element.within.push(lines_of(line, Vec::new()));
        }
        element
    }

    fn finish(self) -> (Json, Lines) {
        let text = self.text.trim();
        if self.fields.is_empty() {
            return (
                Json::String(text.to_owned()),
                lines_of(self.line, Vec::new()),
            );
        }
        let mut fields = self.fields;
        let mut within = self.within;
        if !text.is_empty() {
            fields.push((TEXT.to_owned(), Json::String(text.to_owned())));
            within.push(lines_of(self.line, Vec::new()));
        }
        (Json::Object(fields), lines_of(self.line, within))
    }
}

/// Adds an element to the one that holds it.
fn close(open: &mut [Element], element: Element) {
    let Some(parent) = open.last_mut() else {
        return;
    };
    let name = element.name.clone();
    let line = element.line;
    let (node, lines) = element.finish();
    let index = match parent.lists.get(&name) {
        Some(index) => *index,
        None => {
            parent.lists.insert(name.clone(), parent.fields.len());
            parent.fields.push((name, Json::List(Vec::new())));
            parent.within.push(lines_of(line, Vec::new()));
            parent.fields.len() - 1
        }
    };
    if let (Some((_, Json::List(items))), Some(known)) =
        (parent.fields.get_mut(index), parent.within.get_mut(index))
    {
        items.push(node);
        known.within.push(lines);
    }
}

fn add_text(open: &mut [Element], part: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(part);
    }
}

/// Counts lines up to places that only move on.
struct LineCounter<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl LineCounter<'_> {
    fn at(&mut self, position: u64) -> usize {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let end = position.min(self.text.len());
        let part = self.text.as_bytes().get(self.at..end).unwrap_or_default();
        self.line += part.iter().filter(|byte| **byte == b'\n').count();
        self.at = self.at.max(end);
        self.line
    }
}

fn lines_of(line: usize, within: Vec<Lines>) -> Lines {
    Lines {
        line,
        text_line: None,
        within,
    }
}

/// The field of text next to attributes or elements.
const TEXT: &str = "text()";
/// The field of an attribute that is not XML.
pub const UNREADABLE: &str = "attributes";
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_become_objects_with_lines() {
        let text = "<!-- a -->\n<cors allow=\"a &amp; b\">\n  <origins>\n    <origin>https://a.example</origin>\n    <origin><![CDATA[b&c]]>&#100;</origin>\n  </origins>\n  <base />\n</cors>\n";
        let document = parse_xml(text).unwrap();
        assert_eq!(
            document.node.to_string(),
            r#"{"cors": [{"allow": "a & b", "origins": [{"origin": ["https://a.example", "b&cd"]}], "base": [""]}]}"#
        );
        for (path, line) in [
            ("cors", 2),
            ("cors[0].origins[0].origin[0]", 4),
            ("cors[0].origins[0].origin[1]", 5),
            ("cors[0].base", 7),
        ] {
            assert_eq!(document.line(path), Some(line), "{path}");
        }
    }

    #[test]
    fn what_is_not_xml_is_an_error_with_its_line() {
        let deep = "<a>".repeat(100);
        for (text, line) in [
            ("<a>\n<b>\n</a>", 3),
            ("<a>\n  <b>", 2),
            ("<a>\n&none;</a>", 2),
            (deep.as_str(), 1),
            ("<!-- a -->", 1),
        ] {
            let error = parse_xml(text).map(|document| document.node.to_string());
            assert_eq!(error.map_err(|(line, _)| line), Err(line), "{text}");
        }
    }

    #[test]
    fn an_attribute_with_quotes_within_quotes_does_not_hide_what_follows() {
        let text = r#"<a><when condition="@(Headers["x"] == "y")"><b>1</b></when><c>2</c></a>"#;
        let document = parse_xml(text).unwrap();
        let node = document.node.to_string();
        assert!(
            node.contains(UNREADABLE) && node.contains(r#""c": ["2"]"#),
            "{node}"
        );
    }

    #[test]
    fn xml_is_recognised_by_its_first_character() {
        assert!(is_xml("\n<policies>"));
        assert!(is_xml("<?xml version=\"1.0\"?><a/>"));
        assert!(!is_xml("<<: *a"));
        assert!(!is_xml("a: <b>"));
    }
}
