//! Names in braces, as in `https://{tenant}.example.com`: each stands for one whole part of a text.

use std::ops::Range;

use crate::byte_map::{ByteMap, Indexed};

/// What the match of a rule has bound a name to.
#[derive(Clone, Copy, Debug)]
pub struct Tenant {
    length: u8,
    bytes: [u8; MAX_LABEL],
}

impl Tenant {
    /// `None` for a text that is longer than a label, which no origin has.
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_LABEL];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        let length = u8::try_from(text.len()).ok()?;
        Some(Self { length, bytes })
    }

    pub fn text(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

/// Which texts an origin pattern's name stands for.
#[derive(Clone, Copy, Debug)]
pub enum Binding<'t> {
    /// Any: to describe a pattern that has matched.
    Any,
    /// None: the policy is not a rule's.
    None,
    Text(&'t [u8]),
}

/// A text with one name in braces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Named<'t> {
    pub before: &'t str,
    pub name: &'t str,
    pub after: &'t str,
}

impl<'t> Named<'t> {
    /// Splits a text whose parts a byte separates; `None` if it has no braces. The error says what is
    /// wrong with them.
    pub fn split(text: &'t str, separator: char) -> Result<Option<Self>, &'static str> {
        let is_brace = |byte: &u8| matches!(byte, b'{' | b'}');
        let mut braces = text.bytes().enumerate().filter(|(_, byte)| is_brace(byte));
        let (open, close) = match (braces.next(), braces.next()) {
            (None, _) => return Ok(None),
            (Some((open, b'{')), Some((close, b'}'))) => (open, close),
            _ => return Err(MALFORMED),
        };
        if braces.next().is_some() {
            return Err("has two names in braces; write one");
        }
        let (Some(before), Some(name), Some(after)) = (
            text.get(..open),
            text.get(open + 1..close),
            text.get(close + 1..),
        ) else {
            return Err(MALFORMED);
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let is_part = (before.is_empty() || before.ends_with(separator))
            && (after.is_empty() || after.starts_with(separator));
        let is_good = (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_name) && is_part;
        is_good
            .then_some(Some(Self {
                before,
                name,
                after,
            }))
            .ok_or(MALFORMED)
    }

    /// The text with this instead of the name.
    pub fn with(&self, part: &str) -> String {
        format!("{}{part}{}", self.before, self.after)
    }
}

/// Texts in which one part can be any, each with a number.
#[derive(Debug, Default)]
pub struct Bound {
    separator: u8,
    /// Which part it is, and how many there are: each pair once.
    shapes: Vec<(usize, usize)>,
    /// What is before the part, then what is after it.
    texts: Indexed<ByteMap>,
}

impl Bound {
    /// The number of the text; a new text gets this one.
    pub fn get_or_insert(
        &mut self,
        separator: u8,
        before: &str,
        after: &str,
        number: u64,
    ) -> &mut u64 {
        let count = |text: &str| text.bytes().filter(|byte| *byte == separator).count();
        let part = count(before);
        let shape = (part, part + 1 + count(after));
        if !self.shapes.contains(&shape) {
            self.shapes.push(shape);
        }
        self.separator = separator;
        self.texts
            .get_or_insert(before.as_bytes(), ByteMap::default())
            .get_or_insert(after.as_bytes(), number)
    }

    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// How many texts there are, by the bits of their numbers.
    pub fn count(&self, count: impl Fn(&ByteMap) -> usize) -> usize {
        self.texts.values().map(count).sum()
    }

    /// Whether some text has so many parts.
    pub fn has(&self, parts: usize) -> bool {
        self.shapes.iter().any(|(_, count)| *count == parts)
    }

    /// Finds the next text that matches: its number, and what its part stands for. `from` is where to go on.
    pub fn next(&self, text: &[u8], from: &mut usize) -> Option<(u64, Range<usize>)> {
        loop {
            let shape = *self.shapes.get(*from)?;
            *from += 1;
            let Some(range) = self.part(text, shape) else {
                continue;
            };
            let number = self
                .texts
                .get(text.get(..range.start)?)
                .and_then(|after| after.get(text.get(range.end..)?));
            if let Some(number) = number {
                return Some((number, range));
            }
        }
    }

    /// Where this part is, if the text has so many and this one is not empty.
    fn part(&self, text: &[u8], (part, parts): (usize, usize)) -> Option<Range<usize>> {
        let mut range = 0..text.len();
        let mut count = 0;
        for (at, byte) in text.iter().enumerate() {
            if *byte != self.separator {
                continue;
            }
            if count == part {
                range.end = at;
            }
            count += 1;
            if count == part {
                range.start = at + 1;
            }
            if count == parts {
                return None;
            }
        }
        (count + 1 == parts && !range.is_empty()).then_some(range)
    }
}

const MALFORMED: &str = "has braces that are not a name for a whole part; write it as in {tenant}";

const MAX_LABEL: usize = 63;

const MAX_NAME: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_whole_part() {
        let split = |text| Named::split(text, '.').map(|named| named.map(|named| named.name));
        assert_eq!(split("a.{t}.b"), Ok(Some("t")));
        assert_eq!(split("{t-1_a}.b"), Ok(Some("t-1_a")));
        assert_eq!(split("a.{t}"), Ok(Some("t")));
        assert_eq!(split("a.b"), Ok(None));
        for text in [
            "{}.b", "x{t}.b", "{t}x.b", "{t.b", "t}.b", "}t{.b", "{{t}}.b", "{t}.{u}", "{a b}.c",
        ] {
            assert!(split(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_part_can_be_any() {
        let mut bound = Bound::default();
        *bound.get_or_insert(b'/', "/t/", "", 1) |= 1;
        bound.get_or_insert(b'/', "/t/", "/x", 2);
        bound.get_or_insert(b'/', "/", "/x", 3);
        let all = |text: &str| {
            let mut from = 0;
            let mut all = Vec::new();
            while let Some((number, range)) = bound.next(text.as_bytes(), &mut from) {
                all.push((number, text[range].to_owned()));
            }
            all
        };
        assert_eq!(all("/t/acme"), [(1, "acme".to_owned())]);
        assert_eq!(all("/t/acme/x"), [(2, "acme".to_owned())]);
        assert_eq!(all("/t/x"), [(1, "x".to_owned()), (3, "t".to_owned())]);
        for text in ["", "/", "/t", "/t/", "/t//x", "/t/a/y", "/t/a/x/", "t/a"] {
            assert_eq!(all(text), [], "{text}");
        }
    }
}
