//! What a policy sends: replies, and changes to requests and responses.

use std::borrow::Cow;

use crate::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE,
    CORS_REQUEST_HEADERS, VARY, X_CONTENT_TYPE_OPTIONS, holds_token, is_exposable,
};
use crate::http::header_block::{HeaderBlock, Line, serialized, serialized_size};
use crate::http::request::{Headers, HeadersMut, Request};
use crate::policy::verdict::{PreflightAnswer, Reason, Refusal, Reply, Verdict};
use crate::policy::{
    Expose, Methods, Policy, RequestHeaders, UnmatchedPreflights, UnmatchedRequests, UpstreamCors,
};

impl Policy {
    /// The reply, if the filter answers itself; otherwise the request goes on. Under `debug` a refused
    /// preflight gets the reason as its body.
    pub fn reply(&self, verdict: &Verdict, debug: bool) -> Option<Reply> {
        let varies = self.fields.varies();
        match (&verdict.request, verdict.reason) {
            (_, Reason::Refused(Refusal::Host)) => Some(refusal_reply(421, varies)),
            (Request::Preflight { origin, method }, Reason::Allowed) => {
                Some(self.preflight_reply(origin, method, verdict.answer.as_deref()))
            }
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
            _ if verdict.is_plain_options => {
                let allow = self.fields.allow.as_deref()?;
                let [origin, credentials, exposed] =
                    if self.fields.is_open() || verdict.reason == Reason::Allowed {
                        self.grant(verdict.request.origin().unwrap_or_default())
                    } else {
                        <[Line; 3]>::default()
                    };
                let allow = (ALLOW, allow.as_bytes());
                let vary: &[u8] = if varies { b"Origin" } else { b"" };
                let lines = [allow, origin, credentials, exposed, (VARY, vary)];
                Some(Reply {
                    status: 204,
                    headers: HeaderBlock::new(&lines),
                    body: String::new(),
                })
            }
            _ => None,
        }
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
        if self.fields.varies() {
            add_vary(headers);
        }
        if self.fields.upstream_cors == UpstreamCors::Keep
            && (matches!(verdict.request, Request::Preflight { .. }) || has_one_grant(headers))
        {
            return;
        }
        match (verdict.request.origin(), verdict.reason) {
            (origin, _) if self.fields.is_open() => {
                self.write_grant(origin.unwrap_or_default(), headers)
            }
            (Some(origin), Reason::Allowed) => self.write_grant(origin, headers),
            // A cache that ignores Vary would serve the value to every origin.
            (None, _) => headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN),
            (Some(_), _) => remove_grant(headers),
        }
    }

    /// Whether responses to the request repeat its `Origin`.
    pub fn echoes(&self, verdict: &Verdict) -> bool {
        verdict.reason == Reason::Allowed && !self.fields.is_open()
    }

    pub(crate) fn preflight_reply(
        &self,
        origin: &[u8],
        method: &[u8],
        answer: Option<&PreflightAnswer>,
    ) -> Reply {
        let headers = match &self.preflight_headers {
            Some(ready) if !answer.is_some_and(|answer| answer.private_network) => {
                ready.fill(self.allow_origin(origin))
            }
            _ => HeaderBlock::new(&self.preflight_lines(origin, method, answer)),
        };
        Reply {
            status: self.fields.preflight_status as u16,
            headers,
            body: String::new(),
        }
    }

    /// The full lists, whatever is asked: the browser then names what it misses, and its cache
    /// fills best.
    pub(crate) fn preflight_lines<'a>(
        &'a self,
        origin: &'a [u8],
        method: &'a [u8],
        answer: Option<&'a PreflightAnswer>,
    ) -> [Line<'a>; 8] {
        let methods = match &self.fields.methods {
            Methods::Any if self.allows_method(method) => method,
            Methods::Any => b"",
            Methods::Listed(list) => list.value.as_bytes(),
        };
        let headers = match &self.fields.headers {
            RequestHeaders::Any => answer.map_or(&b""[..], |answer| &answer.asked_headers),
            RequestHeaders::Listed(list) => list.value.as_bytes(),
        };
        let exposed = match &self.fields.expose {
            Expose::All => "",
            Expose::Value(names) => names,
        };
        let private_network = answer.is_some_and(|answer| answer.private_network);
        [
            (ACCESS_CONTROL_ALLOW_ORIGIN, self.allow_origin(origin)),
            (
                ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK,
                flag_value(private_network),
            ),
            (
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                flag_value(self.fields.credentials),
            ),
            (ACCESS_CONTROL_ALLOW_METHODS, methods),
            (ACCESS_CONTROL_ALLOW_HEADERS, headers),
            (ACCESS_CONTROL_EXPOSE_HEADERS, exposed.as_bytes()),
            (ACCESS_CONTROL_MAX_AGE, self.fields.max_age.as_bytes()),
            (VARY, self.preflight_vary.as_bytes()),
        ]
    }

    pub(crate) fn grant<'a>(&'a self, origin: &'a [u8]) -> [Line<'a>; 3] {
        let exposed = match &self.fields.expose {
            // The names of the reply's own headers.
            Expose::All => "allow, vary",
            Expose::Value(names) => names,
        };
        [
            (ACCESS_CONTROL_ALLOW_ORIGIN, self.allow_origin(origin)),
            (
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                flag_value(self.fields.credentials),
            ),
            (ACCESS_CONTROL_EXPOSE_HEADERS, exposed.as_bytes()),
        ]
    }

    pub(crate) fn write_grant(&self, origin: &[u8], headers: &mut impl HeadersMut) {
        headers.replace(ACCESS_CONTROL_ALLOW_ORIGIN, self.allow_origin(origin));
        if self.fields.credentials {
            headers.replace(ACCESS_CONTROL_ALLOW_CREDENTIALS, b"true");
        } else {
            headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        }
        let exposed = match &self.fields.expose {
            Expose::All => Cow::Owned(exposable_names(headers)),
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

    pub(crate) fn allow_origin<'a>(&self, origin: &'a [u8]) -> &'a [u8] {
        if self.fields.is_open() { b"*" } else { origin }
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

/// Removes every header that would let a script read the response.
#[inline(always)] // A call costs more than two loops.
pub fn remove_grant(headers: &mut impl HeadersMut) {
    for name in GRANT_HEADERS {
        headers.remove(name);
    }
    for name in PREFLIGHT_HEADERS {
        headers.remove(name);
    }
}

/// The value of a header that is there if something is true.
fn flag_value(is: bool) -> &'static [u8] {
    if is { b"true" } else { b"" }
}

/// `Vary: Origin` in addition to the existing tokens. A host that does not join lines shows only the first: a
/// second `Origin` is then possible, and harmless.
pub(crate) fn add_vary(headers: &mut impl HeadersMut) {
    let varies = headers
        .value(VARY)
        .is_some_and(|value| holds_token(&value, "origin") || holds_token(&value, "*"));
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

/// The names that a response with `exposeHeaders: ["*"]` exposes.
fn exposable_names(headers: &impl Headers) -> Vec<u8> {
    let pairs = headers.pairs();
    let mut names: Vec<&str> = Vec::new();
    let mut left = MAX_EXPANDED_BYTES;
    for (name, _) in &pairs {
        if let Ok(name) = std::str::from_utf8(name)
            && names.len() < MAX_EXPANDED_NAMES
            && is_exposable(name)
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
