//! The configuration that Istio generates for a WasmPlugin, on a real Envoy: delivered by extension
//! discovery (ECDS), as a JSON string, to several listeners, between filters in Istio's order.
//!
//! The shape is that of istio/istio, pilot/pkg/networking/core/listener_builder.go and
//! pilot/pkg/model/extensions.go: CUSTOM authorization, plugins of phase AUTHN, JWT, plugins of phase
//! AUTHZ, RBAC, the other plugins. Istio's own control plane is not here.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::envoy::{Configuration, Envoy, Folder, Listener, Routes, cors, filter};
use support::http::{self, Response};
use support::upstream::{Reply, Upstream};

const APP: &str = "https://app.example";
const EVIL: &str = "https://evil.example";

/// A preflight has no token, and the 401 and 403 of the filters behind must be readable.
#[test]
fn in_phase_authn_preflights_pass_and_errors_are_readable() {
    let upstream = Upstream::start(|_| Reply::new(200, &[("access-control-allow-origin", "*")]));
    let folder = Folder::new();
    folder.write("ecds", &discovery(1, POLICY));
    let early = |folder: &Folder| vec![plugin(folder), jwt(), rbac()];
    let mut listeners: Vec<_> = ["gateway", "inbound", "outbound"]
        .map(|name| Listener::new(name, early(&folder), Routes::All))
        .into();
    listeners[1].direction = "INBOUND";
    listeners[2].direction = "OUTBOUND";
    let envoy = Envoy::start_in(folder, upstream.port, listeners);

    for listener in ["gateway", "inbound", "outbound"] {
        let preflight = preflight(&envoy, listener, APP);
        assert_eq!((preflight.status, grant(&preflight)), (204, APP.into()));
        for (token, status) in [("", 403), ("Bearer nonsense", 401), (TOKEN, 200)] {
            let answer = get(&envoy, listener, APP, token);
            assert_eq!(
                (answer.status, grant(&answer)),
                (status, APP.into()),
                "{listener}"
            );
            assert_eq!(
                answer.headers.only("access-control-allow-credentials"),
                Some(&b"true"[..])
            );
            let other = get(&envoy, listener, EVIL, token);
            assert_eq!(
                (other.status, grant(&other)),
                (status, String::new()),
                "{listener}"
            );
            assert_eq!(
                other.headers.only("vary"),
                Some(&b"Origin"[..]),
                "{listener}"
            );
        }
    }
    // With one worker there are as many VMs for one listener.
    assert_eq!(envoy.stat("wasm.envoy.wasm.runtime.v8.active"), 3);
    assert_eq!(envoy.stat("wasmcustom.cors.preflight_allowed"), 3);
}

/// Why the phase matters: behind JWT and RBAC, the place of a plugin without a phase, nothing works.
#[test]
fn behind_authentication_preflights_are_refused_and_errors_unreadable() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let folder = Folder::new();
    folder.write("ecds", &discovery(1, POLICY));
    let filters = vec![jwt(), rbac(), plugin(&folder)];
    let late = Listener::new("late", filters, Routes::All);
    let envoy = Envoy::start_in(folder, upstream.port, vec![late]);

    let preflight = preflight(&envoy, "late", APP);
    assert_eq!((preflight.status, grant(&preflight)), (403, String::new()));
    for (token, status) in [("", 403), ("Bearer nonsense", 401)] {
        let answer = get(&envoy, "late", APP, token);
        assert_eq!((answer.status, grant(&answer)), (status, String::new()));
    }
    let answer = get(&envoy, "late", APP, TOKEN);
    assert_eq!((answer.status, grant(&answer)), (200, APP.into()));
}

/// CUSTOM authorization runs before every plugin; envoy/istio/before-ext-authz.yaml has the solutions.
#[test]
fn custom_authorization_runs_before_phase_authn() {
    // The same server is the upstream and the authorization service, which refuses everything.
    let upstream = Upstream::start(|request| {
        let asks = request.start.contains(" /authz/");
        Reply::new(if asks { 403 } else { 200 }, &[])
    });
    let folder = Folder::new();
    folder.write("ecds", &discovery(1, POLICY));
    let all = json!({"any": true});
    let but_options =
        json!({"not_rule": {"header": {"name": ":method", "string_match": {"exact": "OPTIONS"}}}});
    let custom = |asked: &Value| vec![custom_rules(asked), ext_authz()];
    let listeners = vec![
        Listener::new(
            "asked",
            [custom(&all), vec![plugin(&folder)]].concat(),
            Routes::All,
        ),
        Listener::new(
            "notMethods",
            [custom(&but_options), vec![plugin(&folder)]].concat(),
            Routes::All,
        ),
        Listener::new(
            "moved",
            [vec![plugin(&folder)], custom(&all)].concat(),
            Routes::All,
        ),
    ];
    let envoy = Envoy::start_in(folder, upstream.port, listeners);
    let both = |listener| {
        let (preflight, actual) = (
            preflight(&envoy, listener, APP),
            get(&envoy, listener, APP, ""),
        );
        [
            (preflight.status, grant(&preflight)),
            (actual.status, grant(&actual)),
        ]
    };
    let none = String::new;
    assert_eq!(both("asked"), [(403, none()), (403, none())]);
    assert_eq!(both("notMethods"), [(204, APP.into()), (403, none())]);
    assert_eq!(both("moved"), [(204, APP.into()), (403, APP.into())]);
}

