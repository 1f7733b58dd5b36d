//! APISIX's plugin, after its [documentation](https://apisix.apache.org/docs/apisix/plugins/cors/) and
//! [source](https://github.com/apache/apisix/blob/3.13.0/apisix/plugins/cors.lua).

use cors::simulate::exchange::Response;
use regex_lite::Regex;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::{ANCHORED, Class, LITERAL, NULL, PREFIX, UPSTREAM_NARROWED};
use crate::compare::{System, compare};
use crate::parts::{Parts, Request, reply, some, with};

#[test]
fn apisixs_meaning_is_kept_or_reported() {
    compare::<Apisix>();
}

/// A route with the plugin, a service that has it for a longer path, and a route without it.
#[derive(Debug)]
struct Apisix {
    route: Plugin,
    service: Plugin,
}

#[derive(Debug)]
struct Plugin {
    origins: Vec<&'static str>,
    regexes: Vec<&'static str>,
    parts: Parts,
}

impl Plugin {
    fn random(random: &mut Random) -> Self {
        let exact = ["https://app.example", "http://localhost:3000"];
        let regexes = [r"https://.*\.example\.com$", "^https://app", "null"];
        let mut parts = Parts::random(random);
        for list in [&mut parts.methods, &mut parts.headers] {
            if parts.credentials && (list.is_empty() || list.contains(&"*")) {
                *list = vec!["**"];
            }
        }
        if parts.credentials && (parts.expose.is_empty() || parts.expose.contains(&"*")) {
            parts.expose = vec!["x-b"];
        }
        let origins = match random.below(4) {
            0 if parts.credentials => vec!["**"],
            0 => vec![random.pick(&["*", "**"])],
            1 if !parts.credentials => Vec::new(),
            _ => some(random, &exact),
        };
        let is_regex = random.once_in(3);
        Self {
            origins,
            regexes: if is_regex {
                some(random, &regexes)
            } else {
                Vec::new()
            },
            parts,
        }
    }

    fn json(&self) -> Value {
        let mut plugin = json!({"allow_credential": self.parts.credentials});
        for (name, list) in [
            ("allow_origins", &self.origins),
            ("allow_methods", &self.parts.methods),
            ("allow_headers", &self.parts.headers),
            ("expose_headers", &self.parts.expose),
        ] {
            if !list.is_empty() {
                plugin[name] = json!(list.join(","));
            }
        }
        if !self.regexes.is_empty() {
            plugin["allow_origins_by_regex"] = json!(self.regexes);
        }
        plugin
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let origin = request.origin();
        let is_options = request.method() == "OPTIONS";
        let upstream = if is_options {
            reply(200, &[])
        } else {
            upstream.clone()
        };
        let joined = self.regexes.join("|");
        let allowed = if !self.regexes.is_empty() {
            let regex = Regex::new(&joined).expect("a regular expression");
            if regex.is_match(origin) { origin } else { "" }
        } else if self.origins.is_empty() {
            "*"
        } else if self.origins == ["**"] {
            origin
        } else if let [one] = self.origins.as_slice() {
            one
        } else if self.origins.contains(&origin) {
            origin
        } else {
            ""
        };
        if allowed.is_empty() {
            return upstream;
        }
        let list = |list: &[&'static str]| match list {
            [] => "*".to_owned(),
            list => list.join(","),
        };
        let methods = match list(&self.parts.methods).as_str() {
            "**" => "GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS,CONNECT,TRACE".to_owned(),
            other => other.to_owned(),
        };
        let headers = match list(&self.parts.headers).as_str() {
            "**" => request.asked_headers().to_owned(),
            other => other.to_owned(),
        };
        let flag = if self.parts.credentials { "true" } else { "" };
        with(
            &upstream,
            &[
                ("access-control-allow-origin", allowed.to_owned()),
                ("access-control-allow-methods", methods),
                ("access-control-allow-headers", headers),
                ("access-control-expose-headers", list(&self.parts.expose)),
                ("access-control-allow-credentials", flag.to_owned()),
            ],
        )
    }
}

impl System for Apisix {
    const FROM: &'static str = "apisix";
    const CLASSES: &'static [Class] = &[ANCHORED, LITERAL, NULL, PREFIX, UPSTREAM_NARROWED];

    fn random(random: &mut Random) -> Self {
        Self {
            route: Plugin::random(random),
            service: Plugin::random(random),
        }
    }

    fn file(&self) -> String {
        json!({
            "routes": [
                {"id": "1", "uri": "/*", "host": "api.example", "plugins": {"cors": self.route.json()}},
                {"id": "2", "uri": "/api*", "host": "api.example", "service_id": "s"},
                {"id": "3", "uri": "/*", "host": "www.example"},
            ],
            "services": [{"id": "s", "plugins": {"cors": self.service.json()}}],
        })
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        match request.host() {
            "api.example" if request.path().starts_with("/api") => {
                self.service.answer(request, upstream)
            }
            "api.example" => self.route.answer(request, upstream),
            _ => upstream.clone(),
        }
    }
}
