//! What a file says: JSON or YAML as trees of [`Node`], with the line of every value.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use cors::escape::{PathKey, Shown};
use cors::node::Node;
use cors::remedy;
use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::value::Value;

/// A file that was read whole.
#[derive(Debug)]
pub struct Source {
    /// The file as named, or `<stdin>`.
    pub name: String,
    /// One of JSON; of YAML as many as there are, without empty ones.
    pub documents: Vec<Document>,
    /// Files within the file: what ConfigMaps hold, each with its place in words.
    pub inner: Vec<(String, Document)>,
}

/// One document of a file.
#[derive(Debug)]
pub struct Document {
    pub node: Node,
    pub lines: Lines,
}

/// Why a file cannot be read.
#[derive(Debug)]
pub struct InputError {
    pub file: String,
    pub line: Option<usize>,
    pub text: String,
}

/// The line of a value, or of its key, and the lines of what it holds, in the same order.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    line: usize,
    /// Of a text in literal style (`|`): the line of its first line.
    text_line: Option<usize>,
    within: Vec<Lines>,
}

/// What is wrong with a text, and on which of its lines.
struct Malformed {
    line: usize,
    text: String,
}

impl Source {
    /// Reads a file; `-` is the standard input.
    pub fn read(file: &str) -> Result<Self, InputError> {
        let name = if file == "-" { "<stdin>" } else { file };
        let bytes = read_bytes(file).map_err(|text| InputError::of(name, None, text))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            InputError::of(name, Some(line), "is not text in UTF-8")
        })?;
        Self::parse(name, text)
    }

    fn parse(name: &str, text: &str) -> Result<Self, InputError> {
        let documents = parse(name, text).map_err(|wrong| {
            let (line, text) = other_format(name, text).unwrap_or((wrong.line, wrong.text));
            InputError::of(name, Some(line), text)
        })?;
        let mut inner = Vec::new();
        for resource in documents.iter().flat_map(Document::resources) {
            inner.extend(files_of_config_map(name, &resource)?);
        }
        Ok(Self {
            name: name.to_owned(),
            documents,
            inner,
        })
    }
}

/// Reads a text: YAML, or JSON if it looks like JSON and is not named otherwise.
fn parse(name: &str, text: &str) -> Result<Vec<Document>, Malformed> {
    let text = without_mark(text);
    if !is_json(name, text) {
        return parse_yaml(text).map_err(|error| Malformed {
            line: error.marker().line(),
            text: format!("is not YAML: {}", error.info()),
        });
    }
    let mut documents = Vec::new();
    // As jq prints them, values may follow each other.
    let mut nodes = serde_json::Deserializer::from_str(text).into_iter();
    let mut start = 0;
    while let Some(node) = nodes.next() {
        let node = node.map_err(|error| Malformed {
            line: error.line(),
            text: {
                let remedy = remedy::json(text.as_bytes(), error.line(), error.column());
                format!("is not JSON: {error}{remedy}")
            },
        })?;
        let own = text.get(start..nodes.byte_offset()).unwrap_or_default();
        let before = text.get(..start).unwrap_or_default();
        let before = before.bytes().filter(|byte| *byte == b'\n').count();
        start = nodes.byte_offset();
        // Almost all JSON is YAML; where it is not, its lines stay unknown.
        let lines = parse_yaml(own).ok().and_then(|documents| {
            let mut lines = documents.into_iter().next()?.lines;
            lines.map(&|line| line + before);
            Some(lines)
        });
        let lines = lines.unwrap_or_default();
        documents.push(Document { node, lines });
    }
    if documents.is_empty() {
        return Err(Malformed {
            line: 1,
            text: "is not JSON: it is empty".to_owned(),
        });
    }
    Ok(documents)
}

/// What a text that is neither YAML nor JSON is, as far as it shows, and on which line.
fn other_format(name: &str, text: &str) -> Option<(usize, String)> {
    let line_of = |is_meant: fn(&str) -> bool| {
        let mut lines = text.lines().map(str::trim).enumerate();
        lines.find_map(|(index, line)| is_meant(line).then_some(index + 1))
    };
    let is_template = |line: &str| !line.starts_with('#') && line.contains("{{");
    let is_table = |line: &str| {
        let inner = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| !inner.is_empty() && !inner.contains([',', '"', '{', ':']))
    };
    if let Some(line) = line_of(is_template) {
        let text =
            format!("is a template ({{{{ on line {line}): render it first, as with helm template");
        return Some((line, text));
    }
    if name.ends_with(".toml") || text.contains(" = ") && line_of(is_table).is_some() {
        let text = "is TOML, which is not read: write it as YAML or JSON";
        return Some((line_of(is_table).unwrap_or(1), text.to_owned()));
    }
    let is_program = |line: &str| {
        ["add_header", "http-response set-header", "header "]
            .iter()
            .any(|start| line.starts_with(start) && line.contains("Access-Control-"))
    };
    let line = line_of(is_program)?;
    let text = "sets CORS headers by commands, as in NGINX, HAProxy or Caddy, which is not read: write a policy";
    Some((line, text.to_owned()))
}

