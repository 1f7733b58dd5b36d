//! What guards a change: comparisons of configurations, templates, and the ways in which teams run them.
//!
//! gate/golden.txt is a transcript; `BLESS=1 cargo test --package corsctl --test gate` writes the current
//! output into it. Read the difference before you commit it.

use std::path::{Path, PathBuf};

use support::transcript;

#[test]
fn every_command_says_what_it_should() {
    transcript::check(&folder());
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gate")
}
