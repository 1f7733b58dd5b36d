//! What a system is to import: the registration that each file of `systems` ends with.

use std::fmt;

use crate::import::changes::Notes;
use crate::import::draft::Change;
use crate::import::objects::Object;
use crate::import::rules::route::{Precedence, Route};
use crate::input::cursor::Value;
use crate::input::document::Document;

/// A system that has CORS policies, and how import reads it.
pub struct System {
    /// Its name on the command line, as in `--from istio`.
    pub argument: &'static str,
    /// Its name in messages.
    pub name: &'static str,
    /// What of it is read, as `--help` lists it.
    pub about: &'static str,
    /// How it chooses between its routes.
    pub precedence: Precedence,
    /// Whether an object of a file belongs to the system, by its kind or its keys.
    pub owns: fn(&Value) -> bool,
    /// Whether it leaves an object to any other system that owns it, because its keys are common.
    pub gives_way: bool,
    /// Writes out an object in the system's own form, if it holds that form in another one.
    pub unwrap: Unwrap,
    /// Reads the objects that belong to the system, next to all that the file holds.
    pub read: Read,
    /// What is different for every policy of the system.
    pub changes: fn(&[Value]) -> &'static [Change],
}

pub type Read = fn(own: &[Value], all: &[Object], notes: &mut Notes) -> Vec<Route>;
/// Gives the documents to read instead of an object, each with its place in words; none if the object
/// is read as it is.
pub type Unwrap = fn(&Value, &mut Notes) -> Option<Vec<(String, Document)>>;

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for System {
    fn eq(&self, other: &Self) -> bool {
        self.argument == other.argument
    }
}

impl System {
    /// What most systems have in common: nothing is unwrapped, and of two routes the more specific wins.
    pub const fn new(
        argument: &'static str,
        name: &'static str,
        about: &'static str,
        owns: fn(&Value) -> bool,
        read: Read,
    ) -> Self {
        Self {
            argument,
            name,
            about,
            precedence: Precedence::Specific,
            owns,
            gives_way: false,
            unwrap: |_, _| None,
            read,
            changes: |_| &[],
        }
    }
}
