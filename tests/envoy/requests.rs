//! Requests that the table cannot express.

use serde_json::{Value, json};

use crate::{APP, EVIL, allow_origin, send, value};
use support::envoy::{Configuration, Envoy, Listener, Routes, cors, filter};
use support::upstream::{Reply, Upstream};

const POLICY: &str = r#"{"allowOrigins": ["https://app.example"]}"#;

/// Two Origin lines are malformed even if both are allowed; Envoy joins them with a comma.
#[test]
fn two_origin_lines() {
    let vary = [("vary", "accept"), ("vary", "cookie"), ("vary", "x-a")];
    let upstream = Upstream::start(move |_| Reply::new(200, &vary));
    let listener = Listener::cors("plain", Configuration::Text(POLICY));
    let envoy = Envoy::start(upstream.port, vec![listener]);
    for second in [EVIL, APP] {
        let two = [("origin", APP), ("origin", second)];
        let answer = send(&envoy, "plain", "GET", "/", &two);
        assert_eq!((answer.status, allow_origin(&answer)), (200, String::new()));
        assert_eq!(value(&answer, "vary"), "accept,cookie,x-a,Origin");
    }
}

/// A WebSocket handshake is an actual request: browsers send Origin and do not check CORS.
#[test]
fn websocket_handshakes() {
    let switch = [("connection", "upgrade"), ("upgrade", "websocket")];
    let upstream = Upstream::start(move |_| Reply::new(101, &switch));
    let reject = r#"{"allowOrigins": ["https://app.example"], "unmatchedRequests": "reject"}"#;
    let envoy = Envoy::start(
        upstream.port,
        vec![
            Listener::cors("forward", Configuration::Text(POLICY)),
            Listener::cors("reject", Configuration::Text(reject)),
        ],
    );
    for (listener, origin, status) in [
        ("reject", EVIL, 403),
        ("reject", "null", 403),
        ("reject", APP, 101),
        ("forward", EVIL, 101),
    ] {
        let headers = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("origin", origin),
        ];
        let answer = send(&envoy, listener, "GET", "/", &headers);
        assert_eq!(answer.status, status, "{listener} {origin}");
    }
}

/// The request is judged once: a later filter's change to Origin has no effect.
#[test]
fn a_later_filter_changes_origin() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let listener = |name: &str, mutation: Value| {
        let mutations = json!({"mutations": {"request_mutations": [mutation]}});
        let mutation = filter("mutation", "header_mutation.v3.HeaderMutation", mutations);
        let filters = vec![cors(name, Configuration::Text(POLICY)), mutation];
        Listener::new(name, filters, Routes::All)
    };
    let replace = json!({"append": {
        "header": {"key": "origin", "value": APP},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }});
    let removed = listener("removed", json!({"remove": "origin"}));
    let replaced = listener("replaced", replace);
    let envoy = Envoy::start(upstream.port, vec![removed, replaced]);
    let get = |listener, origin| send(&envoy, listener, "GET", "/", &[("origin", origin)]);
    assert_eq!(allow_origin(&get("removed", APP)), APP);
    assert_eq!(allow_origin(&get("replaced", EVIL)), "");
}

/// The header names that a request asks for, or a response exposes, are bounded.
#[test]
fn very_many_names() {
    let upstream = Upstream::start(|_| {
        let mut reply = Reply::new(200, &[]);
        let names = (0..80).map(|n| (format!("x-{n}"), vec![b'1']));
        reply.headers.extend(names);
        reply
    });
    let echo = r#"{"allowOrigins": ["https://app.example"], "allowHeaders": ["*"]}"#;
    let expand = r#"{"allowOrigins": ["https://app.example"], "allowCredentials": true,
        "exposeHeaders": ["*"]}"#;
    let envoy = Envoy::start(
        upstream.port,
        vec![
            Listener::cors("echo", Configuration::Text(echo)),
            Listener::cors("expand", Configuration::Text(expand)),
        ],
    );
    let preflight = |names: &str| {
        let asks = [
            ("origin", APP),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", names),
        ];
        send(&envoy, "echo", "OPTIONS", "/", &asks)
    };
    let fits = "x".repeat(8192);
    let answer = preflight(&fits);
    assert_eq!(answer.status, 204);
    assert_eq!(value(&answer, "access-control-allow-headers"), fits);
    assert_eq!(preflight(&format!("{fits}x")).status, 403);
    assert_eq!(preflight(&"x,".repeat(25_000)).status, 403);

    let answer = send(&envoy, "expand", "GET", "/", &[("origin", APP)]);
    let names = value(&answer, "access-control-expose-headers");
    assert_eq!(names.split(", ").count(), 64, "{names}");
}
