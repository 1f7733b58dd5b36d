//! What each engine prints on its console for each refusal. `console.json` has it for the documents, the
//! playground and `corsctl explain`; `BLESS=1` renews it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{PATIENCE, Stage, counted, in_every_engine, policy};
use support::browser::Engine;
use support::envoy::{Configuration, Listener, Routes, cors, to_upstream};
use support::root;

/// One refusal.
struct Row {
    name: &'static str,
    page: String,
    script: &'static str,
    /// The listener that refuses, a path, and `fetch`'s second parameter.
    refused: Asked,
    /// The same after the change that the page asks for.
    changed: Option<Asked>,
}

type Asked = (&'static str, String, Value);

/// An entry of `console.json`.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    refusal: String,
    /// Which check failed, in the words of `playground/browser.js`; null if none of CORS.
    kind: Option<String>,
    /// Each line once, in any order: a browser's processes print independently.
    chromium: BTreeSet<String>,
    firefox: BTreeSet<String>,
    webkit: BTreeSet<String>,
}

#[test]
fn console() {
    let path = root().join("tests/browser/console.json");
    let recorded = fs::read_to_string(&path).expect("tests/browser/console.json");
    let recorded: Vec<Refusal> =
        serde_json::from_str(&recorded).expect("tests/browser/console.json");
    let is_renewed = env::var_os("BLESS").is_some();
    let said = Mutex::new(BTreeMap::new());
    in_every_engine(&listeners(), |stage| {
        // What the test before left may be late, too.
        complaints(stage, &BTreeSet::new());
        for row in rows(stage) {
            stage.browser.open(&row.page);
            let run = |(listener, path, init): &Asked, awaited: &BTreeSet<String>| {
                let given = json!({"url": stage.url(listener, path), "init": init});
                stage.run(row.script, given);
                complaints(stage, awaited)
            };
            let recorded = recorded.iter().find(|refusal| refusal.refusal == row.name);
            let awaited = recorded.filter(|_| !is_renewed);
            let awaited = awaited.map(|refusal| refusal.said_by(stage.engine).clone());
            let complaints = run(&row.refused, &awaited.unwrap_or_default());
            if let Some(changed) = &row.changed {
                assert_eq!(
                    run(changed, &BTreeSet::new()),
                    BTreeSet::new(),
                    "{} after the change",
                    row.name
                );
            }
            let mut said = said.lock().expect("what was said");
            said.insert((row.name, stage.engine.to_string()), complaints);
        }
    });
    let mut said = said.into_inner().expect("what was said");
    let mut take = |name, engine: Engine| said.remove(&(name, engine.to_string())).expect("a row");
    let refusals = REFUSALS.map(|(name, kind)| Refusal {
        refusal: name.into(),
        kind: kind.map(Into::into),
        chromium: take(name, Engine::Chromium),
        firefox: take(name, Engine::Firefox),
        webkit: take(name, Engine::WebKit),
    });
    if is_renewed {
        let text = serde_json::to_string_pretty(&refusals).expect("JSON");
        fs::write(&path, text + "\n").expect("the file");
        return;
    }
    for (now, recorded) in refusals.iter().zip(&recorded) {
        assert_eq!(now, recorded, "BLESS=1 renews tests/browser/console.json");
    }
    assert_eq!(refusals.len(), recorded.len());
}

impl Refusal {
    fn said_by(&self, engine: Engine) -> &BTreeSet<String> {
        match engine {
            Engine::Chromium => &self.chromium,
            Engine::Firefox => &self.firefox,
            Engine::WebKit => &self.webkit,
        }
    }
}

/// The console's messages, with names for addresses. Waits for the recorded ones and then for more, because the console
/// may be later than the end of the script.
fn complaints(stage: &Stage, awaited: &BTreeSet<String>) -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    let start = Instant::now();
    let mut since = start;
    while since.elapsed() < QUIET || !awaited.is_subset(&said) && start.elapsed() < PATIENCE {
        let new = stage.browser.complaints();
        if !new.is_empty() {
            since = Instant::now();
        }
        said.extend(new.iter().map(|said| without_addresses(stage, said)));
        thread::sleep(Duration::from_millis(30));
    }
    // This line follows every failure in Chromium and does not explain it.
    said.retain(|said| !said.starts_with("Failed to load resource: "));
    said
}

