//! One plugin for many routes: rules, route metadata, and the effect of Envoy's own routing.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{APP, EVIL, allow_origin, send, value};
use support::envoy::{Configuration, Envoy, Folder, Listener, Routes, Shell, cors, to_upstream};
use support::http::Response;
use support::upstream::{Reply, Upstream};

const TEAM: &str = "https://team.example";
const ADMIN: &str = "https://admin.example";

#[test]
fn rules_by_host_path_and_route_name() {
    let upstream = Upstream::start(|_| Reply::new(200, &[("access-control-allow-origin", "*")]));
    let config = json!({
        "allowOrigins": [APP],
        "rules": [
            {"name": "team", "match": {"hostnames": ["team.test"]}, "policy": {"allowOrigins": [TEAM], "allowCredentials": true}},
            {"name": "admin", "match": {"hostnames": ["admin.example"], "pathPrefixes": ["/admin"]}, "policy": {"allowOrigins": [ADMIN]}},
            {"name": "trial", "match": {"pathPrefixes": ["/trial"]}, "policy": {"allowOrigins": [TEAM], "mode": "shadow"}},
            {"name": "gateway", "match": {"routeNames": ["httproute/shop/cart/*"]}, "policy": {"allowOrigins": ["https://cart.example"]}},
            {"name": "one", "match": {"routeNames": ["exactly"]}, "policy": {"allowOrigins": ["https://exactly.example"]}},
        ],
    });
    let named = |name: &str, prefix: &str| json!({"name": name, "match": {"prefix": prefix}, "route": {"cluster": "upstream"}});
    let off = json!({"match": {"prefix": "/off"}, "route": {"cluster": "upstream"}, "typed_per_filter_config": {"cors":
        {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true}}});
    let routes = json!([
        named("httproute/shop/cart/rule/0/match/0/*", "/cart"),
        named("exactly", "/exactly"),
        off,
        to_upstream()
    ]);
    let hosts = json!([{"name": "all", "domains": ["*"], "routes": routes}]);
    let filter = cors("cors", Configuration::Text(&config.to_string()));
    let envoy = Envoy::start(
        upstream.port,
        vec![Listener::new(
            "routes",
            vec![filter],
            Routes::VirtualHosts(hosts),
        )],
    );
    let get = |host, path, origin| {
        send(
            &envoy,
            "routes",
            "GET",
            path,
            &[("host", host), ("origin", origin)],
        )
    };

    // Two hosts, two policies.
    assert_eq!(allow_origin(&get("www.test", "/", APP)), APP);
    assert_eq!(allow_origin(&get("www.test", "/", TEAM)), "");
    assert_eq!(allow_origin(&get("team.test", "/", TEAM)), TEAM);
    assert_eq!(
        value(
            &get("team.test", "/", TEAM),
            "access-control-allow-credentials"
        ),
        "true"
    );
    assert_eq!(allow_origin(&get("team.test", "/", APP)), "");

    // Another spelling of its path or host does not bypass a strict rule.
    for path in [
        "//admin",
        "//admin/x",
        "/%61dmin",
        "/pub/../admin",
        "/admin%2Fx",
    ] {
        for origin in [APP, ADMIN, EVIL] {
            let escape = get("admin.example", path, origin);
            assert_eq!(
                (escape.status, allow_origin(&escape)),
                (200, String::new()),
                "{path} {origin}"
            );
        }
    }
    for host in [
        "admin.example",
        "ADMIN.example:8443.",
        "ADMIN.example:8443",
        "admin.example.",
        "admin.example.:8443",
    ] {
        assert_eq!(allow_origin(&get(host, "/admin", ADMIN)), ADMIN, "{host}");
        assert_eq!(allow_origin(&get(host, "/admin", APP)), "", "{host}");
    }

    // Route names, also by their stable part.
    assert_eq!(
        allow_origin(&get("www.test", "/cart/1", "https://cart.example")),
        "https://cart.example"
    );
    assert_eq!(allow_origin(&get("www.test", "/cart/1", APP)), "");
    assert_eq!(
        allow_origin(&get("www.test", "/exactly", "https://exactly.example")),
        "https://exactly.example"
    );
    assert_eq!(
        allow_origin(&get("team.test", "/exactly", TEAM)),
        "",
        "a route name beats a host"
    );

    // The filter is off for one route: the upstream's own headers pass, preflights reach it.
    assert_eq!(allow_origin(&get("www.test", "/off", EVIL)), "*");
    let preflight = |path, origin| {
        send(
            &envoy,
            "routes",
            "OPTIONS",
            path,
            &[
                ("host", "www.test"),
                ("origin", origin),
                ("access-control-request-method", "PUT"),
            ],
        )
    };
    assert_eq!(preflight("/off", EVIL).status, 200);
    assert_eq!(preflight("/", EVIL).status, 403);

    // One rule in shadow while the others enforce.
    assert_eq!(allow_origin(&get("www.test", "/trial", EVIL)), "*");
    assert_eq!(preflight("/trial", EVIL).status, 200);
    assert_eq!(envoy.stat("wasmcustom.cors.shadow.preflight_refused"), 1);
    assert_eq!(envoy.stat("wasmcustom.cors.shadow.request_refused"), 1);
}

