//! Higress's plugin, after its
//! [source](https://github.com/alibaba/higress/blob/main/plugins/wasm-go/extensions/cors/config/cors_config.go).

use cors::simulate::exchange::Response;
use regex_lite::Regex;
use serde_json::json;
use support::random::Random;

use crate::classes::{Class, LITERAL, NARROWED, NULL, SAFELISTED};
use crate::compare::{System, compare};
use crate::parts::{Parts, Request, origins_of_spring, reply, with};

#[test]
fn higress_meaning_is_kept_or_reported() {
    compare::<Higress>();
}

#[derive(Debug)]
struct Higress {
    exact: Vec<&'static str>,
    patterns: Vec<&'static str>,
    parts: Parts,
}

impl System for Higress {
    const FROM: &'static str = "higress";
    const CLASSES: &'static [Class] = CLASSES;

    fn random(random: &mut Random) -> Self {
        let (exact, patterns) = origins_of_spring(random);
        Self {
            exact,
            patterns,
            parts: Parts::random(random),
        }
    }

    fn file(&self) -> String {
        json!({
            "allow_origins": self.exact,
            "allow_origin_patterns": self.patterns,
            "allow_methods": self.parts.methods,
            "allow_headers": self.parts.headers,
            "expose_headers": self.parts.expose,
            "allow_credentials": self.parts.credentials,
            "max_age": 600,
        })
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let origin = request.origin();
        if origin.is_empty() {
            return upstream.clone();
        }
        let is_any = self.exact.contains(&"*");
        let credentials = self.parts.credentials && !is_any;
        let is_open = self.exact.is_empty() && self.patterns.is_empty() && !credentials;
        let mut patterns = self.patterns.iter();
        let allowed = if is_any || is_open {
            "*"
        } else if self.exact.contains(&origin) || patterns.any(|pattern| matches(pattern, origin)) {
            origin
        } else {
            return reply(403, &[]);
        };
        let default = |list: &[&'static str], default: &str| match list {
            [] => default.to_owned(),
            list => list.join(","),
        };
        let methods = default(&self.parts.methods, "GET,PUT,POST,DELETE,PATCH,OPTIONS");
        let headers = default(&self.parts.headers, DEFAULT_HEADERS);
        let is_listed = |list: &str, name: &str| {
            let mut names = list.split(',');
            list == "*" || names.any(|own| own.eq_ignore_ascii_case(name))
        };
        let is_preflight = request.is_preflight();
        let method = match is_preflight {
            true => request.asked_method(),
            false => request.method(),
        };
        let mut asked = request.asked_headers().split(',');
        if !is_listed(&methods, method)
            || is_preflight && !asked.all(|name| name.is_empty() || is_listed(&headers, name))
        {
            return reply(403, &[]);
        }
        let own = [
            ("access-control-allow-origin", allowed.to_owned()),
            (
                "access-control-allow-credentials",
                if credentials { "true" } else { "" }.to_owned(),
            ),
            ("access-control-expose-headers", self.parts.expose.join(",")),
        ];
        if is_preflight {
            let asked = request.asked_headers().to_owned();
            let headers = match headers.as_str() {
                "*" if !asked.is_empty() => asked,
                _ => headers,
            };
            let own = own.into_iter().chain([
                ("access-control-allow-methods", methods),
                ("access-control-allow-headers", headers),
            ]);
            return reply(200, &own.collect::<Vec<_>>());
        }
        let kept = upstream.headers.iter();
        let kept = kept.filter(|(name, _)| !name.starts_with("access-control-"));
        let kept = Response {
            status: upstream.status,
            headers: kept.collect(),
        };
        with(&kept, &own)
    }
}

/// The newer versions match the whole origin.
fn matches(pattern: &str, origin: &str) -> bool {
    let ports = Regex::new(r"^(.*):\[(\*|\d+(?:,\d+)*)\]$").expect("a regular expression");
    let (start, port) = match ports.captures(pattern) {
        Some(found) if &found[2] == "*" => (found[1].to_owned(), r"(:\d+)?".to_owned()),
        Some(found) => (
            found[1].to_owned(),
            format!(":({})", found[2].replace(',', "|")),
        ),
        None => (pattern.to_owned(), String::new()),
    };
    let parts: Vec<_> = start.split('*').map(regex_lite::escape).collect();
    let regex = format!("^(?:{}{port})$", parts.join(".*"));
    Regex::new(&regex)
        .expect("a regular expression")
        .is_match(origin)
}

const DEFAULT_HEADERS: &str = "DNT,X-CustomHeader,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Authorization";

const CLASSES: &[Class] = &[LITERAL, NARROWED, NULL, SAFELISTED];
