//! The policy of one request, and where it comes from.

use std::fmt;
use std::rc::Rc;

use crate::escape::Shown;
use crate::http::request::Headers;
use crate::policy::verdict::{Refusal, Verdict};
use crate::policy::{Mode, Policy};

/// The policy of one request, and where it comes from.
#[derive(Debug)]
pub struct Governed {
    /// None: the request and its response are left untouched.
    pub policy: Option<Rc<Policy>>,
    pub source: Source,
    /// What refuses every origin, whatever the policy allows.
    pub(crate) refusal: Option<Refusal>,
    pub remark: Option<MetadataRemark>,
}

impl Governed {
    pub(crate) fn by(policy: Rc<Policy>, source: Source) -> Self {
        Self {
            policy: Some(policy),
            source,
            refusal: None,
            remark: None,
        }
    }

    /// Judges the request, unless no policy governs it or its `mode` is `off`.
    pub fn judge(&self, headers: &impl Headers) -> Option<(&Rc<Policy>, Verdict)> {
        let policy = self
            .policy
            .as_ref()
            .filter(|policy| policy.mode != Mode::Off)?;
        let verdict = match self.refusal {
            None => policy.judge(headers),
            Some(refusal) => policy.refuse(refusal, headers),
        };
        Some((policy, verdict))
    }

    /// The verdict in words, with the pattern and the rule that decided: for who runs the plugin.
    pub fn explain(&self, verdict: &Verdict) -> String {
        let pattern = self
            .policy
            .as_ref()
            .and_then(|policy| policy.matched_pattern(verdict));
        match pattern {
            // A regular expression in verbose mode may hold line ends.
            Some(pattern) => format!("{verdict} ({}; {})", Shown(&pattern), self.source),
            None => format!("{verdict} ({})", self.source),
        }
    }
}

/// Where the policy of a request comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// Several rules, by different readings of the path.
    Ambiguous,
    RouteMetadata,
    Rule {
        index: usize,
        words: Rc<str>,
    },
    TopLevel,
    VirtualHostMetadata,
}

impl Source {
    /// The source in words.
    pub fn words(&self) -> &str {
        match self {
            Self::Ambiguous => "conflicting rules",
            Self::RouteMetadata => "route metadata",
            Self::Rule { words, .. } => words,
            Self::TopLevel => "top-level policy",
            Self::VirtualHostMetadata => "virtual host metadata",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// What there is to say about the metadata of a route, and to log the first time that a text is seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MetadataRemark {
    /// It names no policy and is none.
    Invalid(Option<String>),
    /// It is a policy that does what few people want.
    Warned(String),
}
