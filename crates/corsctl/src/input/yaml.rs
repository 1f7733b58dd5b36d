//! Reads YAML as trees with lines, duplicate keys kept.

use std::collections::{HashMap, HashSet};

use cors::config::json::Json;
use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::input::cursor::Value;
use crate::input::document::{Document, Lines};

/// Reads YAML as Envoy and Kubernetes do: within brackets and quotes, indentation means nothing to them.
/// The parser at hand follows the specification, which asks for it; lines that it refuses for that alone
/// are indented for it.
pub fn parse_yaml(text: &str, copies: &mut Copies) -> Result<Vec<Document>, ScanError> {
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

/// How many bytes aliases may still bring into a file, with those of the trees that are kept for them.
pub struct Copies {
    left: usize,
}

impl Copies {
    /// For what is JSON, which has no aliases.
    pub fn none() -> Self {
        Self { left: 0 }
    }

    /// Whether the tree may be copied once more.
    fn take(&mut self, node: &Json) -> bool {
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

impl Document {
    /// Reads a text at these lines as a separate document, whose lines are those of the
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

impl<'s> Value<'s> {
    /// The text of this value as a separate document.
    pub fn embedded(&self) -> Option<Document> {
        Document::embedded(self.text()?, self.lines)
    }
}

/// The text without one byte order mark, which the plugin ignores before JSON too.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The word at an error that begins with `*` and was not meant as an alias.
pub fn unquoted_star<'t>(error: &ScanError, text: &'t str) -> Option<&'t str> {
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

/// What is left of a size once a tree has taken its own; `None` if it is larger.
fn less_size(left: usize, node: &Json) -> Option<usize> {
    let left = left.checked_sub(VALUE_SIZE)?;
    match node {
        Json::List(items) => items.iter().try_fold(left, less_size),
        Json::Object(pairs) => pairs.iter().try_fold(left, |left, (key, node)| {
            less_size(left.checked_sub(key.len())?, node)
        }),
        Json::String(text) => left.checked_sub(text.len()),
        _ => Some(left),
    }
}

struct Builder<'c> {
    aliased: HashSet<usize>,
    copies: &'c mut Copies,
    documents: Vec<Document>,
    /// The collections that are not closed yet.
    open: Vec<Open>,
    anchors: HashMap<usize, (Json, Lines)>,
}

struct Open {
    anchor: usize,
    line: usize,
    /// The key whose value comes next, and its line; lists have none.
    key: Option<(String, usize)>,
    node: Json,
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
                self.open(anchor, line, Json::Object(Vec::new()), span)
            }
            Event::SequenceStart(anchor, _) => {
                self.open(anchor, line, Json::List(Vec::new()), span)
            }
            Event::MappingEnd | Event::SequenceEnd => match self.open.pop() {
                Some(mut open) => {
                    // Most collections are small, and vectors begin with room for four.
                    open.lines.shrink_to_fit();
                    match &mut open.node {
                        Json::List(items) => items.shrink_to_fit(),
                        Json::Object(pairs) => pairs.shrink_to_fit(),
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
                // The parser reports the first line that is not empty.
                let empty_lines = text.chars().take_while(|char| *char == '\n').count();
                let text_line = (style == ScalarStyle::Literal)
                    .then_some(line.saturating_sub(empty_lines).max(1));
                let is_key = self
                    .open
                    .last()
                    .is_some_and(|open| matches!(open.node, Json::Object(_)) && open.key.is_none());
                let node = if is_key {
                    Json::String(text.into_owned())
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
        node: Json,
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
        node: Json,
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
            if node != Json::Null {
                self.documents.push(Document { node, lines });
            }
            return Ok(());
        };
        match &mut open.node {
            Json::Object(pairs) => match (open.key.take(), node) {
                (Some((key, line)), node) => {
                    lines.line = line;
                    pairs.push((key, node));
                }
                (None, Json::String(key)) => {
                    open.key = Some((key, lines.line));
                    return Ok(());
                }
                (None, _) => return Err(ScanError::new_str(span.start, "a key is not a text")),
            },
            Json::List(items) => items.push(node),
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
fn node_of(scalar: &Scalar) -> Json {
    match scalar {
        Scalar::Boolean(value) => Json::Bool(*value),
        Scalar::FloatingPoint(value) => Json::Number(value.into_inner()),
        Scalar::Integer(value) => Json::Number(*value as f64),
        Scalar::Null => Json::Null,
        Scalar::String(text) => Json::String(text.clone().into_owned()),
    }
}

/// What a value is counted as, in addition to its text.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Vec<Document> {
        parse_yaml(text, &mut Copies::default()).unwrap()
    }

    fn error(text: &str) -> (usize, String) {
        let error = parse_yaml(text, &mut Copies::default()).unwrap_err();
        (error.marker().line(), error.info().to_owned())
    }

    #[test]
    fn values_have_the_line_of_their_key() {
        let documents = parse("a:\n  b: 1\n\n  c:\n    - x\n    - y\n---\nd: 2\n");
        let [first, second] = documents.as_slice() else {
            panic!("{documents:?}");
        };
        for (path, line) in [("", 1), ("a", 1), ("a.b", 2), ("a.c", 4), ("a.c[1]", 6)] {
            assert_eq!(first.line(path), Some(line), "{path}");
        }
        // What does not exist has the line of the nearest value above it.
        assert_eq!(first.line("a.c[7].z"), Some(4));
        assert_eq!(second.line("d"), Some(8));
    }

    #[test]
    fn an_alias_has_a_line_of_its_own_and_its_values_those_of_the_anchor() {
        let documents = parse("a: &x\n  b: 1\nc: *x\nd:\n  - *x\n");
        let document = &documents[0];
        assert_eq!(
            document.node.to_string(),
            r#"{"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}]}"#
        );
        for (path, line) in [("c", 3), ("c.b", 2), ("d[0]", 5), ("d[0].b", 2)] {
            assert_eq!(document.line(path), Some(line), "{path}");
        }
    }

    #[test]
    fn aliases_bring_in_no_more_than_their_bound() {
        let text = "a: &x [long]\nb: [*x, *x]\n";
        // The list and its text count 104 bytes each time: for the anchor, and for each alias.
        for (left, is_read) in [(3 * 104, true), (3 * 104 - 1, false)] {
            let read = parse_yaml(text, &mut Copies { left });
            assert_eq!(read.is_ok(), is_read, "{left}");
        }
        assert_eq!(error("a: &x [*x]\n").1, "an alias is within its own anchor");
    }

    #[test]
    fn anchors_end_with_their_document() {
        assert_eq!(error("a: &x 1\n---\nb: *x\n").0, 3);
    }

    #[test]
    fn duplicate_keys_are_kept() {
        let documents = parse("a: 1\nb: 2\na: 3\n");
        assert_eq!(documents[0].node.to_string(), r#"{"a": 1, "b": 2, "a": 3}"#);
        assert_eq!(documents[0].line("a"), Some(3));
    }

    #[test]
    fn lines_of_a_literal_text_are_those_of_the_file() {
        let documents = parse("a:\n  b: |\n\n    {\n    }\n  c: \"x\"\n");
        let lines = |path| documents[0].lines.find(&documents[0].node, path);
        assert_eq!(lines("a.b").of_literal(2), Some(4));
        assert_eq!(lines("a.c").of_literal(1), None);
        let embedded = Document::embedded("\n{\"d\":\n1}", lines("a.b")).unwrap();
        assert_eq!(embedded.line("d"), Some(4));
    }

    #[test]
    fn brackets_and_quotes_need_no_indentation() {
        for text in ["a:\n  b: [\n1,\n2\n]\n", "a:\n  b: \"1,\n2\"\n"] {
            let documents = parse(text);
            assert_eq!(documents[0].line("a.b"), Some(2), "{text}");
        }
        // An error behind them has its own line.
        assert_eq!(error("a: [\n1\n]\nb: *x\n").0, 4);
    }

    #[test]
    fn depth_is_bounded() {
        for (depth, is_read) in [(128, true), (129, false)] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            let read = parse_yaml(&text, &mut Copies::default());
            assert_eq!(read.is_ok(), is_read, "{depth}");
        }
    }
}
