//! Judges a request by a policy.

use crate::http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK, AUTHORITY,
    SEC_FETCH_SITE, is_cors_safelisted_method, read_request_header_names,
};
use crate::http::request::{Headers, Request, is_options};
use crate::http::token::is_token;
use crate::origin::set::Mismatch;
use crate::origin::tenant::{Binding, Tenant};
use crate::origin::{Origin, split_port};
use crate::policy::answer::joined;
use crate::policy::families::{Families, MAX_FAMILY_NAMES};
use crate::policy::grant::Grant;
use crate::policy::verdict::{Blocked, PreflightAnswer, Reason, Refusal, Verdict};
use crate::policy::{List, Methods, Policy, RequestHeaders, UnmatchedRequests};

impl Policy {
    /// Judges a request by its headers, reading no more of them than the policy needs; under `debug`
    /// also what only an explanation needs. The tenant is what the rule's match has bound.
    pub fn judge(&self, headers: &impl Headers, tenant: Option<&Tenant>, debug: bool) -> Verdict {
        if !self.knows_host(headers) {
            return self.unmatched(Request::read(headers), Refusal::Host, headers);
        }
        let request = Request::read(headers);
        let Some(origin) = request.origin() else {
            return self.not_cors(headers);
        };
        let (place, grant) = match self.find_grant(origin, tenant) {
            Ok(found) => found,
            Err(mismatch) => return self.unmatched(request, mismatch.into(), headers),
        };
        let Request::Preflight { method, .. } = &request else {
            let mut verdict = self.actual(request, Reason::Allowed, headers);
            verdict.grant = place;
            return verdict;
        };
        let (reason, answer) = match grant.read_preflight(method, headers, debug) {
            Ok(answer) => (Reason::Allowed, answer),
            Err(refusal) => (Reason::Refused(refusal), None),
        };
        Verdict {
            request,
            reason,
            grant: place,
            is_plain_options: false,
            answer,
        }
    }

    /// The first grant that allows the value of an `Origin` header.
    fn find_grant(&self, origin: &[u8], tenant: Option<&Tenant>) -> Result<(u8, &Grant), Mismatch> {
        match self.first.find(origin) {
            Ok(()) => Ok((0, &self.first)),
            Err(_) if self.fields.lists_grants || !self.fields.tenant.is_empty() => {
                self.find_any_grant(origin, tenant)
            }
            Err(mismatch) => Err(mismatch),
        }
    }

    /// The same, if there are several grants or names in braces.
    #[inline(never)] // Out of the way of most policies.
    fn find_any_grant(
        &self,
        origin: &[u8],
        tenant: Option<&Tenant>,
    ) -> Result<(u8, &Grant), Mismatch> {
        let tenant = tenant.map_or(Binding::None, |tenant| Binding::Text(tenant.text()));
        let mut mismatch = Mismatch::Origin;
        for (place, grant) in (0..).zip(self.grants()) {
            if grant.is_open() {
                return Ok((place, grant));
            }
            match grant.origins.find_for(origin, tenant) {
                Ok(_) => return Ok((place, grant)),
                Err(found) => mismatch = found,
            }
        }
        Err(mismatch)
    }

    /// Whether the request is for a host name of the service, as far as the policy says.
    #[inline(always)] // A call costs more than the body.
    pub fn knows_host(&self, headers: &impl Headers) -> bool {
        match &self.fields.hosts {
            None => true,
            Some(hosts) => hosts.hold(headers.value(AUTHORITY)),
        }
    }

    pub(crate) fn not_cors(&self, headers: &impl Headers) -> Verdict {
        self.actual(Request::NotCors, Reason::NotCors, headers)
    }

    pub(crate) fn unmatched(
        &self,
        request: Request,
        refusal: Refusal,
        headers: &impl Headers,
    ) -> Verdict {
        let rejects = self.fields.unmatched_requests == UnmatchedRequests::Reject;
        let distrusts_authority = self.fields.distrusts_authority;
        let reason = reason(refusal, &request, rejects, distrusts_authority, headers);
        match request {
            Request::Preflight { .. } => Verdict {
                request,
                reason,
                grant: 0,
                is_plain_options: false,
                answer: None,
            },
            request => self.actual(request, reason, headers),
        }
    }

    pub(crate) fn actual(
        &self,
        request: Request,
        reason: Reason,
        headers: &impl Headers,
    ) -> Verdict {
        Verdict {
            request,
            reason,
            grant: 0,
            is_plain_options: self.fields.allow.is_some() && is_options(headers),
            answer: None,
        }
    }
}

impl Grant {
    /// Whether it allows the value of an `Origin` header, where nothing binds a name. One that is open
    /// means everybody, `null` and malformed values included.
    fn find(&self, origin: &[u8]) -> Result<(), Mismatch> {
        if self.is_open() {
            return Ok(());
        }
        self.origins.find(origin).map(|_| ())
    }