/// DELETE takes a separate route; its preflight is OPTIONS and takes the other one.
#[test]
fn a_preflight_has_the_route_of_options() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let config = json!({"routeMetadataNamespace": "cors", "allowOrigins": [APP], "policies": {"team": {"allowOrigins": [TEAM], "allowMethods": ["DELETE"]}}});
    let by_method = json!([{"name": "all", "domains": ["*"], "routes": [
        {"match": {"prefix": "/", "headers": [{"name": ":method", "string_match": {"exact": "DELETE"}}]}, "route": {"cluster": "upstream"},
            "metadata": policy("team")},
        to_upstream()]}]);
    let filter = cors("cors", Configuration::Text(&config.to_string()));
    let envoy = Envoy::start(
        upstream.port,
        vec![Listener::new(
            "routes",
            vec![filter],
            Routes::VirtualHosts(by_method),
        )],
    );
    let actual = |origin| send(&envoy, "routes", "DELETE", "/", &[("origin", origin)]);
    let preflight = |origin| {
        send(
            &envoy,
            "routes",
            "OPTIONS",
            "/",
            &[
                ("origin", origin),
                ("access-control-request-method", "DELETE"),
            ],
        )
    };
    assert_eq!(allow_origin(&actual(TEAM)), TEAM);
    assert_eq!(allow_origin(&actual(APP)), "");
    assert_eq!(
        preflight(TEAM).status,
        403,
        "the policy of the DELETE route is never asked"
    );
    assert_eq!(preflight(APP).status, 204);
}

