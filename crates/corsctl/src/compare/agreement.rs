//! Verdicts against sampled requests: what is equal never differs, what is narrower allows nothing new,
//! and every example is true.

use std::cell::Cell;

use cors::config::json::Json;
use cors::select::policy_set::PolicySet;
use cors::simulate::browser::{Engine, Fetch, Outcome, SetHeader, Upload, Url};
use cors::simulate::exchange::{Exchange, Incoming, Lines, Response, exchange};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::compare::ask::{Direction, Example};
use crate::compare::finder::Finder;
use crate::compare::rows::{Row, Verdict, rows};
use crate::compare::side::{By, Side, Target};

const PATTERNS: [&str; 27] = [
    "https://pr-*.example.com",
    "https://*-team.example.com",
    "https://pr-*-team.example.com:*",
    "https://pr-1.example.com",
    "https://{tenant}.example.com",
    "https://app.example.com",
    "https://a.example.com",
    "https://a.b.example.com",
    "https://app.example.com:8443",
    "https://app.example.com:*",
    "https://*.example.com",
    "https://*.b.example.com",
    "https://*.example.com:8443",
    "https://*.example.com:*",
    "http://*.example.com",
    "http://localhost:*",
    "http://localhost",
    "http://localhost:3000",
    "https://*",
    "https://*:*",
    "http://*",
    "app://*",
    "app://.",
    "https://[::1]:*",
    "https://app.example.com/",
    "https://a.example.com:443",
    "null",
];

const REGEXES: [&str; 14] = [
    r"https://.*\.example\.com",
    r"https://[a-z0-9-]+\.example\.com",
    r"https://(a|app)\.example\.com",
    r"https://([a-z0-9_-]+\.)+example\.com",
    r"https://.*",
    r"https?://localhost(:\d+)?",
    r"http://localhost(:[1-9]\d{0,4})?",
    r"https://.*example\.com",
    r"https://app\.example\.com(:\d+)?",
    r"(?i)https://A\.example\.com",
    r"app://.*",
    r".*",
    r"https://\[.*\](:\d+)?",
    r"https://a\.b\.example\.com",
];

const ORIGINS: [&str; 39] = [
    "https://pr-1.example.com",
    "https://pr-1-team.example.com",
    "https://pr-1-team.example.com:8443",
    "https://x.pr-1.example.com",
    "https://shop.example.com",
    "https://app.example.com",
    "https://a.example.com",
    "https://b.example.com",
    "https://a.b.example.com",
    "https://x_1.y.b.example.com",
    "https://example.com",
    "https://evilexample.com",
    "https://a.example.com.",
    "https://a.example.com:8443",
    "https://app.example.com:8443",
    "https://app.example.com:3000",
    "https://app.example.com:443",
    "https://a.example.com:443",
    "https://app.example.com/",
    "http://a.example.com",
    "http://app.example.com",
    "http://localhost",
    "http://localhost:3000",
    "https://localhost:3000",
    "http://localhost:80",
    "https://evil.test",
    "https://evil.test:8443",
    "http://evil.test",
    "https://[::1]",
    "https://[::1]:8443",
    "https://[2001:db8::1]",
    "app://.",
    "app://x",
    "app://a..b",
    "ftp://x",
    "null",
    "https://A.example.com",
    "https://-.example.com",
    "https://api.example.com",
];

const HOSTS: [&str; 6] = [
    "api.example.com",
    "shop.example.com",
    "a.shop.example.com",
    "other.test",
    "API.example.com",
    "localhost",
];

const PATHS: [&str; 10] = [
    "/t/app",
    "/t/a/x",
    "/t/a/b/c",
    "/",
    "/admin",
    "/admin/x",
    "/login",
    "/login/x",
    "/v1/users",
    "/administration",
];

const ROUTES: [&str; 4] = [
    "",
    "httproute/shop/api/rule/0",
    "httproute/shop/web/rule/0",
    "main",
];

