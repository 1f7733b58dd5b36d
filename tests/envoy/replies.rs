//! Answers that no upstream made, requests that no table can say, counters, log and access log.

use serde_json::{Value, json};

use crate::support::envoy::{Configuration, Envoy, Listener, Routes, cors, filter, to_upstream};
use crate::support::upstream::{Reply, Upstream};
use crate::{APP, EVIL, allow_origin, send, value};

const POLICY: &str = r#"{"allowOrigins": ["https://app.example"], "allowCredentials": true, "exposeHeaders": ["x-b"]}"#;

fn hosts(domain: &str, route: Value) -> Routes {
    Routes::VirtualHosts(json!([{"name": "host", "domains": [domain], "routes": [route]}]))
}

fn routed(name: &str, route: Value) -> Listener {
    Listener::new(
        name,
        vec![cors(name, Configuration::Text(POLICY))],
        hosts("*", route),
    )
}

/// Who answers is no matter: an allowed origin reads it, another does not, and both vary.
#[test]
fn answers_of_envoy_itself() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let deny = filter(
        "rbac",
        "rbac.v3.RBAC",
        json!({"rules": {"action": "ALLOW", "policies": {}}}),
    );
    let any = json!({"prefix": "/"});
    let leak = json!([{"header": {"key": "access-control-allow-origin", "value": "*"}}]);
    let listeners = vec![
        Listener::new(
            "rbac",
            vec![cors("rbac", Configuration::Text(POLICY)), deny],
            Routes::All,
        ),
        routed(
            "dead upstream",
            json!({"match": any, "route": {"cluster": "dead"}}),
        ),
        Listener::new(
            "no route",
            vec![cors("no route", Configuration::Text(POLICY))],
            hosts("other.example", to_upstream()),
        ),
        routed(
            "direct response",
            json!({"match": any, "direct_response": {"status": 200}, "response_headers_to_add": leak}),
        ),
        routed(
            "redirect",
            json!({"match": any, "redirect": {"https_redirect": true}, "response_headers_to_add": leak}),
        ),
        routed(
            "route that adds",
            json!({"match": any, "route": {"cluster": "upstream"}, "response_headers_to_add": leak}),
        ),
    ];
    let envoy = Envoy::start(upstream.port, listeners);
    for (listener, status) in [
        ("rbac", 403),
        ("dead upstream", 503),
        ("no route", 404),
        ("direct response", 200),
        ("redirect", 301),
        ("route that adds", 200),
    ] {
        let allowed = send(&envoy, listener, "GET", "/", &[("origin", APP)]);
        assert_eq!(allowed.status, status, "{listener}");
        assert_eq!(allow_origin(&allowed), APP, "{listener}");
        assert_eq!(
            value(&allowed, "access-control-allow-credentials"),
            "true",
            "{listener}"
        );
        assert_eq!(
            value(&allowed, "access-control-expose-headers"),
            "x-b",
            "{listener}"
        );
        assert_eq!(value(&allowed, "vary"), "Origin", "{listener}");

        for headers in [&[("origin", EVIL)][..], &[]] {
            let other = send(&envoy, listener, "GET", "/", headers);
            assert_eq!(other.status, status, "{listener}");
            assert!(
                !other
                    .headers
                    .names()
                    .any(|name| name.starts_with("access-control-")),
                "{listener}: {other:?}"
            );
            assert_eq!(value(&other, "vary"), "Origin", "{listener}");
        }

        let asks = ("access-control-request-method", "PUT");
        let preflight = send(&envoy, listener, "OPTIONS", "/", &[("origin", APP), asks]);
        assert_eq!(
            (preflight.status, allow_origin(&preflight)),
            (204, APP.into()),
            "{listener}"
        );
        let refused = send(&envoy, listener, "OPTIONS", "/", &[("origin", EVIL), asks]);
        assert_eq!(
            (refused.status, allow_origin(&refused)),
            (403, String::new()),
            "{listener}"
        );
        assert_eq!(value(&refused, "vary"), "Origin", "{listener}");
    }
}

