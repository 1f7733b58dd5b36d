//! The oracle: for every policy and every call of `fetch`, every browser lets the script read the response
//! exactly when a simple reading of the policy allows it.

use std::cell::Cell;

use cors::diagnostic::{Code, Diagnostic};
use cors::select::policy_set::PolicySet;
use cors::simulate::browser::{Engine, Fetch, Outcome, SetHeader, Upload, Url};
use cors::simulate::exchange::{Incoming, Lines, Response, exchange};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

/// A simple reading of a policy.
#[derive(Clone, Debug)]
struct Plain {
    /// The policy's own fields, then `grants`.
    grants: Vec<Grant>,
    keep: bool,
    reject: bool,
}

/// A simple reading of a grant.
#[derive(Clone, Debug)]
struct Grant {
    origins: Vec<&'static str>,
    /// `None`: the default. `["*"]`: any.
    methods: Option<Vec<&'static str>>,
    headers: Vec<&'static str>,
    expose: Vec<&'static str>,
    credentials: bool,
}

impl Plain {
    fn json(&self) -> Value {
        let [own, others @ ..] = &self.grants[..] else {
            panic!("no grant");
        };
        let mut json = own.json();
        if !others.is_empty() {
            json["grants"] = others.iter().map(Grant::json).collect();
        }
        json["upstreamCors"] = if self.keep { "keep" } else { "override" }.into();
        json["unmatchedRequests"] = if self.reject { "reject" } else { "forward" }.into();
        json
    }

    /// The first grant that allows the origin.
    fn grant(&self, origin: &str) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.allows_origin(origin))
    }

    fn allows(&self, fetch: &Fetch) -> bool {
        self.grant(&fetch.origin)
            .is_some_and(|grant| grant.allows(fetch))
    }
}

impl Grant {
    fn json(&self) -> Value {
        let mut json = json!({
            "allowOrigins": self.origins,
            "allowHeaders": self.headers,
            "exposeHeaders": self.expose,
            "allowCredentials": self.credentials,
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
            || self.headers.iter().any(|listed| covers(listed, name))
    }

    fn exposes(&self, name: &str) -> bool {
        self.expose.contains(&"*") || self.expose.iter().any(|listed| covers(listed, name))
    }
}

/// Whether an entry of `allowHeaders` or `exposeHeaders` covers a name, by separate code.
fn covers(listed: &str, name: &str) -> bool {
    match listed {
        "x-f-*" => name.starts_with("x-f-") && name != "x-f-",
        listed => listed.eq_ignore_ascii_case(name),
    }
}

/// Whether a pattern of `allowOrigins` matches, by separate code.
fn matches(pattern: &str, origin: &str) -> bool {
    match pattern {
        "*" => true,
        "https://*" => origin.starts_with("https://") && origin.matches(':').count() == 1,
        "https://*.a.example" => origin.starts_with("https://") && origin.ends_with(".a.example"),
        "https://b*.a.example" => {
            let label = origin.strip_prefix("https://b");
            let label = label.and_then(|rest| rest.strip_suffix(".a.example"));
            label.is_some_and(|label| !label.is_empty() && !label.contains(['.', ':']))
        }
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
    "https://b1.a.example",
    "https://b1.c.a.example",
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
            "https://b*.a.example",
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
    let flags = (any::<bool>(), any::<bool>());
    (prop::collection::vec(grants(), 1..=3), flags).prop_map(|(mut grants, (keep, reject))| {
        // A pattern is in one grant; one for any origin is in the last.
        let mut listed: Vec<&str> = Vec::new();
        for grant in &mut grants {
            grant.origins.retain(|pattern| !listed.contains(pattern));
            listed.extend(&grant.origins);
        }
        grants.sort_by_key(|grant| {
            grant
                .origins
                .iter()
                .any(|own| ["*", "https://*"].contains(own))
        });
        Plain {
            grants,
            keep,
            reject,
        }
    })
}

fn grants() -> impl Strategy<Value = Grant> {
    let methods = prop_oneof![
        Just(None),
        Just(Some(vec!["*"])),
        some_of(&["GET", "PUT", "DELETE", "PATCH", "patch"], 4).prop_map(Some),
    ];
    let headers = prop_oneof![
        Just(vec!["*"]),
        some_of(&["content-type", "Authorization", "X-A", "x-f-*"], 4),
    ];
    let expose = prop_oneof![
        Just(vec!["*"]),
        some_of(&["x-request-id", "ETag", "x-f-*"], 3)
    ];
    (origins(), methods, headers, expose, any::<bool>()).prop_map(
        |(origins, methods, headers, expose, credentials)| Grant {
            // The two together are a configuration error.
            credentials: credentials && !origins.contains(&"null"),
            origins,
            methods,
            headers,
            expose,
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
            "x-f-",
            "x-f-a",
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
                ("x-f-", "1"),
                ("x-f-b", "1"),
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
    let (readable, blocked, several) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let config = Config {
        cases: 20_000,
        max_global_rejects: 20_000,
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
                    // An origin that an earlier grant allows by a wider pattern; both wildcards.
                    let codes = [Code::GrantNeverReached, Code::AnyOriginNotLast];
                    let never = |error: &Diagnostic| codes.contains(&error.code);
                    if plain.grants.len() > 1 && diagnostics.errors().all(never) {
                        return Err(TestCaseError::reject("a grant that is never reached"));
                    }
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
                if plain.grants.len() > 1 {
                    several.set(several.get() + 1);
                }
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
                    for name in ["x-request-id", "etag", "x-f-", "x-f-b"] {
                        let grant = plain.grant(&fetch.origin);
                        let exposes = grant.is_some_and(|grant| grant.exposes(name));
                        prop_assert_eq!(reads(name), exposes, "{} {}", json, name);
                    }
                }
                Ok(())
            },
        )
        .unwrap();
    // Each kind must be tested often enough.
    for (kind, count) in [
        ("readable", readable.get()),
        ("blocked", blocked.get()),
        ("with several grants", several.get()),
    ] {
        assert!(count > 2_000, "only {count} {kind}");
    }
}
