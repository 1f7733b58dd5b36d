//! The commands: one file each.

pub mod check;
pub mod diff;
pub mod explain;
pub mod import;
pub mod learn;
pub mod man;
#[cfg(not(target_family = "wasm"))]
pub mod probe;
pub mod render;
pub mod schema;
pub mod test;
