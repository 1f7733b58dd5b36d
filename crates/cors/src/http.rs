//! What an HTTP message says: header names, tokens, header maps, requests.

pub mod header;
pub mod header_block;
pub mod request;
pub mod token;
