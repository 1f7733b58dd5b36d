//! A policy: what is allowed, and the judgement of a request by it. Every value that does not depend
//! on the request is made when the policy is.

pub mod answer;
pub mod conflict;
pub mod counter;
pub mod judge;
pub mod presets;
pub mod read;
pub mod read_hosts;
pub mod read_names;
pub mod read_origins;
pub mod verdict;

pub use crate::config::choices::{
    Mode, PreflightStatus, UnmatchedPreflights, UnmatchedRequests, UpstreamCors,
};
use crate::http::header_block::HeaderTemplate;
use crate::origin::set::OriginSet;
use crate::policy::verdict::{Reason, Verdict};
use crate::routes::host::Hosts;

/// A validated policy, and what of its answers no request changes.
#[derive(Debug)]
pub struct Policy {
    pub(crate) fields: PolicyFields,
    /// What the answer to an allowed preflight varies on.
    pub(crate) preflight_vary: String,
    /// The answer to an allowed preflight except its origin, where both lists are fixed; one that asks
    /// for the private network has another.
    pub(crate) preflight_headers: Option<HeaderTemplate>,
}

/// What a policy says. The default grants nothing.
#[derive(Debug, Default)]
pub struct PolicyFields {
    pub(crate) mode: Mode,
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

impl Policy {
    pub fn new(fields: PolicyFields) -> Self {
        let mut policy = Self {
            preflight_vary: fields.preflight_vary(),
            preflight_headers: None,
            fields,
        };
        let (methods, headers) = (&policy.fields.methods, &policy.fields.headers);
        if let (Methods::Listed(_), RequestHeaders::Listed(_)) = (methods, headers) {
            let [(name, _), others @ ..] = policy.preflight_lines(b"", b"", None);
            policy.preflight_headers = Some(HeaderTemplate::new(name, &others));
        }
        policy
    }

    /// The pattern that allowed the request, as written in the configuration.
    pub fn matched_pattern(&self, verdict: &Verdict) -> Option<String> {
        let origin = verdict
            .request
            .origin()
            .filter(|_| verdict.reason == Reason::Allowed)?;
        if self.fields.is_open() {
            return Some("*".to_owned());
        }
        let found = self.fields.origins.find(origin).ok()?;
        Some(self.fields.origins.describe(origin, found))
    }

    /// A few words that say how much there is of what, and no content.
    pub fn summary(&self) -> String {
        let origins = &self.fields.origins;
        let regexes = origins.regex_count();
        format!(
            "{}, {}, credentials {}, mode {}",
            counted(origins.len() - regexes, "origin", "origins"),
            counted(regexes, "regular expression", "regular expressions"),
            self.fields.credentials,
            match self.fields.mode {
                Mode::Enforce => "enforce",
                Mode::Off => "off",
                Mode::Shadow => "shadow",
            },
        )
    }
}

impl Default for Policy {
    /// Grants nothing.
    #[inline(never)] // In four places.
    fn default() -> Self {
        Self::new(PolicyFields::default())
    }
}

impl PolicyFields {
    /// Any origin and no credentials: the same headers for everybody, so that no answer depends on
    /// `Origin`.
    pub fn is_open(&self) -> bool {
        self.origins.is_any() && !self.credentials
    }

    /// Whether responses depend on `Origin`; the upstream's own may, where they are kept.
    pub(crate) fn varies(&self) -> bool {
        !self.is_open() || self.upstream_cors == UpstreamCors::Keep
    }

    fn preflight_vary(&self) -> String {
        let mut vary = String::new();
        for (varies, name) in [
            (self.varies(), "Origin"),
            (
                matches!(self.methods, Methods::Any),
                "Access-Control-Request-Method",
            ),
            (
                matches!(self.headers, RequestHeaders::Any),
                "Access-Control-Request-Headers",
            ),
            (
                self.private_network,
                "Access-Control-Request-Private-Network",
            ),
        ] {
            if varies {
                if !vary.is_empty() {
                    vary.push_str(", ");
                }
                vary.push_str(name);
            }
        }
        vary
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
        let listed = Policy::new(PolicyFields::default());
        assert!(listed.preflight_headers.is_some());
        let any = Policy::new(PolicyFields {
            methods: Methods::Any,
            ..PolicyFields::default()
        });
        assert!(any.preflight_headers.is_none());
    }
}
