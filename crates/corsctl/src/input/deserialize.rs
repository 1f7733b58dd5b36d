//! Reads a value of a file into a type of Rust.

use cors::config::json::Json;
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserialize, Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use crate::input::cursor::Value;
use crate::output::tree::MAX_WHOLE;

impl<'s> Value<'s> {
    /// The value as a type; the error says what is wrong, without its place.
    pub fn read<T: Deserialize<'s>>(&self) -> Result<T, Error> {
        T::deserialize(self.clone())
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node {
            Json::Bool(value) => visitor.visit_bool(*value),
            Json::List(_) => SeqDeserializer::new(self.each_item()).deserialize_any(visitor),
            Json::Null => Err(Error::invalid_type(Unexpected::Other("null"), &visitor)),
            Json::Number(value) => visit_number(*value, visitor),
            Json::Object(_) => MapDeserializer::new(self.each_entry()).deserialize_any(visitor),
            Json::String(text) => visitor.visit_borrowed_str(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node {
            Json::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.node {
            Json::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'s> IntoDeserializer<'s, Error> for Value<'s> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Every number of a tree is a double; a whole one reads as an integer.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is whole and in range"
)]
fn visit_number<'s, V: Visitor<'s>>(value: f64, visitor: V) -> Result<V::Value, Error> {
    if value.fract() != 0.0 || value.abs() > MAX_WHOLE {
        visitor.visit_f64(value)
    } else if value < 0.0 {
        visitor.visit_i64(value as i64)
    } else {
        visitor.visit_u64(value as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read<'s, T: Deserialize<'s>>(node: &'s Json) -> Result<T, String> {
        Value::bare(node).read().map_err(|error| error.to_string())
    }

    fn node(json: &str) -> Json {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn values_become_their_types() {
        let object = node(r#"{"a": [1, -2], "b": []}"#);
        let expected = BTreeMap::from([("a".to_owned(), vec![1, -2]), ("b".to_owned(), vec![])]);
        assert_eq!(read(&object), Ok(expected));
        assert_eq!(read(&node("null")), Ok(None::<bool>));
        assert_eq!(read(&node("true")), Ok(Some(true)));
        assert_eq!(read(&node("1.5")), Ok(1.5));
        assert_eq!(read(&node("\"filter\"")), Ok(cases::From::Filter));
        assert_eq!(
            read::<cases::From>(&node("\"envoy\"")),
            Err("unknown variant `envoy`, expected `filter` or `upstream`".to_owned())
        );
    }

    #[test]
    fn errors_name_what_is_there_and_what_is_expected() {
        for (json, expected) in [
            ("\"x\"", "invalid type: string \"x\", expected u16"),
            ("null", "invalid type: null, expected u16"),
            ("1.5", "invalid type: floating point `1.5`, expected u16"),
            ("70000", "invalid value: integer `70000`, expected u16"),
            ("-1", "invalid value: integer `-1`, expected u16"),
        ] {
            assert_eq!(read::<u16>(&node(json)), Err(expected.to_owned()));
        }
    }
}
