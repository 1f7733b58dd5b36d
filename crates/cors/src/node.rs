//! A configuration as it was written: a tree that keeps the order of keys and their duplicates, from
//! JSON or from a serialized `google.protobuf.Struct`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::escape::Quoted;
use crate::remedy;

/// A value of JSON, with objects as lists of pairs.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Bool(bool),
    List(Vec<Node>),
    Null,
    /// As in a `Struct`, every number is a double.
    Number(f64),
    Object(Vec<(String, Node)>),
    String(String),
}

impl Node {
    /// Reads the bytes of a plugin configuration. A JSON text can begin with the same byte as a
    /// `Struct`, so JSON is tried first.
    ///
    /// The error is JSON's, with line and column: who writes a `Struct` never sees its bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        Self::parse_json(bytes).or_else(|error| parse_struct(bytes, 0).ok_or(error))
    }

    /// Reads JSON. Editors of Windows put a byte order mark before it, which
    /// [parsers may ignore](https://www.rfc-editor.org/rfc/rfc8259#section-8.1).
    pub fn parse_json(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(bytes).map_err(|error| {
            format!(
                "{error}{}",
                remedy::json(bytes, error.line(), error.column())
            )
        })
    }

    /// The JSON type, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Null => "null",
            Self::Number(_) => "a number",
            Self::Object(_) => "an object",
            Self::String(_) => "a string",
        }
    }
}

/// JSON on one line.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Null => f.write_str("null"),
            Self::Number(value) => write_number(f, *value),
            Self::Object(pairs) => {
                f.write_str("{")?;
                for (index, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}", if index > 0 { ", " } else { "" })?;
                    write!(f, "{}: {value}", Quoted(key))?;
                }
                f.write_str("}")
            }
            Self::String(text) => Quoted(text).fmt(f),
        }
    }
}

/// Six decimals are enough to show what was written, and the standard library's exact form would be
/// a tenth of the module.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a number out of range is shown as the nearest in range"
)]
fn write_number(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    let millionths = (value.fract().abs() * 1e6) as u32;
    let sign = if value < 0.0 { "-" } else { "" };
    write!(f, "{sign}{}", value.trunc().abs() as u64)?;
    if millionths > 0 {
        let digits = format!("{millionths:06}");
        write!(f, ".{}", digits.trim_end_matches('0'))?;
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "no field holds so large a number"
    )]
    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Node::Object(pairs))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Node, E> {
        Ok(Node::String(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "no field holds so large a number"
    )]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
}

/// Reads a serialized [`google.protobuf.Struct`](https://protobuf.dev/reference/protobuf/google.protobuf/#struct):
/// field 1, repeated, an entry of key (1) and value (2).
fn parse_struct(bytes: &[u8], depth: usize) -> Option<Node> {
    let mut pairs = Vec::new();
    for field in Fields(bytes) {
        let (1, Wire::Bytes(entry)) = field? else {
            return None;
        };
        let (mut key, mut value) = (String::new(), Node::Null);
        for field in Fields(entry) {
            match field? {
                (1, Wire::Bytes(text)) => key = String::from_utf8(text.to_vec()).ok()?,
                (2, Wire::Bytes(bytes)) => value = parse_value(bytes, depth + 1)?,
                _ => return None,
            }
        }
        pairs.push((key, value));
    }
    Some(Node::Object(pairs))
}

/// Reads a [`Value`](https://protobuf.dev/reference/protobuf/google.protobuf/#value): one of null
/// (1), number (2), string (3), boolean (4), Struct (5), list (6).
fn parse_value(bytes: &[u8], depth: usize) -> Option<Node> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut value = Node::Null;
    for field in Fields(bytes) {
        value = match field? {
            (1, Wire::Varint(_)) => Node::Null,
            (2, Wire::Double(number)) => Node::Number(number),
            (3, Wire::Bytes(text)) => Node::String(String::from_utf8(text.to_vec()).ok()?),
            (4, Wire::Varint(truth)) => Node::Bool(truth != 0),
            (5, Wire::Bytes(bytes)) => parse_struct(bytes, depth)?,
            (6, Wire::Bytes(bytes)) => parse_list(bytes, depth)?,
            _ => return None,
        };
    }
    Some(value)
}

