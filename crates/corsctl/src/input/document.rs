//! A document: a tree of [`Json`], with the line of every value.

use cors::config::json::Json;
use cors::escape::PathKey;

/// One document of a file.
#[derive(Debug)]
pub struct Document {
    pub node: Json,
    pub lines: Lines,
}

impl Document {
    /// The line of the value at a path such as `rules[0].policy.maxAge`, or of the nearest value
    /// above it; `None` where lines are not known.
    pub fn line(&self, path: &str) -> Option<usize> {
        self.lines.find(&self.node, path).number()
    }
}

/// The line of a value, or of its key, and the lines of what it holds, in the same order.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    pub line: usize,
    /// Of a text in literal style (`|`): the line of its first line.
    pub text_line: Option<usize>,
    pub within: Vec<Lines>,
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
    pub fn find(&self, node: &Json, path: &str) -> &Self {
        let path = path.strip_prefix('.').unwrap_or(path);
        let found = match node {
            Json::List(items) => path.strip_prefix('[').and_then(|rest| {
                let (index, rest) = rest.split_once(']')?;
                let index: usize = index.parse().ok()?;
                Some((index, items.get(index)?, rest))
            }),
            // The last of equal keys: a duplicate is reported where it appears again.
            Json::Object(pairs) => {
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
    pub fn of_text(&self, line: usize) -> usize {
        self.text_line.map_or(self.line, |first| line + first - 1)
    }

    pub fn map(&mut self, map: &impl Fn(usize) -> usize) {
        self.line = map(self.line);
        self.text_line = self.text_line.map(map);
        for lines in &mut self.within {
            lines.map(map);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(line: usize, within: Vec<Lines>) -> Lines {
        Lines {
            line,
            text_line: None,
            within,
        }
    }

    #[test]
    fn paths_follow_keys_with_dots_and_brackets() {
        let text = |text: &str| Json::String(text.to_owned());
        let object = |pairs: &[(&str, Json)]| {
            let pairs = pairs.iter();
            Json::Object(
                pairs
                    .map(|(key, node)| ((*key).to_owned(), node.clone()))
                    .collect(),
            )
        };
        let document = Document {
            node: object(&[
                ("a", object(&[("b", text("x"))])),
                ("a.b", text("y")),
                ("c[0]", text("z")),
                ("c", Json::List(vec![text("0"), text("1")])),
            ]),
            lines: lines(
                1,
                vec![
                    lines(2, vec![lines(3, vec![])]),
                    lines(4, vec![]),
                    lines(5, vec![]),
                    lines(6, vec![lines(7, vec![]), lines(8, vec![])]),
                ],
            ),
        };
        let quoted = |key| PathKey(key).to_string();
        for (path, line) in [
            ("", 1),
            ("a.b", 3),
            (&quoted("a.b"), 4),
            (&quoted("c[0]"), 5),
            ("c[1]", 8),
            ("c[2]", 6),
            ("ab", 1),
        ] {
            assert_eq!(document.line(path), Some(line), "{path}");
        }
    }

    #[test]
    fn lines_that_are_not_known_have_no_number() {
        assert_eq!(Lines::none().number(), None);
        assert_eq!(Lines::none().of(3).number(), None);
    }
}
