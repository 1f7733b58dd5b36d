//! A tree of a file as JSON of the output.

use cors::config::json::Json;
use serde::{Serialize, Serializer};

/// A tree with its keys in the order of the file.
pub struct Tree<'n>(pub &'n Json);

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::List(items) => serializer.collect_seq(items.iter().map(Tree)),
            Json::Null => serializer.serialize_unit(),
            Json::Number(value) => serialize_number(*value, serializer),
            Json::Object(pairs) => {
                serializer.collect_map(pairs.iter().map(|(key, value)| (key, Tree(value))))
            }
            Json::String(text) => serializer.serialize_str(text),
        }
    }
}

/// A whole number without a decimal point.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a whole number up to the greatest that a double holds exactly"
)]
fn serialize_number<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.fract() != 0.0 || value.abs() > MAX_WHOLE {
        serializer.serialize_f64(value)
    } else {
        serializer.serialize_i64(value as i64)
    }
}

/// Above it, a double does not hold every whole number.
pub const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;
