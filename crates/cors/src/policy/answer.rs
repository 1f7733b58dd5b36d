//! What a policy sends: replies, and changes to requests and responses.

use std::borrow::Cow;

use crate::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE,
    CORS_REQUEST_HEADERS, TIMING_ALLOW_ORIGIN, VARY, X_CONTENT_TYPE_OPTIONS, is_exposable,
    varies_by_origin,
};
use crate::http::header_block::{HeaderBlock, Line, serialized, serialized_size};
use crate::http::request::{Headers, HeadersMut, Request};
use crate::policy::grant::{Grant, flag_value};
use crate::policy::verdict::{Reason, Refusal, Reply, Verdict};
use crate::policy::{Expose, List, Policy, UnmatchedPreflights, UnmatchedRequests, UpstreamCors};

impl Policy {
    /// The reply, if the filter answers itself; otherwise the request goes on. Under `debug` a refused
    /// preflight gets the reason as its body.
    pub fn reply(&self, verdict: &Verdict, debug: bool) -> Option<Reply> {
        let varies = self.varies();
        match (&verdict.request, verdict.reason) {
            (_, Reason::Refused(Refusal::Host)) => Some(refusal_reply(421, varies)),
            (Request::Preflight { origin, method }, Reason::Allowed) => Some(Reply {
                status: self.fields.preflight_status as u16,
                headers: self.grant(verdict.grant).preflight_headers(
                    origin,
                    method,
                    verdict.answer.as_deref(),
                ),
                body: String::new(),
            }),
            (Request::Preflight { .. }, Reason::Refused(refusal)) => {
                match self.fields.unmatched_preflights {
                    UnmatchedPreflights::Reject => {
                        Some(preflight_refusal(verdict, refusal, varies, debug))
                    }
                    _ if refusal.is_malformed_preflight() => {
                        Some(preflight_refusal(verdict, refusal, varies, debug))
                    }
                    UnmatchedPreflights::Forward => None,
                    UnmatchedPreflights::Ignore => Some(Reply {
                        status: self.fields.preflight_status as u16,
                        headers: HeaderBlock::fixed(if varies { &VARY_ORIGIN } else { &NO_LINES }),
                        body: String::new(),
                    }),
                }
            }
            (Request::Actual { .. }, Reason::Refused(_))
                if self.fields.unmatched_requests == UnmatchedRequests::Reject =>
            {
                Some(refusal_reply(403, varies))
            }
            _ if verdict.is_plain_options => self.options_reply(verdict, varies),
            _ => None,
        }
    }

    /// The reply to an `OPTIONS` that is not a preflight.
    #[inline(never)] // Out of the way of most requests.
    fn options_reply(&self, verdict: &Verdict, varies: bool) -> Option<Reply> {
        let allow = self.fields.allow.as_deref()?;
        let [origin, credentials, exposed, timing] =
            if self.is_open() || verdict.reason == Reason::Allowed {
                self.grant(verdict.grant)
                    .lines(verdict.request.origin().unwrap_or_default())
            } else {
                <[Line; 4]>::default()
            };
        let allow = (ALLOW, allow.as_bytes());
        let vary: &[u8] = if varies { b"Origin" } else { b"" };
        let lines = [allow, origin, credentials, exposed, timing, (VARY, vary)];
        Some(Reply {
            status: 204,
            headers: HeaderBlock::new(&lines),
            body: String::new(),
        })
    }

    /// Whether the request goes on without the headers of CORS. Only where the origin is allowed: an
    /// upstream takes a missing `Origin` for its own site's.
    pub fn hides(&self, verdict: &Verdict) -> bool {
        self.fields.hide_cors_from_upstream && verdict.reason == Reason::Allowed
    }

    /// Changes the request that goes on to the upstream.
    pub fn amend_request(&self, verdict: &Verdict, headers: &mut impl HeadersMut) {
        if self.hides(verdict) {
            for name in CORS_REQUEST_HEADERS {
                headers.remove(name);
            }
        }
    }

