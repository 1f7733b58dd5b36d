//! What a request is to CORS, read once from its headers.

use crate::http::header::{ACCESS_CONTROL_REQUEST_METHOD, METHOD, ORIGIN};

/// The header map of a request or a response, as a host lends it. Names are lower-case, values are
/// bytes as they came.
pub trait Headers {
    /// The value of the header's first line; `None` without one.
    fn value(&self, name: &str) -> Option<Vec<u8>>;

    /// Whether this is the value of the header's first line: a host may know without a copy.
    fn is_value(&self, name: &str, value: &[u8]) -> bool {
        self.value(name).is_some_and(|own| own == value)
    }

    /// Every line of every header, in order. This copies the whole map out of the host: for what
    /// [`Headers::value`] cannot distinguish.
    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)>;
}

/// A header map that can be changed.
pub trait HeadersMut: Headers {
    /// Adds a line, or joins the value to the one that is there with a comma: the host's choice.
    fn add(&mut self, name: &str, value: &[u8]);

    /// Removes every line.
    fn remove(&mut self, name: &str);

    /// Leaves one line with this value.
    fn replace(&mut self, name: &str, value: &[u8]);
}

/// A request, by the words of the [Fetch standard](https://fetch.spec.whatwg.org/#http-requests).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// No `Origin`.
    NotCors,
    /// With `Origin`, and no preflight: what a script asked for.
    Actual { origin: Box<[u8]> },
    /// The browser's question before an actual request.
    Preflight {
        origin: Box<[u8]>,
        method: Box<[u8]>,
    },
}

impl Request {
    /// Reads only the headers that distinguish the three: every value is a copy out of the host.
    pub fn read(headers: &impl Headers) -> Self {
        let Some(origin) = headers.value(ORIGIN) else {
            return Self::NotCors;
        };
        let origin = origin.into_boxed_slice();
        match headers.value(ACCESS_CONTROL_REQUEST_METHOD) {
            Some(method) if !method.is_empty() && is_options(headers) => Self::Preflight {
                origin,
                method: method.into_boxed_slice(),
            },
            _ => Self::Actual { origin },
        }
    }

    /// The value of the `Origin` header, not validated.
    pub fn origin(&self) -> Option<&[u8]> {
        match self {
            Self::NotCors => None,
            Self::Actual { origin } | Self::Preflight { origin, .. } => Some(origin),
        }
    }
}

/// Whether the request's method is `OPTIONS`.
pub fn is_options(headers: &impl Headers) -> bool {
    headers.is_value(METHOD, b"OPTIONS")
}

/// A request as the host lends it: its headers, and what the host knows of its route.
pub trait RequestContext: Headers {
    /// The value at a path of attributes, such as `["xds", "route_name"]`.
    fn property(&self, path: &[&str]) -> Option<Vec<u8>>;

    /// Seconds since some moment; without a clock it is always that moment.
    fn seconds(&self) -> u64 {
        0
    }
}