/// Further grants of a policy, sometimes.
fn any_grants() -> BoxedStrategy<Option<(&'static str, Value)>> {
    let grant = (
        subsequence(PATTERNS.to_vec(), 1..3),
        select(vec![
            json!({}),
            json!({"allowCredentials": true}),
            json!({"allowMethods": ["PUT"]}),
            json!({"allowHeaders": ["x-a"]}),
        ]),
    );
    let grant = grant.prop_map(|(origins, mut grant)| {
        grant["allowOrigins"] = json!(origins);
        grant
    });
    prop_oneof![
        4 => Just(None),
        1 => vec(grant, 1..3).prop_map(|grants| Some(("grants", json!(grants)))),
    ]
    .boxed()
}

fn any_policy() -> BoxedStrategy<Value> {
    let origins = prop_oneof![
        1 => Just(vec!["*"]),
        6 => subsequence(PATTERNS.to_vec(), 0..4),
    ];
    let regexes = prop_oneof![3 => Just(Vec::new()), 1 => subsequence(REGEXES.to_vec(), 1..3)];
    let field = |name: &'static str, values: Vec<Value>| {
        prop_oneof![
            5 => Just(None),
            2 => select(values).prop_map(move |value| Some((name, value))),
        ]
        .boxed()
    };
    let fields = (
        field("allowCredentials", vec![json!(true), json!(false)]),
        field(
            "allowMethods",
            vec![
                json!(["*"]),
                json!(["GET"]),
                json!(["GET", "PUT"]),
                json!(["PUT", "GET"]),
            ],
        ),
        field(
            "allowHeaders",
            vec![
                json!(["*"]),
                json!(["content-type"]),
                json!(["X-A", "accept"]),
                json!(["x-fam-*"]),
            ],
        ),
        field(
            "exposeHeaders",
            vec![
                json!(["*"]),
                json!(["x-a"]),
                json!(["x-a", "X-B"]),
                json!(["x-fam-*"]),
            ],
        ),
        field("maxAge", vec![json!(5), json!("10m")]),
        field(
            "mode",
            vec![json!("off"), json!("shadow"), json!("enforce")],
        ),
        field("unmatchedRequests", vec![json!("reject"), json!("forward")]),
        field("upstreamCors", vec![json!("keep"), json!("override")]),
        field(
            "unmatchedPreflights",
            vec![json!("ignore"), json!("forward")],
        ),
        (
            field(
                "hosts",
                vec![json!(["*.example.com"]), json!(["api.example.com"])],
            ),
            field(
                "presets",
                vec![json!(["mcp"]), json!(["open"]), json!(["grpc-web"])],
            ),
            field("hideCorsFromUpstream", vec![json!(true)]),
            field("allowPrivateNetwork", vec![json!(true)]),
            field("timingAllowOrigin", vec![json!(true)]),
            any_grants(),
        ),
    );
    (origins, regexes, fields)
        .prop_map(|(origins, regexes, fields)| {
            let (a, b, c, d, e, f, g, h, i, (j, k, l, m, n, o)) = fields;
            let mut policy = json!({"allowOrigins": origins});
            if !regexes.is_empty() {
                policy["allowOriginRegexes"] = json!(regexes);
            }
            for (name, value) in [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o]
                .into_iter()
                .flatten()
            {
                policy[name] = value;
            }
            policy
        })
        .boxed()
}

fn any_match() -> BoxedStrategy<Value> {
    let kind = |name: &'static str, values: &[&'static str]| {
        prop_oneof![
            1 => Just(None),
            1 => subsequence(values.to_vec(), 1..3).prop_map(move |values| Some((name, values))),
        ]
    };
    let kinds = (
        kind(
            "hostnames",
            &[
                "{tenant}.example.com",
                "{tenant}.shop.example.com",
                "api.example.com",
                "*.example.com",
                "*.shop.example.com",
                "other.test",
            ],
        ),
        kind(
            "pathPrefixes",
            &["/admin", "/", "/v1", "/t/{tenant}", "/t/a"],
        ),
        kind("exactPaths", &["/admin", "/login", "/v1/users"]),
        kind(
            "routeNames",
            &["httproute/shop/api/*", "httproute/shop/*", "main"],
        ),
    );
    kinds
        .prop_map(|(hosts, prefixes, exact, routes)| {
            let kinds = [hosts, prefixes.filter(|_| exact.is_none()), exact, routes];
            let pairs = kinds.into_iter().flatten();
            Value::Object(
                pairs
                    .map(|(name, values)| (name.to_owned(), json!(values)))
                    .collect(),
            )
        })
        .boxed()
}

