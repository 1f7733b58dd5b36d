//! Reads files: JSON, YAML, TOML or XML, and the files that ConfigMaps hold.

use std::fmt;
use std::io::Read;

use cors::config::fields::POLICY_FIELDS;
use cors::config::json::Json;
use cors::config::remedy;
use cors::escape::Shown;
use saphyr_parser::ScanError;

use crate::input::cursor::Value;
use crate::input::document::Document;
use crate::input::programs;
use crate::input::toml::{is_toml, parse_toml};
use crate::input::xml::{is_xml, parse_xml};
use crate::input::yaml::{Copies, parse_yaml, unquoted_star, without_mark};
use crate::output::code::Code;
use crate::output::{Failure, at};

/// A file that was read whole.
#[derive(Debug)]
pub struct Source {
    /// The file as named, or `<stdin>`.
    pub name: String,
    /// One of JSON; of YAML as many as there are, without empty ones.
    pub documents: Vec<Document>,
    /// Files within the file: what ConfigMaps hold, each with its place in words.
    pub inner: Vec<(String, Document)>,
    /// Files within the file that name fields of a policy and cannot be read.
    pub malformed: Vec<InputError>,
}

/// Why a file cannot be read.
#[derive(Clone, Debug)]
pub struct InputError {
    pub file: String,
    pub line: Option<usize>,
    pub text: String,
    /// Whether the file cannot be read, or its text is at fault.
    pub code: Code,
}

impl Source {
    /// The most bytes that a file may have.
    pub const MAX_LENGTH: u64 = 10_000_000;

    /// Reads a file; `-` is the standard input.
    pub fn read(file: &str) -> Result<Self, InputError> {
        let name = if file == "-" { "<stdin>" } else { file };
        let bytes = read_bytes(file).map_err(|text| InputError::of(name, None, text))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            InputError::of(name, Some(line), "is not text in UTF-8")
        })?;
        Self::of_text(name, text)
    }

    /// Reads a text as the file of this name.
    pub fn of_text(name: &str, text: &str) -> Result<Self, InputError> {
        let mut copies = Copies::default();
        let read_toml = || {
            parse_toml(text)
                .map(|document| vec![document])
                .map_err(|(line, words)| Malformed::new(line, format!("is not TOML: {words}")))
        };
        let read_xml = |text| {
            parse_xml(text)
                .map(|document| vec![document])
                .map_err(|(line, words)| Malformed::new(line, format!("is not XML: {words}")))
        };
        let plain = without_mark(text);
        let read = match is_xml(plain) {
            true => read_xml(plain),
            false => parse(name, text, &mut copies),
        };
        let documents = match read {
            _ if name.ends_with(".toml") && template_line(text).is_none() => read_toml(),
            // Some programs are one long text to YAML.
            Ok(documents) if documents.iter().all(is_text) => match programs::recognise(text) {
                Some((line, words)) => Err(Malformed::new(line, words)),
                None => Ok(documents),
            },
            Ok(documents) => Ok(documents),
            Err(_) if is_toml(text) && template_line(text).is_none() => read_toml(),
            Err(wrong) => Err(other_format(text).unwrap_or(wrong)),
        };
        let documents = documents.map_err(|wrong| wrong.at(name, Some(wrong.line)))?;
        let mut source = Self {
            name: name.to_owned(),
            documents: Vec::new(),
            inner: Vec::new(),
            malformed: Vec::new(),
        };
        for resource in documents.iter().flat_map(Document::resources) {
            source.add_config_map(&resource, &mut copies);
        }
        source.documents = documents;
        Ok(source)
    }

    /// Adds what a ConfigMap of Kubernetes holds: the documents that are objects of JSON or YAML. Most
    /// ConfigMaps hold templates and fragments; only a text that names fields of a policy has to be
    /// readable.
    fn add_config_map(&mut self, value: &Value, copies: &mut Copies) {
        let data = value
            .get("data")
            .filter(|_| value.text_of("kind") == Some("ConfigMap"));
        let name = value.at(&["metadata", "name"]);
        let name = name.as_ref().and_then(Value::text).unwrap_or_default();
        for (key, value) in data.map_or_else(Vec::new, |data| data.all_entries()) {
            let Some(text) = value.text() else {
                continue;
            };
            let place = format!("ConfigMap \"{name}\", {key}");
            let documents = match parse(key, text, copies) {
                Ok(documents) => documents,
                Err(wrong) => {
                    let ends = [".json", ".yaml", ".yml"];
                    if ends.iter().any(|end| key.ends_with(end)) && mentions_policy_field(text) {
                        let line = value.lines.of_text(wrong.line);
                        let text = format!("{place}: {}", wrong.without_position());
                        self.malformed.push(InputError {
                            text,
                            ..wrong.at(&self.name, (line > 0).then_some(line))
                        });
                    }
                    continue;
                }
            };
            let is_one = documents.len() == 1;
            for (index, mut document) in documents.into_iter().enumerate() {
                document.lines.map(&|line| value.lines.of_text(line));
                if matches!(document.node, Json::Object(_)) {
                    let place = if is_one {
                        place.clone()
                    } else {
                        format!("{place}, document {}", index + 1)
                    };
                    self.inner.push((place, document));
                }
            }
        }
    }
}

