//! The operator's view: counters, access log, log.

use crate::{APP, EVIL, send, value};
use support::envoy::{Configuration, Envoy, Listener};
use support::upstream::{Reply, Upstream};

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
    assert!(envoy.log().contains("shadow"), "a shadow says so at start");
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
        let shadow = format!("shadow-{case}");
        let headers = [("origin", origin), ("x-case", shadow.as_str())];
        send(&envoy, "shadow", "GET", "/", &headers);
    }
    let verdicts = envoy.verdicts();
    assert_eq!(verdicts["allowed"], "-");
    assert_eq!(verdicts["shadow-allowed"], "-");
    for reason in ["origin", "null", "malformed"] {
        assert_eq!(verdicts[reason], format!("{reason} top-level policy"));
        assert_eq!(
            verdicts[&format!("shadow-{reason}")],
            format!("shadow {reason} top-level policy")
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

    // The developer gets the reason as text that no browser executes.
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
