//! CORS at the gateway: the module that a proxy loads.
//!
//! The core, [`cors`], judges requests and knows no host. This package is the shell around it: the
//! contexts of the proxy-wasm SDK, what the host calls, and the calls to the host.

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

// Its global allocator.
use cors_allocator as _;

mod contexts;
mod exports;
mod filter;
mod host;
mod streams;
