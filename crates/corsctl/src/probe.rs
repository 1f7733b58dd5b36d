//! Requests to a live gateway, and how its answers differ from what a configuration says.

pub mod cause;
pub mod client;
pub mod compare;
pub mod plan;
pub mod target;
pub mod tls;
