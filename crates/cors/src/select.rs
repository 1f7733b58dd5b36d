//! Which policy governs a request, and the judgement by it.

pub mod judgement;
pub mod policy_set;
pub mod read;
pub mod read_rules;
pub mod route_metadata;
pub mod route_policy;
pub mod rule_set;
pub mod selection;
