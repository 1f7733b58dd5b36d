//! What a browser concludes from the answers it gets: a small model of the
//! [Fetch standard](https://fetch.spec.whatwg.org/), for explanations and as the oracle of tests. It
//! knows nothing of policies. It speaks for one [`Engine`], because browsers differ from the standard.

mod difference;
mod engine;
mod outcome;
mod safelist;
mod url;

use crate::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORITY, METHOD, ORIGIN, PATH, SEC_FETCH_SITE,
    is_cors_safelisted_method, is_cors_safelisted_response_header_name, is_forbidden_method,
};
use crate::http::token::is_token;
use crate::simulate::exchange::{Lines, Response};

pub use difference::{Difference, differences};
pub use engine::{Engine, Streaming};
pub use outcome::{Blocked, Outcome, Stage};
pub use safelist::SetHeader;
pub use url::Url;

/// A call of `fetch` or `XMLHttpRequest` by a script.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The browser that runs the script.
    pub engine: Engine,
    /// The origin of the script's page, serialized.
    pub origin: String,
    pub url: Url,
    pub method: String,
    /// The headers that the script sets.
    pub headers: Vec<SetHeader>,
    /// Whether credentials are included.
    pub credentials: bool,
    pub upload: Upload,
}

/// How the script sends a body.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Upload {
    /// At once, or not at all.
    #[default]
    Whole,
    /// With a listener on `XMLHttpRequest.upload`, as for a progress bar.
    Observed,
    /// From a `ReadableStream`.
    Streamed,
}

impl Fetch {
    /// Does what [fetch](https://fetch.spec.whatwg.org/#http-fetch) does, with a server in place of
    /// the network.
    pub fn run(&self, mut server: impl FnMut(Lines) -> Response) -> Outcome {
        let blocked = |at| move |because| Outcome::Blocked { at, because };
        if is_forbidden_method(&self.method) {
            let because = Blocked::ForbiddenMethod(self.method.to_ascii_uppercase());
            return blocked(Stage::Call)(because);
        }
        if self.upload == Upload::Streamed && self.engine.streaming() == Streaming::Throws {
            return blocked(Stage::Call)(Blocked::StreamingUnsupported);
        }
        if self.needs_preflight() {
            let response = server(self.preflight_request());
            if let Err(because) = self.check_preflight(&response) {
                return blocked(Stage::Preflight)(because);
            }
        }
        let response = server(self.actual_request());
        if self.is_same_origin() {
            let exposed = response.headers.iter().map(|(name, _)| name.to_owned());
            return Outcome::Readable {
                exposed: exposed.collect(),
            };
        }
        match self.check_cors(&response) {
            Err(because) => blocked(Stage::Actual)(because),
            Ok(()) => Outcome::Readable {
                exposed: self.exposed(&response.headers),
            },
        }
    }

    /// Whether the page and the URL are of one origin, so that the protocol plays no part.
    pub fn is_same_origin(&self) -> bool {
        self.origin == self.url.origin()
    }

    pub fn needs_preflight(&self) -> bool {
        let is_uploaded = match self.upload {
            Upload::Whole => false,
            Upload::Observed => true,
            Upload::Streamed => self.engine.streaming() == Streaming::Streams,
        };
        !self.is_same_origin()
            && (is_uploaded
                || !is_cors_safelisted_method(self.normalized_method().as_bytes())
                || !self.unsafe_names().is_empty())
    }

    /// [Normalizes](https://fetch.spec.whatwg.org/#concept-method-normalize) the method: `patch`
    /// stays as it is.
    pub fn normalized_method(&self) -> String {
        let upper = self.method.to_ascii_uppercase();
        match upper.as_str() {
            "DELETE" | "GET" | "HEAD" | "OPTIONS" | "POST" | "PUT" => upper,
            _ => self.method.clone(),
        }
    }

    /// The [CORS-unsafe request-header names](https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names),
    /// sorted and lower-case.
    pub fn unsafe_names(&self) -> Vec<String> {
        let is_combined = self.upload == Upload::Observed || !self.engine.judges_each_line();
        let sent = if is_combined {
            self.sent()
        } else {
            self.sent_lines()
        };
        let is_safelisted = |(name, value): &&(String, Option<String>)| {
            safelist::is_safelisted(name, value.as_deref())
                || self.engine.safelists_client_hints()
                    && safelist::is_client_hint(name, value.as_deref())
        };
        let safe = sent.iter().filter(is_safelisted);
        let bytes = safe.map(|(_, value)| value.as_ref().map_or(0, String::len));
        let all = safelist::is_too_much(bytes.sum());
        let names = sent.iter().filter(|header| all || !is_safelisted(header));
        names.map(|(name, _)| name.clone()).collect()
    }

    /// The headers that are sent, sorted by their lower-case name. Several lines of one name are one.
    fn sent(&self) -> Vec<(String, Option<String>)> {
        let mut sent: Vec<(String, Option<String>)> = Vec::new();
        for (name, value) in self.sent_lines() {
            match (sent.last_mut(), value) {
                (Some((last, Some(before))), Some(value)) if *last == name => {
                    before.push_str(", ");
                    before.push_str(&value);
                }
                (Some((last, _)), _) if *last == name => {}
                (_, value) => sent.push((name, value)),
            }
        }
        sent
    }