/// A running proxy keeps its policy. A proxy that starts with a rejected policy still becomes ready, and
/// answers 500 to every request until a valid policy arrives.
#[test]
fn a_refused_policy_keeps_the_old_one_or_answers_500() {
    let bad = r#"{"allowOrigins": ["app.example"]}"#;
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let folder = Folder::new();
    folder.write("ecds", &discovery(1, bad));
    let filters = vec![plugin(&folder)];
    let listener = Listener::new("gateway", filters, Routes::All);
    let envoy = Envoy::start_in(folder, upstream.port, vec![listener]);
    assert_eq!(get(&envoy, "gateway", APP, "").status, 500);
    assert_eq!(preflight(&envoy, "gateway", APP).status, 500);
    assert!(envoy.log().contains("allowOrigins[0]"), "{}", envoy.log());
    let rejected = format!("extension_config_discovery.http_filter.{RESOURCE}.update_rejected");
    assert_eq!(envoy.stat(&rejected), 1);

    envoy.folder().write("ecds", &discovery(2, POLICY));
    until(|| get(&envoy, "gateway", APP, "").status == 200);
    envoy.folder().write("ecds", &discovery(3, bad));
    until(|| envoy.stat(&rejected) == 2);
    assert_eq!(grant(&get(&envoy, "gateway", APP, "")), APP);

    let other = POLICY.replace(APP, EVIL);
    envoy.folder().write("ecds", &discovery(4, &other));
    until(|| grant(&get(&envoy, "gateway", EVIL, "")) == EVIL);
    assert_eq!(grant(&get(&envoy, "gateway", APP, "")), "");
}

/// Istio waits for a plugin without limit, and its agent answers only once it has the module: if the module
/// cannot be fetched, new pods do not become ready.
#[test]
fn a_configuration_that_does_not_come_keeps_envoy_from_becoming_ready() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    // A server that accepts the connection but never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("its address").port();
    let source = json!({"initial_fetch_timeout": "0s", "resource_api_version": "V3",
        "api_config_source": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services":
            [{"google_grpc": {"target_uri": format!("127.0.0.1:{port}"), "stat_prefix": "ecds"}}]}});
    let listener = Listener::new("gateway", vec![discovered(source)], Routes::All);
    let mut envoy = Envoy::launch_in(Folder::new(), upstream.port, vec![listener]);
    thread::sleep(Duration::from_secs(5));
    assert!(!envoy.is_ready());
    let ready = http::request("GET", "/ready", &[("host", b"localhost")]);
    let ready = http::exchange(envoy.admin, &ready).expect("an answer");
    assert_eq!(
        (ready.status, ready.body.as_slice()),
        (503, &b"INITIALIZING\n"[..])
    );
    assert!(!envoy.log().contains("critical"), "{}", envoy.log());
}

