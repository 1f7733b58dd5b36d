//! The policy of one request, and where it comes from.

use std::sync::Arc;

use crate::policy::Policy;
use crate::policy::conflict::Conflict;
use crate::select::rule_set::Rule;

/// What governs one request.
#[derive(Debug)]
pub(crate) struct Selection {
    pub governing: Governing,
    /// Behind a pointer: few have one, and all are moved about.
    pub notice: Option<Box<Notice>>,
}

/// Two words, because every stream has one and moves cost instructions.
#[derive(Debug)]
pub(crate) enum Governing {
    /// Several rules, by different readings of the path.
    Conflict(Conflict),
    /// The request and its response are left untouched.
    Nothing,
    Policy(Arc<Policy>, Carrier),
    Rule(Arc<Rule>),
}

/// What carries a policy that is not a rule's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carrier {
    /// Its top level.
    Plugin,
    /// Its metadata.
    Route,
    /// Its own configuration, in a host that gives routes one.
    RouteConfiguration,
    /// Its metadata.
    VirtualHost,
}

impl Governing {
    /// The one policy that governs.
    #[inline]
    pub fn policy(&self) -> Option<&Policy> {
        match self {
            Self::Conflict(_) | Self::Nothing => None,
            Self::Policy(policy, _) => Some(policy),
            Self::Rule(rule) => Some(&rule.policy),
        }
    }

    pub fn source(&self) -> Source {
        match self {
            Self::Conflict(_) => Source::Ambiguous,
            Self::Nothing | Self::Policy(_, Carrier::Plugin) => Source::TopLevel,
            Self::Policy(_, Carrier::Route) => Source::RouteMetadata,
            Self::Policy(_, Carrier::RouteConfiguration) => Source::RouteConfiguration,
            Self::Policy(_, Carrier::VirtualHost) => Source::VirtualHostMetadata,
            Self::Rule(rule) => Source::Rule(rule.place),
        }
    }

    /// The source in words.
    pub fn label(&self) -> &str {
        match self {
            Self::Conflict(_) => "conflicting rules",
            Self::Nothing | Self::Policy(_, Carrier::Plugin) => "top-level policy",
            Self::Policy(_, Carrier::Route) => "route metadata",
            Self::Policy(_, Carrier::RouteConfiguration) => "route configuration",
            Self::Policy(_, Carrier::VirtualHost) => "virtual host metadata",
            Self::Rule(rule) => &rule.label,
        }
    }
}

/// Where the policy of a request comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// Several rules, by different readings of the path.
    Ambiguous,
    RouteConfiguration,
    RouteMetadata,
    /// The rule at this place of the list.
    Rule(usize),
    TopLevel,
    VirtualHostMetadata,
}

/// What there is to say about the metadata of a route, and to log the first time that a text is seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// It names no policy and is none.
    Invalid(Option<String>),
    /// It is a policy that does what few people want.
    Warned(String),
}