#[test]
fn route_metadata_changes_without_a_restart() {
    let upstream = Upstream::start(|_| Reply::new(200, &[("access-control-allow-origin", "*")]));
    let config = json!({
        "routeMetadataNamespace": "cors",
        "allowOrigins": [APP],
        "policies": {"team": {"allowOrigins": [TEAM]}, "host": {"allowOrigins": ["https://host.example"]}},
        "rules": [{"name": "rule", "match": {"hostnames": ["meta.test"]}, "policy": {"allowOrigins": ["https://rule.example"]}}],
    });
    let mut routes = json!([
        {"match": {"prefix": "/own"}, "route": {"cluster": "upstream"}, "metadata": policy("team")},
        {"match": {"prefix": "/json"}, "route": {"cluster": "upstream"}, "metadata": policy(r#"{"allowOrigins": ["https://json.example"], "allowCredentials": true}"#)},
        {"match": {"prefix": "/unknown"}, "route": {"cluster": "upstream"}, "metadata": policy("nobody")},
        {"match": {"prefix": "/broken"}, "route": {"cluster": "upstream"}, "metadata": policy(r#"{"allowOrigins": ["https://a.example/x"]}"#)},
        {"match": {"prefix": "/plugin"}, "route": {"cluster": "upstream"}, "metadata": policy(r#"{"allowOrigins": ["https://a.example"], "debug": true}"#)},
        {"match": {"prefix": "/huge"}, "route": {"cluster": "upstream"}, "metadata": policy(&"x".repeat(1 << 20))},
        {"match": {"prefix": "/number"}, "route": {"cluster": "upstream"}, "metadata": {"filter_metadata": {"cors": {"policy": 7}}}},
        to_upstream(),
    ]);
    let folder = Folder::new();
    folder.write("routes", &discovery(1, &routes));
    let filter = cors("cors", Configuration::Text(&config.to_string()));
    let envoy = Envoy::start_in(
        folder,
        upstream.port,
        vec![Listener::new(
            "routes",
            vec![filter],
            Routes::File("routes"),
        )],
    );
    let get = |host, path, origin| {
        send(
            &envoy,
            "routes",
            "GET",
            path,
            &[("host", host), ("origin", origin)],
        )
    };

    // Route metadata, then virtual host metadata, then rules, then the top level.
    assert_eq!(allow_origin(&get("meta.test", "/own", TEAM)), TEAM);
    assert_eq!(
        allow_origin(&get("meta.test", "/own", "https://host.example")),
        ""
    );
    // A dynamic module cannot read the metadata of a virtual host: there the rule governs.
    let (governs, other) = match Shell::under_test() {
        Shell::Native => ("https://rule.example", "https://host.example"),
        Shell::Wasm => ("https://host.example", "https://rule.example"),
    };
    assert_eq!(allow_origin(&get("meta.test", "/", governs)), governs);
    assert_eq!(allow_origin(&get("meta.test", "/", other)), "");
    assert_eq!(allow_origin(&get("plain.test", "/", APP)), APP);
    let json = get("meta.test", "/json", "https://json.example");
    assert_eq!(allow_origin(&json), "https://json.example");
    assert_eq!(value(&json, "access-control-allow-credentials"), "true");

    // An invalid text allows no origin, but only on its route; a request without Origin passes as always.
    let allows_nobody = |answer: Response, why: &str| {
        assert_eq!(
            (answer.status, allow_origin(&answer)),
            (200, String::new()),
            "{why}"
        );
        assert_eq!(value(&answer, "vary"), "Origin", "{why}");
    };
    for path in ["/unknown", "/broken", "/plugin", "/huge", "/number"] {
        for origin in [
            APP,
            TEAM,
            "https://a.example",
            "https://host.example",
            "https://rule.example",
            "null",
        ] {
            allows_nobody(get("meta.test", path, origin), path);
        }
        let asks = ("access-control-request-method", "GET");
        let preflight = send(
            &envoy,
            "routes",
            "OPTIONS",
            path,
            &[("host", "meta.test"), ("origin", APP), asks],
        );
        assert_eq!(
            (preflight.status, allow_origin(&preflight)),
            (403, String::new()),
            "{path}"
        );
        allows_nobody(
            send(&envoy, "routes", "GET", path, &[("host", "meta.test")]),
            path,
        );
    }
    let log = envoy.log();
    assert_eq!(
        log.matches("https://a.example/x").count(),
        1,
        "a bad text is logged once: {log}"
    );
    assert_eq!(
        allow_origin(&get("meta.test", "/own", TEAM)),
        TEAM,
        "other routes are untouched"
    );

    // A route update takes effect without a restart.
    routes[0]["metadata"] = policy("host");
    envoy.folder().write("routes", &discovery(2, &routes));
    let start = Instant::now();
    while allow_origin(&get("meta.test", "/own", "https://host.example")).is_empty() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the update does not arrive"
        );
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(allow_origin(&get("meta.test", "/own", TEAM)), "");
}

/// An upstream that treats a request without Origin as its own site's: it must see every other Origin.
#[test]
fn hiding_cors_leaves_the_upstreams_csrf_check_alone() {
    let upstream = Upstream::start(|request| {
        let forged = request.headers.has("origin")
            || request.headers.only("sec-fetch-site") == Some(b"cross-site");
        Reply::new(if forged { 403 } else { 200 }, &[])
    });
    let config = r#"{"allowOrigins": ["https://app.example"], "hideCorsFromUpstream": true}"#;
    let envoy = Envoy::start(
        upstream.port,
        vec![Listener::cors("hidden", Configuration::Text(config))],
    );
    let post = |origin: &str| {
        let headers = [
            ("origin", origin),
            ("sec-fetch-site", "cross-site"),
            ("content-length", "0"),
        ];
        send(&envoy, "hidden", "POST", "/transfer", &headers)
    };
    let allowed = post(APP);
    assert_eq!((allowed.status, allow_origin(&allowed)), (200, APP.into()));
    for origin in [
        EVIL,
        "null",
        "https://app.example/",
        "https://app.example, https://evil.example",
        "",
    ] {
        let refused = post(origin);
        assert_eq!(
            (refused.status, allow_origin(&refused)),
            (403, String::new()),
            "{origin}"
        );
    }
}

fn policy(text: &str) -> Value {
    json!({"filter_metadata": {"cors": {"policy": text}}})
}

/// A file for Envoy's route discovery: one host whose virtual host names a policy, one without.
fn discovery(version: u32, routes: &Value) -> String {
    json!({
        "version_info": version.to_string(),
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            "name": "routes",
            "virtual_hosts": [
                {"name": "meta", "domains": ["meta.test"], "routes": routes, "metadata": policy("host")},
                {"name": "plain", "domains": ["*"], "routes": [to_upstream()]},
            ],
        }],
    })
    .to_string()
}

/// A redirect that Envoy follows itself starts a new chain of filters on the request as the first one
/// left it: without the hidden headers.
#[test]
fn an_internal_redirect_is_judged_by_the_same_origin() {
    let upstream = Upstream::start(|request| {
        let to = request
            .start
            .split(" ")
            .nth(1)
            .unwrap_or_default()
            .strip_prefix("/from");
        let Some(to) = to else {
            let shown = |name: &str| request.headers.only(name).unwrap_or(b"-").to_vec();
            let shown = [shown("origin"), shown("sec-fetch-site")]
                .map(|value| String::from_utf8_lossy(&value).into_owned());
            return Reply::new(200, &[("x-seen", &shown.join(" "))]);
        };
        Reply::new(302, &[("location", &format!("http://api.example{to}"))])
    });
    let hiding = json!({"allowOrigins": [APP], "hideCorsFromUpstream": true});
    let config = json!({
        "allowOrigins": [APP],
        "hideCorsFromUpstream": true,
        "rules": [
            {"match": {"pathPrefixes": ["/strict"]}, "policy": {"allowOrigins": [TEAM], "unmatchedRequests": "reject"}},
            {"match": {"pathPrefixes": ["/plain"]}, "policy": {"allowOrigins": [TEAM]}},
        ],
    });
    let delegated = json!({
        "routeMetadataNamespace": "cors",
        "rules": config["rules"],
    });
    let follows = json!({"cluster": "upstream", "internal_redirect_policy":
        {"max_internal_redirects": 3, "redirect_response_codes": [302]}});
    let routes = |metadata: &Value| {
        json!([{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/strict"}, "route": follows},
            {"match": {"prefix": "/plain"}, "route": follows},
            {"match": {"prefix": "/"}, "route": follows, "metadata": metadata},
        ]}])
    };
    let listener = |name: &str, config: &Value, metadata: Value| {
        let filter = cors(name, Configuration::Text(&config.to_string()));
        Listener::new(name, vec![filter], Routes::VirtualHosts(routes(&metadata)))
    };
    let envoy = Envoy::start(
        upstream.port,
        vec![
            listener("listed", &config, json!({})),
            listener("delegated", &delegated, policy(&hiding.to_string())),
        ],
    );
    for name in ["listed", "delegated"] {
        let get = |path: &str, origin: Option<&str>| {
            let origin = origin.map(|origin| ("origin", origin));
            let site = ("sec-fetch-site", "cross-site");
            let headers: Vec<_> = origin.into_iter().chain([site]).collect();
            send(&envoy, name, "GET", path, &headers)
        };
        // Also after several redirects, and without one.
        for path in ["/to", "/from/to", "/from/from/to"] {
            let answer = get(path, Some(APP));
            // What a dynamic module keeps ends with the chain: the next one sees no Origin, and grants nothing.
            let is_lost = Shell::under_test() == Shell::Native && path != "/to";
            let granted = if is_lost { "" } else { APP };
            assert_eq!(allow_origin(&answer), granted, "{name} {path}");
            assert_eq!(value(&answer, "x-seen"), "- -", "{name} {path}");
        }
        if Shell::under_test() == Shell::Native {
            continue;
        }
        let refused = get("/from/strict", Some(APP));
        assert_eq!(
            (refused.status, allow_origin(&refused)),
            (403, String::new()),
            "{name}"
        );
        let plain = get("/from/plain", Some(APP));
        assert_eq!(
            (plain.status, allow_origin(&plain)),
            (200, String::new()),
            "{name}"
        );
        assert_eq!(
            value(&plain, "x-seen"),
            format!("{APP} cross-site"),
            "{name}"
        );

        // No state remains for the next request on the connection.
        for (origin, seen) in [
            (Some(EVIL), "https://evil.example cross-site"),
            (None, "- cross-site"),
        ] {
            let answer = get("/from/to", origin);
            assert_eq!(allow_origin(&answer), "", "{name}");
            assert_eq!(value(&answer, "x-seen"), seen, "{name}");
        }
    }
}
