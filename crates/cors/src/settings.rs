//! What holds for the plugin, not for a policy.

/// What holds for the plugin, not for a policy.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    pub debug: bool,
    pub stat_prefix: String,
    pub strict: bool,
}