fn any_configuration() -> BoxedStrategy<Value> {
    let rules = vec((any_match(), any_policy(), any::<bool>()), 0..3);
    (any_policy(), rules, any::<bool>())
        .prop_map(|(policy, rules, has_top)| {
            let mut configuration = if has_top || rules.is_empty() {
                policy
            } else {
                json!({})
            };
            let rules =
                rules
                    .into_iter()
                    .enumerate()
                    .map(|(index, (matched, policy, is_named))| {
                        let mut rule = json!({"match": matched, "policy": policy});
                        if is_named {
                            rule["name"] = json!(format!("rule-{index}"));
                        }
                        rule
                    });
            let rules: Vec<Value> = rules.collect();
            if !rules.is_empty() {
                configuration["rules"] = json!(rules);
            }
            configuration
        })
        .boxed()
}

/// Two configurations: most often with one difference, which no other hides.
fn any_pair() -> BoxedStrategy<(Value, Value)> {
    let parts = (any_configuration(), any_configuration(), any_policy());
    (parts, 0..8, any::<prop::sample::Index>()).prop_map(|((mut old, other, policy), how, which)| {
        let fields = policy.as_object().expect("a policy");
        let (name, value) = fields.iter().nth(which.index(fields.len())).expect("a field");
        match how {
            0 => return (old, other),
            1 => {
                let mut new = old.clone();
                if let Some(rules) = new.get_mut("rules").and_then(Value::as_array_mut) {
                    rules.remove(0);
                }
                return (old, new);
            }
            // Nothing but origins, so that each pattern counts.
            2..=4 => {
                old = json!({"allowOrigins": old.get("allowOrigins").unwrap_or(&json!(["https://a.example.com"]))});
                let mut new = json!({"allowOrigins": policy["allowOrigins"]});
                if let Some(regexes) = policy.get("allowOriginRegexes") {
                    new["allowOriginRegexes"] = regexes.clone();
                }
                return if how == 2 { (old, new) } else { (new, old) };
            }
            _ => {}
        }
        let mut new = old.clone();
        if new.get("rules").is_some() {
            new["rules"][0]["policy"][name] = value.clone();
        } else {
            new[name] = value.clone();
        }
        if how % 2 == 0 { (old, new) } else { (new, old) }
    })
    .boxed()
}

#[derive(Clone, Debug)]
struct Sample {
    origin: &'static str,
    host: &'static str,
    path: &'static str,
    route: &'static str,
    method: &'static str,
    header: &'static str,
    credentials: bool,
    grants: bool,
}

fn any_sample() -> BoxedStrategy<Sample> {
    let what = (
        select(ORIGINS.to_vec()),
        select(HOSTS.to_vec()),
        select(PATHS.to_vec()),
        select(ROUTES.to_vec()),
    );
    let how = (
        select(vec!["GET", "POST", "PUT", "DELETE", "X-OTHER"]),
        select(vec![
            "",
            "",
            "content-type",
            "x-a",
            "x-b",
            "authorization",
            "accept",
            "x-fam-q",
        ]),
        any::<bool>(),
        prop::bool::weighted(0.2),
    );
    (what, how)
        .prop_map(
            |((origin, host, path, route), (method, header, credentials, grants))| Sample {
                origin,
                host,
                path,
                route,
                method,
                header,
                credentials,
                grants,
            },
        )
        .boxed()
}