/// Envoy Gateway adds a disabled filter for each policy to the chain, and enables it for routes with the
/// policy. Without a route there is no filter.
#[test]
fn envoy_gateway_switches_the_filter_on_by_route() {
    let upstream = Upstream::start(|_| Reply::new(200, &[("access-control-allow-origin", "*")]));
    let mut off = cors("cors", Configuration::Text(POLICY));
    off["disabled"] = json!(true);
    let route =
        |prefix: &str| json!({"match": {"prefix": prefix}, "route": {"cluster": "upstream"}});
    let mut on = route("/on");
    on["typed_per_filter_config"] = json!({"cors": {"@type":
        "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}});
    let routes = json!([{"name": "all", "domains": ["*"], "routes": [on, route("/off")]}]);
    let listener = Listener::new("gateway", vec![off], Routes::VirtualHosts(routes));
    let envoy = Envoy::start(upstream.port, vec![listener]);
    let ask = |path: &str| {
        let headers = [("host", &b"api.example"[..]), ("origin", APP.as_bytes())];
        let request = http::request("GET", path, &headers);
        let answer = http::exchange(envoy.port("gateway"), &request).expect("an answer");
        (answer.status, grant(&answer))
    };
    assert_eq!(ask("/on"), (200, APP.into()));
    assert_eq!(ask("/off"), (200, "*".into()));
    assert_eq!(ask("/none"), (404, String::new()));
}

/// The filter of a WasmPlugin as Istio puts it into a listener.
fn plugin(folder: &Folder) -> Value {
    discovered(json!({
        "initial_fetch_timeout": "0s",
        "resource_api_version": "V3",
        "path_config_source": {"path": folder.path("ecds")},
    }))
}

fn discovered(source: Value) -> Value {
    let types = ["wasm.v3.Wasm", "rbac.v3.RBAC"]
        .map(|name| format!("type.googleapis.com/envoy.extensions.filters.http.{name}"));
    json!({"name": RESOURCE, "config_discovery": {"config_source": source, "type_urls": types}})
}

/// What Istio sends for it, after its agent has fetched the module.
fn discovery(version: u32, policy: &str) -> String {
    let mut wasm = cors("istio-ingress.cors", Configuration::Text(policy))["typed_config"].take();
    wasm["config"]["vm_config"]["environment_variables"] =
        json!({"key_values": {"ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION": "1"}});
    json!({"version_info": version.to_string(), "resources": [{
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": RESOURCE,
        "typed_config": wasm,
    }]})
    .to_string()
}

/// RequestAuthentication: a token may be missing, but not be wrong.
fn jwt() -> Value {
    let keys = json!({"keys": [{"kty": "oct", "alg": "HS256", "kid": "test", "k": KEY}]});
    let requires = json!({"requires_any": {"requirements":
        [{"provider_name": "test"}, {"allow_missing": {}}]}});
    let config = json!({
        "providers": {"test": {"issuer": "test", "forward": true, "payload_in_metadata": "payload",
            "local_jwks": {"inline_string": keys.to_string()}}},
        "rules": [{"match": {"prefix": "/"}, "requires": requires}],
        "bypass_cors_preflight": true,
    });
    filter(
        "envoy.filters.http.jwt_authn",
        "jwt_authn.v3.JwtAuthentication",
        config,
    )
}

/// AuthorizationPolicy: requests with a token only.
fn rbac() -> Value {
    let principal = json!({"metadata": {"filter": "envoy.filters.http.jwt_authn",
        "path": [{"key": "payload"}, {"key": "iss"}], "value": {"string_match": {"exact": "test"}}}});
    let policy = json!({"permissions": [{"any": true}], "principals": [principal]});
    let rules = json!({"rules": {"action": "ALLOW", "policies": {"token": policy}}});
    filter("envoy.filters.http.rbac", "rbac.v3.RBAC", rules)
}

/// AuthorizationPolicy with action CUSTOM: which requests the authorization service is asked about.
fn custom_rules(asked: &Value) -> Value {
    let policy = json!({"permissions": [asked], "principals": [{"any": true}]});
    let config = json!({
        "shadow_rules": {"action": "DENY", "policies": {"istio-ext-authz-test": policy}},
        "shadow_rules_stat_prefix": "istio_ext_authz_",
    });
    filter("envoy.filters.http.rbac", "rbac.v3.RBAC", config)
}

fn ext_authz() -> Value {
    let server = json!({"uri": "http://authz.test", "cluster": "upstream", "timeout": "5s"});
    let config = json!({
        "transport_api_version": "V3",
        "http_service": {"server_uri": server, "path_prefix": "/authz"},
        "filter_enabled_metadata": {"filter": "envoy.filters.http.rbac",
            "path": [{"key": "istio_ext_authz_shadow_effective_policy_id"}],
            "value": {"string_match": {"prefix": "istio-ext-authz"}}},
    });
    filter(
        "envoy.filters.http.ext_authz",
        "ext_authz.v3.ExtAuthz",
        config,
    )
}

fn preflight(envoy: &Envoy, listener: &str, origin: &str) -> Response {
    let asks = [
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ];
    send(envoy, listener, "OPTIONS", origin, &asks)
}

fn get(envoy: &Envoy, listener: &str, origin: &str, token: &str) -> Response {
    let token = [("authorization", token)];
    send(
        envoy,
        listener,
        "GET",
        origin,
        if token[0].1.is_empty() { &[] } else { &token },
    )
}

fn send(
    envoy: &Envoy,
    listener: &str,
    method: &str,
    origin: &str,
    more: &[(&str, &str)],
) -> Response {
    let mut headers = vec![("host", &b"api.example"[..]), ("origin", origin.as_bytes())];
    headers.extend(more.iter().map(|(name, value)| (*name, value.as_bytes())));
    let request = http::request(method, "/", &headers);
    http::exchange(envoy.port(listener), &request).expect("an answer")
}

fn grant(answer: &Response) -> String {
    let grant = answer.headers.only("access-control-allow-origin");
    String::from_utf8_lossy(grant.unwrap_or_default()).into_owned()
}

fn until(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "it does not happen"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

const RESOURCE: &str = "extensions.istio.io/wasmplugin/istio-ingress.cors";
const POLICY: &str = r#"{"allowOrigins":["https://app.example"], "allowHeaders":["authorization"],"allowCredentials":true}"#;
const KEY: &str = "YSBrZXkgb2YgdGhlIHRlc3RzLCBhbmQgbm8gc2VjcmV0IGF0IGFsbA";
/// Signed with it, and valid for long.
const TOKEN: &str = "Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6InRlc3QifQ.eyJpc3MiOiJ0ZXN0IiwiZXhwIjo0MTAyNDQ0ODAwfQ.94zvqfntfPcKaZcIjF2j7APlA5Q5ITRtuGUZdGpfeiw";
