//! CORS at the gateway: the dynamic module that Envoy loads.
//!
//! The core, [`cors`], judges requests and knows no host. This package is the shell around it for
//! [Envoy's dynamic modules](https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/dynamic_modules):
//! `hooks` is what Envoy calls, `host` what is called in Envoy.

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

mod filter;
mod hooks;
mod host;
