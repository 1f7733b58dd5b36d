//! The policy of one request, and where it comes from.

use std::fmt;
use std::rc::Rc;

use crate::policy::Policy;
use crate::policy::conflict::Conflict;

/// What governs one request, and where it comes from.
#[derive(Debug)]
pub(crate) struct Selection {
    pub governing: Governing,
    pub source: Source,
    /// Behind a pointer: few have one, and all are moved about.
    pub notice: Option<Box<MetadataRemark>>,
}

#[derive(Debug)]
pub(crate) enum Governing {
    Conflict(Conflict),
    /// The request and its response are left untouched.
    Nothing,
    Policy(Rc<Policy>),
}

impl Selection {
    #[inline(always)]
    pub fn by(policy: &Rc<Policy>, source: Source) -> Self {
        Self {
            governing: Governing::Policy(Rc::clone(policy)),
            source,
            notice: None,
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
        label: Rc<str>,
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
            Self::Rule { label, .. } => label,
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
