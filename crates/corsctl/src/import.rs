//! Reads another system's configuration, writes ours, and says every meaning that changes.
//!
//! Each system has a file in [`systems`] that turns its configuration into routes with policies in our
//! terms ([`draft`], [`origins`]); [`rules`] writes them as one configuration. Whatever allows more than
//! the source is reported ([`changes`]), and what cannot be said is refused.

pub mod changes;
pub mod detect;
pub mod draft;
pub mod envoy_policy;
pub mod ingress;
pub mod matching;
pub mod objects;
pub mod origins;
pub mod read;
pub mod recognise;
pub mod rules;
pub mod system;
pub mod systems;
pub mod texts;
