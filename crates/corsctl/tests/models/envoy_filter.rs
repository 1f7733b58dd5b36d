//! Envoy's own filter, after its
//! [source](https://github.com/envoyproxy/envoy/blob/v1.36.4/source/extensions/filters/http/cors/cors_filter.cc):
//! each field comes from the most specific policy that has it.

use cors::simulate::exchange::Response;
use regex_lite::Regex;
use serde_json::{Value, json};
use support::random::Random;

use crate::parts::{Parts, Request, reply, some, with};

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

    pub fn json(&self) -> Value {
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
