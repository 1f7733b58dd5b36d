//! The shipped module and Envoy's own CORS filter, in one Envoy, under random equivalent policies: if the
//! answers differ, the difference belongs to one of the classes that the README documents. Each class must
//! occur, and no difference may be outside them.

mod classes;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use classes::CLASSES;
use support::envoy::{Configuration, Envoy, Listener, Routes, cors, filter};
use support::http::{self, Connection, Response};
use support::random::Random;
use support::upstream::{Reply, Upstream};

const POLICIES: usize = 300;
const REQUESTS: usize = 60;

#[test]
fn every_difference_is_documented() {
    let random = &mut Random::new(4);
    let policies: Vec<_> = (0..POLICIES).map(|_| Policy::random(random)).collect();
    let upstream = Upstream::start(|request| Reply {
        headers: upstream_headers(request.headers.only("x-upstream").unwrap_or_default()),
        ..Reply::new(200, &[])
    });
    let envoy = Envoy::start(upstream.port, vec![ours(&policies), theirs(&policies)]);
    let mut connections = ["ours", "theirs"].map(|name| Client::new(&envoy, name));

    let mut seen = BTreeMap::new();
    let mut outside = Vec::new();
    for (number, policy) in policies.iter().enumerate() {
        for _ in 0..REQUESTS {
            let request = Request::random(random);
            let bytes = request.bytes(number);
            let [ours, theirs] = connections.each_mut().map(|client| client.ask(&bytes));
            let situation = Situation {
                policy,
                request,
                ours,
                theirs,
            };
            for facet in situation.differences() {
                let mut classes = CLASSES
                    .iter()
                    .filter(|class| (class.covers)(&situation, &facet));
                match classes.next() {
                    Some(class) => *seen.entry(class.name).or_insert(0) += 1,
                    None => outside.push(format!("{facet:?} in {situation:?}")),
                }
            }
        }
    }
    println!(
        "{} exchanges; differences by class: {seen:#?}",
        POLICIES * REQUESTS
    );
    if let Some(first) = outside.first() {
        panic!(
            "{} differences of no class, the first: {first}",
            outside.len()
        );
    }
    for class in &CLASSES {
        assert!(seen.contains_key(class.name), "never seen: {}", class.name);
    }
}

#[test]
fn the_page_names_every_class() {
    let page = include_str!("../../docs/src/explanation/differences-from-envoy.md");
    for class in &CLASSES {
        assert!(
            page.contains(&format!("\n| {} |", class.name)),
            "{}",
            class.name
        );
    }
}

/// A policy that both filters can express.
#[derive(Debug)]
struct Policy {
    origins: Vec<Pattern>,
    methods: Option<Vec<&'static str>>,
    headers: Option<Vec<&'static str>>,
    expose: Option<Vec<&'static str>>,
    max_age: Option<u32>,
    credentials: bool,
}

