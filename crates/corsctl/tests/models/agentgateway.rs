//! agentgateway, after its
//! [source](https://github.com/agentgateway/agentgateway/blob/main/crates/agentgateway/src/http/cors.rs).

use cors::simulate::exchange::Response;
use regex_lite::Regex;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::{Class, EXPOSED, NARROWED, NULL, UPSTREAM_NARROWED};
use crate::compare::{System, compare};
use crate::parts::{Parts, Request, reply, some, with};

#[test]
fn agentgateways_meaning_is_kept_or_reported() {
    compare::<Agentgateway>();
}

/// Two routes of one listener.
#[derive(Debug)]
struct Agentgateway {
    api: Cors,
    rest: Option<Cors>,
}

#[derive(Debug)]
struct Cors {
    origins: Vec<&'static str>,
    parts: Parts,
}

impl Cors {
    fn random(random: &mut Random) -> Self {
        let origins = [
            "https://app.example",
            "http://localhost:3000",
            "https://*.example.com",
            "https://*example.com",
            "https://pr-*.example.com",
            "http://*",
            "*",
        ];
        Self {
            origins: some(random, &origins),
            parts: Parts::random(random),
        }
    }

    fn json(&self) -> Value {
        json!({"cors": {
            "allowOrigins": self.origins,
            "allowMethods": self.parts.methods,
            "allowHeaders": self.parts.headers,
            "exposeHeaders": self.parts.expose,
            "allowCredentials": self.parts.credentials,
            "maxAge": "600s",
        }})
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let origin = request.origin();
        let is_any = self.origins.contains(&"*");
        let is_allowed = is_any || self.origins.iter().any(|own| matches(own, origin));
        if origin.is_empty() || !is_allowed && !request.is_preflight() {
            return upstream.clone();
        }
        if !is_allowed {
            return reply(200, &[]);
        }
        let list = |list: &[&'static str], asked: &str| match list {
            list if !list.contains(&"*") => list.join(","),
            _ if !asked.is_empty() => asked.to_owned(),
            _ if self.parts.credentials => String::new(),
            _ => "*".to_owned(),
        };
        let flag = if self.parts.credentials { "true" } else { "" };
        let own = [
            ("access-control-allow-origin", origin.to_owned()),
            ("access-control-allow-credentials", flag.to_owned()),
            ("access-control-expose-headers", self.parts.expose.join(",")),
        ];
        if request.method() != "OPTIONS" {
            return with(upstream, &own);
        }
        let methods = list(&self.parts.methods, request.asked_method());
        let headers = list(&self.parts.headers, request.asked_headers());
        let lists = [
            ("access-control-allow-methods", methods),
            ("access-control-allow-headers", headers),
        ];
        reply(200, &[&own[..], &lists].concat())
    }
}

/// An asterisk stands for any characters of the host; the port is the same.
fn matches(own: &str, origin: &str) -> bool {
    let parts: Vec<_> = own.split('*').map(regex_lite::escape).collect();
    let regex = format!("^{}$", parts.join("[^:/]*"));
    let regex = Regex::new(&regex).expect("a regular expression");
    regex.is_match(origin)
}

impl System for Agentgateway {
    const FROM: &'static str = "agentgateway";
    const CLASSES: &'static [Class] = &[EXPOSED, NARROWED, NULL, UPSTREAM_NARROWED];

    fn random(random: &mut Random) -> Self {
        let rest = Cors::random(random);
        Self {
            api: Cors::random(random),
            rest: (!random.once_in(3)).then_some(rest),
        }
    }

    fn file(&self) -> String {
        let rest = self.rest.as_ref().map_or_else(|| json!({}), Cors::json);
        json!({"binds": [{"port": 3000, "listeners": [{"routes": [
            {"hostnames": ["api.example"], "matches": [{"path": {"pathPrefix": "/api"}}], "policies": self.api.json()},
            {"hostnames": ["api.example"], "policies": rest},
        ]}]}]})
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let path = request.path();
        let cors = match request.host() {
            "api.example" if path == "/api" || path.starts_with("/api/") => Some(&self.api),
            "api.example" => self.rest.as_ref(),
            _ => None,
        };
        cors.map_or_else(|| upstream.clone(), |cors| cors.answer(request, upstream))
    }
}