    /// Changes the response of the upstream or of another filter to a request that was passed on.
    pub fn amend_response(&self, verdict: &Verdict, headers: &mut impl HeadersMut) {
        if self.varies() {
            merge_vary(headers);
        }
        if self.fields.upstream_cors == UpstreamCors::Keep
            && (matches!(verdict.request, Request::Preflight { .. }) || has_one_grant(headers))
        {
            return;
        }
        match (verdict.request.origin(), verdict.reason) {
            (origin, reason) if reason == Reason::Allowed || self.is_open() => {
                let grant = self.grant(verdict.grant);
                if self.fields.timing && !grant.timing {
                    headers.remove(TIMING_ALLOW_ORIGIN);
                }
                grant.write(origin.unwrap_or_default(), headers);
            }
            (None, _) => remove_allow_origin(headers, self.fields.timing),
            (Some(_), _) => remove_grant(headers, self.fields.timing),
        }
    }

    /// Whether responses to the request repeat its `Origin`.
    pub fn echoes(&self, verdict: &Verdict) -> bool {
        verdict.reason == Reason::Allowed && !self.grant(verdict.grant).is_open()
    }
}

impl Grant {
    /// The lines of a granted response that the filter makes itself.
    fn lines<'a>(&'a self, origin: &'a [u8]) -> [Line<'a>; 4] {
        let exposed = match &self.expose {
            // The names of the reply's own headers.
            Expose::All => "allow, vary",
            expose => expose.fixed(),
        };
        [
            (ACCESS_CONTROL_ALLOW_ORIGIN, self.allow_origin(origin)),
            (
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                flag_value(self.credentials),
            ),
            (ACCESS_CONTROL_EXPOSE_HEADERS, exposed.as_bytes()),
            (
                TIMING_ALLOW_ORIGIN,
                if self.timing {
                    self.allow_origin(origin)
                } else {
                    b""
                },
            ),
        ]
    }

    /// Writes the headers of a granted response.
    fn write(&self, origin: &[u8], headers: &mut impl HeadersMut) {
        let origin = self.allow_origin(origin);
        headers.replace(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.timing {
            headers.replace(TIMING_ALLOW_ORIGIN, origin);
        }
        if self.credentials {
            headers.replace(ACCESS_CONTROL_ALLOW_CREDENTIALS, b"true");
        } else {
            headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        }
        let exposed = match &self.expose {
            Expose::All => Cow::Owned(exposable_names(headers, &|_| true)),
            Expose::Families(list, families) => {
                let names = exposable_names(headers, &|name| {
                    let name = name.as_bytes();
                    families.of(name).is_some() && !list.names_header(name)
                });
                Cow::Owned(joined(list, names))
            }
            Expose::Value(names) => Cow::Borrowed(names.as_bytes()),
        };
        if exposed.is_empty() {
            headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
        } else {
            headers.replace(ACCESS_CONTROL_EXPOSE_HEADERS, &exposed);
        }
        for name in PREFLIGHT_HEADERS {
            headers.remove(name);
        }
    }
}

/// A refusal that no cache keeps: content delivery networks store a 403 that does not forbid it.
pub(crate) fn refusal_reply(status: u16, varies: bool) -> Reply {
    Reply {
        status,
        headers: HeaderBlock::fixed(if varies { &REFUSED } else { &REFUSED_TO_ALL }),
        body: String::new(),
    }
}

pub(crate) fn preflight_refusal(
    verdict: &Verdict,
    refusal: Refusal,
    varies: bool,
    debug: bool,
) -> Reply {
    let is_malformed = refusal.is_malformed_preflight();
    if !debug && !is_malformed {
        return refusal_reply(403, varies);
    }
    let vary = match (is_malformed, varies) {
        (false, true) => "Origin",
        (false, false) => "",
        (true, true) => "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        (true, false) => "Access-Control-Request-Method, Access-Control-Request-Headers",
    };
    let (content_type, options): (&[u8], &[u8]) = if debug {
        (b"text/plain", b"nosniff")
    } else {
        (b"", b"")
    };
    let lines = [
        (VARY, vary.as_bytes()),
        (CACHE_CONTROL, b"no-store"),
        (CONTENT_TYPE, content_type),
        (X_CONTENT_TYPE_OPTIONS, options),
    ];
    Reply {
        status: 403,
        headers: HeaderBlock::new(&lines),
        body: if debug {
            format!("{verdict}\n")
        } else {
            String::new()
        },
    }
}

