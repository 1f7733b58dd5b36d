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

pub mod byte_map;
pub mod config;
pub mod diagnostic;
pub mod escape;
pub mod http;
pub mod origin;
pub mod policy;
pub mod routes;
pub mod select;
pub mod settings;
pub mod simulate;
