//! The counters, and which of them a verdict counts.

use crate::http::request::Request;
use crate::policy::verdict::{Blocked, Reason, Refusal, Verdict};

/// A counter; its name follows the prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Counter {
    MetadataInvalid,
    PreflightAllowed,
    PreflightMismatchHeader,
    PreflightMismatchMethod,
    PreflightRefused,
    RefusedHost,
    RefusedMalformed,
    RefusedNull,
    RefusedOrigin,
    RefusedPath,
    RequestAllowed,
    RequestRefused,
    RequestSameOrigin,
}

impl Counter {
    pub const ALL: [Self; 13] = [
        Self::MetadataInvalid,
        Self::PreflightAllowed,
        Self::PreflightMismatchHeader,
        Self::PreflightMismatchMethod,
        Self::PreflightRefused,
        Self::RefusedHost,
        Self::RefusedMalformed,
        Self::RefusedNull,
        Self::RefusedOrigin,
        Self::RefusedPath,
        Self::RequestAllowed,
        Self::RequestRefused,
        Self::RequestSameOrigin,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::MetadataInvalid => "metadata_invalid",
            Self::PreflightAllowed => "preflight_allowed",
            Self::PreflightMismatchHeader => "preflight_mismatch.header",
            Self::PreflightMismatchMethod => "preflight_mismatch.method",
            Self::PreflightRefused => "preflight_refused",
            Self::RefusedHost => "refused.host",
            Self::RefusedMalformed => "refused.malformed",
            Self::RefusedNull => "refused.null",
            Self::RefusedOrigin => "refused.origin",
            Self::RefusedPath => "refused.path",
            Self::RequestAllowed => "request_allowed",
            Self::RequestRefused => "request_refused",
            Self::RequestSameOrigin => "request_same_origin",
        }
    }

    /// The counters of a verdict: its outcome, and the detail of it. A refused request without
    /// `Origin`, which only a foreign host name causes, counts as a refused request too.
    pub fn of(verdict: &Verdict) -> [Option<Self>; 2] {
        let is_preflight = matches!(verdict.request, Request::Preflight { .. });
        match verdict.reason {
            Reason::Allowed if is_preflight => {
                let mismatch = verdict.blocked().map(|blocked| match blocked {
                    Blocked::Header(_) => Self::PreflightMismatchHeader,
                    Blocked::Method => Self::PreflightMismatchMethod,
                });
                [Some(Self::PreflightAllowed), mismatch]
            }
            Reason::Allowed => [Some(Self::RequestAllowed), None],
            Reason::NotCors => [None, None],
            Reason::Refused(refusal) => {
                let outcome = if is_preflight {
                    Self::PreflightRefused
                } else {
                    Self::RequestRefused
                };
                [Some(outcome), Some(Self::refused(refusal))]
            }
            Reason::SameOrigin(_) => [Some(Self::RequestSameOrigin), None],
        }
    }

    fn refused(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Host => Self::RefusedHost,
            Refusal::MalformedHeaders | Refusal::MalformedMethod | Refusal::MalformedOrigin => {
                Self::RefusedMalformed
            }
            Refusal::Null => Self::RefusedNull,
            Refusal::Origin => Self::RefusedOrigin,
            Refusal::Path => Self::RefusedPath,
        }
    }
}
