//! What only the dynamic module has: configuration by route, panics that end in a 500, and the comparison
//! with the WebAssembly module, answer by answer.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::{APP, EVIL, allow_origin, send};
use support::envoy::{
    Configuration, Envoy, Listener, Routes, Shell, dynamic_module, filter, to_upstream,
};
use support::http::{self, Response};
use support::random::Random;
use support::upstream::{Reply, Upstream};
use support::{cargo, succeed};

const TEAM: &str = "https://team.example";
const SWITCH: &str = "x-panic-switch";

/// The most specific configuration governs, before rules and the top level.
#[test]
fn a_route_has_a_policy_of_its_own() {
    let upstream = Upstream::start(|_| Reply::new(200, &[("access-control-allow-origin", "*")]));
    let config = json!({
        "allowOrigins": [APP],
        "policies": {"team": {"allowOrigins": [TEAM]}},
        "rules": [{"match": {"pathPrefixes": ["/rule"]}, "policy": {"allowOrigins": ["https://rule.example"]}}],
    });
    let route = |prefix: &str, policy: Option<Value>| {
        let mut route = json!({"match": {"prefix": prefix}, "route": {"cluster": "upstream"}});
        if let Some(policy) = policy {
            route["typed_per_filter_config"] = json!({"cors": policy});
        }
        route
    };
    let written = json!({"allowOrigins": ["https://json.example"], "allowCredentials": true});
    let hosts = json!([
        {
            "name": "own", "domains": ["own.test"],
            "typed_per_filter_config": {"cors": per_route(Configuration::Text(
                r#"{"allowOrigins": ["https://host.example"]}"#))},
            "routes": [
                route("/named", Some(per_route(Configuration::Text("team")))),
                route("/struct", Some(per_route(Configuration::Struct(&written)))),
                route("/unknown", Some(per_route(Configuration::Text("nobody")))),
                route("/shadow", Some(per_route(Configuration::Text(
                    r#"{"allowOrigins": ["https://a.example"], "mode": "shadow"}"#)))),
                route("/rule", None),
                to_upstream(),
            ],
        },
        {"name": "all", "domains": ["*"], "routes": [to_upstream()]},
    ]);
    let cors = Shell::Native.cors("cors", Configuration::Text(&config.to_string()));
    let envoy = Envoy::start(
        upstream.port,
        vec![Listener::new(
            "own",
            vec![cors],
            Routes::VirtualHosts(hosts),
        )],
    );
    for (host, path, allowed) in [
        ("own.test", "/named", TEAM),
        ("own.test", "/struct", "https://json.example"),
        ("own.test", "/rule", "https://host.example"),
        ("own.test", "/", "https://host.example"),
        ("other.test", "/rule", "https://rule.example"),
        ("other.test", "/", APP),
    ] {
        for origin in [
            APP,
            TEAM,
            "https://json.example",
            "https://host.example",
            "https://rule.example",
        ] {
            let answer = send(
                &envoy,
                "own",
                "GET",
                path,
                &[("host", host), ("origin", origin)],
            );
            let expected = if origin == allowed { origin } else { "" };
            assert_eq!(allow_origin(&answer), expected, "{host}{path} {origin}");
        }
    }
    for origin in [APP, TEAM, "https://host.example"] {
        let headers = [
            ("host", "own.test"),
            ("origin", origin),
            ("x-case", "unknown"),
        ];
        assert_eq!(
            allow_origin(&send(&envoy, "own", "GET", "/unknown", &headers)),
            ""
        );
    }
    let log = envoy.log();
    assert_eq!(
        log.matches("names no policy: \"nobody\"").count(),
        1,
        "{log}"
    );
    let headers = [("host", "own.test"), ("origin", EVIL)];
    let shadow = send(&envoy, "own", "GET", "/shadow", &headers);
    assert_eq!(allow_origin(&shadow), "*", "nothing is changed");
    assert_eq!(envoy.stat("wasmcustom.cors.shadow.request_refused"), 1);
    assert_eq!(envoy.verdicts()["unknown"], "origin route configuration");
}

/// A bad configuration of a route is refused with its listener, and says why.
#[test]
fn a_bad_policy_of_a_route_ends_the_start() {
    let bad = r#"{"allowOrigins": ["*.example.com"], "debug": true}"#;
    let hosts = json!([{"name": "all", "domains": ["*"], "routes": [to_upstream()],
        "typed_per_filter_config": {"cors": per_route(Configuration::Text(bad))}}]);
    let cors = Shell::Native.cors("cors", Configuration::Text(r#"{"allowOrigins": []}"#));
    let listener = Listener::new("bad", vec![cors], Routes::VirtualHosts(hosts));
    let ended = Envoy::run(1, vec![listener], "validate");
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    for said in [
        r#"allowOrigins[0]: "*.example.com" has no scheme; write "https://*.example.com""#,
        "debug: belongs to the plugin",
        "Failed to initialize per-route dynamic module",
    ] {
        assert!(ended.log.contains(said), "{said} is missing: {}", ended.log);
    }
}

/// The request gets a 500, a response is sent without any grant, and nothing else is lost.
#[test]
fn a_panic_ends_one_stream() {
    let upstream = Upstream::start(|request| {
        let mut headers = vec![
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
        ];
        if request.start.contains("/late") {
            headers.push((SWITCH, "1"));
        }
        Reply::new(200, &headers)
    });
    let mut cors = Shell::Native.cors(
        "cors",
        Configuration::Text(r#"{"allowOrigins": ["https://app.example"]}"#),
    );
    cors["typed_config"]["dynamic_module_config"] =
        json!({"module": {"local": {"filename": switched_module()}}});
    let listener = Listener::new("cors", vec![cors], Routes::All);
    let envoy = Envoy::start(upstream.port, vec![listener]);
    let get = |path: &str, headers: &[(&str, &str)]| send(&envoy, "cors", "GET", path, headers);
    let grants = |response: &Response| {
        let names = response.headers.names();
        names
            .filter(|name| name.starts_with("access-control-"))
            .count()
    };
    for _ in 0..20 {
        let early = get("/", &[("origin", APP), (SWITCH, "1")]);
        assert_eq!((early.status, grants(&early)), (500, 0));
        let late = get("/late", &[("origin", APP)]);
        assert_eq!((late.status, grants(&late)), (200, 0));
        assert_eq!(allow_origin(&get("/", &[("origin", APP)])), APP);
        assert_eq!(allow_origin(&get("/", &[("origin", EVIL)])), "");
    }
    let log = envoy.log();
    assert_eq!(
        log.matches("cors: panicked at crates/native/src/filter.rs:")
            .count(),
        40,
        "{log}"
    );
    assert!(
        !log.contains("the panic switch is set"),
        "values of a request could be in it: {log}"
    );
}

/// Random policies and requests: status, headers, what the upstream received and the verdict are the same.
#[test]
fn both_shells_give_the_same_answers() {
    let mut random = Random::new(21);
    let upstream = Upstream::start(|request| {
        let mut seen: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| !["x-request-id", "x-case"].contains(name))
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)))
            .collect();
        seen.sort();
        let mut reply = Reply::new(200, &[("x-seen", &seen.join("|"))]);
        let asked = request
            .headers
            .values("x-answer")
            .next()
            .map(|n| n.len())
            .unwrap_or_default();
        for (name, value) in &ANSWERS[..asked % (ANSWERS.len() + 1)] {
            reply
                .headers
                .push((name.to_string(), value.as_bytes().to_vec()));
        }
        reply
    });
    let policies: Vec<String> = (0..POLICIES)
        .map(|_| policy(&mut random).to_string())
        .collect();
    let listener = |shell: Shell, index: usize, policy: &str| {
        let name = format!("{shell:?}{index}");
        Listener::new(
            &name,
            vec![shell.cors(&name, Configuration::Text(policy))],
            Routes::All,
        )
    };
    let listeners = policies.iter().enumerate().flat_map(|(index, policy)| {
        [Shell::Native, Shell::Wasm].map(|shell| listener(shell, index, policy))
    });
    let envoy = Envoy::start(upstream.port, listeners.collect());
    let mut granted = 0;
    for (index, policy) in policies.iter().enumerate() {
        for number in 0..REQUESTS {
            let (method, headers) = request(&mut random);
            let [native, wasm] = [Shell::Native, Shell::Wasm].map(|shell| {
                let key = format!("{shell:?}{index}-{number}");
                let mut lines = vec![("host", &b"api.example"[..]), ("x-case", key.as_bytes())];
                lines.extend(
                    headers
                        .iter()
                        .map(|(name, value)| (*name, value.as_bytes())),
                );
                let bytes = http::request(method, "/a/b", &lines);
                let answer = http::exchange(envoy.port(&format!("{shell:?}{index}")), &bytes);
                let answer = answer.expect("an answer");
                let mut headers: Vec<(String, Vec<u8>)> = answer
                    .headers
                    .iter()
                    .filter(|(name, _)| *name != "date")
                    .map(|(name, value)| (name.to_owned(), value.to_vec()))
                    .collect();
                headers.sort();
                (answer.status, headers, answer.body)
            });
            granted += usize::from(
                native
                    .1
                    .iter()
                    .any(|(name, _)| name == "access-control-allow-origin"),
            );
            assert_eq!(native, wasm, "{policy}: {method} {headers:?}");
        }
    }
    let verdicts = envoy.verdicts();
    for (key, verdict) in &verdicts {
        if let Some(rest) = key.strip_prefix("Native") {
            assert_eq!(
                verdicts.get(&format!("Wasm{rest}")),
                Some(verdict),
                "{rest}"
            );
        }
    }
    assert_eq!(verdicts.len(), 2 * POLICIES * REQUESTS);
    assert!(
        granted > POLICIES * REQUESTS / 10,
        "{granted} grants show too little"
    );
}

const POLICIES: usize = 40;
const REQUESTS: usize = 25;

const ANSWERS: [(&str, &str); 6] = [
    ("access-control-allow-origin", "https://upstream.example"),
    ("vary", "accept-encoding"),
    ("access-control-allow-methods", "DELETE"),
    ("x-own", "1"),
    ("vary", "origin"),
    ("access-control-max-age", "7"),
];

/// A policy with some fields; every one is valid.
fn policy(random: &mut Random) -> Value {
    let origins = [
        json!([APP]),
        json!(["https://*.example"]),
        json!([APP, "http://localhost:*"]),
        json!(["*"]),
        json!([]),
    ];
    let mut policy = json!({"allowOrigins": origins[random.below(origins.len())]});
    let choices: [(&str, &[Value]); 12] = [
        ("allowMethods", &[json!(["*"]), json!(["GET", "PUT"])]),
        (
            "allowHeaders",
            &[json!(["*"]), json!(["x-a", "Content-Type"])],
        ),
        ("exposeHeaders", &[json!(["*"]), json!(["x-own"])]),
        ("allowCredentials", &[json!(true)]),
        ("maxAge", &[json!(0), json!("1h")]),
        ("allowPrivateNetwork", &[json!(true)]),
        ("hosts", &[json!(["api.example"]), json!(["other.example"])]),
        ("preflightStatus", &[json!(200)]),
        ("unmatchedPreflights", &[json!("ignore")]),
        ("unmatchedRequests", &[json!("reject")]),
        ("autoOptions", &[json!(true)]),
        ("mode", &[json!("shadow"), json!("off")]),
    ];
    for (name, values) in choices {
        if random.once_in(3) {
            policy[name] = values[random.below(values.len())].clone();
        }
    }
    match random.below(4) {
        0 => policy["upstreamCors"] = json!("keep"),
        1 => policy["hideCorsFromUpstream"] = json!(true),
        2 => {
            let rule = json!({"match": {"pathPrefixes": ["/a"]}, "policy": policy});
            policy = json!({"rules": [rule]});
        }
        _ => {}
    }
    policy["debug"] = json!(random.once_in(4));
    policy
}

fn request(random: &mut Random) -> (&'static str, Vec<(&'static str, String)>) {
    let method = random.pick(&["GET", "POST", "PUT", "OPTIONS", "OPTIONS", "OPTIONS"]);
    let mut headers = vec![("x-answer", "x".repeat(random.below(ANSWERS.len() + 1)))];
    let values: [(&str, &[&str]); 5] = [
        (
            "origin",
            &[
                APP,
                APP,
                "https://a.b.example",
                EVIL,
                "null",
                "http://localhost:3000",
                "https://app.example/",
                "",
            ],
        ),
        (
            "access-control-request-method",
            &["GET", "PUT", "patch", "a b", ""],
        ),
        (
            "access-control-request-headers",
            &["x-a", "X-B, content-type", ",,a b", ""],
        ),
        ("access-control-request-private-network", &["true", "1"]),
        ("sec-fetch-site", &["same-origin", "cross-site"]),
    ];
    for (name, values) in values {
        if !random.once_in(3) {
            headers.push((name, random.pick(values).to_owned()));
        }
    }
    (method, headers)
}

fn per_route(configuration: Configuration) -> Value {
    let form = Shell::Native.cors("cors", configuration)["typed_config"]["filter_config"].take();
    let mut config = json!({
        "dynamic_module_config": dynamic_module(),
        "filter_config": form,
    });
    config["@type"] = filter(
        "",
        "dynamic_modules.v3.DynamicModuleFilterPerRoute",
        json!({}),
    )["typed_config"]["@type"]
        .take();
    config
}

/// The module with the switch, not optimized: what a panic does is the same, and it builds in a fraction of the time.
fn switched_module() -> &'static Path {
    static MODULE: LazyLock<PathBuf> = LazyLock::new(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panic-switch");
        succeed(
            cargo("build --quiet --locked --package cors-native --profile native")
                .env("CARGO_TARGET_DIR", &target)
                .env("CARGO_PROFILE_NATIVE_LTO", "off")
                .env("CARGO_PROFILE_NATIVE_OPT_LEVEL", "0")
                .env_remove("CARGO_ENCODED_RUSTFLAGS")
                .env("RUSTFLAGS", "--cfg panic_switch"),
        );
        target.join("native/libcors_native.so")
    });
    &MODULE
}