#[test]
fn requests_that_no_table_can_say() {
    let upstream = Upstream::start(|request| {
        if request.headers.has("upgrade") {
            return Reply::new(101, &[("connection", "upgrade"), ("upgrade", "websocket")]);
        }
        let mut reply = Reply::new(
            200,
            &[("vary", "accept"), ("vary", "cookie"), ("vary", "x-a")],
        );
        if request.headers.only("x-case") == Some(b"names") {
            reply
                .headers
                .extend((0..80).map(|n| (format!("x-{n}"), vec![b'1'])));
        }
        reply
    });
    let no_origin = filter(
        "mutation",
        "header_mutation.v3.HeaderMutation",
        json!({"mutations": {"request_mutations": [{"remove": "origin"}]}}),
    );
    let other_origin = filter(
        "mutation",
        "header_mutation.v3.HeaderMutation",
        json!({"mutations": {"request_mutations": [
        {"append": {"header": {"key": "origin", "value": APP}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}]}}),
    );
    let reject = r#"{"allowOrigins": ["https://app.example"], "unmatchedRequests": "reject"}"#;
    let envoy = Envoy::start(
        upstream.port,
        vec![
            Listener::cors("plain", Configuration::Text(POLICY)),
            Listener::cors("reject", Configuration::Text(reject)),
            Listener::cors(
                "echo",
                Configuration::Text(
                    r#"{"allowOrigins": ["https://app.example"], "allowHeaders": ["*"]}"#,
                ),
            ),
            Listener::cors(
                "expand",
                Configuration::Text(
                    r#"{"allowOrigins": ["https://app.example"], "allowCredentials": true, "exposeHeaders": ["*"]}"#,
                ),
            ),
            Listener::cors("absent", Configuration::Absent),
            Listener::new(
                "removed later",
                vec![
                    cors("removed later", Configuration::Text(POLICY)),
                    no_origin,
                ],
                Routes::All,
            ),
            Listener::new(
                "replaced later",
                vec![
                    cors("replaced later", Configuration::Text(POLICY)),
                    other_origin,
                ],
                Routes::All,
            ),
        ],
    );

    // Two Origin lines are malformed even where both are allowed; Envoy joins them with a comma.
    for second in [EVIL, APP] {
        let two = send(
            &envoy,
            "plain",
            "GET",
            "/",
            &[("origin", APP), ("origin", second)],
        );
        assert_eq!((two.status, allow_origin(&two)), (200, String::new()));
        assert_eq!(value(&two, "vary"), "accept,cookie,x-a,Origin");
    }

    // A WebSocket handshake is an actual request: browsers send Origin and do not check CORS.
    let handshake = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (listener, origin, status) in [
        ("reject", EVIL, 403),
        ("reject", APP, 101),
        ("plain", EVIL, 101),
    ] {
        let mut headers = handshake.to_vec();
        headers.push(("origin", origin));
        assert_eq!(
            send(&envoy, listener, "GET", "/", &headers).status,
            status,
            "{listener} {origin}"
        );
    }

    // The judgement is made once: what a later filter does to Origin changes nothing.
    assert_eq!(
        allow_origin(&send(
            &envoy,
            "removed later",
            "GET",
            "/",
            &[("origin", APP)]
        )),
        APP
    );
    assert_eq!(
        allow_origin(&send(
            &envoy,
            "replaced later",
            "GET",
            "/",
            &[("origin", EVIL)]
        )),
        ""
    );

    // The names that are read are bounded: 8 KiB go, more do not.
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
    assert_eq!(
        (
            answer.status,
            value(&answer, "access-control-allow-headers")
        ),
        (204, fits.clone())
    );
    assert_eq!(preflight(&format!("{fits}x")).status, 403);
    assert_eq!(preflight(&"x,".repeat(25_000)).status, 403);

    // The expansion of exposed names stops at 64.
    let names = send(
        &envoy,
        "expand",
        "GET",
        "/",
        &[("origin", APP), ("x-case", "names")],
    );
    let names = value(&names, "access-control-expose-headers");
    assert_eq!(names.split(", ").count(), 64, "{names}");

    // No configuration at all is the open default policy, and says so.
    assert_eq!(
        allow_origin(&send(&envoy, "absent", "GET", "/", &[("origin", EVIL)])),
        "*"
    );
    assert!(envoy.log().contains("warn"), "{}", envoy.log());
}

#[test]
fn counters_verdict_and_log() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let audited = r#"{"allowOrigins": ["https://app.example"], "statPrefix": "audit", "debug": true, "unmatchedRequests": "reject"}"#;
    let shadow = r#"{"allowOrigins": ["https://app.example"], "statPrefix": "trial", "mode": "shadow", "unmatchedRequests": "reject"}"#;
    let listeners = || {
        vec![
            Listener::cors("audited", Configuration::Text(audited)),
            Listener::cors("shadow", Configuration::Text(shadow)),
        ]
    };
    let envoy = Envoy::start(upstream.port, listeners());
    let asks = |method| ("access-control-request-method", method);
    for listener in ["audited", "shadow"] {
        send(&envoy, listener, "GET", "/", &[]);
        send(
            &envoy,
            listener,
            "GET",
            "/",
            &[("origin", APP), ("x-case", "allowed")],
        );
        send(
            &envoy,
            listener,
            "GET",
            "/",
            &[("origin", EVIL), ("x-case", "origin")],
        );
        send(
            &envoy,
            listener,
            "GET",
            "/secret?token=1",
            &[
                ("origin", "null"),
                ("x-case", "null"),
                ("cookie", "c00kie"),
                ("authorization", "s3cret"),
            ],
        );
        send(
            &envoy,
            listener,
            "GET",
            "/",
            &[("origin", "https://a/b"), ("x-case", "malformed")],
        );
        send(
            &envoy,
            listener,
            "POST",
            "/",
            &[("origin", "https://api.example"), ("x-case", "same")],
        );
        send(
            &envoy,
            listener,
            "OPTIONS",
            "/",
            &[("origin", APP), asks("GET")],
        );
        send(
            &envoy,
            listener,
            "OPTIONS",
            "/",
            &[("origin", APP), asks("DELETE")],
        );
        send(
            &envoy,
            listener,
            "OPTIONS",
            "/",
            &[("origin", EVIL), asks("GET")],
        );
    }
    let expected = [
        ("preflight_allowed", 2),
        ("preflight_refused", 1),
        ("request_allowed", 1),
        ("request_refused", 3),
        ("request_same_origin", 1),
        ("refused.origin", 2),
        ("refused.null", 1),
        ("refused.malformed", 1),
        ("preflight_mismatch.method", 1),
    ];
    for (name, count) in expected {
        assert_eq!(
            envoy.stat(&format!("wasmcustom.audit.{name}")),
            count,
            "{name}"
        );
        assert_eq!(
            envoy.stat(&format!("wasmcustom.trial.shadow.{name}")),
            count,
            "shadow {name}"
        );
        assert_eq!(envoy.stat(&format!("wasmcustom.trial.{name}")), 0, "{name}");
    }
    assert_eq!(envoy.stat("wasmcustom.audit.refused.path"), 0);

    let envoy = Envoy::start(upstream.port, listeners());
    for case in ["allowed", "origin", "null", "malformed"] {
        let origin = [
            ("allowed", APP),
            ("origin", EVIL),
            ("null", "null"),
            ("malformed", "https://a/b"),
        ];
        let origin = origin
            .into_iter()
            .find(|(name, _)| *name == case)
            .expect("a case")
            .1;
        let headers = [
            ("origin", origin),
            ("x-case", case),
            ("cookie", "c00kie"),
            ("authorization", "s3cret"),
        ];
        send(&envoy, "audited", "GET", "/x?token=q1", &headers);
    }
    let verdicts = envoy.verdicts();
    assert_eq!(verdicts["allowed"], "-");
    for reason in ["origin", "null", "malformed"] {
        assert!(
            verdicts[reason].starts_with(&format!("refused: {reason}")),
            "{verdicts:?}"
        );
    }
    let log = envoy.log();
    assert!(log.contains("refused: origin"), "{log}");
    assert!(
        log.contains(env!("CARGO_PKG_VERSION")),
        "the log names the version: {log}"
    );
    for secret in ["c00kie", "s3cret", "token=q1"] {
        assert!(!log.contains(secret), "the log holds {secret}: {log}");
    }

    // The reason goes to the developer as text that no browser runs.
    let evil = "https://evil.example/<script>";
    let refused = send(
        &envoy,
        "audited",
        "OPTIONS",
        "/",
        &[("origin", evil), asks("GET")],
    );
    assert_eq!(value(&refused, "content-type"), "text/plain");
    assert_eq!(value(&refused, "x-content-type-options"), "nosniff");
    let body = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(
        body.contains("malformed") && !body.contains("app.example"),
        "{body}"
    );
}
