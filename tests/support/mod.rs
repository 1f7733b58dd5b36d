//! What the tests on a real Envoy share: the table, Envoy itself, an upstream, a raw client, a browser.

#![allow(
    dead_code,
    reason = "every test binary compiles this module and uses a part of it"
)]

pub mod browser;
pub mod envoy;
pub mod http;
pub mod random;
pub mod table;
pub mod undo;
pub mod upstream;

use std::io::{self, Write};

/// Says aloud that something is skipped, for want of files that are not part of this repository. Not with
/// a macro, whose text is kept back while tests pass.
pub fn not_checked(what: &str) {
    let text = format!("!!!! NOT CHECKED: {what} !!!!\n");
    // Who cannot be told need not know.
    let _ = io::stderr().write_all(text.as_bytes());
}