fn parse_list(bytes: &[u8], depth: usize) -> Option<Node> {
    let mut items = Vec::new();
    for field in Fields(bytes) {
        let (1, Wire::Bytes(item)) = field? else {
            return None;
        };
        items.push(parse_value(item, depth + 1)?);
    }
    Some(Node::List(items))
}

/// A field's payload in the [wire format](https://protobuf.dev/programming-guides/encoding/).
enum Wire<'a> {
    Bytes(&'a [u8]),
    Double(f64),
    Varint(u64),
}

/// Iterates over the fields of a message: number and payload; `None` as an item for bytes that are no
/// message, after which it ends.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Wire<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self) -> Option<(u64, Wire<'a>)> {
        let tag = self.varint()?;
        let payload = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Double(f64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            _ => return None,
        };
        Some((tag >> 3, payload))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

/// As deep as JSON is read.
const MAX_DEPTH: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    /// The wire format of a node, for round trips.
    fn encode(node: &Node) -> Vec<u8> {
        fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
            let mut field = vec![tag << 3 | 2];
            let mut length = bytes.len();
            while length >= 0x80 {
                field.push(length as u8 | 0x80);
                length >>= 7;
            }
            field.push(length as u8);
            field.extend(bytes);
            field
        }
        fn object(pairs: &[(String, Node)]) -> Vec<u8> {
            pairs
                .iter()
                .flat_map(|(key, node)| {
                    field(
                        1,
                        &[field(1, key.as_bytes()), field(2, &value(node))].concat(),
                    )
                })
                .collect()
        }
        fn value(node: &Node) -> Vec<u8> {
            match node {
                Node::Bool(truth) => vec![4 << 3, u8::from(*truth)],
                Node::List(items) => field(
                    6,
                    &items
                        .iter()
                        .flat_map(|item| field(1, &value(item)))
                        .collect::<Vec<_>>(),
                ),
                Node::Null => vec![1 << 3, 0],
                Node::Number(number) => [&[2 << 3 | 1][..], &number.to_le_bytes()].concat(),
                Node::Object(pairs) => field(5, &object(pairs)),
                Node::String(text) => field(3, text.as_bytes()),
            }
        }
        match node {
            Node::Object(pairs) => object(pairs),
            _ => panic!("a Struct is an object"),
        }
    }

    #[test]
    fn a_struct_reads_as_its_json() {
        let json = br#"{"a": [true, null, 1.5, "x", {"b": []}], "long": "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"}"#;
        let node = Node::parse(json).unwrap();
        assert_eq!(Node::parse(&encode(&node)), Ok(node));
    }

    #[test]
    fn numbers_are_shown_as_written() {
        for text in ["0", "-1", "0.5", "-2.25", "600"] {
            assert_eq!(Node::parse(text.as_bytes()).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_neither_is_told_as_json() {
        let error = Node::parse(b"{\"a\": 1,}").unwrap_err();
        assert_eq!(error, "trailing comma at line 1 column 9");
        for bytes in [
            &b"\n"[..],
            b"\n\x05\n\x03abc\x12\x7f",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert!(Node::parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        assert!(Node::parse("[".repeat(100_000).as_bytes()).is_err());
        let mut deep = Node::Null;
        for _ in 0..200 {
            deep = Node::Object(vec![("a".to_owned(), deep)]);
        }
        assert!(Node::parse(&encode(&deep)).is_err());
        for (depth, is_read) in [(100, true), (200, false)] {
            let mut deep = Node::Null;
            for _ in 0..depth {
                deep = Node::List(vec![deep]);
            }
            let bytes = encode(&Node::Object(vec![("a".to_owned(), deep)]));
            assert_eq!(Node::parse(&bytes).is_ok(), is_read, "{depth}");
        }
    }
}
