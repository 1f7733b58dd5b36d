//! What a file says: JSON or YAML as trees of [`Node`], with the line of every value.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::Read;

use cors::config::json::Node;
use cors::config::remedy;
use cors::escape::{PathKey, Shown};
use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::find::mentions_policy_field;
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
    /// Files within the file that name fields of a policy and cannot be read.
    pub malformed: Vec<InputError>,
}

/// One document of a file.
#[derive(Debug)]
pub struct Document {
    pub node: Node,
    pub lines: Lines,
}

/// Why a file cannot be read.
#[derive(Clone, Debug)]
pub struct InputError {
    pub file: String,
    pub line: Option<usize>,
    pub text: String,
    /// Whether the file was read and its text is at fault.
    pub is_malformed: bool,
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
        let mut copies = Copies::default();
        let documents = parse(name, text, &mut copies).map_err(|mut wrong| {
            if let Some((line, text)) = other_format(name, text) {
                wrong = Malformed { line, text };
            }
            wrong.at(name, Some(wrong.line))
        })?;
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
                        let mut error = wrong.at(&self.name, (line > 0).then_some(line));
                        // The line that the text names is one of its own.
                        let words = without_position(&error.text);
                        let words = words.map_or(error.text.clone(), |(words, _)| words);
                        error.text = format!("{place}: {words}");
                        self.malformed.push(error);
                    }
                    continue;
                }
            };
            let is_one = documents.len() == 1;
            for (index, mut document) in documents.into_iter().enumerate() {
                document.lines.map(&|line| value.lines.of_text(line));
                if matches!(document.node, Node::Object(_)) {
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

/// Reads a text: YAML, or JSON if it looks like JSON and is not named otherwise.
fn parse(name: &str, text: &str, copies: &mut Copies) -> Result<Vec<Document>, Malformed> {
    let text = without_mark(text);
    if !is_json(name, text) {
        return parse_yaml(text, copies).map_err(|error| Malformed::yaml(&error, text));
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
        let lines = parse_yaml(own, &mut Copies::none())
            .ok()
            .and_then(|documents| {
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

impl Malformed {
    fn yaml(error: &ScanError, text: &str) -> Self {
        let line = error.marker().line();
        let text = match unquoted_star(error, text) {
            Some(word) => format!(
                "is not YAML: * begins an alias there; put it in quotes: {}",
                Node::String(word.to_owned())
            ),
            None => format!("is not YAML: {}", error.info()),
        };
        Self { line, text }
    }

    fn at(&self, file: &str, line: Option<usize>) -> InputError {
        InputError {
            is_malformed: true,
            ..InputError::of(file, line, &self.text)
        }
    }
}

/// A text without its ` at line 3 column 5`, and that line.
pub fn without_position(text: &str) -> Option<(String, usize)> {
    let (words, position) = text.split_once(" at line ")?;
    let (line, rest) = position.split_once(" column ")?;
    let rest = rest.trim_start_matches(|char: char| char.is_ascii_digit());
    Some((format!("{words}{rest}"), line.parse().ok()?))
}

/// The word at an error that begins with `*` and was not meant as an alias.
fn unquoted_star<'t>(error: &ScanError, text: &'t str) -> Option<&'t str> {
    let of_parser = [
        "found unknown anchor",
        "did not find expected alphabetic or numeric character",
    ];
    if !of_parser.iter().any(|words| error.info().ends_with(words)) {
        return None;
    }
    let marker = error.marker();
    let line = text.lines().nth(marker.line().checked_sub(1)?)?;
    let (at, _) = line.char_indices().nth(marker.col())?;
    let word = line.get(at..).filter(|rest| rest.starts_with('*'))?;
    let end = word.find([',', ']', '}', ' ', '\t']);
    word.get(..end.unwrap_or(word.len()))
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
        let mut document = parse_yaml(without_mark(text), &mut Copies::none())
            .ok()?
            .into_iter()
            .next()?;
        document.lines.map(&|line| at.of_text(line));
        Some(document)
    }
}

impl Lines {
    /// Of a value whose place does not matter.
    pub const fn none() -> Self {
        Self {
            line: 0,
            text_line: None,
            within: Vec::new(),
        }
    }

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

    /// The line in the file of a line of the text here, if it is in literal style.
    pub fn of_literal(&self, line: usize) -> Option<usize> {
        let first = self.text_line?;
        (first + line).checked_sub(1)
    }

    /// The line in the file of a line of the text here.
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
            is_malformed: false,
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

/// Reads YAML as Envoy and Kubernetes do: within brackets and quotes, indentation means nothing to them.
/// The parser at hand follows the specification, which asks for it; lines that it refuses for that alone
/// are indented for it.
fn parse_yaml(text: &str, copies: &mut Copies) -> Result<Vec<Document>, ScanError> {
    let before = copies.left;
    let first = match build(text, copies) {
        Ok(documents) => return Ok(documents),
        Err(error) => error,
    };
    let (mut repaired, mut error) = (text.to_owned(), first.clone());
    let mut work = 0;
    while work < MAX_REPAIRS && repair_indentation(&mut repaired, &error) {
        work += repaired.len();
        copies.left = before;
        match build(&repaired, copies) {
            Ok(documents) => return Ok(documents),
            Err(next) if next.marker().index() <= error.marker().index() => break,
            Err(next) => error = next,
        }
    }
    // A line is that of the file; a column of an indented line is not.
    Err(if error.marker().line() > first.marker().line() {
        error
    } else {
        first
    })
}

/// Indents the lines of the brackets or the quoted text at an error. Returns `false` if the error is
/// another.
fn repair_indentation(text: &mut String, error: &ScanError) -> bool {
    let is_quoted = error.info() == "invalid indentation in quoted scalar";
    let is_flow = [
        "invalid indentation",
        "invalid indentation in flow construct",
    ];
    if !is_quoted && !is_flow.contains(&error.info()) {
        return false;
    }
    let marker = error.marker();
    let line = marker.line().saturating_sub(1);
    let line_start = text
        .match_indices('\n')
        .nth(line.wrapping_sub(1))
        .filter(|_| line > 0)
        .map_or(0, |(at, _)| at + 1);
    let Some(rest) = text.get(line_start..) else {
        return false;
    };
    let column = rest
        .char_indices()
        .nth(marker.col())
        .map_or(rest.len(), |(at, _)| at);
    let lines = if is_quoted {
        lines_of_quoted(rest, column)
    } else {
        lines_of_brackets(rest)
    };
    if lines.is_empty() || lines.len() > MAX_INDENTED {
        return false;
    }
    let mut indented = String::with_capacity(text.len() + lines.len() * INDENTATION.len());
    let mut from = 0;
    for at in lines.iter().map(|at| line_start + at) {
        indented.push_str(text.get(from..at).unwrap_or_default());
        indented.push_str(INDENTATION);
        from = at;
    }
    indented.push_str(text.get(from..).unwrap_or_default());
    *text = indented;
    true
}

/// Where the lines begin on which the quoted text at the column goes on.
fn lines_of_quoted(text: &str, column: usize) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut chars = text.char_indices().skip_while(|(at, _)| *at < column);
    let Some((_, quote)) = chars.next() else {
        return lines;
    };
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' if quote == '"' => {
                if let Some((at, '\n')) = chars.next() {
                    lines.push(at + 1);
                }
            }
            // Two single quotes within are one, and begin as it ends: the second one goes on.
            '\'' if quote == '\''
                && text
                    .get(at + 1..)
                    .is_some_and(|rest| rest.starts_with('\'')) =>
            {
                chars.next();
            }
            '\n' => lines.push(at + 1),
            _ if char == quote => break,
            _ => {}
        }
    }
    lines
}