/// Removes what a cache that ignores Vary would serve to every origin.
#[inline(always)] // A call costs more than the body.
pub(crate) fn remove_allow_origin(headers: &mut impl HeadersMut, timing: bool) {
    headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
    if timing {
        headers.remove(TIMING_ALLOW_ORIGIN);
    }
}

/// Removes every header that would let a script read the response, or its timing if the policy says who
/// reads that.
#[inline(always)] // A call costs more than two loops.
pub fn remove_grant(headers: &mut impl HeadersMut, timing: bool) {
    if timing {
        headers.remove(TIMING_ALLOW_ORIGIN);
    }
    for name in GRANT_HEADERS {
        headers.remove(name);
    }
    for name in PREFLIGHT_HEADERS {
        headers.remove(name);
    }
}

/// `Vary: Origin` in addition to the existing tokens. A host that does not join lines shows only the first: a
/// second `Origin` is then possible, and harmless.
pub(crate) fn merge_vary(headers: &mut impl HeadersMut) {
    let varies = headers
        .value(VARY)
        .is_some_and(|value| varies_by_origin(&value));
    if !varies {
        headers.add(VARY, b"Origin");
    }
}

/// Whether the upstream sent exactly one `Access-Control-Allow-Origin`; a host that joins several
/// lines does so with a comma, which no origin holds.
fn has_one_grant(headers: &impl Headers) -> bool {
    headers
        .value(ACCESS_CONTROL_ALLOW_ORIGIN)
        .is_some_and(|value| !value.trim_ascii().is_empty() && !value.contains(&b','))
}

/// The value of a list, with further names.
pub(crate) fn joined(list: &List, more: Vec<u8>) -> Vec<u8> {
    let parts = [list.value.as_bytes(), &more];
    let parts: Vec<&[u8]> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(&b", "[..])
}

/// The names of a response's own headers that a script may read, of this kind.
#[inline(never)] // Out of the way of most responses.
fn exposable_names(headers: &dyn Headers, is_meant: &dyn Fn(&str) -> bool) -> Vec<u8> {
    let pairs = headers.pairs();
    let mut names: Vec<&str> = Vec::new();
    let mut left = MAX_EXPANDED_BYTES;
    for (name, _) in &pairs {
        if let Ok(name) = std::str::from_utf8(name)
            && names.len() < MAX_EXPANDED_NAMES
            && is_exposable(name)
            && is_meant(name)
            && !names.contains(&name)
            && let Some(rest) = left.checked_sub(name.len() + 2)
        {
            left = rest;
            names.push(name);
        }
    }
    names.join(", ").into_bytes()
}

/// The headers that every granted response may carry.
static GRANT_HEADERS: &[&str] = &[
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
];

/// The headers that mean something on the answer to a preflight only.
static PREFLIGHT_HEADERS: &[&str] = &[
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK,
];

/// The headers of replies that are the same for every request.
static REFUSED: [u8; serialized_size(REFUSED_LINES)] = serialized(REFUSED_LINES);

static REFUSED_TO_ALL: [u8; serialized_size(REFUSED_TO_ALL_LINES)] =
    serialized(REFUSED_TO_ALL_LINES);

static VARY_ORIGIN: [u8; serialized_size(VARY_ORIGIN_LINES)] = serialized(VARY_ORIGIN_LINES);

static NO_LINES: [u8; 4] = serialized(&[]);

const REFUSED_LINES: &[(&str, &str)] = &[(VARY, "Origin"), NO_STORE];

const REFUSED_TO_ALL_LINES: &[(&str, &str)] = &[NO_STORE];

const VARY_ORIGIN_LINES: &[(&str, &str)] = &[(VARY, "Origin")];

const NO_STORE: (&str, &str) = (CACHE_CONTROL, "no-store");

const MAX_EXPANDED_BYTES: usize = 4 * 1024;

const MAX_EXPANDED_NAMES: usize = 64;
