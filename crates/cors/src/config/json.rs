//! A configuration as it was written: a tree that keeps the order of keys and their duplicates, from
//! JSON or from a serialized `google.protobuf.Struct`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::config::remedy;
use crate::escape::Quoted;

/// A value of JSON, with objects as lists of pairs.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Bool(bool),
    List(Vec<Json>),
    Null,
    /// As in a `Struct`, every number is a double.
    Number(f64),
    Object(Vec<(String, Json)>),
    String(String),
}

impl Json {
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
impl fmt::Display for Json {
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

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "no field holds so large a number"
    )]
    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Json::Object(pairs))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "no field holds so large a number"
    )]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wire format of a node, for round trips.
    fn encode(node: &Json) -> Vec<u8> {
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
        fn object(pairs: &[(String, Json)]) -> Vec<u8> {
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
        fn value(node: &Json) -> Vec<u8> {
            match node {
                Json::Bool(truth) => vec![4 << 3, u8::from(*truth)],
                Json::List(items) => field(
                    6,
                    &items
                        .iter()
                        .flat_map(|item| field(1, &value(item)))
                        .collect::<Vec<_>>(),
                ),
                Json::Null => vec![1 << 3, 0],
                Json::Number(number) => [&[2 << 3 | 1][..], &number.to_le_bytes()].concat(),
                Json::Object(pairs) => field(5, &object(pairs)),
                Json::String(text) => field(3, text.as_bytes()),
            }
        }
        match node {
            Json::Object(pairs) => object(pairs),
            _ => panic!("a Struct is an object"),
        }
    }

    #[test]
    fn a_struct_reads_as_its_json() {
        let json = br#"{"a": [true, null, 1.5, "x", {"b": []}], "long": "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"}"#;
        let node = Json::parse(json).unwrap();
        assert_eq!(Json::parse(&encode(&node)), Ok(node));
    }

    #[test]
    fn numbers_are_shown_as_written() {
        for text in ["0", "-1", "0.5", "-2.25", "600"] {
            assert_eq!(Json::parse(text.as_bytes()).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_neither_is_reported_as_json() {
        let error = Json::parse(b"{\"a\": 1,}").unwrap_err();
        assert_eq!(error, "trailing comma at line 1 column 9");
        for bytes in [
            &b"\n"[..],
            b"\n\x05\n\x03abc\x12\x7f",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert!(Json::parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        assert!(Json::parse("[".repeat(100_000).as_bytes()).is_err());
        let mut deep = Json::Null;
        for _ in 0..200 {
            deep = Json::Object(vec![("a".to_owned(), deep)]);
        }
        assert!(Json::parse(&encode(&deep)).is_err());
        for (depth, is_read) in [(100, true), (200, false)] {
            let mut deep = Json::Null;
            for _ in 0..depth {
                deep = Json::List(vec![deep]);
            }
            let bytes = encode(&Json::Object(vec![("a".to_owned(), deep)]));
            assert_eq!(Json::parse(&bytes).is_ok(), is_read, "{depth}");
        }
    }
}
