//! What a file says: JSON or YAML as trees of [`Node`], with the line of every value.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use cors::node::Node;
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
    place: Place,
}

/// Why a file cannot be read.
#[derive(Debug)]
pub struct InputError {
    pub file: String,
    pub line: Option<usize>,
    pub text: String,
}

/// The line of a value, or of its key, and the places of what it holds, in the same order.
#[derive(Clone, Debug, Default)]
struct Place {
    line: usize,
    /// Of a text in literal style (`|`): the line of its first line.
    text_line: Option<usize>,
    within: Vec<Place>,
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
        Self::parse(name, text.trim_start_matches('\u{feff}'))
    }

    /// Reads the text of a file: YAML, or JSON if it looks like JSON and is not named otherwise.
    fn parse(name: &str, text: &str) -> Result<Self, InputError> {
        let documents = if is_json(name, text) {
            let node = serde_json::from_str(text).map_err(|error| {
                InputError::of(name, Some(error.line()), format!("is not JSON: {error}"))
            })?;
            // Almost all JSON is YAML; where it is not, its lines stay unknown.
            let place = parse_yaml(text)
                .ok()
                .and_then(|documents| Some(documents.into_iter().next()?.place));
            vec![Document {
                node,
                place: place.unwrap_or_default(),
            }]
        } else {
            parse_yaml(text).map_err(|error| {
                InputError::of(
                    name,
                    Some(error.marker().line()),
                    format!("is not YAML: {}", error.info()),
                )
            })?
        };
        Ok(Self {
            name: name.to_owned(),
            inner: documents.iter().flat_map(files_of_config_map).collect(),
            documents,
        })
    }
}

impl Document {
    /// The line of the value at a path such as `rules[0].policy.maxAge`, or of the nearest value
    /// above it; `None` where lines are not known.
    pub fn line(&self, path: &str) -> Option<usize> {
        let line = find(&self.node, &self.place, path).line;
        (line > 0).then_some(line)
    }

    /// Reads the text at a path as a document of its own, whose lines are those of this one; `None`
    /// if it is neither JSON nor YAML.
    pub fn embedded(&self, path: &str, text: &str) -> Option<Self> {
        let outer = find(&self.node, &self.place, path);
        let mut document = parse_yaml(text).ok()?.into_iter().next()?;
        match outer.text_line {
            Some(first) => document.place.map_lines(&|line| line + first - 1),
            None => document.place.map_lines(&|_| outer.line),
        }
        Some(document)
    }
}

impl Place {
    fn map_lines(&mut self, map: &impl Fn(usize) -> usize) {
        self.line = map(self.line);
        self.text_line = self.text_line.map(map);
        for place in &mut self.within {
            place.map_lines(map);
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
        write!(f, "{}:", self.file)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.text)
    }
}

/// The files in a ConfigMap of Kubernetes that are objects of JSON or YAML.
fn files_of_config_map(document: &Document) -> Vec<(String, Document)> {
    let value = Value::of(document);
    let Some(data) = value
        .get("data")
        .filter(|_| value.text_of("kind") == Some("ConfigMap"))
    else {
        return Vec::new();
    };
    let name = value.at(&["metadata", "name"]);
    let name = name.as_ref().and_then(Value::text).unwrap_or_default();
    let files = data.all_entries().into_iter().filter_map(|(key, file)| {
        let inner = file.embedded()?;
        let is_object = matches!(inner.node, Node::Object(_));
        is_object.then(|| (format!("ConfigMap \"{name}\", {key}"), inner))
    });
    files.collect()
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

fn is_json(name: &str, text: &str) -> bool {
    let is_yaml = [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
    !is_yaml && (name.ends_with(".json") || text.trim_start().starts_with(['{', '[']))
}

/// Follows a path down to the last value that exists. Keys may hold dots and brackets.
fn find<'p>(node: &Node, place: &'p Place, path: &str) -> &'p Place {
    let children: Vec<(String, &Node)> = match node {
        Node::List(items) => (0..).map(|index| format!("[{index}]")).zip(items).collect(),
        Node::Object(pairs) => pairs
            .iter()
            .map(|(key, node)| (key.clone(), node))
            .collect(),
        _ => Vec::new(),
    };
    let path = path.strip_prefix('.').unwrap_or(path);
    // The last of equal keys: a duplicate is told where it stands again.
    let found = children
        .into_iter()
        .zip(&place.within)
        .filter_map(|((step, node), place)| {
            let rest = path.strip_prefix(step.as_str())?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then_some((node, place, rest))
        })
        .next_back();
    match found {
        Some((node, place, rest)) => find(node, place, rest),
        None => place,
    }
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
    anchors: HashMap<usize, (Node, Place)>,
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
    places: Vec<Place>,
}

impl Builder {
    fn take(&mut self, event: Event, span: Span) -> Result<(), ScanError> {
        let line = span.start.line();
        let fail = |text| Err(ScanError::new_str(span.start, text));
        match event {
            Event::Alias(anchor) => {
                let Some((node, mut place)) = self.anchors.get(&anchor).cloned() else {
                    return fail("an alias stands within its own anchor");
                };
                self.copied += count(&node);
                if self.copied > MAX_COPIED {
                    return fail("aliases bring in more than 100,000 values");
                }
                place.line = line;
                self.insert(node, place, 0, span)
            }
            Event::MappingStart(anchor, _) => self.open(anchor, line, false, span),
            Event::SequenceStart(anchor, _) => self.open(anchor, line, true, span),
            Event::MappingEnd | Event::SequenceEnd => match self.open.pop() {
                Some(open) => {
                    let place = Place {
                        line: open.line,
                        text_line: None,
                        within: open.places,
                    };
                    let node = if open.is_list {
                        Node::List(open.items.into_iter().map(|(_, node)| node).collect())
                    } else {
                        Node::Object(open.items)
                    };
                    self.insert(node, place, open.anchor, span)
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
                let place = Place {
                    line,
                    text_line,
                    within: Vec::new(),
                };
                self.insert(node, place, anchor, span)
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
            places: Vec::new(),
        });
        Ok(())
    }

    fn insert(
        &mut self,
        node: Node,
        mut place: Place,
        anchor: usize,
        span: Span,
    ) -> Result<(), ScanError> {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), place.clone()));
        }
        let Some(open) = self.open.last_mut() else {
            if node != Node::Null {
                self.documents.push(Document { node, place });
            }
            return Ok(());
        };
        if open.is_list {
            open.items.push((String::new(), node));
            open.places.push(place);
            return Ok(());
        }
        match open.key.take() {
            Some((key, line)) => {
                place.line = line;
                open.items.push((key, node));
                open.places.push(place);
            }
            None => match node {
                Node::String(key) => open.key = Some((key, place.line)),
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