/// Where the lines begin that belong to the brackets which are open at the start of the text: the first,
/// and those up to the bracket that closes them.
fn lines_of_brackets(text: &str) -> Vec<usize> {
    let mut lines = vec![0];
    let mut depth = 1_usize;
    let mut before = ' ';
    let mut quote = None;
    let mut is_comment = false;
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match (quote, char) {
            (_, '\n') => {
                lines.push(at + 1);
                is_comment = false;
            }
            (Some('"'), '\\') => {
                chars.next();
            }
            (Some(open), _) if open == char => quote = None,
            (Some(_), _) => {}
            (None, _) if is_comment => {}
            (None, '#') if before.is_whitespace() => is_comment = true,
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(char),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return lines;
                }
            }
            _ => {}
        }
        before = char;
    }
    lines
}

/// Builds the trees from the parser's events: unlike the library's own trees, these keep duplicate
/// keys and are no deeper than JSON may be.
fn build(text: &str, copies: &mut Copies) -> Result<Vec<Document>, ScanError> {
    let mut builder = Builder {
        aliased: aliased(text)?,
        copies,
        documents: Vec::new(),
        open: Vec::new(),
        anchors: HashMap::new(),
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event?;
        builder.take(event, span)?;
    }
    Ok(builder.documents)
}

/// The anchors that some alias names: no other tree has to be kept.
fn aliased(text: &str) -> Result<HashSet<usize>, ScanError> {
    let mut aliased = HashSet::new();
    if text.contains('&') && text.contains('*') {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            if let (Event::Alias(anchor), _) = event? {
                aliased.insert(anchor);
            }
        }
    }
    Ok(aliased)
}