    /// The lines that the script may set, sorted by their lower-case name; the browser drops the others.
    fn sent_lines(&self) -> Vec<(String, Option<String>)> {
        let lines = self.headers.iter().map(|SetHeader { name, value }| {
            let value = value.as_ref().map(|value| value.trim_matches([' ', '\t']));
            (name.to_ascii_lowercase(), value.map(str::to_owned))
        });
        let is_dropped = |(name, value): &(String, Option<String>)| {
            name == "user-agent" && !self.engine.lets_scripts_set_user_agent()
                || safelist::is_forbidden(name, value.as_deref())
        };
        let mut lines: Vec<_> = lines.filter(|line| !is_dropped(line)).collect();
        // Stable: the lines of one name keep their order.
        lines.sort_by(|(one, _), (other, _)| one.cmp(other));
        lines
    }

    fn preflight_request(&self) -> Lines {
        let names = self.unsafe_names().join(",");
        let mut request = self.request("OPTIONS");
        request.push((
            ACCESS_CONTROL_REQUEST_METHOD.to_owned(),
            self.normalized_method(),
        ));
        if !names.is_empty() {
            request.push((ACCESS_CONTROL_REQUEST_HEADERS.to_owned(), names));
        }
        request.into_iter().collect()
    }

    fn actual_request(&self) -> Lines {
        let mut request = self.request(&self.normalized_method());
        let sent = self.sent().into_iter();
        request.extend(sent.map(|(name, value)| (name, value.unwrap_or_else(|| "…".to_owned()))));
        request.into_iter().collect()
    }

    fn request(&self, method: &str) -> Vec<(String, String)> {
        let mut request = vec![
            (METHOD.to_owned(), method.to_owned()),
            (AUTHORITY.to_owned(), self.url.authority.clone()),
            (PATH.to_owned(), self.url.path.clone()),
        ];
        if !self.is_same_origin() || !matches!(method, "GET" | "HEAD") {
            request.push((ORIGIN.to_owned(), self.origin.clone()));
        }
        // Only sent to trustworthy servers; same-site adds nothing for a filter.
        if self.url.scheme == "https" {
            let site = if self.is_same_origin() {
                "same-origin"
            } else {
                "cross-site"
            };
            request.push((SEC_FETCH_SITE.to_owned(), site.to_owned()));
        }
        request
    }

    /// The [CORS check](https://fetch.spec.whatwg.org/#cors-check).
    fn check_cors(&self, response: &Response) -> Result<(), Blocked> {
        let headers = &response.headers;
        let Some(value) = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN) else {
            return Err(Blocked::AllowOriginMissing);
        };
        if value == b"*" {
            return match self.credentials {
                false => Ok(()),
                true => Err(Blocked::AllowOriginWildcard),
            };
        }
        if value != self.origin.as_bytes() {
            return Err(Blocked::AllowOriginOther {
                value: value.to_vec(),
                origin: self.origin.clone(),
            });
        }
        let grants = headers.get(ACCESS_CONTROL_ALLOW_CREDENTIALS) == Some(b"true");
        if self.credentials && !grants {
            return Err(Blocked::AllowCredentialsNotTrue);
        }
        Ok(())
    }

    /// The end of the [CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch).
    fn check_preflight(&self, response: &Response) -> Result<(), Blocked> {
        self.check_cors(response)?;
        if !(200..300).contains(&response.status) {
            return Err(Blocked::PreflightStatus(response.status));
        }
        let read = |name, title| read_list(&response.headers, name).ok_or(title);
        let methods = read(ACCESS_CONTROL_ALLOW_METHODS, "Access-Control-Allow-Methods")
            .map_err(Blocked::ListMalformed)?;
        let names = read(ACCESS_CONTROL_ALLOW_HEADERS, "Access-Control-Allow-Headers")
            .map_err(Blocked::ListMalformed)?;
        let covers_all = |list: &[String]| !self.credentials && list.iter().any(|item| item == "*");

        let method = self.normalized_method();
        if !methods.contains(&method)
            && !is_cors_safelisted_method(method.as_bytes())
            && !covers_all(&methods)
        {
            return Err(Blocked::MethodNotListed(method));
        }
        let is_listed = |name: &str| names.iter().any(|listed| listed.eq_ignore_ascii_case(name));
        // https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
        let is_non_wildcard =
            |name: &str| name == "authorization" && !self.engine.wildcard_covers_authorization();
        match self
            .unsafe_names()
            .into_iter()
            .find(|name| !is_listed(name) && (is_non_wildcard(name) || !covers_all(&names)))
        {
            Some(name) => Err(Blocked::HeaderNotListed(name)),
            None => Ok(()),
        }
    }

    /// The names of the response's headers that the script may read, besides the safelisted ones.
    fn exposed(&self, headers: &Lines) -> Vec<String> {
        let listed = read_list(headers, ACCESS_CONTROL_EXPOSE_HEADERS).unwrap_or_default();
        let names: Vec<String> = if self.credentials || listed.iter().all(|name| name != "*") {
            listed
        } else {
            let own = headers.iter().map(|(name, _)| name);
            let own = own.filter(|name| !is_cors_safelisted_response_header_name(name));
            own.map(str::to_owned).collect()
        };
        let is_readable = |name: &String| {
            let is = |forbidden| name.eq_ignore_ascii_case(forbidden);
            !is("set-cookie") && !is("set-cookie2")
        };
        names.into_iter().filter(is_readable).collect()
    }
}

/// [Extracts the values](https://fetch.spec.whatwg.org/#extract-header-list-values) of a header that
/// is a list of names; `None` if it is none.
fn read_list(headers: &Lines, name: &str) -> Option<Vec<String>> {
    let Some(value) = headers.get(name) else {
        return Some(Vec::new());
    };
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|item| !item.is_empty())
        .map(|item| {
            let item = is_token(item).then_some(item)?;
            String::from_utf8(item.to_vec()).ok()
        })
        .collect()
}
