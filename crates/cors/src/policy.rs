//! A policy: what is allowed, and the judgement of a request by it. Every value that does not depend
//! on the request is made when the policy is.

use std::borrow::Cow;

use crate::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK, ALLOW, AUTHORITY, CACHE_CONTROL, CONTENT_TYPE,
    CORS_REQUEST_HEADERS, SEC_FETCH_SITE, VARY, X_CONTENT_TYPE_OPTIONS, holds_token,
    is_cors_safelisted_method, is_exposable, is_token, read_request_header_names,
};
use crate::origin::{Origin, OriginSet, split_port};
use crate::pairs::{self, Gap, Line};
use crate::request::{Headers, HeadersMut, Request, is_options};
use crate::verdict::{Blocked, PreflightAnswer, Reason, Refusal, Reply, Verdict};

/// A validated policy. The default grants nothing.
#[derive(Debug, Default)]
pub struct Policy {
    pub mode: Mode,
    pub(crate) origins: OriginSet,
    pub(crate) methods: Methods,
    pub(crate) headers: RequestHeaders,
    pub(crate) expose: Expose,
    pub(crate) credentials: bool,
    /// `Access-Control-Max-Age`, in seconds.
    pub(crate) max_age: String,
    pub(crate) private_network: bool,
    pub(crate) preflight_status: PreflightStatus,
    pub(crate) unmatched_preflights: UnmatchedPreflights,
    pub(crate) unmatched_requests: UnmatchedRequests,
    pub(crate) upstream_cors: UpstreamCors,
    pub(crate) hide_cors_from_upstream: bool,
    /// The value of `Allow` in the answer to a plain `OPTIONS`, under `autoOptions`.
    pub(crate) allow: Option<String>,
    /// Read what only an explanation needs, and give the reason in a refusal's body.
    pub(crate) debug: bool,
    /// The answer to an allowed preflight but for its origin, where both lists are fixed; one that asks
    /// for the private network has another. [`Policy::make_ready`] writes it.
    pub(crate) ready: Option<Gap>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    #[default]
    Enforce,
    Off,
    Shadow,
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
    Listed(List),
}