/// An allowed origin: in `allowOrigins`, or in `allowOriginRegexes`; for Envoy an exact text or a
/// regular expression.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pattern {
    Exact(&'static str),
    Regex(&'static str),
    Wildcard(&'static str, &'static str),
}

const PATTERNS: [Pattern; 9] = [
    Pattern::Exact("https://app.example"),
    Pattern::Exact("https://b.example:8443"),
    Pattern::Exact("http://localhost:3000"),
    Pattern::Exact("null"),
    Pattern::Wildcard(
        "https://*.example.com",
        r"https://([a-z0-9_-]+\.)+example\.com",
    ),
    Pattern::Wildcard(
        "https://*.example.org:*",
        r"https://([a-z0-9_-]+\.)+example\.org(:[0-9]+)?",
    ),
    Pattern::Wildcard("http://*:8080", r"http://[a-z0-9_.-]+:8080"),
    Pattern::Regex(r"https://[a-z0-9-]+\.preview\.example"),
    Pattern::Regex(r"https?://.*\.wide\.example.*"),
];

impl Policy {
    fn random(random: &mut Random) -> Self {
        let count = 1 + random.below(4);
        let mut origins: Vec<_> = (0..count).map(|_| random.pick(&PATTERNS)).collect();
        if random.once_in(5) {
            origins = vec![Pattern::Exact("*")];
        }
        // The two are an error together.
        let credentials = random.once_in(2) && !origins.contains(&Pattern::Exact("null"));
        let mut list = |choices: &[&[&'static str]]| {
            (!random.once_in(3)).then(|| random.pick(choices).to_vec())
        };
        Self {
            origins,
            methods: list(&[&["GET"], &["GET", "PUT", "DELETE"], &["*"]]),
            headers: list(&[&["x-a"], &["content-type", "authorization"], &["*"]]),
            expose: list(&[&["x-b"], &["x-b", "etag"], &["*"]]),
            max_age: (!random.once_in(3)).then(|| random.below(1000) as u32),
            credentials,
        }
    }

    fn ours(&self) -> Value {
        let texts = |is: fn(&Pattern) -> Option<&'static str>| -> Vec<_> {
            self.origins.iter().filter_map(is).collect()
        };
        let listed = texts(|pattern| match pattern {
            Pattern::Exact(text) | Pattern::Wildcard(text, _) => Some(text),
            Pattern::Regex(_) => None,
        });
        let regexes = texts(|pattern| match pattern {
            Pattern::Regex(source) => Some(source),
            _ => None,
        });
        let mut policy = json!({"allowOrigins": listed, "allowOriginRegexes": regexes, "allowCredentials": self.credentials});
        for (name, list) in [
            ("allowMethods", &self.methods),
            ("allowHeaders", &self.headers),
            ("exposeHeaders", &self.expose),
        ] {
            if let Some(list) = list {
                policy[name] = json!(list);
            }
        }
        if let Some(max_age) = self.max_age {
            policy["maxAge"] = json!(max_age);
        }
        policy
    }

    fn theirs(&self) -> Value {
        let matcher = |pattern: &Pattern| match pattern {
            Pattern::Exact(text) => json!({"exact": text}),
            Pattern::Regex(source) | Pattern::Wildcard(_, source) => {
                json!({"safe_regex": {"regex": source}})
            }
        };
        let origins: Vec<_> = self.origins.iter().map(matcher).collect();
        let mut policy = json!({"@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
            "allow_origin_string_match": origins, "allow_credentials": self.credentials});
        for (name, list) in [
            ("allow_methods", &self.methods),
            ("allow_headers", &self.headers),
            ("expose_headers", &self.expose),
        ] {
            if let Some(list) = list {
                policy[name] = json!(list.join(", "));
            }
        }
        if let Some(max_age) = self.max_age {
            policy["max_age"] = json!(max_age.to_string());
        }
        policy
    }

    /// Any origin, and the same answer for all of them.
    fn is_open(&self) -> bool {
        self.origins.contains(&Pattern::Exact("*")) && !self.credentials
    }
}

fn ours(policies: &[Policy]) -> Listener {
    let rule = |(number, policy): (usize, &Policy)| json!({"match": {"hostnames": [host(number)]}, "policy": policy.ours()});
    let rules: Vec<_> = policies.iter().enumerate().map(rule).collect();
    let text = json!({"rules": rules}).to_string();
    let hosts = virtual_hosts(policies, |_| json!({}));
    Listener::new(
        "ours",
        vec![cors("ours", Configuration::Text(&text))],
        hosts,
    )
}

fn theirs(policies: &[Policy]) -> Listener {
    let hosts = virtual_hosts(
        policies,
        |policy| json!({"envoy.filters.http.cors": policy.theirs()}),
    );
    Listener::new(
        "theirs",
        vec![filter("envoy.filters.http.cors", "cors.v3.Cors", json!({}))],
        hosts,
    )
}

fn virtual_hosts(policies: &[Policy], config: impl Fn(&Policy) -> Value) -> Routes {
    let virtual_host = |(number, policy): (usize, &Policy)| {
        json!({"name": host(number), "domains": [host(number)], "typed_per_filter_config": config(policy),
            "routes": [{"match": {"prefix": "/routed"}, "route": {"cluster": "upstream"}}]})
    };
    Routes::VirtualHosts(policies.iter().enumerate().map(virtual_host).collect())
}

fn host(number: usize) -> String {
    format!("p{number}.test")
}

#[derive(Debug)]
struct Request {
    method: &'static str,
    path: &'static str,
    /// None, one line, or two.
    origins: Vec<&'static [u8]>,
    asked_method: Option<&'static str>,
    asked_headers: Option<&'static str>,
    upstream: &'static str,
}

impl Request {
    fn random(random: &mut Random) -> Self {
        let origins: [&'static [u8]; 22] = [
            b"https://app.example",
            b"https://b.example:8443",
            b"http://localhost:3000",
            b"null",
            b"https://a.example.com",
            b"https://a.b.example.org",
            b"https://a.example.org:444",
            b"http://any.example:8080",
            b"https://pr-1.preview.example",
            b"https://x.wide.example",
            b"https://evil.example",
            b"https://app.example.evil.example",
            b"https://evilexample.com",
            b"https://example.com",
            b"http://app.example",
            b"https://app.example:444",
            b"https://APP.example",
            b"https://app.example/",
            b"https://evil.example/.wide.example",
            b"https://a@x.wide.example",
            b"\xff\xfe",
            b"",
        ];
        let mut lines = vec![random.pick(&origins)];
        if random.once_in(10) {
            lines = vec![];
        } else if random.once_in(20) {
            lines.push(b"https://x.wide.example");
        }
        let is_options = random.once_in(2);
        Self {
            method: if is_options {
                "OPTIONS"
            } else {
                random.pick(&["GET", "POST", "DELETE"])
            },
            path: if random.once_in(8) {
                "/none"
            } else {
                "/routed"
            },
            origins: lines,
            asked_method: random.pick(&[
                None,
                Some("PUT"),
                Some("PUT"),
                Some("GET"),
                Some(""),
                Some("not a method"),
            ]),
            asked_headers: random.pick(&[
                None,
                Some("x-a"),
                Some("authorization,x-b"),
                Some("not a name"),
            ]),
            upstream: random.pick(&["nothing", "grants", "varies"]),
        }
    }

    fn bytes(&self, number: usize) -> Vec<u8> {
        let host = host(number);
        let mut lines = vec![
            ("host", host.as_bytes()),
            ("x-upstream", self.upstream.as_bytes()),
        ];
        lines.extend(self.origins.iter().map(|origin| ("origin", *origin)));
        for (name, value) in [
            ("method", self.asked_method),
            ("headers", self.asked_headers),
        ] {
            let name = if name == "method" {
                "access-control-request-method"
            } else {
                "access-control-request-headers"
            };
            lines.extend(value.map(|value| (name, value.as_bytes())));
        }
        http::request(self.method, self.path, &lines)
    }

    fn is_preflight(&self) -> bool {
        self.method == "OPTIONS"
            && !self.origins.is_empty()
            && self.asked_method.is_some_and(|method| !method.is_empty())
    }
}

/// The upstream's own headers.
fn upstream_headers(kind: &[u8]) -> Vec<(String, Vec<u8>)> {
    let lines: &[(&str, &str)] = match kind {
        b"grants" => &[
            ("access-control-allow-origin", "https://upstream.example"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "PATCH"),
            ("access-control-allow-headers", "x-upstream"),
            ("access-control-expose-headers", "x-upstream"),
            ("access-control-max-age", "7"),
        ],
        b"varies" => &[("vary", "Accept-Encoding"), ("x-b", "1")],
        _ => &[],
    };
    let from = [("x-from", "upstream")];
    let line = |(name, value): &(&str, &str)| (name.to_string(), value.as_bytes().to_vec());
    from.iter().chain(lines).map(line).collect()
}

/// The compared parts of an answer: each name with its lines; Vary in lower case and sorted.
type Answer = BTreeMap<String, Vec<String>>;

#[derive(Debug)]
struct Situation<'a> {
    policy: &'a Policy,
    request: Request,
    ours: Answer,
    theirs: Answer,
}

