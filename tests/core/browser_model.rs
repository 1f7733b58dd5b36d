//! The oracle: for every policy and every call of `fetch`, every browser lets the script read the response
//! exactly when a simple reading of the policy allows it.

use std::cell::Cell;

use cors::select::policy_set::PolicySet;
use cors::simulate::browser::{Engine, Fetch, Outcome, SetHeader, Upload, Url};
use cors::simulate::exchange::{Incoming, Lines, Response, exchange};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

/// A simple reading of a policy.
#[derive(Clone, Debug)]
struct Plain {
    origins: Vec<&'static str>,
    /// `None`: the default. `["*"]`: any.
    methods: Option<Vec<&'static str>>,
    headers: Vec<&'static str>,
    expose: Vec<&'static str>,
    credentials: bool,
    keep: bool,
    reject: bool,
}

impl Plain {
    fn json(&self) -> Value {
        let mut json = json!({
            "allowOrigins": self.origins,
            "allowHeaders": self.headers,
            "exposeHeaders": self.expose,
            "allowCredentials": self.credentials,
            "upstreamCors": if self.keep { "keep" } else { "override" },
            "unmatchedRequests": if self.reject { "reject" } else { "forward" },
        });
        if let Some(methods) = &self.methods {
            json["allowMethods"] = json!(methods);
        }
        json
    }

    fn allows(&self, fetch: &Fetch) -> bool {
        if ["CONNECT", "TRACE", "TRACK"].contains(&fetch.method.to_uppercase().as_str()) {
            return false;
        }
        self.allows_origin(&fetch.origin)
            && (self.credentials || !fetch.credentials)
            && self.allows_method(&fetch.method)
            && fetch
                .headers
                .iter()
                .all(|header| self.allows_header(&header.name))
    }

    fn allows_origin(&self, origin: &str) -> bool {
        match origin {
            "null" => {
                self.origins.contains(&"null") || (self.origins == ["*"] && !self.credentials)
            }
            origin => self.origins.iter().any(|pattern| matches(pattern, origin)),
        }
    }

    fn allows_method(&self, method: &str) -> bool {
        // A browser converts these to upper case; GET, HEAD and POST need no permission.
        let method = match method {
            "get" | "post" | "put" | "delete" => method.to_uppercase(),
            other => other.to_owned(),
        };
        let listed = self.methods.clone().unwrap_or_default();
        ["GET", "HEAD", "POST"].contains(&method.as_str())
            || listed == ["*"]
            || listed.contains(&method.as_str())
    }

    fn allows_header(&self, name: &str) -> bool {
        // Safelisted, or never sent.
        ["accept", "cookie"].contains(&name)
            || self.headers.contains(&"*")
            || self
                .headers
                .iter()
                .any(|listed| listed.eq_ignore_ascii_case(name))
    }
}

/// Whether a pattern of `allowOrigins` matches, by separate code.
fn matches(pattern: &str, origin: &str) -> bool {
    match pattern {
        "*" => true,
        "https://*" => origin.starts_with("https://") && origin.matches(':').count() == 1,
        "https://*.a.example" => origin.starts_with("https://") && origin.ends_with(".a.example"),
        "https://a.example:*" => {
            origin == "https://a.example" || origin.starts_with("https://a.example:")
        }
        exact => exact == origin,
    }
}

const ENGINES: &[Engine] = &[
    Engine::Standard,
    Engine::Chromium,
    Engine::Firefox,
    Engine::WebKit,
];

const ORIGINS: &[&str] = &[
    "null",
    "https://a.example",
    "https://a.example:8443",
    "https://b.a.example",
    "https://c.b.a.example",
    "https://eva.example",
    "https://a.example.evil.example",
    "http://a.example",
    "http://b.a.example",
    "http://localhost:3000",
    "https://xn--bcher-kva.example",
    "https://[2001:db8::1]:8443",
];

fn some_of(
    values: &'static [&'static str],
    most: usize,
) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(values, 0..=most)
}

fn origins() -> impl Strategy<Value = Vec<&'static str>> {
    let listed = prop::sample::subsequence(
        vec![
            "https://a.example",
            "https://*.a.example",
            "https://a.example:*",
            "https://*",
            "http://localhost:3000",
            "null",
        ],
        1..=3,
    );
    prop_oneof![1 => Just(vec!["*"]), 4 => listed]
}

