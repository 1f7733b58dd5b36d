//! `corsctl`: know before you deploy, know why.

#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

// By its path, so that the files of its modules stand beside this one.
#[cfg(not(target_family = "wasm"))]
#[path = "cli.rs"]
mod cli;

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    cli::run()
}

/// A plain `cargo build` for wasm builds every binary; there is nothing for this one to do there.
#[cfg(target_family = "wasm")]
fn main() {}
