//! What becomes of a call of `fetch`, and why.

use std::fmt;

use crate::escape::Escaped;

/// What the script gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It fails, and the console says why.
    Blocked { at: Stage, because: Blocked },
    /// The response, and of its headers these, besides the safelisted ones.
    Readable { exposed: Vec<String> },
}

impl Outcome {
    pub fn is_readable(&self) -> bool {
        matches!(self, Self::Readable { .. })
    }
}

/// Where a request ends that the browser blocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Before anything is sent.
    Call,
    /// The actual request is not sent.
    Preflight,
    /// The request was sent and answered; the script does not get the response.
    Actual,
}

/// Why the browser blocks it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Blocked {
    AllowCredentialsNotTrue,
    AllowOriginMissing,
    AllowOriginOther { value: Vec<u8>, origin: String },
    AllowOriginWildcard,
    ForbiddenMethod(String),
    HeaderNotListed(String),
    ListMalformed(&'static str),
    MethodNotListed(String),
    PreflightStatus(u16),
    StreamingUnsupported,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllowCredentialsNotTrue => f.write_str(
                "Access-Control-Allow-Credentials is not \"true\", and the request includes credentials",
            ),
            Self::AllowOriginMissing => f.write_str("there is no Access-Control-Allow-Origin"),
            Self::AllowOriginOther { value, origin } => write!(
                f,
                "Access-Control-Allow-Origin is {}, not \"{origin}\"",
                Escaped(value)
            ),
            Self::AllowOriginWildcard => f.write_str(
                "Access-Control-Allow-Origin is \"*\", which is not enough for a request that includes credentials",
            ),
            Self::ForbiddenMethod(method) => write!(f, "no script can send {method}"),
            Self::HeaderNotListed(name) => write!(f, "{name} is not in Access-Control-Allow-Headers"),
            Self::ListMalformed(name) => write!(f, "{name} is not a list of names"),
            Self::MethodNotListed(method) => {
                write!(f, "{method} is not in Access-Control-Allow-Methods")
            }
            Self::StreamingUnsupported => f.write_str("this browser cannot stream a request body"),
            Self::PreflightStatus(status) => {
                write!(f, "the preflight is answered with {status}, not with 200 to 299")
            }
        }
    }
}
