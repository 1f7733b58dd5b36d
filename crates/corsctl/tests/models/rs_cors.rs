//! The Go library rs/cors, after its [source](https://github.com/rs/cors/blob/v1.11.1/cors.go).

use cors::simulate::exchange::Response;
use serde_json::{Map, Value, json};
use support::random::Random;

use crate::classes::{Class, EXPOSED, NARROWED, SAFELISTED, UPSTREAM};
use crate::compare::{System, compare};
use crate::parts::{Parts, Request, next_to, reply, some};

#[test]
fn the_meaning_of_rs_cors_is_kept_or_reported() {
    compare::<Library>();
}

/// Its options.
#[derive(Clone, Debug)]
pub struct Options {
    pub origins: Vec<&'static str>,
    pub parts: Parts,
    /// What is allowed where no header is listed.
    pub default_headers: &'static [&'static str],
}

impl Options {
    pub fn random(random: &mut Random) -> Self {
        let origins = match random.below(5) {
            0 => Vec::new(),
            _ => some(random, ORIGINS),
        };
        Self {
            origins,
            parts: Parts::random(random),
            default_headers: &["accept", "content-type", "x-requested-with"],
        }
    }

    /// Its fields under the names for origins, methods, headers, exposed headers and credentials.
    pub fn fields(&self, names: [&str; 5]) -> Map<String, Value> {
        let values = [
            json!(self.origins),
            json!(self.parts.methods),
            json!(self.parts.headers),
            json!(self.parts.expose),
            json!(self.parts.credentials),
        ];
        let names = names.into_iter().map(str::to_owned);
        names.zip(values).collect()
    }

    fn allows_origin(&self, origin: &str) -> bool {
        self.is_any()
            || self.origins.iter().any(|own| match own.split_once('*') {
                Some((start, end)) => {
                    origin.len() >= start.len() + end.len()
                        && origin.starts_with(start)
                        && origin.ends_with(end)
                }
                None => *own == origin,
            })
    }

    fn is_any(&self) -> bool {
        self.origins.is_empty() || self.origins.contains(&"*")
    }

    fn allows_method(&self, method: &str) -> bool {
        let methods: &[_] = match self.parts.methods.as_slice() {
            [] => &["GET", "POST", "HEAD"],
            methods => methods,
        };
        method == "OPTIONS" || methods.contains(&method)
    }

    fn allows_headers(&self, asked: &str) -> bool {
        let headers = match self.parts.headers.as_slice() {
            [] => self.default_headers,
            headers => headers,
        };
        let mut asked = asked.split(',').map(str::trim);
        headers.contains(&"*")
            || asked.all(|name| {
                name.is_empty() || headers.iter().any(|own| own.eq_ignore_ascii_case(name))
            })
    }

    pub fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let origin = request.origin();
        let is_any = self.is_any();
        let allowed = if is_any { "*" } else { origin };
        let flag = if self.parts.credentials { "true" } else { "" };
        let own = [
            ("access-control-allow-origin", allowed.to_owned()),
            ("access-control-allow-credentials", flag.to_owned()),
        ];
        if request.method() == "OPTIONS" && !request.asked_method().is_empty() {
            let method = request.asked_method();
            let asked = request.asked_headers();
            if !self.allows_origin(origin)
                || !self.allows_method(method)
                || !self.allows_headers(asked)
            {
                return reply(204, &[]);
            }
            let more = [
                ("access-control-allow-methods", method.to_owned()),
                ("access-control-allow-headers", asked.to_owned()),
            ];
            return reply(204, &[own, more].concat());
        }
        if origin.is_empty() || !self.allows_origin(origin) || !self.allows_method(request.method())
        {
            return upstream.clone();
        }
        let expose = self.parts.expose.join(", ");
        let own = [&own[..], &[("access-control-expose-headers", expose)]].concat();
        next_to(upstream, &own)
    }
}

#[derive(Debug)]
pub struct Library(pub Options);

impl System for Library {
    const FROM: &'static str = "rs-cors";
    const CLASSES: &'static [Class] = CLASSES;

    fn random(random: &mut Random) -> Self {
        Self(Options::random(random))
    }

    fn file(&self) -> String {
        Value::Object(self.0.fields(NAMES)).to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        self.0.answer(request, upstream)
    }
}

pub const NAMES: [&str; 5] = [
    "allowed_origins",
    "allowed_methods",
    "allowed_headers",
    "exposed_headers",
    "allow_credentials",
];

const ORIGINS: &[&str] = &[
    "https://app.example",
    "http://localhost:3000",
    "https://*.example.com",
    "https://*example.com",
    "https://app.example*",
    "*",
];

pub const CLASSES: &[Class] = &[EXPOSED, NARROWED, SAFELISTED, UPSTREAM];