impl Default for RequestHeaders {
    fn default() -> Self {
        Self::Listed(List::default())
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
}

/// `exposeHeaders`
#[derive(Debug)]
pub(crate) enum Expose {
    /// The names of the response's own headers: `*` means nothing where credentials are included.
    All,
    /// A ready value; empty for none.
    Value(String),
}

impl Default for Expose {
    fn default() -> Self {
        Self::Value(String::new())
    }
}

/// The status of an answered preflight.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum PreflightStatus {
    #[default]
    NoContent = 204,
    Ok = 200,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum UnmatchedPreflights {
    Forward,
    Ignore,
    #[default]
    Reject,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum UnmatchedRequests {
    #[default]
    Forward,
    Reject,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum UpstreamCors {
    Keep,
    #[default]
    Override,
}

impl Policy {
    /// Writes what no request changes. To be called when all else is set.
    pub(crate) fn make_ready(&mut self) {
        self.ready = match (&self.methods, &self.headers) {
            (Methods::Listed(_), RequestHeaders::Listed(_)) => {
                let [(name, _), others @ ..] = self.preflight_lines(b"", b"", None);
                Some(Gap::new(name, &others))
            }
            _ => None,
        };
    }

    /// Judges a request by its headers, reading no more of them than the policy needs.
    pub fn judge(&self, headers: &impl Headers) -> Verdict {
        let request = Request::read(headers);
        let Some(origin) = request.origin() else {
            return self.not_cors(headers);
        };
        if !self.is_open()
            && let Err(mismatch) = self.origins.find(origin)
        {
            return self.unmatched(request, mismatch.into(), headers);
        }
        let Request::Preflight { method, .. } = &request else {
            return self.actual(request, Reason::Allowed, headers);
        };
        let (reason, answer) = match self.read_preflight(method, headers) {
            Ok(answer) => (Reason::Allowed, answer),
            Err(refusal) => (Reason::Refused(refusal), PreflightAnswer::default()),
        };
        Verdict {
            request,
            reason,
            is_plain_options: false,
            answer: (answer != PreflightAnswer::default()).then(|| Box::new(answer)),
        }
    }

    /// Refuses a request for a reason that lies outside the policy.
    pub fn refuse(&self, refusal: Refusal, headers: &impl Headers) -> Verdict {
        match Request::read(headers) {
            Request::NotCors => self.not_cors(headers),
            request => self.unmatched(request, refusal, headers),
        }
    }

    /// The reply, if the filter answers itself; otherwise the request goes on.
    pub fn reply<'a>(&'a self, verdict: &'a Verdict) -> Option<Reply<'a>> {
        match (&verdict.request, verdict.reason) {
            (Request::Preflight { origin, method }, Reason::Allowed) => {
                Some(self.preflight_reply(origin, method, verdict.answer.as_deref()))
            }
            (Request::Preflight { .. }, Reason::Refused(refusal)) => {
                match self.unmatched_preflights {
                    _ if refusal.is_malformed_preflight() => Some(self.preflight_refusal(verdict)),
                    UnmatchedPreflights::Forward => None,
                    UnmatchedPreflights::Ignore => Some(Reply {
                        status: self.preflight_status as u16,
                        headers: self.vary_alone(),
                        body: String::new(),
                    }),
                    UnmatchedPreflights::Reject => Some(self.preflight_refusal(verdict)),
                }
            }
            (Request::Actual { .. }, Reason::Refused(_))
                if self.unmatched_requests == UnmatchedRequests::Reject =>
            {
                // Content delivery networks cache a 403 that does not forbid it.
                let no_store = (CACHE_CONTROL, &b"no-store"[..]);
                Some(Reply {
                    status: 403,
                    headers: Cow::Owned(pairs::serialize(&[self.vary(), no_store])),
                    body: String::new(),
                })
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
                    headers: Cow::Owned(pairs::serialize(&lines)),
                    body: String::new(),
                })
            }
            _ => None,
        }
    }

    /// Changes the request that goes on to the upstream.
    pub fn amend_request(&self, verdict: &Verdict, headers: &mut impl HeadersMut) {
        // Only where the origin is allowed: an upstream takes a missing Origin for its own site's.
        if self.hide_cors_from_upstream && verdict.reason == Reason::Allowed {
            for name in CORS_REQUEST_HEADERS {
                headers.remove(name);
            }
        }
    }

    /// Changes the response of whoever made it, once the request went on.
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

    /// The pattern that allowed the request, as written in the configuration.
    pub fn matched_pattern(&self, verdict: &Verdict) -> Option<String> {
        let origin = verdict
            .request
            .origin()
            .filter(|_| verdict.reason == Reason::Allowed)?;
        if self.is_open() {
            return Some("*".to_owned());
        }
        let found = self.origins.find(origin).ok()?;
        Some(self.origins.describe(origin, found))
    }

    /// Any origin and no credentials: the same headers for everybody, so that no answer depends on
    /// `Origin`.
    pub fn is_open(&self) -> bool {
        self.origins.is_any() && !self.credentials
    }

    /// A few words that say how much there is of what, and no content.
    pub fn summary(&self) -> String {
        let regexes = self.origins.regex_count();
        format!(
            "{}, {}, credentials {}, mode {}",
            counted(self.origins.len() - regexes, "origin", "origins"),
            counted(regexes, "regular expression", "regular expressions"),
            self.credentials,
            match self.mode {
                Mode::Enforce => "enforce",
                Mode::Off => "off",
                Mode::Shadow => "shadow",
            },
        )
    }

    fn not_cors(&self, headers: &impl Headers) -> Verdict {
        self.actual(Request::NotCors, Reason::NotCors, headers)
    }

    fn unmatched(&self, request: Request, refusal: Refusal, headers: &impl Headers) -> Verdict {
        let may_be_same_origin = self.unmatched_requests == UnmatchedRequests::Reject
            && matches!(request, Request::Actual { .. });
        let reason = if may_be_same_origin && is_same_origin(&request, headers) {
            Reason::SameOrigin(refusal)
        } else {
            Reason::Refused(refusal)
        };
        match request {
            Request::Preflight { .. } => Verdict {
                request,
                reason,
                is_plain_options: false,
                answer: None,
            },
            request => self.actual(request, reason, headers),
        }
    }

    fn actual(&self, request: Request, reason: Reason, headers: &impl Headers) -> Verdict {
        Verdict {
            request,
            reason,
            is_plain_options: self.allow.is_some() && is_options(headers),
            answer: None,
        }
    }

    fn read_preflight(
        &self,
        method: &[u8],
        headers: &impl Headers,
    ) -> Result<PreflightAnswer, Refusal> {
        if !is_token(method) {
            return Err(Refusal::MalformedMethod);
        }
        let mut answer = PreflightAnswer::default();
        if self.debug || matches!(self.headers, RequestHeaders::Any) {
            // Proxies may split the list, and a host gives the first line alone.
            let pairs = headers.pairs();
            let lines = pairs
                .iter()
                .filter(|(name, _)| name == ACCESS_CONTROL_REQUEST_HEADERS.as_bytes())
                .map(|(_, value)| value.as_slice());
            answer.asked_headers =
                read_request_header_names(lines).ok_or(Refusal::MalformedHeaders)?;
        }
        answer.private_network = self.private_network
            && headers
                .value(ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK)
                .is_some_and(|value| value == b"true");
        answer.blocked = self.blocked(method, &answer.asked_headers);
        if self.credentials {
            remove_wildcard(&mut answer.asked_headers);
        }
        Ok(answer)
    }

    fn allows_method(&self, method: &[u8]) -> bool {
        match &self.methods {
            // With credentials no header says "*", which without them means any.
            Methods::Any => !(self.credentials && method == b"*"),
            Methods::Listed(list) => list.names.iter().any(|name| name.as_bytes() == method),
        }
    }

    fn allows_header(&self, asked: &[u8]) -> bool {
        match &self.headers {
            RequestHeaders::Any => !(self.credentials && asked == b"*"),
            RequestHeaders::Listed(list) => list
                .names
                .iter()
                .any(|name| name.as_bytes().eq_ignore_ascii_case(asked)),
        }
    }

    /// What a browser will miss in the answer.
    fn blocked(&self, method: &[u8], asked_headers: &[u8]) -> Option<Blocked> {
        if !is_cors_safelisted_method(method) && !self.allows_method(method) {
            return Some(Blocked::Method);
        }
        asked_headers
            .split(|byte| *byte == b',')
            .find(|asked| !asked.is_empty() && !self.allows_header(asked))
            .map(|name| Blocked::Header(name.to_vec()))
    }

    fn preflight_reply<'a>(
        &'a self,
        origin: &'a [u8],
        method: &'a [u8],
        answer: Option<&'a PreflightAnswer>,
    ) -> Reply<'a> {
        let headers = match &self.ready {
            Some(ready) if !answer.is_some_and(|answer| answer.private_network) => {
                ready.fill(self.allow_origin(origin))
            }
            _ => pairs::serialize(&self.preflight_lines(origin, method, answer)),
        };
        Reply {
            status: self.preflight_status as u16,
            headers: Cow::Owned(headers),
            body: String::new(),
        }
    }

    /// The full lists, whatever is asked: the browser then names what it misses, and its cache
    /// fills best.
    fn preflight_lines<'a>(
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
            (VARY, self.preflight_vary().as_bytes()),
        ]
    }

    fn preflight_refusal(&self, verdict: &Verdict) -> Reply<'_> {
        let (headers, body) = if self.debug {
            let lines: [Line; 3] = [
                self.vary(),
                (CONTENT_TYPE, b"text/plain"),
                (X_CONTENT_TYPE_OPTIONS, b"nosniff"),
            ];
            (Cow::Owned(pairs::serialize(&lines)), format!("{verdict}\n"))
        } else {
            (self.vary_alone(), String::new())
        };
        Reply {
            status: 403,
            headers,
            body,
        }
    }

    fn grant<'a>(&'a self, origin: &'a [u8]) -> [Line<'a>; 3] {
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

    fn write_grant(&self, origin: &[u8], headers: &mut impl HeadersMut) {
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

    fn allow_origin<'a>(&self, origin: &'a [u8]) -> &'a [u8] {
        if self.is_open() { b"*" } else { origin }
    }

    /// Whether responses depend on `Origin`; the upstream's own may, where they are kept.
    fn varies(&self) -> bool {
        !self.is_open() || self.upstream_cors == UpstreamCors::Keep
    }

    fn vary(&self) -> Line<'static> {
        (VARY, if self.varies() { b"Origin" } else { b"" })
    }

    /// The header map of a reply that has no other header.
    fn vary_alone(&self) -> Cow<'static, [u8]> {
        Cow::Borrowed(if self.varies() {
            pairs::VARY_ON_ORIGIN
        } else {
            pairs::NONE
        })
    }

    fn preflight_vary(&self) -> &'static str {
        let any_method = matches!(self.methods, Methods::Any);
        let any_header = matches!(self.headers, RequestHeaders::Any);
        match (self.varies(), any_method, any_header) {
            (false, false, false) => "",
            (false, false, true) => "Access-Control-Request-Headers",
            (false, true, false) => "Access-Control-Request-Method",
            (false, true, true) => "Access-Control-Request-Method, Access-Control-Request-Headers",
            (true, false, false) => "Origin",
            (true, false, true) => "Origin, Access-Control-Request-Headers",
            (true, true, false) => "Origin, Access-Control-Request-Method",
            (true, true, true) => {
                "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
            }
        }
    }
}