impl Document {
    /// The line of the value at a path such as `rules[0].policy.maxAge`, or of the nearest value
    /// above it; `None` where lines are not known.
    pub fn line(&self, path: &str) -> Option<usize> {
        self.lines.find(&self.node, path).number()
    }

    /// The document, or what it lists if it is a list of Kubernetes.
    pub fn resources(&self) -> Vec<Value<'_>> {
        let value = Value::of(self);
        let kind = value.text_of("kind");
        if kind.is_some_and(|kind| kind.ends_with("List")) {
            value.list("items")
        } else {
            vec![value]
        }
    }

    /// Reads a text that stands at these lines as a document of its own, whose lines are those of the
    /// file; `None` if it is neither JSON nor YAML.
    pub fn embedded(text: &str, at: &Lines) -> Option<Self> {
        let mut document = parse_yaml(without_mark(text)).ok()?.into_iter().next()?;
        document.lines.map(&|line| at.of_text(line));
        Some(document)
    }
}

impl Lines {
    /// The line itself, if it is known.
    pub fn number(&self) -> Option<usize> {
        (self.line > 0).then_some(self.line)
    }

    /// The lines of the item or field with this index.
    pub fn of(&self, index: usize) -> &Self {
        self.within.get(index).unwrap_or(self)
    }

    /// Follows a path down from a node to the last value that exists. Keys may hold dots and brackets.
    pub fn find(&self, node: &Node, path: &str) -> &Self {
        let path = path.strip_prefix('.').unwrap_or(path);
        let found = match node {
            Node::List(items) => path.strip_prefix('[').and_then(|rest| {
                let (index, rest) = rest.split_once(']')?;
                let index: usize = index.parse().ok()?;
                Some((index, items.get(index)?, rest))
            }),
            // The last of equal keys: a duplicate is told where it stands again.
            Node::Object(pairs) => {
                pairs
                    .iter()
                    .enumerate()
                    .rev()
                    .find_map(|(index, (key, node))| {
                        let rest = path.strip_prefix(&PathKey(key).to_string())?;
                        let is_whole = rest.is_empty() || rest.starts_with(['.', '[']);
                        is_whole.then_some((index, node, rest))
                    })
            }
            _ => None,
        };
        match found {
            Some((index, node, rest)) if index < self.within.len() => {
                self.of(index).find(node, rest)
            }
            _ => self,
        }
    }

    /// The line in the file of a line in the text that stands here.
    fn of_text(&self, line: usize) -> usize {
        self.text_line.map_or(self.line, |first| line + first - 1)
    }

    fn map(&mut self, map: &impl Fn(usize) -> usize) {
        self.line = map(self.line);
        self.text_line = self.text_line.map(map);
        for lines in &mut self.within {
            lines.map(map);
        }
    }
}

impl InputError {
    fn of(file: &str, line: Option<usize>, text: impl fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            line,
            text: text.to_string(),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", Shown(&self.file))?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", Shown(&self.text))
    }
}

/// The documents in a ConfigMap of Kubernetes that are objects of JSON or YAML. What is named as if it
/// were has to be.
fn files_of_config_map(file: &str, value: &Value) -> Result<Vec<(String, Document)>, InputError> {
    let mut files = Vec::new();
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
        let mut documents = match parse(key, text) {
            Ok(documents) => documents,
            Err(wrong)
                if [".json", ".yaml", ".yml"]
                    .iter()
                    .any(|end| key.ends_with(end)) =>
            {
                let line = value.lines.of_text(wrong.line);
                let line = (line > 0).then_some(line);
                let text = format!("{place}: {}", wrong.text);
                return Err(InputError::of(file, line, text));
            }
            Err(_) => continue,
        };
        let is_one = documents.len() == 1;
        for (index, mut document) in documents.drain(..).enumerate() {
            document.lines.map(&|line| value.lines.of_text(line));
            if matches!(document.node, Node::Object(_)) {
                let place = if is_one {
                    place.clone()
                } else {
                    format!("{place}, document {}", index + 1)
                };
                files.push((place, document));
            }
        }
    }
    Ok(files)
}

fn read_bytes(file: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = MAX_LENGTH + 1;
    let read = if file == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 == limit {
        return Err(format!("is larger than {} MB", MAX_LENGTH / 1_000_000));
    }
    Ok(bytes)
}

/// The text without one byte order mark, which the plugin ignores before JSON too.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn is_json(name: &str, text: &str) -> bool {
    let is_yaml = [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
    !is_yaml && (name.ends_with(".json") || text.trim_start().starts_with(['{', '[']))
}

