//! What a policy sends: replies, and changes to requests and responses.

use std::borrow::Cow;

use crate::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE,
    CORS_REQUEST_HEADERS, VARY, X_CONTENT_TYPE_OPTIONS, holds_token, is_exposable,
};
use crate::http::header_block::{self, Gap, Line};
use crate::http::request::{Headers, HeadersMut, Request};
use crate::policy::verdict::{PreflightAnswer, Reason, Refusal, Reply, Verdict};
use crate::policy::{
    Expose, Methods, Policy, RequestHeaders, UnmatchedPreflights, UnmatchedRequests, UpstreamCors,
};

impl Policy {
    /// Writes what no request changes. To be called when all else is set.
    pub(crate) fn make_ready(&mut self) {
        self.preflight_vary.clear();
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
                if !self.preflight_vary.is_empty() {
                    self.preflight_vary.push_str(", ");
                }
                self.preflight_vary.push_str(name);
            }
        }
        self.ready = match (&self.methods, &self.headers) {
            (Methods::Listed(_), RequestHeaders::Listed(_)) => {
                let [(name, _), others @ ..] = self.preflight_lines(b"", b"", None);
                Some(Gap::new(name, &others))
            }
            _ => None,
        };
    }

    /// The reply, if the filter answers itself; otherwise the request goes on.
    pub fn reply(&self, verdict: &Verdict) -> Option<Reply> {
        match (&verdict.request, verdict.reason) {
            (_, Reason::Refused(Refusal::Host)) => Some(refusal_reply(421, self.vary())),
            (Request::Preflight { origin, method }, Reason::Allowed) => {
                Some(self.preflight_reply(origin, method, verdict.answer.as_deref()))
            }
            (Request::Preflight { .. }, Reason::Refused(refusal)) => {
                match self.unmatched_preflights {
                    _ if refusal.is_malformed_preflight() => {
                        Some(self.preflight_refusal(verdict, self.malformed_vary()))
                    }
                    UnmatchedPreflights::Forward => None,
                    UnmatchedPreflights::Ignore => Some(Reply {
                        status: self.preflight_status as u16,
                        headers: header_block::serialize(&[self.vary()]),
                        body: String::new(),
                    }),
                    UnmatchedPreflights::Reject => {
                        Some(self.preflight_refusal(verdict, self.vary()))
                    }
                }
            }
            (Request::Actual { .. }, Reason::Refused(_))
                if self.unmatched_requests == UnmatchedRequests::Reject =>
            {
                Some(refusal_reply(403, self.vary()))
            }
            _ if verdict.is_plain_options => {
                let allow = self.allow.as_deref()?;
                let [origin, credentials, exposed] =
                    if self.is_open() || verdict.reason == Reason::Allowed {
                        self.grant(verdict.request.origin().unwrap_or_default())
                    } else {
                        <[Line; 3]>::default()
                    };
                let allow = (ALLOW, allow.as_bytes());
                let lines = [allow, origin, credentials, exposed, self.vary()];
                Some(Reply {
                    status: 204,
                    headers: header_block::serialize(&lines),
                    body: String::new(),
                })
            }
            _ => None,
        }
    }

    /// Whether the request goes on without the headers of CORS. Only where the origin is allowed: an
    /// upstream takes a missing `Origin` for its own site's.
    pub fn hides(&self, verdict: &Verdict) -> bool {
        self.hide_cors_from_upstream && verdict.reason == Reason::Allowed
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
            add_vary(headers);
        }
        if self.upstream_cors == UpstreamCors::Keep
            && (matches!(verdict.request, Request::Preflight { .. }) || has_one_grant(headers))
        {
            return;
        }
        match (verdict.request.origin(), verdict.reason) {
            (origin, _) if self.is_open() => self.write_grant(origin.unwrap_or_default(), headers),
            (Some(origin), Reason::Allowed) => self.write_grant(origin, headers),
            // A cache that ignores Vary would serve the value to every origin.
            (None, _) => headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN),
            (Some(_), _) => {
                for name in GRANT_HEADERS {
                    headers.remove(name);
                }
                for name in PREFLIGHT_HEADERS {
                    headers.remove(name);
                }
            }
        }
    }

    /// Drops from a verdict what no response needs: a refused `Origin` can have 60 KB, and a stream can
    /// last for hours.
    pub fn trim(&self, verdict: &mut Verdict) {
        verdict.answer = None;
        if verdict.reason == Reason::Allowed && !self.is_open() {
            return;
        }
        match &mut verdict.request {
            Request::NotCors => {}
            Request::Actual { origin } => *origin = Box::default(),
            Request::Preflight { origin, method } => {
                *origin = Box::default();
                *method = Box::default();
            }
        }
    }

    pub(crate) fn preflight_reply(
        &self,
        origin: &[u8],
        method: &[u8],
        answer: Option<&PreflightAnswer>,
    ) -> Reply {
        let headers = match &self.ready {
            Some(ready) if !answer.is_some_and(|answer| answer.private_network) => {
                ready.fill(self.allow_origin(origin))
            }
            _ => header_block::serialize(&self.preflight_lines(origin, method, answer)),
        };
        Reply {
            status: self.preflight_status as u16,
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
        let methods = match &self.methods {
            Methods::Any if self.allows_method(method) => method,
            Methods::Any => b"",
            Methods::Listed(list) => list.value.as_bytes(),
        };
        let headers = match &self.headers {
            RequestHeaders::Any => answer.map_or(&b""[..], |answer| &answer.asked_headers),
            RequestHeaders::Listed(list) => list.value.as_bytes(),
        };
        let exposed = match &self.expose {
            Expose::All => "",
            Expose::Value(names) => names,
        };
        let private_network = answer.is_some_and(|answer| answer.private_network);
        [
            (ACCESS_CONTROL_ALLOW_ORIGIN, self.allow_origin(origin)),
            (ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK, truth(private_network)),
            (ACCESS_CONTROL_ALLOW_CREDENTIALS, truth(self.credentials)),
            (ACCESS_CONTROL_ALLOW_METHODS, methods),
            (ACCESS_CONTROL_ALLOW_HEADERS, headers),
            (ACCESS_CONTROL_EXPOSE_HEADERS, exposed.as_bytes()),
            (ACCESS_CONTROL_MAX_AGE, self.max_age.as_bytes()),
            (VARY, self.preflight_vary.as_bytes()),
        ]
    }

    pub(crate) fn preflight_refusal(&self, verdict: &Verdict, vary: Line) -> Reply {
        if !self.debug {
            return refusal_reply(403, vary);
        }
        let lines = [
            vary,
            NO_STORE,
            (CONTENT_TYPE, b"text/plain"),
            (X_CONTENT_TYPE_OPTIONS, b"nosniff"),
        ];
        Reply {
            status: 403,
            headers: header_block::serialize(&lines),
            body: format!("{verdict}\n"),
        }
    }

    pub(crate) fn grant<'a>(&'a self, origin: &'a [u8]) -> [Line<'a>; 3] {
        let exposed = match &self.expose {
            // The names of the reply's own headers.
            Expose::All => "allow, vary",
            Expose::Value(names) => names,
        };
        [
            (ACCESS_CONTROL_ALLOW_ORIGIN, self.allow_origin(origin)),
            (ACCESS_CONTROL_ALLOW_CREDENTIALS, truth(self.credentials)),
            (ACCESS_CONTROL_EXPOSE_HEADERS, exposed.as_bytes()),
        ]
    }

    pub(crate) fn write_grant(&self, origin: &[u8], headers: &mut impl HeadersMut) {
        headers.replace(ACCESS_CONTROL_ALLOW_ORIGIN, self.allow_origin(origin));
        if self.credentials {
            headers.replace(ACCESS_CONTROL_ALLOW_CREDENTIALS, b"true");
        } else {
            headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        }
        let exposed = match &self.expose {
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
        if self.is_open() { b"*" } else { origin }
    }

    /// Whether responses depend on `Origin`; the upstream's own may, where they are kept.
    pub(crate) fn varies(&self) -> bool {
        !self.is_open() || self.upstream_cors == UpstreamCors::Keep
    }

    pub(crate) fn vary(&self) -> Line<'static> {
        (VARY, if self.varies() { b"Origin" } else { b"" })
    }

    /// What the refusal of a malformed preflight varies on.
    pub(crate) fn malformed_vary(&self) -> Line<'static> {
        let names: &[u8] = if self.varies() {
            b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        } else {
            b"Access-Control-Request-Method, Access-Control-Request-Headers"
        };
        (VARY, names)
    }
}

/// A refusal that no cache keeps: content delivery networks store a 403 that does not forbid it.
fn refusal_reply(status: u16, vary: Line) -> Reply {
    Reply {
        status,
        headers: header_block::serialize(&[vary, NO_STORE]),
        body: String::new(),
    }
}

/// The value of a header that is there if something is true.
fn truth(is: bool) -> &'static [u8] {
    if is { b"true" } else { b"" }
}

/// `Vary: Origin` in addition to the existing tokens. A host that does not join lines shows only the first: a
/// second `Origin` is then possible, and harmless.
fn add_vary(headers: &mut impl HeadersMut) {
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

const NO_STORE: Line = (CACHE_CONTROL, b"no-store");

const MAX_EXPANDED_BYTES: usize = 4 * 1024;

const MAX_EXPANDED_NAMES: usize = 64;