/// So many of them, in words.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The value of a header that is there if something is true.
fn truth(is: bool) -> &'static [u8] {
    if is { b"true" } else { b"" }
}

/// Leaves `*` out of names that are joined with `,`.
fn remove_wildcard(names: &mut Vec<u8>) {
    let is_wildcard = |name: &&[u8]| *name == b"*";
    if names
        .split(|byte| *byte == b',')
        .any(|name| is_wildcard(&name))
    {
        let kept: Vec<&[u8]> = names
            .split(|byte| *byte == b',')
            .filter(|name| !is_wildcard(name))
            .collect();
        *names = kept.join(&b","[..]);
    }
}

/// `Vary: Origin` beside what is there. A host that does not join lines shows only the first: a
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
    for (name, _) in &pairs {
        if let Ok(name) = std::str::from_utf8(name)
            && names.len() < MAX_EXPANDED_NAMES
            && is_exposable(name)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names.join(", ").into_bytes()
}

/// Whether the request comes from the very site it goes to, as the browser says, or, where it does
/// not say, as far as host and port tell: TLS may end before this proxy, so schemes are not compared.
fn is_same_origin(request: &Request, headers: &impl Headers) -> bool {
    if let Some(site) = headers.value(SEC_FETCH_SITE) {
        return site == b"same-origin" || site == b"none";
    }
    let (Some(Origin::Tuple(origin)), Some(authority)) = (
        request.origin().and_then(Origin::parse),
        headers.value(AUTHORITY),
    ) else {
        return false;
    };
    let Ok(authority) = std::str::from_utf8(&authority) else {
        return false;
    };
    let (host, port) = split_port(authority);
    let port = port.map(str::as_bytes);
    host.as_bytes().eq_ignore_ascii_case(origin.host())
        && origin.port_unless_default() == port.filter(|port| !origin.is_default_port(port))
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

const MAX_EXPANDED_NAMES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_from_lists_is_ready_before_it_is_asked_for() {
        let mut policy = Policy::default();
        policy.make_ready();
        assert!(policy.ready.is_some());
        policy.methods = Methods::Any;
        policy.make_ready();
        assert!(policy.ready.is_none());
    }
}