fn without_addresses(stage: &Stage, said: &str) -> String {
    let mut text = said
        .replace(&stage.app, "ORIGIN")
        .replace(&stage.public, "ORIGIN");
    for scheme in ["http", "ws"] {
        let api = format!("{scheme}://api.app.localhost:");
        while let Some(start) = text.find(&api) {
            let rest = &text[start..];
            let end = rest.find([' ', '\'', '’', '"']).unwrap_or(rest.len());
            let end = rest[..end].trim_end_matches(['.', ',']).len();
            text.replace_range(start..start + end, "URL");
        }
    }
    text
}

fn listeners() -> Vec<Listener> {
    let list = json!({"allowOrigins": ["$APP"], "allowMethods": ["GET", "PUT", "PATCH"],
        "allowHeaders": ["X-One", "X-Two"], "exposeHeaders": ["X-Request-Id"]});
    let module = |name, policy: &Value| {
        vec![cors(
            name,
            Configuration::Struct(&counted(name, policy.clone())),
        )]
    };
    let routes = |routes: [Value; 2]| {
        Routes::VirtualHosts(json!([{"name": "all", "domains": ["*"], "routes": routes}]))
    };
    let leak = json!([{"header": {"key": "access-control-allow-origin", "value": "*"}}]);
    let mut adds = to_upstream();
    adds["response_headers_to_add"] = leak;
    let moved = json!({"match": {"path": "/old"}, "redirect": {"path_redirect": "/"}});
    let elsewhere = json!({"rules": [{"match": {"hostnames": ["other.example"]}, "policy": list}]});
    vec![
        policy("list", list.clone()),
        policy("public", json!({"allowOrigins": ["$PUBLIC"]})),
        policy("bare", json!({"allowOrigins": ["$APP"]})),
        policy("other", json!({"allowOrigins": ["https://other.example"]})),
        policy(
            "rejects",
            json!({"allowOrigins": ["https://other.example"], "unmatchedRequests": "reject"}),
        ),
        policy(
            "ignores",
            json!({"allowOrigins": ["https://other.example"], "unmatchedPreflights": "ignore"}),
        ),
        policy(
            "forwards",
            json!({"allowOrigins": ["https://other.example"], "upstreamCors": "keep",
                "unmatchedPreflights": "forward"}),
        ),
        policy(
            "credentials",
            json!({"allowOrigins": ["$APP"], "allowHeaders": ["content-type"], "allowCredentials": true}),
        ),
        policy("any", json!({"allowOrigins": ["*"]})),
        Listener::new(
            "misdirects",
            Vec::new(),
            routes([moved.clone(), says("https://other.example", "PUT")]),
        ),
        Listener::new(
            "babbles",
            Vec::new(),
            routes([moved.clone(), says("*", "PUT, (")]),
        ),
        Listener::new("adds", module("adds", &list), routes([moved.clone(), adds])),
        Listener::new(
            "elsewhere",
            module("elsewhere", &elsewhere),
            routes([moved.clone(), to_upstream()]),
        ),
        Listener::new(
            "governed",
            module("governed", &list),
            routes([moved, to_upstream()]),
        ),
    ]
}

/// A route that answers with these headers: another layer than the module.
fn says(origin: &str, methods: &str) -> Value {
    let header = |key: &str, value: &str| json!({"header": {"key": key, "value": value}});
    json!({"match": {"prefix": "/"}, "direct_response": {"status": 200}, "response_headers_to_add": [
        header("access-control-allow-origin", origin),
        header("access-control-allow-methods", methods),
    ]})
}