    /// What the answer to a preflight says beyond the lists; `None` if nothing.
    fn read_preflight(
        &self,
        method: &[u8],
        headers: &impl Headers,
        debug: bool,
    ) -> Result<Option<Box<PreflightAnswer>>, Refusal> {
        if !is_token(method) {
            return Err(Refusal::MalformedMethod);
        }
        if debug
            || self.private_network
            || self.headers.depend_on_asked()
            || self.blocks_method(method)
        {
            return self.read_more(method, headers, debug);
        }
        Ok(None)
    }

    #[inline(never)] // Out of the way of most preflights.
    fn read_more(
        &self,
        method: &[u8],
        headers: &dyn Headers,
        debug: bool,
    ) -> Result<Option<Box<PreflightAnswer>>, Refusal> {
        let mut answer = PreflightAnswer::default();
        let mut asked = Vec::new();
        let depends = self.headers.depend_on_asked();
        if debug || depends {
            // Proxies may split the list, and a host gives the first line alone.
            let pairs = headers.pairs();
            let lines = pairs
                .iter()
                .filter(|(name, _)| name == ACCESS_CONTROL_REQUEST_HEADERS.as_bytes())
                .map(|(_, value)| value.as_slice());
            asked = match read_request_header_names(lines) {
                Some(names) => names,
                None if depends => return Err(Refusal::MalformedHeaders),
                // Under `debug` alone, which changes no verdict.
                None => Vec::new(),
            };
        }
        answer.private_network = self.private_network
            && headers.is_value(ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK, b"true");
        answer.blocked = self.blocked(method, &asked);
        match &self.headers {
            RequestHeaders::Any => {
                if self.credentials {
                    remove_wildcard(&mut asked);
                }
                answer.allow_headers = asked;
            }
            RequestHeaders::Listed(list, families) if depends => {
                let names = family_names(list, families, &asked);
                // Those of a family over the limit are not in the answer.
                if names.len() == MAX_FAMILY_NAMES && answer.blocked.is_none() {
                    answer.blocked = asked
                        .split(|byte| *byte == b',')
                        .find(|name| !list.names_header(name) && !names.contains(name))
                        .map(|name| Blocked::Header(name.to_vec()));
                }
                answer.allow_headers = joined(list, names.join(&b", "[..]));
            }
            RequestHeaders::Listed(..) => {}
        }
        Ok((answer != PreflightAnswer::default()).then(|| Box::new(answer)))
    }

    pub(crate) fn allows_method(&self, method: &[u8]) -> bool {
        match &self.methods {
            // With credentials no header says "*", which without them means any.
            Methods::Any => {
                method.len() <= MAX_ECHOED_METHOD && !(self.credentials && method == b"*")
            }
            Methods::Listed(list) => list.names.iter().any(|name| name.as_bytes() == method),
        }
    }

    pub(crate) fn allows_header(&self, asked: &[u8]) -> bool {
        match &self.headers {
            RequestHeaders::Any => !(self.credentials && asked == b"*"),
            RequestHeaders::Listed(list, families) => {
                list.names_header(asked) || families.of(asked).is_some()
            }
        }
    }

    #[inline(always)] // A call costs more than the body.
    fn blocks_method(&self, method: &[u8]) -> bool {
        !is_cors_safelisted_method(method) && !self.allows_method(method)
    }

    /// What a browser will miss in the answer.
    pub(crate) fn blocked(&self, method: &[u8], asked_headers: &[u8]) -> Option<Blocked> {
        if self.blocks_method(method) {
            return Some(Blocked::Method);
        }
        asked_headers
            .split(|byte| *byte == b',')
            .find(|asked| !asked.is_empty() && !self.allows_header(asked))
            .map(|name| Blocked::Header(name.to_vec()))
    }
}

/// Why a request whose origin is not allowed comes out as it does: where it would be rejected, one that
/// comes from the very site that it goes to passes.
#[inline(always)] // A call costs more than the body.
pub(crate) fn reason(
    refusal: Refusal,
    request: &Request,
    rejects: bool,
    distrusts_authority: bool,
    headers: &impl Headers,
) -> Reason {
    if rejects
        && refusal != Refusal::Host
        && matches!(request, Request::Actual { .. })
        && is_same_origin(request, distrusts_authority, headers)
    {
        Reason::SameOrigin(refusal)
    } else {
        Reason::Refused(refusal)
    }
}

/// Whether the request comes from the very site it goes to, as the browser says, or, where it does
/// not say, as far as host and port show: TLS may end before this proxy, so the origin's scheme is
/// not compared.
fn is_same_origin(request: &Request, distrusts_authority: bool, headers: &impl Headers) -> bool {
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
    if distrusts_authority {
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

/// The asked names of families, each once, without those that are listed.
fn family_names<'a>(list: &List, families: &Families, asked: &'a [u8]) -> Vec<&'a [u8]> {
    let mut names: Vec<&[u8]> = Vec::new();
    for name in asked.split(|byte| *byte == b',') {
        if names.len() < MAX_FAMILY_NAMES
            && families.of(name).is_some()
            && !names.contains(&name)
            && !list.names_header(name)
        {
            names.push(name);
        }
    }
    names
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

/// Most methods have ten letters at most; proxies in front take a header of 4 to 8 KiB.
const MAX_ECHOED_METHOD: usize = 64;
