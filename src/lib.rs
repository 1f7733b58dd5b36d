//! CORS at the gateway: a proxy-wasm HTTP filter.
//!
//! Configuration bytes become a [`plugin::Plugin`] once ([`config`]). For each request the plugin
//! finds the policy that governs it ([`routes`], [`plugin`]), the policy judges it by as few of its
//! headers as it needs ([`request`], [`origin`], [`policy`]), and the [`verdict::Verdict`] is carried
//! out: a preflight is answered, any other request goes on and its response gets the headers of
//! [the CORS protocol](https://fetch.spec.whatwg.org/#http-cors-protocol).
//!
//! All of that is free of the host. The filter is the shell that a proxy loads.

#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

#[cfg(not(target_family = "wasm"))]
pub mod browser;
pub mod config;
pub mod counter;
// The table of cases runs through this under wasm32-unknown-unknown too; the module has a real proxy.
#[cfg(not(target_os = "wasi"))]
pub mod exchange;
pub mod field;
// Without a host there is nothing to link: wasm32-unknown-unknown runs the core's tests.
#[cfg(not(target_os = "unknown"))]
mod filter;
pub mod header;
#[cfg(not(target_os = "unknown"))]
mod host;
pub mod node;
pub mod origin;
pub mod pairs;
pub mod plugin;
pub mod policy;
pub mod regex;
pub mod report;
pub mod request;
pub mod routes;
pub mod text_map;
pub mod verdict;
