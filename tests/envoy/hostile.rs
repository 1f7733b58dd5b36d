//! Hostile clients of the shipped module in a real Envoy: more than a hundred thousand requests. After each
//! kind, ordinary requests are answered correctly, and no VM was lost.
//!
//! `HOSTILE=10 cargo test --test envoy hostile::` sends ten times as many; `scripts/test` sends a quarter.

mod h1;
mod h2;

use std::env;
use std::time::Instant;

use serde_json::{Value, json};

use support::envoy::{Configuration, Envoy, Listener, Routes, cors};
use support::http;
use support::random::Random;
use support::upstream::{Reply, Upstream};

const APP: &str = "https://app.example";
const EVIL: &str = "https://evil.example";
/// One listener for each of the policies below, under this name.
const LISTENERS: [&str; 4] = ["echo", "rules", "metadata", "upstream"];

#[test]
fn nothing_kills_it() {
    let (envoy, _upstream) = start();
    let times = env::var("HOSTILE").map_or(1.0, |times| times.parse::<f64>().expect("a number"));
    let kinds: [(&str, usize, Kind); 9] = [
        ("random bytes, pipelined", 60_000, h1::random),
        ("values of up to 60 KiB", 1_000, h1::large),
        ("100 Origin lines", 1_000, h1::many_origins),
        ("thousands of names asked for", 1_000, h1::many_names),
        ("WebSocket handshakes", 4_000, h1::websockets),
        ("connections reset in the middle", 4_000, h1::resets),
        ("malformed HTTP/1.1", 2_000, h1::malformed),
        ("HTTP/2, random bytes", 40_000, h2::random),
        ("HTTP/2, streams reset in the middle", 4_000, h2::resets),
    ];
    let (mut all, mut all_reached) = (0, 0);
    for (name, count, send) in kinds {
        let number = (count as f64 * times) as usize;
        let before = judged(&envoy);
        let start = Instant::now();
        send(&envoy, number, &mut Random::new(count as u64));
        healthy(&envoy, name);
        // The ordinary requests count too.
        let reached = judged(&envoy) - before - (3 * LISTENERS.len()) as u64;
        let seconds = start.elapsed().as_secs_f32();
        println!("{name}: {reached} of {number} reached the module, {seconds:.1} s");
        // Envoy passes on nothing that is not a request.
        let is_request = name != "malformed HTTP/1.1";
        assert!(!is_request || reached * 10 >= number as u64 * 9);
        all += number;
        all_reached += reached;
    }
    println!("{all_reached} of {all} reached the module");
    let upgraded = envoy.stat("http.ingress.downstream_rq_1xx");
    println!("{upgraded} connections were upgraded");
    // By the upstream, which one listener has.
    let handshakes = 4_000.0 * times / LISTENERS.len() as f64;
    assert!(upgraded as f64 >= handshakes * 0.9);
}

type Kind = fn(&Envoy, usize, &mut Random);

/// Every header that the module knows is read under one of these policies.
fn start() -> (Envoy, Upstream) {
    // What comes in `x-answer` goes back in the headers that the module reads of answers.
    let upstream = Upstream::start(|request| {
        let mut reply = match request.headers.has("upgrade") {
            true => Reply::new(101, &[("connection", "Upgrade"), ("upgrade", "websocket")]),
            false => Reply::new(200, &[]),
        };
        for value in request.headers.values("x-answer") {
            for name in ["vary", "access-control-allow-origin", "x-other"] {
                reply.headers.push((name.into(), value.to_vec()));
            }
        }
        reply
    });
    let named = json!({"allowOrigins": [APP], "allowHeaders": ["*"], "autoOptions": true});
    let policies = [
        json!({"allowOrigins": ["https://*:*", "http://*.example", APP], "allowMethods": ["*"],
            "allowOriginRegexes": ["h.*/(a|b)*", r"https://[a-z0-9-]+\.(x|y)\.example(:\d+)?"],
            "allowHeaders": ["*"], "allowCredentials": true, "exposeHeaders": ["*"],
            "allowPrivateNetwork": true, "debug": true}),
        json!({"allowOrigins": [APP], "hideCorsFromUpstream": true, "autoOptions": true,
            "unmatchedRequests": "reject", "debug": true, "rules": [
                {"match": {"pathPrefixes": ["/admin", "/a/b"]}, "policy": {"allowOrigins": [APP]}},
                {"match": {"hostnames": ["*.example"], "exactPaths": ["/x"]}, "policy": {"allowOrigins": [APP, "null"]}},
                {"match": {"routeNames": ["some/*"]}, "policy": {"allowOrigins": [APP]}}]}),
        json!({"routeMetadataNamespace": "cors", "policies": {"named": named}}),
        json!({"allowOrigins": [APP], "upstreamCors": "keep", "unmatchedPreflights": "forward"}),
    ];
    let listeners = LISTENERS.iter().zip(policies).map(|(name, mut policy)| {
        policy["statPrefix"] = json!(name);
        let filter = cors(name, Configuration::Text(&policy.to_string()));
        let mut listener = Listener::new(name, vec![filter], routes(name));
        // So that Envoy passes hostile requests on to the module.
        listener.settings = json!({
            "max_request_headers_kb": 96,
            "common_http_protocol_options": {"max_headers_count": 5000},
            "http2_protocol_options": {"max_concurrent_streams": 1000},
            "upgrade_configs": [{"upgrade_type": "websocket"}],
        });
        listener
    });
    (Envoy::start(upstream.port, listeners.collect()), upstream)
}