/// Builds the trees from the parser's events: unlike the library's own trees, these keep duplicate
/// keys and are no deeper than JSON may be.
fn parse_yaml(text: &str) -> Result<Vec<Document>, ScanError> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event?;
        builder.take(event, span)?;
    }
    Ok(builder.documents)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Document>,
    /// The collections that are not closed yet.
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, Lines)>,
    /// How many values aliases have brought in.
    copied: usize,
}

struct Open {
    anchor: usize,
    line: usize,
    /// The key whose value comes next, and its line; lists have none.
    key: Option<(String, usize)>,
    is_list: bool,
    items: Vec<(String, Node)>,
    lines: Vec<Lines>,
}

impl Builder {
    fn take(&mut self, event: Event, span: Span) -> Result<(), ScanError> {
        let line = span.start.line();
        let fail = |text| Err(ScanError::new_str(span.start, text));
        match event {
            Event::Alias(anchor) => {
                let Some((node, mut lines)) = self.anchors.get(&anchor).cloned() else {
                    return fail("an alias stands within its own anchor");
                };
                self.copied += count(&node);
                if self.copied > MAX_COPIED {
                    return fail("aliases bring in more than 100,000 values");
                }
                lines.line = line;
                self.insert(node, lines, 0, span)
            }
            Event::MappingStart(anchor, _) => self.open(anchor, line, false, span),
            Event::SequenceStart(anchor, _) => self.open(anchor, line, true, span),
            Event::MappingEnd | Event::SequenceEnd => match self.open.pop() {
                Some(open) => {
                    let lines = Lines {
                        line: open.line,
                        text_line: None,
                        within: open.lines,
                    };
                    let node = if open.is_list {
                        Node::List(open.items.into_iter().map(|(_, node)| node).collect())
                    } else {
                        Node::Object(open.items)
                    };
                    self.insert(node, lines, open.anchor, span)
                }
                None => Ok(()),
            },
            Event::Scalar(text, style, anchor, tag) => {
                // The parser tells the first line that is not empty.
                let empty_lines = text.chars().take_while(|char| *char == '\n').count();
                let text_line = (style == ScalarStyle::Literal)
                    .then_some(line.saturating_sub(empty_lines).max(1));
                let is_key = self
                    .open
                    .last()
                    .is_some_and(|open| !open.is_list && open.key.is_none());
                let node = if is_key {
                    Node::String(text.into_owned())
                } else {
                    match Scalar::parse_from_cow_and_metadata(text, style, tag.as_ref()) {
                        Some(scalar) => node_of(&scalar),
                        None => return fail("the value is not what its tag says"),
                    }
                };
                let lines = Lines {
                    line,
                    text_line,
                    within: Vec::new(),
                };
                self.insert(node, lines, anchor, span)
            }
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            Event::DocumentStart(_) | Event::Nothing | Event::StreamEnd | Event::StreamStart => {
                Ok(())
            }
        }
    }

    fn open(
        &mut self,
        anchor: usize,
        line: usize,
        is_list: bool,
        span: Span,
    ) -> Result<(), ScanError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(ScanError::new_str(span.start, "nests too deep"));
        }
        self.open.push(Open {
            anchor,
            line,
            key: None,
            is_list,
            items: Vec::new(),
            lines: Vec::new(),
        });
        Ok(())
    }

    fn insert(
        &mut self,
        node: Node,
        mut lines: Lines,
        anchor: usize,
        span: Span,
    ) -> Result<(), ScanError> {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), lines.clone()));
        }
        let Some(open) = self.open.last_mut() else {
            if node != Node::Null {
                self.documents.push(Document { node, lines });
            }
            return Ok(());
        };
        if open.is_list {
            open.items.push((String::new(), node));
            open.lines.push(lines);
            return Ok(());
        }
        match open.key.take() {
            Some((key, line)) => {
                lines.line = line;
                open.items.push((key, node));
                open.lines.push(lines);
            }
            None => match node {
                Node::String(key) => open.key = Some((key, lines.line)),
                _ => return Err(ScanError::new_str(span.start, "a key is no text")),
            },
        }
        Ok(())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "as in JSON and in a Struct, every number is a double"
)]
fn node_of(scalar: &Scalar) -> Node {
    match scalar {
        Scalar::Boolean(value) => Node::Bool(*value),
        Scalar::FloatingPoint(value) => Node::Number(value.into_inner()),
        Scalar::Integer(value) => Node::Number(*value as f64),
        Scalar::Null => Node::Null,
        Scalar::String(text) => Node::String(text.clone().into_owned()),
    }
}

fn count(node: &Node) -> usize {
    1 + match node {
        Node::List(items) => items.iter().map(count).sum(),
        Node::Object(pairs) => pairs.iter().map(|(_, node)| count(node)).sum(),
        _ => 0,
    }
}

const MAX_COPIED: usize = 100_000;
/// As deep as JSON is read.
const MAX_DEPTH: usize = 128;
const MAX_LENGTH: u64 = 10_000_000;