impl Sample {
    fn target(&self) -> Target {
        Target {
            host: self.host.to_owned(),
            path: self.path.to_owned(),
            route_name: (!self.route.is_empty()).then(|| self.route.to_owned()),
            route_policy: None,
        }
    }

    /// What a script reads: the response at all, and which of some headers; whether the upstream is reached
    /// by a form, and without Origin; whether it sees a form without its Origin; and whether a preflight for
    /// a private network is granted.
    fn possible(&self, plugin: &PolicySet) -> Vec<bool> {
        let mut url = Url {
            scheme: "https".to_owned(),
            authority: self.host.to_ascii_lowercase(),
            path: self.path.to_owned(),
        };
        if url.origin() == self.origin {
            url.authority.push_str(":8443");
        }
        let fetch = Fetch {
            engine: Engine::Standard,
            origin: self.origin.to_owned(),
            url,
            method: self.method.to_owned(),
            headers: vec![self.header.to_owned()]
                .into_iter()
                .filter(|name| !name.is_empty())
                .map(SetHeader::named)
                .collect(),
            credentials: self.credentials,
            upload: Upload::Whole,
        };
        let outcome = run(plugin, &fetch, &self.target(), self.grants);
        let reads = |name: &str| match &outcome {
            Outcome::Readable { exposed } => {
                exposed.iter().any(|known| known.eq_ignore_ascii_case(name))
            }
            Outcome::Blocked { .. } => false,
        };
        let reach = |lines: &[(&str, &str)]| self.send(plugin, lines).forwarded.is_some();
        let form = [("sec-fetch-site", "cross-site"), ("origin", self.origin)];
        let own = format!("http://{}", self.host.to_ascii_lowercase());
        let forwarded = self.send(plugin, &form).forwarded;
        let preflight = [
            (":method", "OPTIONS"),
            ("origin", self.origin),
            ("access-control-request-method", "GET"),
            ("access-control-request-private-network", "true"),
        ];
        vec![
            outcome.is_readable(),
            reads("x-a"),
            reads("x-b"),
            reads("x-c"),
            reads("x-fam-q"),
            self.send(plugin, &form)
                .response
                .headers
                .get("timing-allow-origin")
                .is_some(),
            reach(&form),
            reach(&[("origin", &own)]),
            reach(&[]),
            forwarded.is_some_and(|request| request.get("origin").is_none()),
            self.send(plugin, &preflight)
                .response
                .headers
                .get("access-control-allow-private-network")
                .is_some(),
        ]
    }

    fn send(&self, plugin: &PolicySet, lines: &[(&str, &str)]) -> Exchange {
        let own = [
            (":method", "POST"),
            (":authority", self.host),
            (":path", self.path),
        ];
        let target = self.target();
        let request = Incoming {
            headers: own
                .iter()
                .filter(|(name, _)| lines.iter().all(|(given, _)| given != name))
                .chain(lines)
                .copied()
                .collect(),
            route_name: target.route_name,
            route_policy: None,
        };
        exchange(plugin, request, Response::default())
    }
}

fn run(plugin: &PolicySet, fetch: &Fetch, target: &Target, grants: bool) -> Outcome {
    fetch.run(|request| {
        let text =
            |name| String::from_utf8_lossy(request.get(name).unwrap_or_default()).into_owned();
        let mut headers: Vec<(&str, String)> = ["x-a", "x-b", "x-c", "x-fam-q"]
            .map(|name| (name, "1".to_owned()))
            .into();
        if grants {
            headers.push(("access-control-allow-origin", text("origin")));
            headers.push(("access-control-allow-credentials", "true".to_owned()));
            headers.push((
                "access-control-allow-methods",
                text("access-control-request-method"),
            ));
            headers.push((
                "access-control-allow-headers",
                text("access-control-request-headers"),
            ));
        }
        let headers: Lines = headers
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let upstream = Response {
            status: 200,
            headers,
        };
        let request = Incoming {
            headers: request,
            route_name: target.route_name.clone(),
            route_policy: target.route_policy.clone(),
        };
        exchange(plugin, request, upstream).response
    })
}

