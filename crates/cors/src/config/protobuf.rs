//! Reads a serialized `google.protobuf.Struct`, which Envoy hands over for a `Struct` configuration.

use crate::config::json::Json;

/// Reads a serialized [`google.protobuf.Struct`](https://protobuf.dev/reference/protobuf/google.protobuf/#struct):
/// field 1, repeated, an entry of key (1) and value (2).
pub(crate) fn parse_struct(bytes: &[u8], depth: usize) -> Option<Json> {
    let mut pairs = Vec::new();
    for field in Fields(bytes) {
        let (1, Wire::Bytes(entry)) = field? else {
            return None;
        };
        let (mut key, mut value) = (String::new(), Json::Null);
        for field in Fields(entry) {
            match field? {
                (1, Wire::Bytes(text)) => key = String::from_utf8(text.to_vec()).ok()?,
                (2, Wire::Bytes(bytes)) => value = parse_value(bytes, depth + 1)?,
                _ => return None,
            }
        }
        pairs.push((key, value));
    }
    Some(Json::Object(pairs))
}

/// Reads a [`Value`](https://protobuf.dev/reference/protobuf/google.protobuf/#value): one of null
/// (1), number (2), string (3), boolean (4), Struct (5), list (6).
fn parse_value(bytes: &[u8], depth: usize) -> Option<Json> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut value = Json::Null;
    for field in Fields(bytes) {
        value = match field? {
            (1, Wire::Varint(_)) => Json::Null,
            (2, Wire::Double(number)) => Json::Number(number),
            (3, Wire::Bytes(text)) => Json::String(String::from_utf8(text.to_vec()).ok()?),
            (4, Wire::Varint(truth)) => Json::Bool(truth != 0),
            (5, Wire::Bytes(bytes)) => parse_struct(bytes, depth)?,
            (6, Wire::Bytes(bytes)) => parse_list(bytes, depth)?,
            _ => return None,
        };
    }
    Some(value)
}

fn parse_list(bytes: &[u8], depth: usize) -> Option<Json> {
    let mut items = Vec::new();
    for field in Fields(bytes) {
        let (1, Wire::Bytes(item)) = field? else {
            return None;
        };
        items.push(parse_value(item, depth + 1)?);
    }
    Some(Json::List(items))
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
