//! A policy: what is allowed to whom, and the judgement of a request by it. Every value that does not
//! depend on the request is made when the policy is.

pub mod answer;
pub mod conflict;
pub mod counter;
pub mod families;
pub mod grant;
pub mod judge;
pub mod preset_reference;
pub mod presets;
pub mod read;
pub mod read_grants;
pub mod read_hosts;
pub mod read_names;
pub mod read_origins;
pub mod verdict;

pub use crate::config::choices::{
    Mode, PreflightStatus, UnmatchedPreflights, UnmatchedRequests, UpstreamCors,
};
use crate::policy::families::Families;
use crate::policy::grant::Grant;
use crate::policy::verdict::{Reason, Verdict};
use crate::routes::host::Hosts;

/// A validated policy.
#[derive(Debug)]
pub struct Policy {
    pub(crate) fields: PolicyFields,
    is_open: bool,
    varies: bool,
    /// The first grant; most policies have no other.
    pub(crate) first: Grant,
    pub(crate) others: Vec<Grant>,
}

/// What a policy says for all its grants.
#[derive(Debug, Default)]
pub struct PolicyFields {
    pub(crate) mode: Mode,
    /// `None` where any host name will do.
    pub(crate) hosts: Option<Hosts>,
    /// `grants` is there, so that every answer depends on `Origin`.
    pub(crate) lists_grants: bool,
    /// The name that stands for a label of some origins; empty if none has one.
    pub(crate) tenant: String,
    /// Some grant has `timingAllowOrigin`.
    pub(crate) timing: bool,
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
    /// These names, and those of these families that are asked for.
    Listed(List, Families),
}

impl RequestHeaders {
    /// Whether the answer depends on the names that are asked for.
    pub fn depend_on_asked(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(_, families) => !families.is_empty(),
        }
    }
}

impl Default for RequestHeaders {
    fn default() -> Self {
        Self::Listed(List::default(), Families::default())
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

    /// Whether it has the name of a header, which can be in any case.
    pub fn names_header(&self, name: &[u8]) -> bool {
        let mut names = self.names.iter();
        names.any(|own| own.as_bytes().eq_ignore_ascii_case(name))
    }
}

/// `exposeHeaders`
#[derive(Debug)]
pub(crate) enum Expose {
    /// The names of the response's own headers: `*` means nothing where credentials are included.
    All,
    /// These names, and those of these families that the response has.
    Families(List, Families),
    /// A ready value; empty for none.
    Value(String),
}

impl Expose {
    /// The value that does not depend on a response.
    pub fn fixed(&self) -> &str {
        match self {
            Self::All => "",
            Self::Families(list, _) => &list.value,
            Self::Value(names) => names,
        }
    }
}

impl Default for Expose {
    fn default() -> Self {
        Self::Value(String::new())
    }
}

impl Policy {
    pub fn new(fields: PolicyFields, mut first: Grant, mut others: Vec<Grant>) -> Self {
        let is_open = !fields.lists_grants && first.is_open();
        let varies = !is_open || fields.upstream_cors == UpstreamCors::Keep;
        for grant in others.iter_mut().chain([&mut first]) {
            grant.prepare(varies);
        }
        Self {
            fields,
            is_open,
            varies,
            first,
            others,
        }
    }

    /// Any origin and no credentials: the same headers for everybody, so that no answer depends on
    /// `Origin`.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether responses depend on `Origin`; the upstream's own may, where they are kept.
    pub(crate) fn varies(&self) -> bool {
        self.varies
    }

    /// The grant of a verdict.
    #[inline]
    pub(crate) fn grant(&self, place: u8) -> &Grant {
        match place {
            0 => &self.first,
            place => self
                .others
                .get(usize::from(place) - 1)
                .unwrap_or(&self.first),
        }
    }

    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The pattern that allowed the request, as written in the configuration.
    pub fn matched_pattern(&self, verdict: &Verdict) -> Option<String> {
        let origin = verdict
            .request
            .origin()
            .filter(|_| verdict.reason == Reason::Allowed)?;
        self.grant(verdict.grant).pattern_for(origin)
    }

    /// The grant that holds for the request, in words, where a policy has several.
    pub fn matched_grant(&self, verdict: &Verdict) -> Option<String> {
        (self.fields.lists_grants && verdict.reason == Reason::Allowed)
            .then(|| self.grant(verdict.grant).label())
    }

    /// The grants that allow the origin too, after the one that holds: in words, with their pattern.
    pub fn further_grants(&self, verdict: &Verdict) -> Vec<(String, String)> {
        let origin = verdict.request.origin();
        let Some(origin) = origin.filter(|_| verdict.reason == Reason::Allowed) else {
            return Vec::new();
        };
        self.grants()
            .skip(usize::from(verdict.grant) + 1)
            .filter_map(|grant| Some((grant.label(), grant.pattern_for(origin)?)))
            .collect()
    }

    /// The family of `allowHeaders` that covers a lower-case name which is not listed itself.
    pub fn family_of(&self, verdict: &Verdict, name: &str) -> Option<String> {
        match &self.grant(verdict.grant).headers {
            RequestHeaders::Listed(list, families)
                if verdict.reason == Reason::Allowed && !list.names_header(name.as_bytes()) =>
            {
                Some(format!("{}*", families.of(name.as_bytes())?))
            }
            _ => None,
        }
    }

    /// What the regular expressions take in memory, in states of their automata.
    pub(crate) fn regex_size(&self) -> usize {
        self.grants().map(|grant| grant.origins.regex_size()).sum()
    }

    /// A few words that say how much there is of what, and no content.
    pub fn summary(&self) -> String {
        let sum = |count: fn(&Grant) -> usize| self.grants().map(count).sum::<usize>();
        let regexes = sum(|grant| grant.origins.regex_count());
        let origins = sum(|grant| grant.origins.len()) - regexes;
        let mut summary = format!(
            "{}, {}, credentials {}, mode {}",
            counted(origins, "origin", "origins"),
            counted(regexes, "regular expression", "regular expressions"),
            self.grants().any(|grant| grant.credentials),
            match self.fields.mode {
                Mode::Enforce => "enforce",
                Mode::Off => "off",
                Mode::Shadow => "shadow",
            },
        );
        if self.fields.lists_grants {
            let count = counted(self.grants().count(), "grant", "grants");
            summary.insert_str(0, &format!("{count}, "));
        }
        summary
    }
}

impl Default for Policy {
    /// Grants nothing.
    #[inline(never)] // In several places.
    fn default() -> Self {
        Self::new(PolicyFields::default(), Grant::default(), Vec::new())
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
        let ready = |grant| {
            Policy::new(PolicyFields::default(), grant, Vec::new())
                .first
                .ready
        };
        assert!(ready(Grant::default()).is_some());
        let any = Grant {
            methods: Methods::Any,
            ..Grant::default()
        };
        assert!(ready(any).is_none());
    }
}
