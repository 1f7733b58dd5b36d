//! Spring Cloud Gateway, after the
//! [processor](https://github.com/spring-projects/spring-framework/blob/v6.2.0/spring-web/src/main/java/org/springframework/web/cors/reactive/DefaultCorsProcessor.java)
//! and the [configuration](https://docs.spring.io/spring-framework/docs/6.2.0/javadoc-api/org/springframework/web/cors/CorsConfiguration.html)
//! of Spring: whatever fails gets 403, and so do preflights of paths without a configuration.

use cors::simulate::exchange::Response;
use regex_lite::Regex;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::{Class, EXPOSED, NARROWED, NULL, SAFELISTED, UPSTREAM};
use crate::compare::{System, compare};
use crate::parts::{Parts, Request, next_to, origins_of_spring, reply};

#[test]
fn springs_meaning_is_kept_or_reported() {
    compare::<Spring>();
}

/// The first pattern that matches holds.
#[derive(Debug)]
struct Spring {
    api: Configuration,
    rest: Option<Configuration>,
}

#[derive(Debug)]
struct Configuration {
    exact: Vec<&'static str>,
    patterns: Vec<&'static str>,
    parts: Parts,
}

impl Configuration {
    fn random(random: &mut Random) -> Self {
        let mut parts = Parts::random(random);
        let (exact, patterns) = origins_of_spring(random);
        parts.credentials &= !exact.contains(&"*");
        Self {
            exact,
            patterns,
            parts,
        }
    }

    fn json(&self) -> Value {
        json!({
            "allowedOrigins": self.exact,
            "allowedOriginPatterns": self.patterns,
            "allowedMethods": self.parts.methods,
            "allowedHeaders": self.parts.headers,
            "exposedHeaders": self.parts.expose,
            "allowCredentials": self.parts.credentials,
            "maxAge": 600,
        })
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let origin = request.origin();
        let mut patterns = self.patterns.iter();
        let allowed = if self.exact.contains(&"*") {
            "*"
        } else if self.exact.contains(&origin) || patterns.any(|pattern| matches(pattern, origin)) {
            origin
        } else {
            return reply(403, &[]);
        };
        let is_preflight = request.is_preflight();
        let method = match is_preflight {
            true => request.asked_method(),
            false => request.method(),
        };
        let methods = match self.parts.methods.as_slice() {
            [] => vec!["GET", "HEAD"],
            ["*"] => vec![method],
            methods => methods.to_vec(),
        };
        let headers = &self.parts.headers;
        let asked = request.asked_headers().split(',');
        let asked: Vec<_> = asked.filter(|name| !name.is_empty()).collect();
        let is_listed = |name: &&&str| {
            headers.contains(&"*") || headers.iter().any(|own| own.eq_ignore_ascii_case(name))
        };
        let listed: Vec<_> = asked.iter().filter(is_listed).copied().collect();
        if !methods.contains(&method) || !asked.is_empty() && listed.is_empty() {
            return reply(403, &[]);
        }
        let flag = if self.parts.credentials { "true" } else { "" };
        let own = [
            ("access-control-allow-origin", allowed.to_owned()),
            ("access-control-allow-credentials", flag.to_owned()),
            ("access-control-expose-headers", self.parts.expose.join(",")),
        ];
        if !is_preflight {
            return next_to(upstream, &own);
        }
        let lists = [
            ("access-control-allow-methods", methods.join(",")),
            ("access-control-allow-headers", listed.join(",")),
        ];
        reply(200, &[&own[..], &lists].concat())
    }
}

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
    let regex = Regex::new(&format!("^{}{port}$", parts.join(".*")));
    regex.expect("a regular expression").is_match(origin)
}

/// A preflight of a path that no pattern covers.
const OTHER_PATHS: Class = Class {
    code: "other-paths-forwarded",
    covers: |difference| difference.upstream_grants && difference.is_wider,
};

impl System for Spring {
    const FROM: &'static str = "spring";
    const CLASSES: &'static [Class] = &[EXPOSED, NARROWED, NULL, OTHER_PATHS, SAFELISTED, UPSTREAM];

    fn random(random: &mut Random) -> Self {
        let rest = Configuration::random(random);
        Self {
            api: Configuration::random(random),
            rest: (!random.once_in(2)).then_some(rest),
        }
    }

    fn file(&self) -> String {
        let mut all = json!({"[/api/**]": self.api.json()});
        if let Some(rest) = &self.rest {
            all["[/**]"] = rest.json();
        }
        // serde_json sorts the keys, of which the first would be the wider one.
        let text =
            json!({"spring": {"cloud": {"gateway": {"globalcors": {"corsConfigurations": {}}}}}});
        let (api, rest) = (all["[/api/**]"].to_string(), all["[/**]"].to_string());
        let rest = self
            .rest
            .as_ref()
            .map_or_else(String::new, |_| format!(", \"[/**]\": {rest}"));
        text.to_string()
            .replace("{}", &format!("{{\"[/api/**]\": {api}{rest}}}"))
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let path = request.path();
        let is_api = path == "/api" || path.starts_with("/api/");
        let own = if is_api {
            Some(&self.api)
        } else {
            self.rest.as_ref()
        };
        match own {
            _ if request.origin().is_empty() => upstream.clone(),
            Some(configuration) => configuration.answer(request, upstream),
            None if request.is_preflight() => reply(403, &[]),
            None => upstream.clone(),
        }
    }
}
