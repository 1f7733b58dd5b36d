//! From an access log to a policy: what requests from other origins there were, and which of them a policy
//! allows.

pub mod entry;
pub mod fields;
pub mod groups;
pub mod judge;
pub mod lines;
pub mod propose;
pub mod tally;
pub mod trust;
