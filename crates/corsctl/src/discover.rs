//! Where a file holds configurations of the plugin, and what is around them.

pub mod automaton;
pub mod locate;
pub mod public_suffix;
pub mod recognise;
pub mod regexes;
pub mod select;
pub mod slashes;
pub mod surroundings;
