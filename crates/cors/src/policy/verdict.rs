//! What was decided about one request, why, and the reply where the filter gives one itself.

use std::fmt;

use crate::escape::Escaped;
use crate::http::header_block::HeaderBlock;
use crate::http::request::Request;
use crate::origin::set::Mismatch;

/// What a policy says of one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    pub request: Request,
    pub reason: Reason,
    /// The place of the grant that holds, among those that name origins.
    pub grant: u8,
    /// `OPTIONS` that is not a preflight, under `autoOptions`.
    pub is_plain_options: bool,
    /// What some answered preflights have. Behind a pointer: all other verdicts are moved about.
    pub answer: Option<Box<PreflightAnswer>>,
}

impl Verdict {
    /// Why the browser will not send the actual request although its origin is allowed.
    pub fn blocked(&self) -> Option<&Blocked> {
        self.answer.as_ref()?.blocked.as_ref()
    }

    /// Drops the values of the request, which no response to it needs.
    pub(crate) fn trim(&mut self) {
        match &mut self.request {
            Request::NotCors => {}
            Request::Actual { origin } => *origin = Box::default(),
            Request::Preflight { origin, method } => {
                *origin = Box::default();
                *method = Box::default();
            }
        }
    }
}

/// What an answered preflight says beyond the policy's own lists.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PreflightAnswer {
    /// The value of `Access-Control-Allow-Headers`, where it depends on the names that are asked for.
    pub allow_headers: Vec<u8>,
    /// Whether access to a private network was asked for and is granted.
    pub private_network: bool,
    pub blocked: Option<Blocked>,
}

/// Why the decision came out as it did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    Allowed,
    /// No `Origin`: nothing to decide.
    NotCors,
    Refused(Refusal),
    /// Refused as a CORS request, but the browser's own site asks, which needs no permission.
    SameOrigin(Refusal),
}

/// Why a request is refused. The text holds no configured value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    Host,
    MalformedHeaders,
    MalformedMethod,
    MalformedOrigin,
    Null,
    Origin,
    Path,
}

impl Refusal {
    /// The code for counters, access logs and tables.
    pub fn code(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::MalformedHeaders | Self::MalformedMethod | Self::MalformedOrigin => "malformed",
            Self::Null => "null",
            Self::Origin => "origin",
            Self::Path => "path",
        }
    }

    /// Whether no browser can have sent the preflight.
    pub fn is_malformed_preflight(self) -> bool {
        matches!(self, Self::MalformedHeaders | Self::MalformedMethod)
    }
}

impl From<Mismatch> for Refusal {
    fn from(mismatch: Mismatch) -> Self {
        match mismatch {
            Mismatch::Malformed => Self::MalformedOrigin,
            Mismatch::Null => Self::Null,
            Mismatch::Origin => Self::Origin,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host: the service does not go by this name",
            Self::MalformedHeaders => {
                "malformed: access-control-request-headers is not a list of header names"
            }
            Self::MalformedMethod => "malformed: access-control-request-method is not a method",
            Self::MalformedOrigin => "malformed: Origin is not as a browser writes it",
            Self::Null => "null: the origin is opaque (a sandboxed frame, a file, a redirect) and null is not listed",
            Self::Origin => "origin: it is not an allowed origin",
            Self::Path => "path: as sent and as normalized it leads to different rules",
        })
    }
}

/// What the browser misses in the answer to a preflight.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Blocked {
    /// The first header name that is asked for and not listed.
    Header(Vec<u8>),
    Method,
}

/// A whole response that the filter gives itself.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderBlock,
    pub body: String,
}

/// The one text of a verdict: for the debug log, the command line and the page. It holds the
/// request's own values, escaped and cut, and no configured one.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.request {
            Request::NotCors => f.write_str("request without Origin")?,
            Request::Actual { origin } => write!(f, "request from {}", Escaped(origin))?,
            Request::Preflight { origin, method } => {
                write!(
                    f,
                    "preflight for {} from {}",
                    Escaped(method),
                    Escaped(origin)
                )?;
            }
        }
        match self.reason {
            Reason::Allowed => f.write_str(" allowed")?,
            Reason::NotCors => f.write_str(": not a CORS request")?,
            Reason::Refused(refusal) => write!(f, " refused: {refusal}")?,
            Reason::SameOrigin(_) => f.write_str(" passed: it is of the same origin")?,
        }
        match self.blocked() {
            Some(Blocked::Header(name)) => {
                write!(
                    f,
                    "; the browser blocks it: {} is not in allowHeaders",
                    Escaped(name)
                )
            }
            Some(Blocked::Method) => {
                f.write_str("; the browser blocks it: the method is not in allowMethods")
            }
            None => Ok(()),
        }
    }
}