fn routes(listener: &str) -> Routes {
    if listener == "upstream" {
        return Routes::All;
    }
    let route = |prefix: &str, policy: &str| {
        json!({"match": {"prefix": prefix}, "direct_response": {"status": 200},
            "metadata": {"filter_metadata": {"cors": {"policy": policy}}}})
    };
    let own = json!({"allowOrigins": [APP], "allowOriginRegexes": ["h.*"]}).to_string();
    let routes: Vec<Value> = vec![
        route("/b", "not a policy"),
        route("/a", &own),
        route("/", "named"),
    ];
    Routes::VirtualHosts(json!([{"name": "all", "domains": ["*"], "routes": routes}]))
}

/// Ordinary requests are answered as before, and no VM was lost.
fn healthy(envoy: &Envoy, after: &str) {
    for listener in LISTENERS {
        let ask = |method, origin: &str| {
            let mut headers = vec![("host", &b"api.test"[..]), ("origin", origin.as_bytes())];
            if method == "OPTIONS" {
                headers.push(("access-control-request-method", b"GET"));
            }
            let request = http::request(method, "/x", &headers);
            let answer = http::exchange(envoy.port(listener), &request).expect("an answer");
            let granted = answer.headers.values("access-control-allow-origin");
            let granted: Vec<_> = granted
                .map(|value| value.escape_ascii().to_string())
                .collect();
            (answer.status, granted.join(" and "))
        };
        assert_eq!(
            ask("GET", APP),
            (200, APP.into()),
            "{listener} after {after}"
        );
        assert_eq!(
            ask("OPTIONS", APP),
            (204, APP.into()),
            "{listener} after {after}"
        );
        // The first policy allows any host of https.
        let evil = if listener == "echo" {
            "ftp://evil.example"
        } else {
            EVIL
        };
        let status = if listener == "rules" { 403 } else { 200 };
        assert_eq!(
            ask("GET", evil),
            (status, String::new()),
            "{listener} after {after}"
        );
    }
    assert_eq!(envoy.lost_vms(), 0, "after {after}");
    let log = envoy.log();
    assert!(
        !log.contains("panicked") && !log.contains("Proxy-Wasm plugin in-VM"),
        "{log}"
    );
}

/// How many requests the module has judged: all that have an Origin.
fn judged(envoy: &Envoy) -> u64 {
    let outcomes = [
        "preflight_allowed",
        "preflight_refused",
        "request_allowed",
        "request_refused",
        "request_same_origin",
    ];
    let counters = envoy.stats("wasmcustom.");
    let of_outcome = |name: &str| outcomes.iter().any(|outcome| name.ends_with(outcome));
    counters
        .iter()
        .filter(|(name, _)| of_outcome(name))
        .map(|(_, count)| count)
        .sum()
}

/// The lines of a hostile request, except `host`: all bytes that HTTP permits, in every header that the
/// module reads. It always has an Origin, because requests with an Origin are counted.
fn lines(random: &mut Random) -> Vec<(&'static str, Vec<u8>)> {
    let mut lines = vec![("origin", origin(random))];
    for name in [
        "access-control-request-method",
        "access-control-request-headers",
        "access-control-request-private-network",
        "sec-fetch-site",
        "x-answer",
    ] {
        if random.once_in(2) {
            let length = length(random);
            lines.push((name, random.bytes(length, byte)));
        }
    }
    lines
}

fn origin(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => APP.into(),
        1 => b"null".to_vec(),
        2 => format!(
            "{APP}{}",
            random.pick(&[
                ".evil.example",
                ":443",
                "/",
                "@evil",
                ",",
                ",null",
                "%00",
                "\t"
            ])
        )
        .into(),
        3 => format!("https://{}", "a.".repeat(random.below(200))).into(),
        4 => format!(
            "http://[{}]:{}",
            ":".repeat(random.below(9)),
            random.below(99_999)
        )
        .into(),
        5 => {
            let length = length(random);
            [b"https://".to_vec(), random.bytes(length, byte)].concat()
        }
        _ => {
            let length = length(random);
            random.bytes(length, byte)
        }
    }
}

fn length(random: &mut Random) -> usize {
    match random.below(10) {
        0 => random.below(2000),
        _ => random.below(60),
    }
}

/// A byte that is permitted in a header value, half of the time one with a meaning here.
fn byte(random: &mut Random) -> u8 {
    if random.once_in(2) {
        return random.pick(b"https://[]:*.,-_~?#@%\\\"<> \texample0123456789ABC");
    }
    match random.below(256) as u8 {
        byte if byte < 0x20 || byte == 0x7f => byte.wrapping_add(0x80),
        byte => byte,
    }
}

fn path(random: &mut Random) -> String {
    let length = length(random);
    let bytes = random.bytes(length, |random| random.pick(b"/%.;&=?%2eEfF5cC\\admin"));
    format!("/{}", String::from_utf8_lossy(&bytes))
}