fn node(value: &Value) -> Json {
    Json::parse_json(value.to_string().as_bytes()).expect("JSON")
}

fn plugin(node: &Json) -> Option<PolicySet> {
    PolicySet::from_json(node).0
}

fn says(row: &Row, direction: Direction) -> bool {
    row.changes
        .iter()
        .any(|change| change.direction == direction)
}

/// Whether the example shows what its change says.
fn is_true(example: &Example, direction: Direction) -> bool {
    let is_possible = |words: &str| {
        [
            "reads",
            "reaches the upstream",
            "sees no Origin",
            "answers with 2",
        ]
        .iter()
        .any(|part| words.contains(part))
    };
    let (old, new) = (is_possible(&example.old), is_possible(&example.new));
    match direction {
        Direction::Wider => !old && new,
        Direction::Narrower => old && !new,
        _ => false,
    }
}

/// Compares a pair, and checks the samples against the verdict; `false` if the module rejects one of them.
fn agree(old: &Value, new: &Value, samples: Vec<Sample>) -> Result<bool, TestCaseError> {
    let (old_node, new_node) = (node(old), node(new));
    let (Some(one), Some(other)) = (plugin(&old_node), plugin(&new_node)) else {
        return Ok(false);
    };
    let (old_side, new_side) = (Side::new(one, &old_node), Side::new(other, &new_node));
    let rows = rows(&old_side, &new_side, &mut Finder::default());
    for row in &rows {
        prop_assert_eq!(row.verdict == Verdict::Wider, says(row, Direction::Wider));
        for change in &row.changes {
            match (&change.example, change.direction) {
                (Some(example), Direction::Wider | Direction::Narrower)
                    if change.field != "allowPrivateNetwork"
                        && change.field != "timingAllowOrigin" =>
                {
                    prop_assert!(
                        is_true(example, change.direction),
                        "{change:?}\n{old}\n{new}"
                    );
                }
                (None, Direction::Wider | Direction::Narrower) => prop_assert!(false, "{change:?}"),
                _ => {}
            }
        }
    }
    for sample in samples {
        let target = sample.target();
        let by: [By; 2] = [
            old_side.governing(&target).by,
            new_side.governing(&target).by,
        ];
        let of: Vec<&Row> = rows.iter().filter(|row| row.by == by).collect();
        prop_assert!(!of.is_empty(), "no row for {sample:?}\n{old}\n{new}");
        let is_said = |direction| {
            of.iter()
                .any(|row| says(row, direction) || says(row, Direction::Undecided))
        };
        let before = sample.possible(&old_side.plugin);
        let now = sample.possible(&new_side.plugin);
        for (index, pair) in before.into_iter().zip(now).enumerate() {
            match pair {
                (false, true) => prop_assert!(
                    is_said(Direction::Wider),
                    "wider ({index}): {sample:?}\n{old}\n{new}\n{of:?}"
                ),
                (true, false) => prop_assert!(
                    is_said(Direction::Narrower),
                    "narrower ({index}): {sample:?}\n{old}\n{new}\n{of:?}"
                ),
                _ => {}
            }
        }
    }
    Ok(true)
}

#[test]
fn sampled_requests_agree_with_every_verdict() {
    let compared = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(CASES));
    let result = runner.run(
        &(any_pair(), vec(any_sample(), 120)),
        |((old, new), samples)| {
            if agree(&old, &new, samples)? {
                compared.set(compared.get() + 1);
            }
            Ok(())
        },
    );
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(
        compared.get() > CASES / 4,
        "{} of {CASES} compared",
        compared.get()
    );
}

