//! What a configuration document says: JSON values, their fields, and errors with their paths.

pub mod choices;
pub mod document;
pub mod duration;
pub mod fields;
pub mod json;
pub mod other_names;
pub mod protobuf;
pub mod reader;
pub mod reference;
pub mod remedy;
