//! What became wider, narrower or stayed equal between two configurations.
//!
//! The structure comes from what is written: which hosts and paths rules distinguish ([`targets`]), which
//! origins patterns allow ([`origins`]). Everything else is asked of the model ([`ask`]): what the filter
//! answers, and what a browser concludes. So every difference that is reported was seen on both sides,
//! and what no browser can use is not a difference.

pub mod ask;
pub mod finder;
pub mod origins;
pub mod policies;
pub mod report;
pub mod rows;
pub mod shape;
pub mod side;
pub mod targets;

#[cfg(test)]
mod agreement;
