//! The bytes of a configuration: JSON, or a serialized `google.protobuf.Struct`.

use crate::config::json::Json;
use crate::config::protobuf::parse_struct;

impl Json {
    /// Reads the bytes of a plugin configuration. A JSON text can begin with the same byte as a
    /// `Struct`, so JSON is tried first.
    ///
    /// The error is JSON's, with line and column: who writes a `Struct` never sees its bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        Self::parse_json(bytes).or_else(|error| parse_struct(bytes, 0).ok_or(error))
    }
}
