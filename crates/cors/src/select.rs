//! Which policy governs a request.

pub mod policy_set;
pub mod read;
pub mod read_rules;
pub mod route_metadata;
pub mod selection;
