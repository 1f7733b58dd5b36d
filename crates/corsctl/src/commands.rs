//! The commands: one file each.

pub mod check;
pub mod diff;
pub mod explain;
pub mod import;
pub mod learn;
pub mod man;
pub mod probe;
pub mod render;
pub mod schema;
pub mod test;
