//! The commands: one file each.

pub mod check;
pub mod diff;
pub mod explain;
pub mod import;
pub mod schema;
pub mod test;
