//! A grant: what some origins may do.

use crate::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, VARY,
};
use crate::http::header_block::{HeaderBlock, HeaderTemplate, Line};
use crate::origin::set::OriginSet;
use crate::origin::tenant::Binding;
use crate::policy::verdict::PreflightAnswer;
use crate::policy::{Expose, Methods, RequestHeaders};

/// What some origins may do, and what of the answers to them no request changes. The default grants
/// nothing.
#[derive(Debug, Default)]
pub struct Grant {
    /// Its place in `grants`; none for the policy's own fields.
    pub(crate) place: Option<usize>,
    pub(crate) origins: OriginSet,
    pub(crate) methods: Methods,
    pub(crate) headers: RequestHeaders,
    pub(crate) expose: Expose,
    pub(crate) credentials: bool,
    /// `Access-Control-Max-Age`, in seconds.
    pub(crate) max_age: String,
    pub(crate) private_network: bool,
    /// `timingAllowOrigin`
    pub(crate) timing: bool,
    /// What the answer to an allowed preflight varies on.
    pub(crate) vary: String,
    /// The answer to an allowed preflight except its origin, where both lists are fixed; one that asks
    /// for the private network has another.
    pub(crate) ready: Option<HeaderTemplate>,
}

impl Grant {
    /// Any origin and no credentials: `*` for everybody.
    pub fn is_open(&self) -> bool {
        self.origins.is_any() && !self.credentials
    }

    /// The grant in words.
    pub fn label(&self) -> String {
        match self.place {
            None => "the policy's own fields".to_owned(),
            Some(place) => format!("grants[{place}]"),
        }
    }

    /// The pattern that allows the value of an `Origin` header.
    pub(crate) fn pattern_for(&self, origin: &[u8]) -> Option<String> {
        if self.is_open() {
            return Some("*".to_owned());
        }
        let found = self.origins.find_for(origin, Binding::Any).ok()?;
        Some(self.origins.describe(origin, found))
    }

    /// Makes what no request changes.
    pub(crate) fn prepare(&mut self, varies: bool) {
        self.vary.clear();
        for (varies, name) in [
            (varies, "Origin"),
            (
                matches!(self.methods, Methods::Any),
                "Access-Control-Request-Method",
            ),
            (
                self.headers.depend_on_asked(),
                "Access-Control-Request-Headers",
            ),
            (
                self.private_network,
                "Access-Control-Request-Private-Network",
            ),
        ] {
            if varies {
                if !self.vary.is_empty() {
                    self.vary.push_str(", ");
                }
                self.vary.push_str(name);
            }
        }
        if matches!(self.methods, Methods::Listed(_)) && !self.headers.depend_on_asked() {
            let [(name, _), others @ ..] = self.preflight_lines(b"", b"", None);
            self.ready = Some(HeaderTemplate::new(name, &others));
        }
    }

    /// The headers of the answer to an allowed preflight.
    pub(crate) fn preflight_headers(
        &self,
        origin: &[u8],
        method: &[u8],
        answer: Option<&PreflightAnswer>,
    ) -> HeaderBlock {
        match &self.ready {
            Some(ready) if !answer.is_some_and(|answer| answer.private_network) => {
                ready.fill(self.allow_origin(origin))
            }
            _ => HeaderBlock::new(&self.preflight_lines(origin, method, answer)),
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
            headers if headers.depend_on_asked() && answer.is_some() => {
                answer.map_or(&b""[..], |answer| &answer.allow_headers)
            }
            RequestHeaders::Any => b"",
            RequestHeaders::Listed(list, _) => list.value.as_bytes(),
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
                flag_value(self.credentials),
            ),
            (ACCESS_CONTROL_ALLOW_METHODS, methods),
            (ACCESS_CONTROL_ALLOW_HEADERS, headers),
            (
                ACCESS_CONTROL_EXPOSE_HEADERS,
                self.expose.fixed().as_bytes(),
            ),
            (ACCESS_CONTROL_MAX_AGE, self.max_age.as_bytes()),
            (VARY, self.vary.as_bytes()),
        ]
    }

    pub(crate) fn allow_origin<'a>(&self, origin: &'a [u8]) -> &'a [u8] {
        if self.is_open() { b"*" } else { origin }
    }
}

/// The value of a header that is there if something is true.
pub(crate) fn flag_value(is: bool) -> &'static [u8] {
    if is { b"true" } else { b"" }
}
