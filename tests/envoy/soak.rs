//! A real Envoy with the shipped module under steady load, for `SOAK_SECONDS` seconds: its memory is flat,
//! and nothing is logged. The dynamic module is also given a hundred new configurations meanwhile; for the
//! WebAssembly module each is a new VM, which `reload.rs` looks at.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::envoy::{Configuration, Envoy, Folder, Listener, Routes, Shell, cors};
use support::http::{self, Connection};

use crate::reload::{discovered, resource};

#[test]
#[ignore = "scripts/soak runs it"]
fn memory_is_flat_and_the_log_silent() {
    let seconds = std::env::var("SOAK_SECONDS").expect("SOAK_SECONDS");
    let length = Duration::from_secs(seconds.parse().expect("a number of seconds"));
    let updates = match Shell::under_test() {
        Shell::Native => UPDATES_A_SAMPLE * SAMPLES,
        Shell::Wasm => 0,
    };
    let folder = Folder::new();
    update(&folder, 0);
    let listeners = listeners(&folder, updates > 0);
    let envoy = Envoy::start_in(folder, 1, listeners);
    let mut connections: Vec<_> = LISTENERS
        .iter()
        .map(|(name, _)| Connection::open(envoy.port(name)).expect("a connection"))
        .collect();
    let requests = requests();

    let start = Instant::now();
    let (mut samples, mut streams) = (Vec::new(), 0_u64);
    let (mut log, mut updated) = (String::new(), 0);
    while start.elapsed() < length {
        for connection in &mut connections {
            for (request, status, granted) in &requests {
                connection.send(request).expect("Envoy to listen");
                let answer = connection.receive(false).expect("an answer");
                let origin = answer.headers.only("access-control-allow-origin");
                assert_eq!(
                    (answer.status, origin),
                    (*status, granted.map(str::as_bytes)),
                    "{}",
                    request.escape_ascii()
                );
                streams += 1;
            }
        }
        let elapsed = start.elapsed();
        if elapsed > length / (updates + 1) * (updated + 1) {
            updated += 1;
            update(envoy.folder(), updated);
        }
        if elapsed > length / SAMPLES * (samples.len() as u32 + 1) {
            samples.push(envoy.resident());
            if samples.len() == WARM_UP {
                log = envoy.log();
            }
        }
    }
    // The first tenth fills pools and caches.
    samples.drain(..WARM_UP);
    let (first, last) = samples.split_at(samples.len() / 2);
    let (first, last) = (median(first), median(last));
    println!(
        "{streams} streams in {seconds} s: {first} KiB resident, in the second half {last} KiB"
    );
    println!("samples: {samples:?}");
    assert!(last.saturating_sub(first) < ALLOWED_GROWTH);

    // Late lines have been written by now.
    thread::sleep(Duration::from_millis(200));
    let lines = envoy.log();
    let lines = lines.strip_prefix(&log).expect("the log only grows");
    // Of each configuration there is a line with the version, and one with a number for each diagnostic.
    let is_of_configuration =
        |line: &&str| line.contains("cors: version ") || line.contains(" [cors-");
    let of_requests: Vec<_> = lines
        .lines()
        .filter(|line| !is_of_configuration(line))
        .collect();
    assert!(of_requests.is_empty(), "{of_requests:#?}");
    assert_eq!(envoy.lost_vms(), 0);
    if updates > 0 {
        let arrived = envoy.stat("extension_config_discovery.http_filter.cors.config_reload");
        println!("{arrived} configurations arrived, of {updated} updates of each listener");
        // Envoy may read a file once for two updates.
        let listeners = LISTENERS.len() as u64;
        assert!(arrived > u64::from(updates) / 2 * listeners);
    }
}

/// Writes the policies of all listeners, different in what no request asks for.
fn update(folder: &Folder, number: u32) {
    for (name, policy) in LISTENERS {
        let mut policy: Value = serde_json::from_str(policy).expect("a policy");
        policy["maxAge"] = json!(number);
        folder.write(&file(name), &resource(number as usize, &policy));
    }
}

fn file(listener: &str) -> String {
    format!("{listener}.json")
}

fn listeners(folder: &Folder, is_updated: bool) -> Vec<Listener> {
    let listener = |(name, policy): &(&str, &str)| {
        let routes = json!([{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]);
        let hosts = json!([{"name": "all", "domains": ["*"], "routes": routes}]);
        let filter = if is_updated {
            discovered(folder, &file(name))
        } else {
            cors(name, Configuration::Text(policy))
        };
        let mut listener = Listener::new(name, vec![filter], Routes::VirtualHosts(hosts));
        listener.settings = json!({"access_log": []});
        listener
    };
    LISTENERS.iter().map(listener).collect()
}

type Lines<'a> = &'a [(&'a str, &'a [u8])];

/// Each with its expected status and origin, on every listener.
fn requests() -> Vec<(Vec<u8>, u16, Option<&'static str>)> {
    let long = b"x-a,".repeat(1500);
    let app = ("origin", APP.as_bytes());
    let evil = ("origin", &b"https://evil.invalid"[..]);
    let asks = ("access-control-request-method", &b"PUT"[..]);
    let names = ("access-control-request-headers", &long[..]);
    let requests: [(&str, Lines, u16, Option<&str>); 8] = [
        ("GET", &[], 200, None),
        ("GET", &[app], 200, Some(APP)),
        ("POST", &[evil], 200, None),
        ("GET", &[("origin", b"\xff\xfe")], 200, None),
        ("GET", &[("origin", b"null")], 200, None),
        ("OPTIONS", &[app, asks], 204, Some(APP)),
        ("OPTIONS", &[app, asks, names], 204, Some(APP)),
        ("OPTIONS", &[evil, asks], 403, None),
    ];
    let request = |(method, headers, status, granted): (&str, Lines, _, _)| {
        let host = [("host", &b"api.example"[..]), ("content-length", b"0")];
        let request = http::request(method, "/a/b", &[&host, headers].concat());
        (request, status, granted)
    };
    requests.into_iter().map(request).collect()
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

const APP: &str = "https://app.example";
const LISTENERS: [(&str, &str); 3] = [
    (
        "plain",
        r#"{"allowOrigins": ["https://app.example"], "allowCredentials": true}"#,
    ),
    (
        "echo",
        r#"{"allowOrigins": ["https://*.example"], "allowOriginRegexes": ["https://[a-z]+\\.x"], "allowMethods": ["*"], "allowHeaders": ["*"], "allowCredentials": true, "exposeHeaders": ["*"]}"#,
    ),
    (
        "rules",
        r#"{"unmatchedRequests": "reject", "allowOrigins": ["null"], "rules": [{"match": {"hostnames": ["*.example"], "pathPrefixes": ["/a"]}, "policy": {"allowOrigins": ["https://app.example"]}}]}"#,
    ),
];
const SAMPLES: u32 = 50;
const UPDATES_A_SAMPLE: u32 = 2;
/// The number of first samples that are ignored.
const WARM_UP: usize = SAMPLES as usize / 10;
/// In KiB. A leak of one byte per stream exceeds this in a quarter of an hour.
const ALLOWED_GROWTH: u64 = 4 * 1024;
