//! Answers that Envoy or a later filter makes: 401, 403, 404, 503.

use serde_json::{Value, json};

use crate::{APP, EVIL, allow_origin, send, value};
use support::envoy::{Configuration, Envoy, Listener, Routes, cors, filter, to_upstream};
use support::upstream::{Reply, Upstream};

const POLICY: &str = r#"{"allowOrigins": ["https://app.example"], "allowCredentials": true,
    "exposeHeaders": ["x-b"]}"#;

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

/// Whatever layer answers: an allowed origin can read the answer, another cannot, and both vary.
#[test]
fn answers_of_envoy_and_of_later_filters() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let deny = filter(
        "rbac",
        "rbac.v3.RBAC",
        json!({"rules": {"action": "ALLOW", "policies": {}}}),
    );
    let keys = json!({"keys": [{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0"}]});
    let any = json!({"prefix": "/"});
    let authenticate = filter(
        "jwt_authn",
        "jwt_authn.v3.JwtAuthentication",
        json!({
            "providers": {"test": {"issuer": "test", "local_jwks": {"inline_string": keys.to_string()}}},
            "rules": [{"match": any, "requires": {"provider_name": "test"}}],
        }),
    );
    let leak = json!([{"header": {"key": "access-control-allow-origin", "value": "*"}}]);
    let listeners = vec![
        Listener::new(
            "rbac",
            vec![cors("rbac", Configuration::Text(POLICY)), deny],
            Routes::All,
        ),
        Listener::new(
            "jwt_authn",
            vec![cors("jwt_authn", Configuration::Text(POLICY)), authenticate],
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
        ("jwt_authn", 401),
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

        // The next test covers a route's additions to the filter's replies.
        if listener != "route that adds" {
            preflights(&envoy, listener);
        }
    }
}

/// Envoy adds a route's own headers to the filter's replies too, and joins the two values. Reading them back
/// would cost every preflight; a browser accepts neither value, so nothing is granted.
#[test]
fn cors_headers_that_a_route_adds_spoil_preflights_but_grant_nothing() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let leak = json!([{"header": {"key": "access-control-allow-origin", "value": "*"}}]);
    let any = json!({"prefix": "/"});
    let to_upstream = json!({"cluster": "upstream"});
    let adds = json!({"match": any, "route": to_upstream, "response_headers_to_add": leak});
    let envoy = Envoy::start(upstream.port, vec![routed("adds", adds)]);
    let asks = ("access-control-request-method", "PUT");
    let allowed = send(&envoy, "adds", "OPTIONS", "/", &[("origin", APP), asks]);
    assert_eq!(allow_origin(&allowed), format!("*,{APP}"));
    let refused = send(&envoy, "adds", "OPTIONS", "/", &[("origin", EVIL), asks]);
    assert_eq!(
        refused.status, 403,
        "a status with which no preflight passes"
    );
    let actual = send(&envoy, "adds", "GET", "/", &[("origin", EVIL)]);
    assert_eq!(allow_origin(&actual), "");
}

/// Under these two settings the filter answers refused preflights with success, and the only header is the
/// route's: a browser accepts it. The response to the request itself is still hidden from the script.
#[test]
fn cors_headers_of_a_route_are_the_only_ones_on_replies_without_any() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let leak = json!([{"header": {"key": "access-control-allow-origin", "value": "*"}}]);
    let listener = |name, policy| {
        let route = json!({"match": {"prefix": "/"}, "route": {"cluster": "upstream"}, "response_headers_to_add": leak});
        let filter = cors(name, Configuration::Text(policy));
        Listener::new(name, vec![filter], hosts("*", route))
    };
    let listeners = vec![
        listener(
            "ignore",
            r#"{"allowOrigins": ["https://app.example"], "unmatchedPreflights": "ignore"}"#,
        ),
        listener(
            "options",
            r#"{"allowOrigins": ["https://app.example"], "autoOptions": true}"#,
        ),
    ];
    let envoy = Envoy::start(upstream.port, listeners);
    let evil = ("origin", EVIL);
    let asks = ("access-control-request-method", "PUT");
    for (listener, headers) in [("ignore", &[evil, asks][..]), ("options", &[evil])] {
        let answer = send(&envoy, listener, "OPTIONS", "/", headers);
        assert_eq!((answer.status, allow_origin(&answer)), (204, "*".into()));
        let actual = send(&envoy, listener, "PUT", "/", &[evil]);
        assert_eq!((actual.status, allow_origin(&actual)), (200, "".into()));
    }
}

fn preflights(envoy: &Envoy, listener: &str) {
    let asks = ("access-control-request-method", "PUT");
    let allowed = send(envoy, listener, "OPTIONS", "/", &[("origin", APP), asks]);
    assert_eq!(allowed.status, 204, "{listener}");
    assert_eq!(allow_origin(&allowed), APP, "{listener}");
    let refused = send(envoy, listener, "OPTIONS", "/", &[("origin", EVIL), asks]);
    assert_eq!(refused.status, 403, "{listener}");
    assert_eq!(allow_origin(&refused), "", "{listener}");
    assert_eq!(value(&refused, "vary"), "Origin", "{listener}");
}
