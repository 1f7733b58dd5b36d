//! Chromium prints the README's message for each refusal, and the README's change fixes it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::local_network::PERMISSION_DENIED;
use crate::{Stage, counted, policy};
use support::envoy::{Configuration, Listener, Routes, cors, to_upstream};

/// One row of the README's table.
struct Row {
    /// The path of the page below the origin of `$APP`.
    page: &'static str,
    script: &'static str,
    /// The listener that refuses, a path, and `fetch`'s second parameter.
    refused: Asked,
    /// The same after the change.
    changed: Asked,
}

type Asked = (&'static str, String, Value);

#[test]
fn the_page_says_what_chromium_says() {
    let stage = Stage::new(listeners());
    let mut said = Vec::new();
    for row in rows(&stage) {
        stage.browser.open(&format!("{}{}", stage.app, row.page));
        let run = |(listener, path, init): &Asked| {
            stage.run(
                row.script,
                json!({"url": stage.url(listener, path), "init": init}),
            );
            complaints(&stage)
        };
        let complaints = run(&row.refused);
        assert_eq!(run(&row.changed), [""; 0], "after the change");
        match complaints.as_slice() {
            // Several scripts may get the same message.
            [one] if said.last() != Some(one) => said.push(one.clone()),
            [_] => {}
            other => panic!("{other:?} for {:?}", row.refused),
        }
    }
    said.push(PERMISSION_DENIED.into());
    let page: Vec<_> = page().collect();
    assert_eq!(
        said, page,
        "Chromium said what is left, on the page is what is right"
    );
}

/// The console's messages about CORS, in the form of the README. Waits for a message, because the console
/// may be later than the end of the script.
pub fn complaints(stage: &Stage) -> Vec<String> {
    let start = Instant::now();
    loop {
        let said = stage.browser.complaints().into_iter().filter(|said| {
            // This line follows every failure and does not explain it.
            !said.contains(" - Failed to load resource: ")
        });
        let said: Vec<_> = said.map(|said| as_in_readme(stage, &said)).collect();
        if !said.is_empty() || start.elapsed() > QUIET {
            return said;
        }
    }
}

/// Without the place in the page and the common beginning of messages, and with names for addresses.
fn as_in_readme(stage: &Stage, said: &str) -> String {
    let said = match said.split_once(" - ") {
        Some((_, said)) => said,
        // `javascript 12 …`
        None => said.splitn(3, ' ').last().unwrap_or_default(),
    };
    let said = said.replace(&stage.app, "ORIGIN");
    let parts: Vec<_> = said
        .split('\'')
        .map(|part| match part.contains("://api.app.localhost:") {
            true => "URL",
            false => part,
        })
        .collect();
    let said = parts.join("'");
    match said.split_once(BLOCKED) {
        Some((_, reason)) => reason.strip_prefix(PREFLIGHT).unwrap_or(reason).into(),
        None => said,
    }
}

/// The first column of the table.
fn page() -> impl Iterator<Item = &'static str> {
    let page = include_str!("../../docs/src/reference/browser-messages.md");
    let (_, table) = page
        .split_once("| what the browser says | what to change |\n")
        .expect("the table");
    let rows = table
        .lines()
        .skip(1)
        .map_while(|line| line.strip_prefix("| "));
    rows.map(|row| {
        row.split(" | ")
            .next()
            .expect("a cell")
            .trim_matches(['`', ' '])
    })
}

fn listeners() -> Vec<Listener> {
    let list = json!({"allowOrigins": ["$APP"], "allowMethods": ["GET", "PUT", "PATCH"],
        "allowHeaders": ["X-One"], "exposeHeaders": ["X-Request-Id"]});
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
        policy("bare", json!({"allowOrigins": ["$APP"]})),
        policy("other", json!({"allowOrigins": ["https://other.example"]})),
        policy(
            "rejects",
            json!({"allowOrigins": ["https://other.example"], "unmatchedRequests": "reject"}),
        ),
        policy(
            "forwards",
            json!({"allowOrigins": ["https://other.example"], "upstreamCors": "keep",
                "unmatchedPreflights": "forward"}),
        ),
        policy(
            "credentials",
            json!({"allowOrigins": ["$APP"], "allowCredentials": true}),
        ),
        policy("any", json!({"allowOrigins": ["*"]})),
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

/// The rows, in the README's order.
fn rows(stage: &Stage) -> Vec<Row> {
    let row = |script, refused: (&'static str, &str, Value), listener| Row {
        page: "/",
        script,
        refused: (refused.0, refused.1.into(), refused.2.clone()),
        changed: (listener, refused.1.into(), refused.2),
    };
    let fetch = |refused, listener| row(FETCH, refused, listener);
    let put = json!({"method": "PUT"});
    let patch = json!({"method": "PATCH"});
    let include = json!({"credentials": "include"});
    let to = |listener| format!("/to?{}", stage.url(listener, "/"));
    vec![
        fetch(("other", "/", json!({})), "list"),
        fetch(("other", "/", put.clone()), "list"),
        row(XHR, ("rejects", "/", json!({})), "list"),
        Row {
            page: "/sandbox",
            ..fetch(("list", "/", json!({})), "any")
        },
        Row {
            changed: ("list", to("any"), json!({})),
            ..fetch(("list", &to("governed"), json!({})), "list")
        },
        fetch(("bare", "/", put.clone()), "list"),
        Row {
            changed: ("list", "/".into(), patch),
            ..fetch(("list", "/", json!({"method": "patch"})), "list")
        },
        fetch(("bare", "/", json!({"headers": {"x-one": "1"}})), "list"),
        fetch(("list", "/", include.clone()), "credentials"),
        fetch(("any", "/", include), "credentials"),
        fetch(("adds", "/", put.clone()), "list"),
        fetch(("forwards", "/grants/missing", put.clone()), "list"),
        fetch(("elsewhere", "/old", put), "governed"),
        row(XHR, ("bare", "/", json!({})), "list"),
        row(SOCKET, ("rejects", "/socket", json!({})), "list"),
    ]
}

const FETCH: &str = "await fetch(given.url, given.init)";

const XHR: &str = "const request = new XMLHttpRequest();
    request.open('GET', given.url);
    await new Promise(done => { request.onloadend = done; request.send(); });
    request.getResponseHeader('x-request-id');";

const SOCKET: &str = "const socket = new WebSocket(given.url.replace('http:', 'ws:'));
    await new Promise(done => socket.onopen = socket.onclose = done);";

const BLOCKED: &str = " at 'URL' from origin 'ORIGIN' has been blocked by CORS policy: ";
const PREFLIGHT: &str = "Response to preflight request doesn't pass access control check: ";
/// How long to wait for messages after a script that succeeded.
const QUIET: Duration = Duration::from_millis(300);
