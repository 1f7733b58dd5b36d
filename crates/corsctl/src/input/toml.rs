//! Reads TOML as a tree with lines.

use cors::config::json::Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::input::document::{Document, Lines};

/// Reads a text as TOML; the error has its line.
pub fn parse_toml(text: &str) -> Result<Document, (usize, String)> {
    let ends = text.match_indices('\n').map(|(at, _)| at).collect();
    let places = Places { ends };
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        (places.line(start), error.message().to_owned())
    })?;
    let (node, lines) = places.table(table.get_ref(), 1);
    Ok(Document { node, lines })
}

/// Whether a text looks like TOML: a line is the header of a table, and another sets a value.
pub fn is_toml(text: &str) -> bool {
    let is_table = |line: &str| {
        let inner = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| !inner.is_empty() && !inner.contains([',', '{', ':']))
    };
    text.contains('=') && text.lines().map(str::trim).any(is_table)
}

/// Where the lines of a text end.
struct Places {
    ends: Vec<usize>,
}

impl Places {
    fn line(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at) + 1
    }

    fn table(&self, table: &DeTable, line: usize) -> (Json, Lines) {
        let mut fields: Vec<_> = table.iter().collect();
        // The order of the text, not of the names.
        fields.sort_by_key(|(key, _)| key.span().start);
        let mut pairs = Vec::new();
        let mut within = Vec::new();
        for (key, value) in fields {
            let (node, lines) = self.value(value, self.line(key.span().start));
            pairs.push((key.get_ref().to_string(), node));
            within.push(lines);
        }
        (Json::Object(pairs), lines_of(line, within))
    }

    fn value(&self, value: &Spanned<DeValue>, line: usize) -> (Json, Lines) {
        let node = match value.get_ref() {
            DeValue::Array(items) => {
                let items = items.iter();
                let items = items.map(|item| self.value(item, self.line(item.span().start)));
                let (nodes, within) = items.unzip();
                return (Json::List(nodes), lines_of(line, within));
            }
            DeValue::Table(table) => return self.table(table, line),
            DeValue::Boolean(value) => Json::Bool(*value),
            DeValue::Integer(value) => number(value.as_str()),
            DeValue::Float(value) => number(value.as_str()),
            DeValue::Datetime(value) => Json::String(value.to_string()),
            DeValue::String(text) => Json::String(text.to_string()),
        };
        (node, lines_of(line, Vec::new()))
    }
}

/// A number of whatever base; one that is not finite stays a text.
fn number(text: &str) -> Json {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Json::Number(number),
        _ => Json::String(text.to_owned()),
    }
}

fn lines_of(line: usize, within: Vec<Lines>) -> Lines {
    Lines {
        line,
        text_line: None,
        within,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_become_objects_with_lines() {
        let text = "[a.b]\nc = [\"x\",\n \"y\"]\n[a.d]\ne = 1_0\nf = true\n";
        let document = parse_toml(text).unwrap();
        assert_eq!(
            document.node.to_string(),
            r#"{"a": {"b": {"c": ["x", "y"]}, "d": {"e": 10, "f": true}}}"#
        );
        for (path, line) in [("a.b.c", 2), ("a.b.c[1]", 3), ("a.d.e", 5)] {
            assert_eq!(document.line(path), Some(line), "{path}");
        }
    }

    #[test]
    fn errors_have_their_line() {
        assert_eq!(parse_toml("a = 1\nb = \n").unwrap_err().0, 2);
    }

    #[test]
    fn toml_is_recognised_by_its_tables() {
        assert!(is_toml("[a.b]\nc = 1\n"));
        assert!(!is_toml("[1, 2]\n"));
        assert!(!is_toml("a: [b]\nc: d=e\n"));
    }
}
