//! A policy: what is allowed, and the judgement of a request by it. Every value that does not depend
//! on the request is made when the policy is.

pub mod answer;
pub mod counter;
pub mod judge;
pub mod presets;
pub mod read;
pub mod read_hosts;
pub mod read_names;
pub mod read_origins;
pub mod verdict;

use crate::http::header_block::Gap;
use crate::origin::set::OriginSet;
use crate::policy::verdict::{Reason, Verdict};
use crate::routes::host::Hosts;

/// A validated policy. The default grants nothing.
#[derive(Debug, Default)]
pub struct Policy {
    pub mode: Mode,
    /// `None` where any host name will do.
    pub(crate) hosts: Option<Hosts>,
    pub(crate) origins: OriginSet,
    pub(crate) methods: Methods,
    pub(crate) headers: RequestHeaders,
    pub(crate) expose: Expose,
    pub(crate) credentials: bool,
    /// `Access-Control-Max-Age`, in seconds.
    pub(crate) max_age: String,
    pub(crate) private_network: bool,
    pub(crate) preflight_status: PreflightStatus,
    pub(crate) unmatched_preflights: UnmatchedPreflights,
    pub(crate) unmatched_requests: UnmatchedRequests,
    /// `:authority` does not prove the service's own origin: with DNS rebinding it can be any name.
    pub(crate) distrusts_authority: bool,
    pub(crate) upstream_cors: UpstreamCors,
    pub(crate) hide_cors_from_upstream: bool,
    /// The value of `Allow` in the answer to a plain `OPTIONS`, under `autoOptions`.
    pub(crate) allow: Option<String>,
    /// Read what only an explanation needs, and give the reason in a refusal's body.
    pub(crate) debug: bool,
    /// What the answer to an allowed preflight varies on. [`Policy::make_ready`] writes it.
    pub(crate) preflight_vary: String,
    /// The answer to an allowed preflight except its origin, if both lists are fixed; one that asks
    /// for the private network has another. [`Policy::make_ready`] writes it.
    pub(crate) ready: Option<Gap>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    #[default]
    Enforce,
    Off,
    Shadow,
}

/// `allowMethods`
#[derive(Debug)]
pub(crate) enum Methods {
    /// Whatever is asked.
    Any,
    Listed(List),
}

impl Default for Methods {
    fn default() -> Self {
        Self::Listed(List::default())
    }
}

/// `allowHeaders`
#[derive(Debug)]
pub(crate) enum RequestHeaders {
    /// Whatever is asked, `Authorization` included, by echo: a literal `*` never covers that name.
    Any,
    Listed(List),
}

impl Default for RequestHeaders {
    fn default() -> Self {
        Self::Listed(List::default())
    }
}

/// Names, and the header value that lists them.
#[derive(Debug, Default)]
pub(crate) struct List {
    pub names: Vec<String>,
    pub value: String,
}

impl List {
    pub fn new(names: Vec<String>) -> Self {
        let value = names.join(", ");
        Self { names, value }
    }
}

/// `exposeHeaders`
#[derive(Debug)]
pub(crate) enum Expose {
    /// The names of the response's own headers: `*` means nothing where credentials are included.
    All,
    /// A ready value; empty for none.
    Value(String),
}

impl Default for Expose {
    fn default() -> Self {
        Self::Value(String::new())
    }
}

/// The status of an answered preflight.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum PreflightStatus {
    #[default]
    NoContent = 204,
    Ok = 200,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum UnmatchedPreflights {
    Forward,
    Ignore,
    #[default]
    Reject,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum UnmatchedRequests {
    #[default]
    Forward,
    Reject,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum UpstreamCors {
    Keep,
    #[default]
    Override,
}

impl Policy {
    /// The pattern that allowed the request, as written in the configuration.
    pub fn matched_pattern(&self, verdict: &Verdict) -> Option<String> {
        let origin = verdict
            .request
            .origin()
            .filter(|_| verdict.reason == Reason::Allowed)?;
        if self.is_open() {
            return Some("*".to_owned());
        }
        let found = self.origins.find(origin).ok()?;
        Some(self.origins.describe(origin, found))
    }

    /// Any origin and no credentials: the same headers for everybody, so that no answer depends on
    /// `Origin`.
    pub fn is_open(&self) -> bool {
        self.origins.is_any() && !self.credentials
    }

    /// A few words that say how much there is of what, and no content.
    pub fn summary(&self) -> String {
        let regexes = self.origins.regex_count();
        format!(
            "{}, {}, credentials {}, mode {}",
            counted(self.origins.len() - regexes, "origin", "origins"),
            counted(regexes, "regular expression", "regular expressions"),
            self.credentials,
            match self.mode {
                Mode::Enforce => "enforce",
                Mode::Off => "off",
                Mode::Shadow => "shadow",
            },
        )
    }
}

/// So many of them, in words.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_from_lists_is_ready_before_it_is_asked_for() {
        let mut policy = Policy::default();
        policy.make_ready();
        assert!(policy.ready.is_some());
        policy.methods = Methods::Any;
        policy.make_ready();
        assert!(policy.ready.is_none());
    }
}
