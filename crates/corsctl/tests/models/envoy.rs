//! Envoy's own filter, after its
//! [source](https://github.com/envoyproxy/envoy/blob/v1.36.4/source/extensions/filters/http/cors/cors_filter.cc):
//! each field comes from the most specific policy that has it.

use cors::simulate::exchange::Response;
use regex_lite::Regex;
use serde_json::{Value, json};
use support::random::Random;

use crate::classes::{
    Class, DEFAULT_PREFLIGHTS, EXPOSED, FORWARDED, NARROWED, NULL, PREFIX, UPSTREAM_NARROWED,
};
use crate::compare::{Request, System, compare};
use crate::parts::{Parts, reply, some, with};

#[test]
fn envoys_meaning_is_kept_or_reported() {
    compare::<Envoy>();
}

/// A CorsPolicy, as every system that runs on Envoy writes one.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    pub origins: Vec<Matcher>,
    pub parts: Parts,
    pub credentials: Option<bool>,
    pub forward: Option<bool>,
}

/// A kind of string matcher, and its text.
pub type Matcher = (&'static str, &'static str);

impl Policy {
    pub fn random(random: &mut Random, matchers: &[Matcher]) -> Self {
        let parts = Parts::random(random);
        Self {
            origins: some(random, matchers),
            credentials: random.pick(&[None, Some(parts.credentials)]),
            parts,
            forward: random.pick(&[None, None, Some(false), Some(true)]),
        }
    }

    fn json(&self) -> Value {
        let matcher = |(kind, text): &Matcher| match *kind {
            "safe_regex" => json!({"safe_regex": {"regex": text}}),
            kind => json!({kind: text}),
        };
        let origins: Vec<_> = self.origins.iter().map(matcher).collect();
        let mut policy = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
            "allow_origin_string_match": origins,
            "allow_methods": self.parts.methods.join(", "),
            "allow_headers": self.parts.headers.join(", "),
            "expose_headers": self.parts.expose.join(", "),
            "max_age": "600",
        });
        if let Some(credentials) = self.credentials {
            policy["allow_credentials"] = json!(credentials);
        }
        if let Some(forward) = self.forward {
            policy["forward_not_matching_preflights"] = json!(forward);
        }
        policy
    }
}

/// What the filter answers under policies, the most specific first.
pub fn answer(policies: &[&Policy], request: &Request, upstream: &Response) -> Response {
    let lists = |list: fn(&Policy) -> &Vec<&'static str>| {
        let mut lists = policies.iter().map(|policy| list(policy).join(", "));
        lists.find(|list| !list.is_empty()).unwrap_or_default()
    };
    let flag = |flag: fn(&Policy) -> Option<bool>| policies.iter().find_map(|policy| flag(policy));
    let origins = policies.iter().map(|policy| &policy.origins);
    let origins = origins.into_iter().find(|list| !list.is_empty());
    let origin = request.origin();
    let mut matchers = origins.into_iter().flatten();
    let is_allowed =
        matchers.any(|(kind, text)| matches(kind, text, "*") || matches(kind, text, origin));
    if origin.is_empty() || policies.is_empty() {
        return upstream.clone();
    }
    let credentials = match flag(|policy| policy.credentials) {
        Some(true) => "true".to_owned(),
        _ => String::new(),
    };
    let echo = |list: String, asked: &str| if list == "*" { asked.to_owned() } else { list };
    if request.is_preflight() {
        if !is_allowed && flag(|policy| policy.forward).unwrap_or(true) {
            return upstream.clone();
        }
        let allowed = if is_allowed { origin } else { "" };
        let methods = lists(|policy| &policy.parts.methods);
        let headers = lists(|policy| &policy.parts.headers);
        return reply(
            200,
            &[
                ("access-control-allow-origin", allowed.to_owned()),
                ("access-control-allow-credentials", credentials),
                (
                    "access-control-allow-methods",
                    echo(methods, request.asked_method()),
                ),
                (
                    "access-control-allow-headers",
                    echo(headers, request.asked_headers()),
                ),
            ],
        );
    }
    if !is_allowed {
        return upstream.clone();
    }
    with(
        upstream,
        &[
            ("access-control-allow-origin", origin.to_owned()),
            ("access-control-allow-credentials", credentials),
            (
                "access-control-expose-headers",
                lists(|policy| &policy.parts.expose),
            ),
        ],
    )
}

fn matches(kind: &str, text: &str, origin: &str) -> bool {
    match kind {
        "exact" => origin == text,
        "prefix" => origin.starts_with(text),
        "suffix" => origin.ends_with(text),
        "contains" => origin.contains(text),
        _ => Regex::new(&format!("^(?:{text})$"))
            .expect("a regular expression")
            .is_match(origin),
    }
}

/// A virtual host with a policy, a route with another, and a virtual host without any.
#[derive(Debug)]
struct Envoy {
    host: Option<Policy>,
    route: Option<Policy>,
    /// Whether the route's prefix is of whole segments.
    is_segments: bool,
}

impl System for Envoy {
    const FROM: &'static str = "envoy";
    const CLASSES: &'static [Class] = CLASSES;

    fn random(random: &mut Random) -> Self {
        let mut policy = || (!random.once_in(3)).then(|| Policy::random(random, MATCHERS));
        let (host, route) = (policy(), policy());
        Self {
            host,
            route,
            is_segments: random.once_in(2),
        }
    }

    fn file(&self) -> String {
        let config = |policy: &Option<Policy>| match policy {
            Some(policy) => json!({"envoy.filters.http.cors": policy.json()}),
            None => json!({}),
        };
        let prefix = if self.is_segments {
            "path_separated_prefix"
        } else {
            "prefix"
        };
        json!({"virtual_hosts": [
            {"name": "api", "domains": ["api.example"], "typed_per_filter_config": config(&self.host), "routes": [
                {"match": {prefix: "/api"}, "route": {"cluster": "a"}, "typed_per_filter_config": config(&self.route)},
                {"match": {"prefix": "/"}, "route": {"cluster": "b"}},
            ]},
            {"name": "none", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "c"}}]},
        ]})
        .to_string()
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        if request.host() != "api.example" {
            return upstream.clone();
        }
        let path = request.path();
        let is_route = if self.is_segments {
            path == "/api" || path.starts_with("/api/")
        } else {
            path.starts_with("/api")
        };
        let route = self.route.as_ref().filter(|_| is_route);
        let policies: Vec<_> = route.into_iter().chain(&self.host).collect();
        answer(&policies, request, upstream)
    }
}

/// The matchers of a policy at random.
pub const MATCHERS: &[Matcher] = &[
    ("exact", "https://app.example"),
    ("exact", "http://localhost:3000"),
    ("exact", "*"),
    ("prefix", "https://app.example"),
    ("prefix", "https://"),
    ("suffix", ".example.com"),
    ("suffix", "example.com"),
    ("contains", "example.com"),
    ("safe_regex", r"https://[a-z0-9-]+\.example\.com"),
    ("safe_regex", r"(null|https://app\.example)"),
    ("safe_regex", ".*"),
];

const CLASSES: &[Class] = &[
    DEFAULT_PREFLIGHTS,
    EXPOSED,
    FORWARDED,
    NARROWED,
    NULL,
    PREFIX,
    UPSTREAM_NARROWED,
];