/// One thing in which the two answers differ.
#[derive(Debug)]
struct Facet<'a> {
    name: &'a str,
    ours: &'a [String],
    theirs: &'a [String],
}

impl Situation<'_> {
    fn differences(&self) -> Vec<Facet<'_>> {
        let names: BTreeSet<&String> = self.ours.keys().chain(self.theirs.keys()).collect();
        let facet = |name| Facet {
            name,
            ours: lines(&self.ours, name),
            theirs: lines(&self.theirs, name),
        };
        let facets = names.into_iter().map(|name| facet(name.as_str()));
        facets.filter(|facet| facet.ours != facet.theirs).collect()
    }
}

/// The lines of a name, none if it is absent.
fn lines<'a>(answer: &'a Answer, name: &str) -> &'a [String] {
    answer.get(name).map_or(&[], Vec::as_slice)
}

/// A connection that stays open as long as Envoy keeps it open.
struct Client {
    port: u16,
    connection: Connection,
}

impl Client {
    fn new(envoy: &Envoy, listener: &str) -> Self {
        let port = envoy.port(listener);
        let connection = Connection::open(port).expect("a connection");
        Self { port, connection }
    }

    fn ask(&mut self, request: &[u8]) -> Answer {
        let sent = self.connection.send(request);
        let answer = sent
            .and_then(|()| self.connection.receive(false))
            .or_else(|_| {
                self.connection = Connection::open(self.port)?;
                self.connection.send(request)?;
                self.connection.receive(false)
            });
        compared(&answer.expect("an answer"))
    }
}

fn compared(response: &Response) -> Answer {
    let mut answer = Answer::new();
    let from = if response.headers.has("x-from") {
        "upstream"
    } else {
        "filter"
    };
    answer.insert("from".into(), vec![from.into()]);
    answer.insert("status".into(), vec![response.status.to_string()]);
    for (name, value) in response.headers.iter() {
        let value = value.escape_ascii().to_string();
        if name.starts_with("access-control-") {
            answer.entry(name.into()).or_default().push(value);
        } else if name == "vary" {
            let tokens = value
                .split(',')
                .map(|token| token.trim().to_ascii_lowercase());
            answer.entry(name.into()).or_default().extend(tokens);
        }
    }
    if let Some(tokens) = answer.get_mut("vary") {
        tokens.sort();
    }
    answer
}