#[test]
fn headers_that_only_one_side_exposes_where_the_upstream_grants() {
    let overrides = json!({"allowOrigins": ["*"], "exposeHeaders": ["*"]});
    let mut keeps = overrides.clone();
    keeps["upstreamCors"] = json!("keep");
    let sample = Sample {
        origin: "https://pr-1.example.com",
        host: "api.example.com",
        path: "/t/app",
        route: "",
        method: "GET",
        header: "",
        credentials: false,
        grants: true,
    };
    for (old, new) in [(&keeps, &overrides), (&overrides, &keeps)] {
        let agreed = agree(old, new, vec![sample.clone()]);
        assert!(agreed.is_ok_and(|valid| valid), "{old} {new}");
    }
}

/// A pair that differs in one field has no other to be noticed by.
#[test]
fn each_field_that_differs_is_noticed() {
    let samples: Vec<Sample> = [
        "https://a.example.com",
        "https://app.example.com",
        "https://evil.test",
    ]
    .into_iter()
    .flat_map(|origin| ["api.example.com", "other.test"].map(|host| (origin, host)))
    .flat_map(|(origin, host)| ["GET", "PUT"].map(|method| (origin, host, method)))
    .flat_map(|place| ["", "x-a", "x-fam-q"].map(|header| (place, header)))
    .flat_map(|what| [false, true].map(|credentials| (what, credentials)))
    .flat_map(|what| [false, true].map(|grants| (what, grants)))
    .map(
        |((((origin, host, method), header), credentials), grants)| Sample {
            origin,
            host,
            path: "/",
            route: "",
            method,
            header,
            credentials,
            grants,
        },
    )
    .collect();
    let base = json!({"allowOrigins": ["https://a.example.com"]});
    let fields = [
        ("allowOrigins", json!(["https://app.example.com"])),
        ("allowOrigins", json!(["*"])),
        ("allowOriginRegexes", json!([r"https://.*\.example\.com"])),
        (
            "grants",
            json!([{"allowOrigins": ["https://app.example.com"]}]),
        ),
        ("presets", json!(["mcp"])),
        ("allowCredentials", json!(true)),
        ("allowMethods", json!(["PUT"])),
        ("allowMethods", json!(["*"])),
        ("allowHeaders", json!(["x-a"])),
        ("allowHeaders", json!(["x-fam-*"])),
        ("allowHeaders", json!(["*"])),
        ("exposeHeaders", json!(["x-a"])),
        ("exposeHeaders", json!(["x-fam-*"])),
        ("exposeHeaders", json!(["*"])),
        ("allowPrivateNetwork", json!(true)),
        ("timingAllowOrigin", json!(true)),
        ("hideCorsFromUpstream", json!(true)),
        ("unmatchedRequests", json!("reject")),
        ("upstreamCors", json!("keep")),
        ("mode", json!("off")),
        ("mode", json!("shadow")),
        ("hosts", json!(["api.example.com"])),
    ];
    let with_field = |(field, value): (&'static str, Value)| {
        let mut other = base.clone();
        other[field] = value;
        (field, base.clone(), other)
    };
    let mut pairs: Vec<_> = fields.into_iter().map(with_field).collect();
    // What the preset adds, except its origins.
    let all = json!({
        "allowOrigins": ["https://a.example.com"],
        "allowMethods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"],
        "allowHeaders": ["*"],
        "exposeHeaders": ["*"],
    });
    pairs.push(("presets", all, json!({"presets": ["open"]})));
    for (field, base, other) in &pairs {
        for (old, new) in [(base, other), (other, base)] {
            match agree(old, new, samples.clone()) {
                Ok(is_compared) => assert!(is_compared, "{new} or {old} is rejected"),
                Err(error) => panic!("{field}: {error}"),
            }
            let (old, new) = (node(old), node(new));
            let [one, other] = [&old, &new].map(|node| plugin(node).expect("a configuration"));
            let sides = (Side::new(one, &old), Side::new(other, &new));
            let rows = rows(&sides.0, &sides.1, &mut Finder::default());
            let is_noticed = rows.iter().any(|row| row.verdict != Verdict::Equal);
            assert!(is_noticed, "{field}: {old} and {new} are equal");
        }
    }
}

const CASES: u32 = 600;
