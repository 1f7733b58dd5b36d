//! Kong's plugin, after its
//! [source](https://github.com/Kong/kong/blob/3.9.0/kong/plugins/cors/handler.lua).

use cors::simulate::exchange::Response;
use regex_lite::Regex;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::{Class, LITERAL, NULL, UPSTREAM_NARROWED};
use crate::compare::{System, compare};
use crate::parts::{Parts, Request, reply, some, with};

#[test]
fn kongs_meaning_is_kept_or_reported() {
    compare::<Kong>();
}

/// A plugin of a route, and a global one.
#[derive(Debug)]
struct Kong {
    route: Option<Config>,
    global: Option<Config>,
}

#[derive(Debug)]
struct Config {
    origins: Vec<&'static str>,
    parts: Parts,
}

impl Config {
    fn random(random: &mut Random) -> Self {
        let origins = [
            "https://app.example",
            "http://localhost:3000",
            r"https://[a-z0-9-]+\.example\.com",
            r".*\.example\.com",
            r"https://app\.example|https://x\.test",
        ];
        let origins = match random.below(5) {
            0 => Vec::new(),
            1 => vec!["*"],
            _ => some(random, &origins),
        };
        Self {
            origins,
            parts: Parts::random(random),
        }
    }

    fn json(&self) -> Value {
        let mut config = json!({"credentials": self.parts.credentials, "max_age": 600});
        for (name, list) in [
            ("origins", &self.origins),
            ("methods", &self.parts.methods),
            ("headers", &self.parts.headers),
            ("exposed_headers", &self.parts.expose),
        ] {
            if !list.is_empty() {
                config[name] = json!(list);
            }
        }
        json!({"name": "cors", "config": config})
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let origin = request.origin();
        let is_any = self.origins.is_empty() || self.origins == ["*"];
        let plain = Regex::new("^[A-Za-z0-9.:/-]+$").expect("a regular expression");
        let allowed = match self.origins.as_slice() {
            _ if is_any && self.parts.credentials => origin,
            _ if is_any => "*",
            [one] if plain.is_match(one) => one,
            list if list.iter().any(|own| matches(own, origin)) => origin,
            _ => "",
        };
        let flag = if self.parts.credentials { "true" } else { "" };
        let own = [
            ("access-control-allow-origin", allowed.to_owned()),
            ("access-control-allow-credentials", flag.to_owned()),
        ];
        if request.is_preflight() {
            let methods = match self.parts.methods.as_slice() {
                [] => "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT".to_owned(),
                methods => methods.join(","),
            };
            let headers = match self.parts.headers.as_slice() {
                [] => request.asked_headers().to_owned(),
                headers => headers.join(","),
            };
            let lists = [
                ("access-control-allow-methods", methods),
                ("access-control-allow-headers", headers),
            ];
            return reply(200, &[own, lists].concat());
        }
        // An origin that is not allowed has the upstream's header taken away.
        let kept = upstream.headers.iter();
        let kept = kept.filter(|(name, _)| *name != "access-control-allow-origin");
        let bare = Response {
            status: upstream.status,
            headers: kept.collect(),
        };
        let expose = ("access-control-expose-headers", self.parts.expose.join(","));
        with(&bare, &[&own[..], &[expose]].concat())
    }
}

/// An entry without a colon is for the host alone; one that looks like an origin is compared as it is.
fn matches(own: &str, origin: &str) -> bool {
    let plain = Regex::new("^[A-Za-z0-9.:/-]+$").expect("a regular expression");
    if plain.is_match(own) {
        return own == origin;
    }
    let regex = Regex::new(&format!("^{own}$")).expect("a regular expression");
    let host = origin.split("://").nth(1).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    regex.is_match(if own.contains(':') { origin } else { host })
}

/// The end of alternatives that is left open.
const ALTERNATIVES: Class = Class {
    code: "origin-narrowed",
    covers: |difference| {
        let origin = &difference.fetch.origin;
        !difference.is_wider && origin.starts_with("https://app.example")
    },
};

impl System for Kong {
    const FROM: &'static str = "kong";
    const CLASSES: &'static [Class] = &[ALTERNATIVES, LITERAL, NULL, UPSTREAM_NARROWED];

    fn random(random: &mut Random) -> Self {
        let (route, global) = (Config::random(random), Config::random(random));
        Self {
            route: (!random.once_in(3)).then_some(route),
            global: random.once_in(2).then_some(global),
        }
    }

    fn file(&self) -> String {
        let plugins =
            |config: &Option<Config>| -> Vec<Value> { config.iter().map(Config::json).collect() };
        json!({
            "_format_version": "3.0",
            "services": [{"name": "s", "url": "http://s", "routes": [
                {"name": "api", "hosts": ["api.example"], "paths": ["/"], "plugins": plugins(&self.route)},
            ]}],
            "plugins": plugins(&self.global),
        })
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let own = self.route.as_ref();
        let own = own.filter(|_| request.host() == "api.example");
        match own.or(self.global.as_ref()) {
            Some(config) => config.answer(request, upstream),
            None => upstream.clone(),
        }
    }
}
