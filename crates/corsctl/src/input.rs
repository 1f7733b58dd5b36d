//! What a file says: JSON and YAML as trees, with the line of every value.

pub mod cursor;
pub mod deserialize;
pub mod document;
pub mod files;
pub mod kubernetes;
pub mod programs;
pub mod source;
pub mod template;
pub mod toml;
pub mod xml;
pub mod yaml;