fn policies() -> impl Strategy<Value = Plain> {
    let methods = prop_oneof![
        Just(None),
        Just(Some(vec!["*"])),
        some_of(&["GET", "PUT", "DELETE", "PATCH", "patch"], 4).prop_map(Some),
    ];
    let headers = prop_oneof![
        Just(vec!["*"]),
        some_of(&["content-type", "Authorization", "X-A"], 3),
    ];
    let expose = prop_oneof![Just(vec!["*"]), some_of(&["x-request-id", "ETag"], 2)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (origins(), methods, headers, expose, flags).prop_map(
        |(origins, methods, headers, expose, (credentials, keep, reject))| Plain {
            // The two together are a configuration error.
            credentials: credentials && !origins.contains(&"null"),
            origins,
            methods,
            headers,
            expose,
            keep,
            reject,
        },
    )
}

fn fetches() -> impl Strategy<Value = Fetch> {
    let method = prop::sample::select(vec![
        "GET", "POST", "PUT", "put", "DELETE", "PATCH", "patch", "TRACE",
    ]);
    let headers = some_of(
        &[
            "accept",
            "content-type",
            "authorization",
            "x-a",
            "x-b",
            "cookie",
        ],
        3,
    );
    (
        prop::sample::select(ORIGINS),
        method,
        headers,
        any::<bool>(),
        prop::sample::select(ENGINES),
    )
        .prop_map(|(origin, method, headers, credentials, engine)| Fetch {
            engine,
            origin: origin.to_owned(),
            url: Url::parse("https://api.example/path?query").unwrap(),
            method: method.to_owned(),
            headers: headers.into_iter().map(SetHeader::named).collect(),
            credentials,
            upload: Upload::Whole,
        })
}

/// Answers of upstreams; those with CORS headers grant everything.
fn upstreams() -> impl Strategy<Value = (Response, bool)> {
    (
        prop::sample::select(vec![200, 304, 401, 500]),
        any::<bool>(),
    )
        .prop_map(|(status, grants)| {
            let mut headers = vec![
                ("x-request-id", "1"),
                ("etag", "\"e\""),
                ("set-cookie", "a=b"),
            ];
            if grants {
                headers.extend([
                    ("access-control-allow-origin", "*"),
                    ("access-control-allow-credentials", "true"),
                    ("access-control-expose-headers", "set-cookie"),
                ]);
            }
            let headers = headers.into_iter().collect();
            (Response { status, headers }, grants)
        })
}

#[test]
fn a_script_reads_what_the_policy_allows_and_nothing_else() {
    let (readable, blocked) = (Cell::new(0), Cell::new(0));
    let config = Config {
        cases: 20_000,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(
            &(policies(), fetches(), upstreams()),
            |(plain, fetch, (upstream, grants))| {
                // The upstream decides about the headers that are kept.
                let keep = plain.keep && !grants;
                let plain = Plain { keep, ..plain };
                let json = plain.json().to_string();
                let (plugin, diagnostics) = PolicySet::from_bytes(json.as_bytes());
                let Some(plugin) = plugin else {
                    return Err(TestCaseError::fail(format!("{json}: {diagnostics:?}")));
                };
                let mut server = |headers: Lines| {
                    let request = Incoming {
                        headers,
                        ..Incoming::default()
                    };
                    exchange(&plugin, request, upstream.clone()).response
                };
                let outcome = fetch.run(&mut server);
                prop_assert_eq!(
                    outcome.is_readable(),
                    plain.allows(&fetch),
                    "{} {:?}",
                    json,
                    outcome
                );
                let counted = if outcome.is_readable() {
                    &readable
                } else {
                    &blocked
                };
                counted.set(counted.get() + 1);
                if let Outcome::Readable { exposed } = outcome {
                    let reads =
                        |name: &str| exposed.iter().any(|own| own.eq_ignore_ascii_case(name));
                    prop_assert!(!reads("set-cookie"), "{} exposes set-cookie", json);
                    for name in ["x-request-id", "etag"] {
                        let is_exposed = plain.expose.contains(&"*")
                            || plain
                                .expose
                                .iter()
                                .any(|own| own.eq_ignore_ascii_case(name));
                        prop_assert_eq!(reads(name), is_exposed, "{} {}", json, name);
                    }
                }
                Ok(())
            },
        )
        .unwrap();
    // Both halves must be tested often enough.
    for (kind, count) in [("readable", readable.get()), ("blocked", blocked.get())] {
        assert!(count > 2_000, "only {count} {kind}");
    }
}
