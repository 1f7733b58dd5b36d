//! What would happen: a request without a proxy, and a browser without a page.

pub mod browser;
pub mod exchange;
