//! CORS at the gateway: the core of a proxy-wasm HTTP filter.
//!
//! Configuration bytes become a [`plugin::Plugin`] once ([`config`]). For each request the plugin
//! finds the policy that governs it ([`routes`], [`plugin`]), the policy judges it by as few of its
//! headers as it needs ([`request`], [`origin`], [`policy`]), and the [`verdict::Verdict`] is carried
//! out: a preflight is answered, any other request goes on and its response gets the headers of
//! [the CORS protocol](https://fetch.spec.whatwg.org/#http-cors-protocol).
//!
//! The core knows no host: the package proxy-wasm-cors is the shell that a proxy loads.

#![forbid(unsafe_code)]
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

pub mod browser;
pub mod config;
pub mod counter;
pub mod escape;
pub mod exchange;
pub mod field;
pub mod header;
pub mod node;
pub mod origin;
pub mod pairs;
pub mod plugin;
pub mod policy;
pub mod regex;
pub mod remedy;
pub mod report;
pub mod request;
pub mod routes;
pub mod text_map;
pub mod verdict;
