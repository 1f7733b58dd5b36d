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
pub mod upstream;
