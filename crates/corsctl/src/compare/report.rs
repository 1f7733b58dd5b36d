//! The whole of a comparison, as `--output json` prints it.

use serde::Serialize;

use crate::compare::rows::{Row, Verdict};

/// What a comparison yields.
#[derive(Serialize)]
pub struct Outcome {
    pub verdict: Verdict,
    /// Whether everything that became wider is acknowledged, and everything is decided.
    pub good: bool,
    pub plugins: Vec<Plugin>,
    /// Names under --allow-wider that acknowledge nothing.
    pub unused: Vec<String>,
}

/// The comparison of one configuration with its successor.
#[derive(Serialize)]
pub struct Plugin {
    /// Where the configuration is; none if it is not there on this side.
    pub old: Option<At>,
    pub new: Option<At>,
    pub rows: Vec<Row>,
}

#[derive(Serialize)]
pub struct At {
    pub file: String,
    /// As corsctl check prints it; empty for the whole file.
    pub place: String,
}

impl Outcome {
    /// The verdicts that nobody has acknowledged.
    pub fn open(&self) -> impl Iterator<Item = Verdict> {
        let rows = self.plugins.iter().flat_map(|plugin| &plugin.rows);
        rows.filter(|row| row.acknowledged.is_none())
            .map(|row| row.verdict)
    }
}
