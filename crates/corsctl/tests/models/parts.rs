//! What random configurations and calls are made of.

use cors::http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORITY, METHOD, ORIGIN, PATH,
};
use cors::simulate::browser::{Engine, Fetch, SetHeader, Upload, Url};
use cors::simulate::exchange::{Lines, Response};
use support::random::Random;

/// The lists and flags that every system has in some form.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    pub methods: Vec<&'static str>,
    pub headers: Vec<&'static str>,
    pub expose: Vec<&'static str>,
    pub credentials: bool,
}

impl Parts {
    pub fn random(random: &mut Random) -> Self {
        Self {
            methods: random.pick(METHODS).to_vec(),
            headers: random.pick(HEADERS).to_vec(),
            expose: random.pick(EXPOSE).to_vec(),
            credentials: random.once_in(2),
        }
    }
}

/// A request as a server sees it.
pub struct Request<'r>(pub &'r Lines);

impl Request<'_> {
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?;
        Some(std::str::from_utf8(value).expect("text"))
    }

    pub fn method(&self) -> &str {
        self.header(METHOD).expect("a method")
    }

    pub fn host(&self) -> &str {
        self.header(AUTHORITY).expect("a host")
    }

    pub fn path(&self) -> &str {
        let path = self.header(PATH).expect("a path");
        path.split('?').next().unwrap_or_default()
    }

    /// Empty if there is none.
    pub fn origin(&self) -> &str {
        self.header(ORIGIN).unwrap_or_default()
    }

    /// Empty if there is none.
    pub fn asked_method(&self) -> &str {
        self.header(ACCESS_CONTROL_REQUEST_METHOD)
            .unwrap_or_default()
    }

    pub fn asked_headers(&self) -> &str {
        self.header(ACCESS_CONTROL_REQUEST_HEADERS)
            .unwrap_or_default()
    }

    pub fn is_preflight(&self) -> bool {
        self.method() == "OPTIONS" && !self.origin().is_empty() && !self.asked_method().is_empty()
    }
}

/// One to three of these.
pub fn some<T: Copy + PartialEq>(random: &mut Random, choices: &[T]) -> Vec<T> {
    let mut found = Vec::new();
    for _ in 0..=random.below(3) {
        let one = random.pick(choices);
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

/// A response of this status with these headers; those without a value are left out.
pub fn reply(status: u16, headers: &[(&str, String)]) -> Response {
    let headers = headers.iter().filter(|(_, value)| !value.is_empty());
    Response {
        status,
        headers: headers.map(|(name, value)| (*name, value)).collect(),
    }
}

/// The response with these headers instead of the ones that it has.
pub fn with(upstream: &Response, headers: &[(&str, String)]) -> Response {
    let set: Vec<_> = headers
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let is_set = |name: &str| set.iter().any(|(own, _)| *own == name);
    let kept = upstream.headers.iter().filter(|(name, _)| !is_set(name));
    let kept = kept.map(|(name, value)| (name, value.to_vec()));
    let new = set
        .iter()
        .map(|(name, value)| (*name, value.clone().into()));
    Response {
        status: upstream.status,
        headers: kept.chain(new).collect(),
    }
}

/// The response with these headers added to its own.
pub fn next_to(upstream: &Response, headers: &[(&str, String)]) -> Response {
    let kept = upstream.headers.iter();
    let kept = kept.map(|(name, value)| (name, value.to_vec()));
    let new = headers.iter().filter(|(_, value)| !value.is_empty());
    let new = new.map(|(name, value)| (*name, value.clone().into()));
    Response {
        status: upstream.status,
        headers: new.chain(kept).collect(),
    }
}

/// The texts of the matchers of one kind.
pub fn of_kind(matchers: &[(&str, &'static str)], kind: &str) -> Vec<&'static str> {
    let own = matchers.iter().filter(|(own, _)| *own == kind);
    own.map(|(_, text)| *text).collect()
}

/// Exact origins and the patterns of Spring, which Higress took over.
pub fn origins_of_spring(random: &mut Random) -> (Vec<&'static str>, Vec<&'static str>) {
    let exact = ["https://app.example", "http://localhost:3000", "*"];
    let patterns = [
        "https://*.example.com",
        "https://*example.com",
        "https://*.example.com:[8443,9443]",
        "https://app.example:[*]",
        "*",
    ];
    let mut list = |choices: &[&'static str]| match random.once_in(3) {
        true => Vec::new(),
        false => some(random, choices),
    };
    (list(&exact), list(&patterns))
}

pub fn fetch(random: &mut Random) -> Fetch {
    let names = ["content-type", "Authorization", "x-a", "x-b"];
    let names = names.iter().filter(|_| random.once_in(3));
    let headers = names.map(|name| SetHeader::named(*name)).collect();
    let host = random.pick(&HOSTS);
    let path = random.pick(&["/", "/api", "/api/orders?id=1", "/apis", "/other/x"]);
    let methods = [
        "GET", "GET", "HEAD", "POST", "PUT", "put", "PATCH", "patch", "DELETE",
    ];
    Fetch {
        engine: Engine::Standard,
        origin: random.pick(ORIGINS).to_owned(),
        url: Url::parse(&format!("https://{host}{path}")).expect("a URL"),
        method: random.pick(&methods).to_owned(),
        headers,
        credentials: random.once_in(2),
        upload: Upload::Whole,
    }
}

/// An upstream without CORS headers, or one that grants everything.
pub fn upstream(origin: &str, grants: bool) -> Response {
    let own = EXPOSABLE.map(|name| (name, "1".to_owned()));
    let granted = [
        ("access-control-allow-origin", origin.to_owned()),
        ("access-control-allow-credentials", "true".to_owned()),
        (
            "access-control-allow-methods",
            "GET, HEAD, POST, PUT, PATCH, patch, DELETE".to_owned(),
        ),
        (
            "access-control-allow-headers",
            "content-type, authorization, x-a, x-b".to_owned(),
        ),
        ("access-control-expose-headers", "x-upstream".to_owned()),
    ];
    let granted: &[_] = if grants { &granted } else { &[] };
    reply(200, &[&own[..], granted].concat())
}

const HOSTS: [&str; 5] = [
    "api.example",
    "api.example",
    "api.example",
    "www.example",
    "other.test",
];

/// The upstream's headers.
pub const EXPOSABLE: [&str; 4] = ["x-b", "x-secret", "x-upstream", "etag"];

const METHODS: &[&[&str]] = &[
    &[],
    &["GET"],
    &["GET", "HEAD", "POST"],
    &["GET", "PUT", "DELETE"],
    &["GET", "POST", "PATCH"],
    &["*"],
];
const HEADERS: &[&[&str]] = &[
    &[],
    &["X-A"],
    &["content-type", "Authorization"],
    &["*"],
    &["*"],
    &["X-A", "X-B", "Content-Type"],
];
const EXPOSE: &[&[&str]] = &[&[], &["X-B"], &["etag", "x-b"], &["*"], &["*"]];
const ORIGINS: &[&str] = &[
    "https://app.example",
    "https://app.example",
    "https://app.example",
    "https://app.example:8443",
    "http://app.example",
    "https://app.example.evil.test",
    "https://example.com",
    "https://a.example.com",
    "https://a.example.com",
    "https://a.b.example.com",
    "https://a.example.com:8443",
    "http://a.example.com",
    "https://evilexample.com",
    "https://pr-1.example.com",
    "http://localhost:3000",
    "https://evil.test",
    "https://evil.test",
    "capacitor://localhost",
    "null",
    "null",
];