/// How many bytes aliases may still bring into a file, with those of the trees that are kept for them.
struct Copies {
    left: usize,
}

impl Copies {
    /// For what is JSON, which has no aliases.
    fn none() -> Self {
        Self { left: 0 }
    }

    /// Whether the tree may be copied once more.
    fn take(&mut self, node: &Node) -> bool {
        let left = less_size(self.left, node);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

impl Default for Copies {
    fn default() -> Self {
        Self { left: MAX_COPIED }
    }
}

/// What is left of a size once a tree has taken its own; `None` if it is larger.
fn less_size(left: usize, node: &Node) -> Option<usize> {
    let left = left.checked_sub(VALUE_SIZE)?;
    match node {
        Node::List(items) => items.iter().try_fold(left, less_size),
        Node::Object(pairs) => pairs.iter().try_fold(left, |left, (key, node)| {
            less_size(left.checked_sub(key.len())?, node)
        }),
        Node::String(text) => left.checked_sub(text.len()),
        _ => Some(left),
    }
}

struct Builder<'c> {
    aliased: HashSet<usize>,
    copies: &'c mut Copies,
    documents: Vec<Document>,
    /// The collections that are not closed yet.
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, Lines)>,
}

struct Open {
    anchor: usize,
    line: usize,
    /// The key whose value comes next, and its line; lists have none.
    key: Option<(String, usize)>,
    node: Node,
    lines: Vec<Lines>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event, span: Span) -> Result<(), ScanError> {
        let line = span.start.line();
        let fail = |text| Err(ScanError::new_str(span.start, text));
        match event {
            Event::Alias(anchor) => {
                let Some((node, lines)) = self.anchors.get(&anchor) else {
                    return fail("an alias is within its own anchor");
                };
                if !self.copies.take(node) {
                    return fail(TOO_MANY_COPIES);
                }
                let (node, mut lines) = (node.clone(), lines.clone());
                lines.line = line;
                self.insert(node, lines, 0, span)
            }
            Event::MappingStart(anchor, _) => {
                self.open(anchor, line, Node::Object(Vec::new()), span)
            }
            Event::SequenceStart(anchor, _) => {
                self.open(anchor, line, Node::List(Vec::new()), span)
            }
            Event::MappingEnd | Event::SequenceEnd => match self.open.pop() {
                Some(mut open) => {
                    // Most collections are small, and vectors begin with room for four.
                    open.lines.shrink_to_fit();
                    match &mut open.node {
                        Node::List(items) => items.shrink_to_fit(),
                        Node::Object(pairs) => pairs.shrink_to_fit(),
                        _ => {}
                    }
                    let lines = Lines {
                        line: open.line,
                        text_line: None,
                        within: open.lines,
                    };
                    self.insert(open.node, lines, open.anchor, span)
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
                    .is_some_and(|open| matches!(open.node, Node::Object(_)) && open.key.is_none());
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
        node: Node,
        span: Span,
    ) -> Result<(), ScanError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(ScanError::new_str(span.start, "nests too deep"));
        }
        self.open.push(Open {
            anchor,
            line,
            key: None,
            node,
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
        if self.aliased.contains(&anchor) {
            if !self.copies.take(&node) {
                return Err(ScanError::new_str(span.start, TOO_MANY_COPIES));
            }
            self.anchors.insert(anchor, (node.clone(), lines.clone()));
        }
        let Some(open) = self.open.last_mut() else {
            if node != Node::Null {
                self.documents.push(Document { node, lines });
            }
            return Ok(());
        };
        match &mut open.node {
            Node::Object(pairs) => match (open.key.take(), node) {
                (Some((key, line)), node) => {
                    lines.line = line;
                    pairs.push((key, node));
                }
                (None, Node::String(key)) => {
                    open.key = Some((key, lines.line));
                    return Ok(());
                }
                (None, _) => return Err(ScanError::new_str(span.start, "a key is not a text")),
            },
            Node::List(items) => items.push(node),
            _ => {}
        }
        open.lines.push(lines);
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

/// What a value is counted as, beside its text.
const VALUE_SIZE: usize = 50;
const MAX_COPIED: usize = 5_000_000;
const TOO_MANY_COPIES: &str = "aliases bring in more than 5 MB";
/// Deeper than any key that brackets or quotes follow.
const INDENTATION: &str = "                                                                ";
/// As many lines as brackets or a quoted text may have that are not indented.
const MAX_INDENTED: usize = 10_000;
/// How many bytes are read again until all lines are indented.
const MAX_REPAIRS: usize = 16_000_000;
/// As deep as JSON is read.
const MAX_DEPTH: usize = 128;
const MAX_LENGTH: u64 = 10_000_000;
