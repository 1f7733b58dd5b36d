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
use crate::routes::Hosts;
use crate::verdict::{Blocked, PreflightAnswer, Reason, Refusal, Reply, Verdict};

/// A validated policy. The default grants nothing.
#[derive(Debug, Default)]
pub struct Policy {
    pub mode: Mode,
    /// `None` where any host name will do.
    pub(crate) hosts: Option<Hosts>,
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
    /// `:authority` does not tell the service's own origin: DNS rebinding brings any name.
    pub(crate) distrusts_authority: bool,
    pub(crate) upstream_cors: UpstreamCors,
    pub(crate) hide_cors_from_upstream: bool,
    /// The value of `Allow` in the answer to a plain `OPTIONS`, under `autoOptions`.
    pub(crate) allow: Option<String>,
    /// Read what only an explanation needs, and give the reason in a refusal's body.
    pub(crate) debug: bool,
    /// What the answer to an allowed preflight varies on. [`Policy::make_ready`] writes it.
    pub(crate) preflight_vary: String,
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

    /// Judges a request by its headers, reading no more of them than the policy needs.
    pub fn judge(&self, headers: &impl Headers) -> Verdict {
        if !self.knows_host(headers) {
            return self.refuse(Refusal::Host, headers);
        }
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

    /// Whether the request is for a host name of the service, as far as the policy says.
    pub fn knows_host(&self, headers: &impl Headers) -> bool {
        match &self.hosts {
            None => true,
            Some(hosts) => hosts.hold(headers.value(AUTHORITY)),
        }
    }

    /// Refuses a request before its origin is looked at.
    pub fn refuse(&self, refusal: Refusal, headers: &impl Headers) -> Verdict {
        match Request::read(headers) {
            Request::NotCors if refusal != Refusal::Host => self.not_cors(headers),
            request => self.unmatched(request, refusal, headers),
        }
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
                        headers: pairs::serialize(&[self.vary()]),
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
                    headers: pairs::serialize(&lines),
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
            && refusal != Refusal::Host
            && matches!(request, Request::Actual { .. });
        let reason = if may_be_same_origin && self.is_same_origin(&request, headers) {
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
            answer.asked_headers = match read_request_header_names(lines) {
                Some(names) => names,
                None if matches!(self.headers, RequestHeaders::Any) => {
                    return Err(Refusal::MalformedHeaders);
                }
                // Under `debug` alone, which changes no verdict.
                None => Vec::new(),
            };
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
            Methods::Any => {
                method.len() <= MAX_ECHOED_METHOD && !(self.credentials && method == b"*")
            }
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

    fn preflight_reply(
        &self,
        origin: &[u8],
        method: &[u8],
        answer: Option<&PreflightAnswer>,
    ) -> Reply {
        let headers = match &self.ready {
            Some(ready) if !answer.is_some_and(|answer| answer.private_network) => {
                ready.fill(self.allow_origin(origin))
            }
            _ => pairs::serialize(&self.preflight_lines(origin, method, answer)),
        };
        Reply {
            status: self.preflight_status as u16,
            headers,
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
            (VARY, self.preflight_vary.as_bytes()),
        ]
    }

    fn preflight_refusal(&self, verdict: &Verdict, vary: Line) -> Reply {
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
            headers: pairs::serialize(&lines),
            body: format!("{verdict}\n"),
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

    /// What the refusal of a malformed preflight varies on.
    fn malformed_vary(&self) -> Line<'static> {
        let names: &[u8] = if self.varies() {
            b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        } else {
            b"Access-Control-Request-Method, Access-Control-Request-Headers"
        };
        (VARY, names)
    }

    /// Whether the request comes from the very site it goes to, as the browser says, or, where it does
    /// not say, as far as host and port tell: TLS may end before this proxy, so the origin's scheme is
    /// not compared.
    fn is_same_origin(&self, request: &Request, headers: &impl Headers) -> bool {
        if let Some(site) = headers.value(SEC_FETCH_SITE) {
            // A browser sends one line; only the first of several is shown.
            return site == b"same-origin"
                && headers
                    .pairs()
                    .iter()
                    .filter(|(name, _)| name == SEC_FETCH_SITE.as_bytes())
                    .count()
                    == 1;
        }
        if self.distrusts_authority {
            return false;
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
        matches!(origin.scheme(), b"http" | b"https")
            && host.as_bytes().eq_ignore_ascii_case(origin.host())
            && origin.port_unless_default() == port.filter(|port| !origin.is_default_port(port))
    }
}

/// A refusal that no cache keeps: content delivery networks store a 403 that does not forbid it.
fn refusal_reply(status: u16, vary: Line) -> Reply {
    Reply {
        status,
        headers: pairs::serialize(&[vary, NO_STORE]),
        body: String::new(),
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

/// Most methods have ten letters at most; proxies in front take a header of 4 to 8 KiB.
const MAX_ECHOED_METHOD: usize = 64;
const MAX_EXPANDED_BYTES: usize = 4 * 1024;
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