/// The rows, in the order of the page.
fn rows(stage: &Stage) -> Vec<Row> {
    let page = format!("{}/", stage.app);
    let row = |name, script, refused: (&'static str, &str, Value), listener| Row {
        name,
        page: page.clone(),
        script,
        refused: (refused.0, refused.1.into(), refused.2.clone()),
        changed: Some((listener, refused.1.into(), refused.2)),
    };
    let fetch = |name, refused, listener| row(name, FETCH, refused, listener);
    let put = json!({"method": "PUT"});
    let patch = json!({"method": "PATCH"});
    let include = json!({"credentials": "include"});
    let one = json!({"headers": {"x-one": "1"}});
    let two = json!({"headers": {"x-two": "2", "x-one": "1"}});
    let json_with_credentials = json!({"method": "POST", "body": "{}", "credentials": "include",
        "headers": {"content-type": "application/json"}});
    let to = |listener| format!("/to?{}", stage.url(listener, "/"));
    vec![
        fetch("origin", ("other", "/", json!({})), "list"),
        fetch(
            "origin, at the preflight",
            ("other", "/", put.clone()),
            "list",
        ),
        fetch(
            "origin, preflight ignored",
            ("ignores", "/", put.clone()),
            "list",
        ),
        row("origin, rejected", XHR, ("rejects", "/", json!({})), "list"),
        Row {
            page: format!("{}/sandbox", stage.app),
            ..fetch("origin null", ("list", "/", json!({})), "any")
        },
        Row {
            changed: Some(("list", to("any"), json!({}))),
            ..fetch(
                "origin null, after a redirect",
                ("list", &to("governed"), json!({})),
                "list",
            )
        },
        fetch("method", ("bare", "/", put.clone()), "list"),
        Row {
            changed: Some(("list", "/".into(), patch)),
            ..fetch(
                "method in lower case",
                ("list", "/", json!({"method": "patch"})),
                "list",
            )
        },
        fetch("header", ("bare", "/", one), "list"),
        fetch("two headers", ("bare", "/", two), "list"),
        fetch("credentials", ("list", "/", include.clone()), "credentials"),
        fetch(
            "credentials, at the preflight",
            ("list", "/", json_with_credentials.clone()),
            "credentials",
        ),
        fetch(
            "credentials, any origin",
            ("any", "/", include),
            "credentials",
        ),
        fetch(
            "credentials, any origin, at the preflight",
            ("any", "/", json_with_credentials),
            "credentials",
        ),
        fetch("two layers", ("adds", "/", put.clone()), "list"),
        fetch("another origin", ("misdirects", "/", json!({})), "list"),
        fetch("list malformed", ("babbles", "/", put.clone()), "list"),
        fetch(
            "preflight answered with an error",
            ("forwards", "/grants/missing", put.clone()),
            "list",
        ),
        fetch(
            "preflight redirected",
            ("elsewhere", "/old", put),
            "governed",
        ),
        row("header not exposed", XHR, ("bare", "/", json!({})), "list"),
        row(
            "WebSocket",
            SOCKET,
            ("rejects", "/socket", json!({})),
            "list",
        ),
        row("image", IMAGE, ("other", "/image.svg", json!({})), "list"),
        row("events", EVENTS, ("other", "/events", json!({})), "list"),
        row("beacon", BEACON, ("other", "/", json!({})), "credentials"),
        Row {
            page: format!("{}/", stage.public),
            changed: None,
            ..row(
                "local network",
                NO_WAIT,
                ("public", "/", json!({})),
                "public",
            )
        },
    ]
}

/// Their names, and which check fails.
const REFUSALS: [(&str, Option<&str>); 25] = [
    ("origin", Some("origin")),
    ("origin, at the preflight", Some("origin")),
    ("origin, preflight ignored", Some("origin")),
    ("origin, rejected", Some("origin")),
    ("origin null", Some("origin")),
    ("origin null, after a redirect", Some("origin")),
    ("method", Some("method")),
    ("method in lower case", Some("method")),
    ("header", Some("header")),
    ("two headers", Some("header")),
    ("credentials", Some("credentials")),
    ("credentials, at the preflight", Some("credentials")),
    ("credentials, any origin", Some("wildcard")),
    (
        "credentials, any origin, at the preflight",
        Some("wildcard"),
    ),
    ("two layers", Some("origin")),
    ("another origin", Some("origin")),
    ("list malformed", Some("list")),
    ("preflight answered with an error", Some("status")),
    ("preflight redirected", Some("status")),
    ("header not exposed", None),
    ("WebSocket", Some("origin")),
    ("image", Some("origin")),
    ("events", Some("origin")),
    ("beacon", Some("origin")),
    ("local network", None),
];

const FETCH: &str = "await fetch(given.url, given.init)";

const XHR: &str = "const request = new XMLHttpRequest();
    request.open('GET', given.url);
    request.responseType = 'text';
    await new Promise(done => { request.onloadend = done; request.send(); });
    request.getResponseHeader('x-request-id');";

const SOCKET: &str = "const socket = new WebSocket(given.url.replace('http:', 'ws:'));
    await new Promise(done => socket.onopen = socket.onclose = done);
    const closed = new Promise(done => socket.onclose = done);
    if (socket.readyState !== 3) { socket.close(); await closed; }";

const IMAGE: &str = "const image = new Image();
    image.crossOrigin = 'anonymous';
    await new Promise(done => { image.onload = image.onerror = done; image.src = given.url; });";

const EVENTS: &str = "const source = new EventSource(given.url);
    await new Promise(done => source.onmessage = source.onerror = done);
    source.close();";

/// JSON needs a preflight, and a beacon always includes credentials.
const BEACON: &str =
    "navigator.sendBeacon(given.url, new Blob(['{}'], {type: 'application/json'}));";

const NO_WAIT: &str = "fetch(given.url).catch(() => {});";

/// How long the console must print nothing.
const QUIET: Duration = Duration::from_millis(400);
