//! Traefik's headers middleware, after its
//! [source](https://github.com/traefik/traefik/blob/v3.5.0/pkg/middlewares/headers/header.go): it
//! writes every list whatever the origin, and only Access-Control-Allow-Origin by it.

use cors::simulate::exchange::Response;
use regex_lite::Regex;
use serde_json::json;
use support::random::Random;

use crate::classes::{ANCHORED, Class, LITERAL, NULL, UPSTREAM};
use crate::compare::{System, compare};
use crate::parts::{Parts, Request, reply, some, with};

#[test]
fn traefiks_meaning_is_kept_or_reported() {
    compare::<Traefik>();
}

/// Two middlewares, and two routers that may use one each.
#[derive(Debug)]
struct Traefik {
    middlewares: [Headers; 2],
    api: Option<usize>,
    rest: Option<usize>,
}

#[derive(Debug)]
struct Headers {
    origins: Vec<&'static str>,
    regexes: Vec<&'static str>,
    parts: Parts,
}

impl Headers {
    fn random(random: &mut Random) -> Self {
        let origins = ["https://app.example", "http://localhost:3000", "*"];
        let regexes = [
            r"^https://[a-z0-9-]+\.example\.com$",
            r"https://app\.example",
            "^null$|^https://app\\.example$",
        ];
        let is_list = random.once_in(2);
        Self {
            origins: if is_list {
                some(random, &origins)
            } else {
                Vec::new()
            },
            regexes: if is_list {
                Vec::new()
            } else {
                some(random, &regexes)
            },
            parts: Parts::random(random),
        }
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let origin = request.origin();
        let is_regex = |regex: &&str| {
            let regex = Regex::new(regex).expect("a regular expression");
            regex.is_match(origin)
        };
        let mut origins = self.origins.iter();
        let allowed = match origins.find(|own| **own == "*" || **own == origin) {
            Some(own) => own,
            None if self.regexes.iter().any(is_regex) => origin,
            None => "",
        };
        let flag = if self.parts.credentials { "true" } else { "" };
        let own = [
            ("access-control-allow-origin", allowed.to_owned()),
            ("access-control-allow-credentials", flag.to_owned()),
        ];
        if request.is_preflight() {
            let lists = [
                ("access-control-allow-methods", self.parts.methods.join(",")),
                ("access-control-allow-headers", self.parts.headers.join(",")),
            ];
            return reply(200, &[own, lists].concat());
        }
        let expose = self.parts.expose.join(",");
        let own = [&own[..], &[("access-control-expose-headers", expose)]].concat();
        with(upstream, &own)
    }
}

impl System for Traefik {
    const FROM: &'static str = "traefik";
    const CLASSES: &'static [Class] = CLASSES;

    fn random(random: &mut Random) -> Self {
        Self {
            middlewares: [Headers::random(random), Headers::random(random)],
            api: random.pick(&[Some(0), Some(1), None]),
            rest: random.pick(&[Some(0), None]),
        }
    }

    fn file(&self) -> String {
        let [a, b] = self.middlewares.each_ref().map(|headers| {
            json!({"headers": {
                "accessControlAllowOriginList": headers.origins,
                "accessControlAllowOriginListRegex": headers.regexes,
                "accessControlAllowMethods": headers.parts.methods,
                "accessControlAllowHeaders": headers.parts.headers,
                "accessControlExposeHeaders": headers.parts.expose,
                "accessControlAllowCredentials": headers.parts.credentials,
                "accessControlMaxAge": 600,
            }})
        });
        let names = |used: Option<usize>| -> Vec<&str> {
            used.iter().map(|index| ["a", "b"][*index]).collect()
        };
        json!({"http": {
            "middlewares": {"a": a, "b": b},
            "routers": {
                "api": {"rule": "Host(`api.example`) && Path(`/api`)", "middlewares": names(self.api), "service": "s"},
                "rest": {"rule": "Host(`api.example`)", "middlewares": names(self.rest), "service": "s"},
            },
        }})
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let used = match (request.host(), request.path()) {
            ("api.example", "/api") => self.api,
            ("api.example", _) => self.rest,
            _ => None,
        };
        match used {
            Some(index) => self.middlewares[index].answer(request, upstream),
            None => upstream.clone(),
        }
    }
}

const CLASSES: &[Class] = &[ANCHORED, LITERAL, NULL, UPSTREAM];