impl InputError {
    fn of(file: &str, line: Option<usize>, text: impl fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            line,
            text: text.to_string(),
            code: Code::FileUnreadable,
        }
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        let text = format!("{}{}", at(&error.file, error.line), Shown(&error.text));
        Self::new(error.code, text)
    }
}

/// What is wrong with a text, and on which of its lines.
pub struct Malformed {
    pub line: usize,
    what: String,
    /// The parser's words for the line and column, if it has any.
    position: String,
    remedy: &'static str,
}

impl Malformed {
    /// What is wrong with a text that has to be JSON, if anything is.
    pub fn of_json(text: &str) -> Option<Self> {
        let text = without_mark(text);
        let error = serde_json::from_str::<Json>(text).err()?;
        Some(Self::json(&error, text))
    }

    fn json(error: &serde_json::Error, text: &str) -> Self {
        let (line, column) = (error.line(), error.column());
        let position = format!(" at line {line} column {column}");
        let words = error.to_string();
        let words = words.strip_suffix(&position).unwrap_or(&words);
        Self {
            what: format!("is not JSON: {words}"),
            position,
            remedy: remedy::json(text.as_bytes(), line, column),
            ..Self::new(line, "")
        }
    }

    fn yaml(error: &ScanError, text: &str) -> Self {
        let line = error.marker().line();
        match unquoted_star(error, text) {
            Some(word) => {
                let word = Json::String(word.to_owned());
                let text =
                    format!("is not YAML: * begins an alias there; put it in quotes: {word}");
                Self::new(line, text)
            }
            None => Self::new(line, format!("is not YAML: {}", error.info())),
        }
    }

    fn new(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
            position: String::new(),
            remedy: "",
        }
    }

    /// What is wrong, for a text whose lines are not those of the file.
    pub fn without_position(&self) -> String {
        format!("{}{}", self.what, self.remedy)
    }

    fn at(&self, file: &str, line: Option<usize>) -> InputError {
        let text = format!("{}{}{}", self.what, self.position, self.remedy);
        InputError {
            code: Code::FileMalformed,
            ..InputError::of(file, line, text)
        }
    }
}

/// Reads a text: YAML, or JSON if it looks like JSON and is not named otherwise.
fn parse(name: &str, text: &str, copies: &mut Copies) -> Result<Vec<Document>, Malformed> {
    let text = without_mark(text);
    if !is_json(name, text) {
        return parse_yaml(text, copies).map_err(|error| Malformed::yaml(&error, text));
    }
    let mut documents = Vec::new();
    // As jq prints them, values may follow each other.
    let mut nodes = serde_json::Deserializer::from_str(text).into_iter();
    let (mut start, mut before) = (0, 0);
    while let Some(node) = nodes.next() {
        let node = node.map_err(|error| Malformed::json(&error, text))?;
        let own = text.get(start..nodes.byte_offset()).unwrap_or_default();
        start = nodes.byte_offset();
        // Almost all JSON is YAML; where it is not, its lines stay unknown.
        let lines = parse_yaml(own, &mut Copies::none())
            .ok()
            .and_then(|documents| {
                let mut lines = documents.into_iter().next()?.lines;
                lines.map(&|line| line + before);
                Some(lines)
            });
        before += own.bytes().filter(|byte| *byte == b'\n').count();
        let lines = lines.unwrap_or_default();
        documents.push(Document { node, lines });
    }
    if documents.is_empty() {
        return Err(Malformed::new(1, "is not JSON: it is empty"));
    }
    Ok(documents)
}

fn is_json(name: &str, text: &str) -> bool {
    let is_yaml = [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
    !is_yaml && (name.ends_with(".json") || text.trim_start().starts_with(['{', '[']))
}

/// What a text that is neither YAML nor JSON is, as far as it shows.
fn other_format(text: &str) -> Option<Malformed> {
    let (line, words) = match template_line(text) {
        Some(line) => (
            line,
            format!("is a template ({{{{ on line {line}): render it first, as with helm template"),
        ),
        None => programs::recognise(text)?,
    };
    Some(Malformed::new(line, words))
}

/// The line of the first marker of a template.
fn template_line(text: &str) -> Option<usize> {
    let mut lines = text.lines().map(str::trim).enumerate();
    lines.find_map(|(index, line)| {
        (!line.starts_with('#') && line.contains("{{")).then_some(index + 1)
    })
}

fn is_text(document: &Document) -> bool {
    matches!(document.node, Json::String(_))
}

fn read_bytes(file: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = Source::MAX_LENGTH + 1;
    let read = if file == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 == limit {
        return Err(format!(
            "is larger than {} MB",
            Source::MAX_LENGTH / 1_000_000
        ));
    }
    Ok(bytes)
}

/// Whether a text that is neither JSON nor YAML names a field of a policy.
pub fn mentions_policy_field(text: &str) -> bool {
    let plain = text.replace('_', "").to_ascii_lowercase();
    let mut names = POLICY_FIELDS.iter().map(|field| field.name);
    names.any(|name| name.len() > 8 && plain.contains(&name.to_ascii_lowercase()))
}
