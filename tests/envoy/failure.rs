//! What Envoy does when the module fails, by its `failure_policy`. The shipped module has no way to
//! fail on purpose, so the test builds one that panics at a request with `x-panic-switch`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use support::envoy::{Configuration, Envoy, Listener, Routes, Shell, module};
use support::http::{self, Response};
use support::upstream::{Reply, Upstream};
use support::{cargo, program, root, succeed};

const APP: &str = "https://app.example";
const EVIL: &str = "https://evil.example";
const SWITCH: &str = "x-panic-switch";

#[test]
fn the_shipped_module_has_no_panic_switch() {
    assert!(contains(switched_module(), SWITCH));
    assert!(!contains(&module(), SWITCH));
}

/// One request is lost; the next one gets a new VM, also with the other plugin.
#[test]
fn fail_reload_loses_one_request() {
    let (envoy, _upstream) = start("FAIL_RELOAD");
    // A VM that is younger than a second, with some jitter, is not replaced at once.
    thread::sleep(Duration::from_secs(2));
    assert_eq!(get(&envoy, "one", APP, true).status, 503);
    let log = envoy.log();
    assert!(log.contains("cors: panicked at src/filter.rs:"), "{log}");
    for _ in 0..20 {
        let next = get(&envoy, "one", APP, false);
        assert_eq!((next.status, grant(&next)), (200, APP.into()));
        let refused = get(&envoy, "other", EVIL, false);
        assert_eq!((refused.status, grant(&refused)), (200, String::new()));
    }
    assert_eq!(envoy.stat("wasm.one.vm_reload_success"), 1);
}

/// A VM that fails repeatedly is replaced once a second; in between there is no filter and therefore no
/// answer. No answer is wrong at any time.
#[test]
fn fail_reload_is_bounded_and_never_open() {
    let (envoy, _upstream) = start("FAIL_RELOAD");
    let (mut answered, mut lost) = (0, 0);
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        assert_eq!(get(&envoy, "one", APP, true).status, 503);
        let next = get(&envoy, "one", EVIL, false);
        match next.status {
            200 => answered += 1,
            status => {
                assert_eq!(status, 503);
                lost += 1;
            }
        }
        assert_eq!(grant(&next), "");
    }
    println!("{answered} requests between panics were answered, {lost} had no VM");
    assert!(envoy.stat("wasm.one.vm_reload_success") <= 4);
    // Once the attack ends, the filter is back within the second.
    let recovered = (0..30).any(|_| {
        thread::sleep(Duration::from_millis(100));
        get(&envoy, "one", APP, false).status == 200
    });
    assert!(recovered, "{:?}", envoy.stats("wasm."));
}

/// Nothing is answered until Envoy is restarted: one request stops a service. The other listener,
/// whose plugin shares the VM, stops too.
#[test]
fn fail_closed_answers_503_forever() {
    let (envoy, _upstream) = start("FAIL_CLOSED");
    assert_eq!(get(&envoy, "other", APP, false).status, 200);
    assert_eq!(get(&envoy, "one", APP, true).status, 503);
    for listener in ["one", "other"] {
        for _ in 0..20 {
            assert_eq!(get(&envoy, listener, APP, false).status, 503, "{listener}");
        }
    }
    thread::sleep(Duration::from_secs(2));
    assert_eq!(get(&envoy, "one", APP, false).status, 503);
}

/// All later requests are answered without the filter: the upstream's grants leak to every origin, and
/// the policy's grants are missing.
#[test]
fn fail_open_lets_the_upstream_decide() {
    let (envoy, _upstream) = start("FAIL_OPEN");
    assert_eq!(grant(&get(&envoy, "one", EVIL, false)), "");
    assert_eq!(get(&envoy, "one", APP, true).status, 503);
    for origin in [APP, EVIL] {
        thread::sleep(Duration::from_secs(1));
        let open = get(&envoy, "one", origin, false);
        assert_eq!((open.status, grant(&open)), (200, "*".into()), "{origin}");
    }
}

/// Two listeners, whose plugins share a VM, before an upstream that grants everything.
fn start(failure_policy: &str) -> (Envoy, Upstream) {
    let upstream = Upstream::start(|_| Reply::new(200, &[("access-control-allow-origin", "*")]));
    let policy = json!({"allowOrigins": [APP]}).to_string();
    let listener = |name: &str| {
        let mut filter = Shell::Wasm.cors(name, Configuration::Text(&policy));
        let plugin = &mut filter["typed_config"]["config"];
        plugin["failure_policy"] = json!(failure_policy);
        plugin["vm_config"]["code"]["local"]["filename"] = json!(switched_module());
        Listener::new(name, vec![filter], Routes::All)
    };
    let listeners = vec![listener("one"), listener("other")];
    (Envoy::start(upstream.port, listeners), upstream)
}

fn get(envoy: &Envoy, listener: &str, origin: &str, panics: bool) -> Response {
    let mut headers = vec![("host", &b"api.example"[..]), ("origin", origin.as_bytes())];
    if panics {
        headers.push((SWITCH, b"1"));
    }
    let request = http::request("GET", "/", &headers);
    http::exchange(envoy.port(listener), &request).expect("an answer")
}

fn grant(response: &Response) -> String {
    let values: Vec<_> = response
        .headers
        .values("access-control-allow-origin")
        .collect();
    String::from_utf8_lossy(&values.join(&b'|')).into_owned()
}

/// The module with the switch, linked like the shipped one.
fn switched_module() -> &'static Path {
    static MODULE: LazyLock<PathBuf> = LazyLock::new(build_switched_module);
    &MODULE
}

fn build_switched_module() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panic-switch");
    let build = "build --quiet --locked --package proxy-wasm-cors --release --target wasm32-wasip1";
    succeed(
        cargo(build)
            .env("CARGO_TARGET_DIR", &target)
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", "--cfg panic_switch"),
    );
    let linked = target.join("cors.wasm");
    succeed(
        Command::new(program("wasm-link"))
            .args(["link", "scripts/module.txt"])
            .arg(target.join("wasm32-wasip1/release/proxy_wasm_cors.wasm"))
            .arg(&linked)
            .current_dir(root()),
    );
    linked
}

fn contains(module: &Path, text: &str) -> bool {
    let bytes = fs::read(module).expect("the module");
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
