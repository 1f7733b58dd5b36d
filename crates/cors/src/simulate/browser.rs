//! What a browser concludes from the answers it gets: a small model of the
//! [Fetch standard](https://fetch.spec.whatwg.org/), for explanations and as the oracle of tests. It
//! knows nothing of policies.

use std::fmt;

use crate::escape::Escaped;
use crate::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORITY, METHOD, ORIGIN, PATH, SEC_FETCH_SITE,
    is_cors_safelisted_method, is_cors_safelisted_response_header_name, is_forbidden_method,
    is_forbidden_request_header_name,
};
use crate::http::token::is_token;
use crate::simulate::exchange::{Lines, Response};

/// A call of `fetch` by a script.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The origin of the script's page, serialized.
    pub origin: String,
    pub url: Url,
    pub method: String,
    /// The names of the headers that the script sets. Their values are not known, so that
    /// `content-type` counts as one that needs a preflight, as that of JSON does.
    pub headers: Vec<String>,
    /// Whether credentials are included.
    pub credentials: bool,
}

/// The parts of a URL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Url {
    pub scheme: String,
    /// The host and the port, unless it is the scheme's own.
    pub authority: String,
    pub path: String,
}

impl Url {
    /// Reads `scheme://host[:port][/path]` of http or https.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let authority = authority.to_ascii_lowercase();
        let authority = authority.strip_suffix(default_port).unwrap_or(&authority);
        let is_host = !authority.is_empty()
            && authority
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"@\\".contains(&byte));
        let path = path.split('#').next().unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        is_host.then(|| Self {
            scheme,
            authority: authority.to_owned(),
            path: format!("{slash}{path}"),
        })
    }

    /// The serialized origin.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

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
            Self::PreflightStatus(status) => {
                write!(f, "the preflight is answered with {status}, not with 200 to 299")
            }
        }
    }
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
        !self.is_same_origin()
            && (!is_cors_safelisted_method(self.normalized_method().as_bytes())
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
        let mut names: Vec<String> = self
            .sent_names()
            .filter(|name| {
                // `range` and the others are safelisted for the values they usually have.
                !matches!(
                    name.as_str(),
                    "accept" | "accept-language" | "content-language" | "range"
                )
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The names that the script may set, lower-case; the browser drops the others.
    fn sent_names(&self) -> impl Iterator<Item = String> {
        self.headers
            .iter()
            .filter(|name| !is_forbidden_request_header_name(name))
            .map(|name| name.to_ascii_lowercase())
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
        request.extend(self.sent_names().map(|name| (name, "…".to_owned())));
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
        let is_non_wildcard = |name: &str| name == "authorization";
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
        if listed.iter().all(|name| name != "*") || self.credentials {
            return listed;
        }
        headers
            .iter()
            .map(|(name, _)| name)
            .filter(|name| {
                !matches!(*name, "set-cookie" | "set-cookie2")
                    && !is_cors_safelisted_response_header_name(name)
            })
            .map(str::to_owned)
            .collect()
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
