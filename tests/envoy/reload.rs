//! A policy is replaced a hundred times under steady load, in several Envoys at once that watch one
//! file (ECDS), which `corsctl render` moves into place: no request fails, every answer is correct under the old or the new policy and never a
//! mixture, an invalid update changes nothing, and nothing of the old policies remains.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::envoy::{Configuration, Envoy, Folder, Listener, Routes, Shell, cors};
use support::http::{self, Connection, Response};
use support::upstream::{Reply, Upstream};

const ENVOYS: usize = 3;
const UPDATES: usize = 100;
/// An invalid update is sent once per this many updates.
const BAD: usize = 5;
/// The VM is also replaced once per this many updates, as when the module is upgraded.
const NEW_VM: usize = 10;
const FILE: &str = "cors.json";
const APP: &str = "https://app.example";

#[test]
fn a_hundred_updates_under_load() {
    let upstream = Upstream::start(|_| Reply::new(200, &[("access-control-allow-origin", "*")]));
    let folder = Folder::new();
    folder.write(FILE, &update(0));
    let envoys: Vec<_> = (0..ENVOYS)
        .map(|_| {
            let listener = Listener::new("cors", vec![discovered(&folder, FILE)], Routes::All);
            Envoy::start(upstream.port, vec![listener])
        })
        .collect();
    let phase = Phase::default();
    let load: Vec<_> = envoys
        .iter()
        .map(|envoy| Load::start(envoy, &phase))
        .collect();

    let before: Vec<_> = envoys.iter().map(state).collect();
    let mut slowest = Duration::ZERO;
    for number in 1..=UPDATES {
        if number % BAD == 0 {
            offer_bad(&envoys, &folder, number);
        }
        phase.change();
        let start = Instant::now();
        render(&folder, number);
        for envoy in &envoys {
            until("the update arrives", || {
                is_right(&ask(envoy, REQUESTS[2]), REQUESTS[2], number)
            });
        }
        slowest = slowest.max(start.elapsed());
        phase.settle();
        // Time for requests under only this policy.
        thread::sleep(Duration::from_millis(30));
    }
    let asked: usize = load.into_iter().map(Load::stop).sum();
    println!(
        "{asked} answers, all right; the slowest update took {slowest:?} to reach {ENVOYS} Envoys"
    );
    assert!(asked > 10 * UPDATES * ENVOYS);

    for (envoy, (vms, resident)) in envoys.iter().zip(before) {
        let has_vms = Shell::under_test() == Shell::Wasm;
        assert_eq!(vms != 0, has_vms, "{vms} VMs");
        until("old VMs are gone", || state(envoy).0 == vms);
        let grown = state(envoy).1.saturating_sub(resident);
        println!("{vms} VMs as before the first update, {grown} KiB more after {UPDATES}");
        assert!(grown < 32 * 1024);
        assert_eq!(envoy.lost_vms(), 0);
    }
}

/// An invalid update is rejected with the module's message, and the old policy stays active.
fn offer_bad(envoys: &[Envoy], folder: &Folder, number: usize) {
    let rejected = |envoy: &Envoy| {
        let stats = envoy.stats("extension_config_discovery.");
        let count =
            |(name, count): (&String, &u64)| name.ends_with(".config_fail").then_some(*count);
        stats.iter().filter_map(count).sum::<u64>()
    };
    let before: Vec<_> = envoys.iter().map(rejected).collect();
    let origin = format!("https://bad-{number}.example/path");
    // corsctl does not write it.
    let template = resource(number, &json!({"allowOrigins": ["${ORIGINS:list}"]}));
    let active = folder.read(FILE);
    let (code, said) = corsctl_render(folder, &template, &origin);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&origin) && said.contains("has a path; write"),
        "{said}"
    );
    assert_eq!(folder.read(FILE), active);
    folder.write(FILE, &resource(number, &json!({"allowOrigins": [origin]})));
    for (envoy, before) in envoys.iter().zip(before) {
        until("the bad update is refused", || rejected(envoy) > before);
        let log = envoy.log();
        let said = |line: &str| line.contains(&origin) && line.contains("has a path; write");
        assert!(log.lines().any(said), "{log}");
        assert!(is_right(&ask(envoy, REQUESTS[2]), REQUESTS[2], number - 1));
    }
}

/// Requests one after the other on one connection, as fast as they are answered.
struct Load {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Load {
    fn start(envoy: &Envoy, phase: &Phase) -> Self {
        let (ends, phase, port) = (
            Arc::new(AtomicBool::new(false)),
            phase.clone(),
            envoy.port("cors"),
        );
        let end = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            let mut connection = Connection::open(port).expect("a connection");
            let mut count = 0;
            while !end.load(SeqCst) {
                let what = REQUESTS[count % REQUESTS.len()];
                let before = phase.now();
                connection.send(&request(what)).expect("Envoy to listen");
                let answer = connection.receive(false).expect("an answer");
                let right = match (before, phase.now()) {
                    (Ok(number), Ok(after)) if number == after => is_right(&answer, what, number),
                    // During an update: either of the two policies.
                    _ => is_right(&answer, what, 0) || is_right(&answer, what, 1),
                };
                assert!(right, "{what:?} at {before:?}: {answer:?}");
                count += 1;
                // A steady load that leaves time for other work on the machine.
                thread::sleep(Duration::from_micros(500));
            }
            count
        });
        Self { ends, thread }
    }

    fn stop(self) -> usize {
        self.ends.store(true, SeqCst);
        self.thread.join().expect("every answer to be right")
    }
}

/// How many updates have arrived everywhere, and whether one is on its way.
#[derive(Clone, Default)]
struct Phase(Arc<AtomicUsize>);

impl Phase {
    fn change(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    fn settle(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    /// The number of the active update; `Err` while it changes.
    fn now(&self) -> Result<usize, usize> {
        let steps = self.0.load(SeqCst);
        if steps.is_multiple_of(2) {
            Ok(steps / 2)
        } else {
            Err(steps)
        }
    }
}

/// Two policies that differ in every field alternate.
fn policy(number: usize) -> Value {
    let turn = number % 2;
    json!({
        "allowOrigins": [APP, format!("https://turn-{turn}.example")],
        "allowMethods": ["GET", format!("TURN-{turn}")],
        "allowCredentials": turn == 0,
        "exposeHeaders": [format!("x-turn-{turn}")],
        "maxAge": turn,
    })
}

const REQUESTS: [(&str, &str); 7] = [
    ("GET", APP),
    ("OPTIONS", APP),
    ("GET", "https://turn-0.example"),
    ("OPTIONS", "https://turn-0.example"),
    ("GET", "https://turn-1.example"),
    ("OPTIONS", "https://turn-1.example"),
    ("GET", ""),
];

fn request((method, origin): (&str, &str)) -> Vec<u8> {
    let mut lines = vec![("host", &b"api.example"[..])];
    if !origin.is_empty() {
        lines.push(("origin", origin.as_bytes()));
    }
    if method == "OPTIONS" {
        lines.push(("access-control-request-method", b"GET"));
    }
    http::request(method, "/", &lines)
}

/// Whether an answer is exactly that of this update's policy.
fn is_right(answer: &Response, (method, origin): (&str, &str), number: usize) -> bool {
    let turn = number % 2;
    let is_allowed = [APP, &format!("https://turn-{turn}.example")].contains(&origin);
    let mut expected = vec!["vary: Origin".to_owned()];
    if is_allowed {
        expected.push(format!("access-control-allow-origin: {origin}"));
        expected.push(format!("access-control-expose-headers: x-turn-{turn}"));
        if turn == 0 {
            expected.push("access-control-allow-credentials: true".to_owned());
        }
    }
    let status = match (method, is_allowed) {
        ("OPTIONS", true) => {
            expected.push(format!("access-control-allow-methods: GET, TURN-{turn}"));
            expected.push(format!("access-control-max-age: {turn}"));
            204
        }
        ("OPTIONS", false) => 403,
        _ => 200,
    };
    let is_compared = |name: &str| name == "vary" || name.starts_with("access-control-");
    let mut lines: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| is_compared(name))
        .map(|(name, value)| format!("{name}: {}", value.escape_ascii()))
        .collect();
    lines.sort();
    expected.sort();
    (answer.status, lines) == (status, expected)
}

fn ask(envoy: &Envoy, what: (&str, &str)) -> Response {
    http::exchange(envoy.port("cors"), &request(what)).expect("an answer")
}

/// The filter, with its configuration in a file that Envoy watches.
pub fn discovered(folder: &Folder, file: &str) -> Value {
    json!({"name": "cors", "config_discovery": {
        "config_source": {"resource_api_version": "V3", "path_config_source": {"path": folder.path(file)}},
        "type_urls": [cors("cors", Configuration::Absent)["typed_config"]["@type"]],
    }})
}

/// Replaces the file by what a template makes of the list of origins.
fn render(folder: &Folder, number: usize) {
    let mut policy = policy(number);
    let origins = policy["allowOrigins"].take();
    let origins = origins.as_array().expect("a list").iter();
    let origins: Vec<_> = origins.filter_map(Value::as_str).collect();
    policy["allowOrigins"] = json!(["${ORIGINS:list}"]);
    let template = resource(number, &policy);
    let (code, said) = corsctl_render(folder, &template, &origins.join(","));
    assert_eq!(code, Some(0), "{said}");
}

fn corsctl_render(folder: &Folder, template: &str, origins: &str) -> (Option<i32>, String) {
    const TEMPLATE: &str = "cors.template.json";
    folder.write(TEMPLATE, template);
    let output = Command::new(support::corsctl())
        .args(["render", TEMPLATE, "--out", FILE])
        .env("ORIGINS", origins)
        .current_dir(folder.path(""))
        .output()
        .expect("corsctl to start");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

fn update(number: usize) -> String {
    resource(number, &policy(number))
}

/// The content of the file for an update.
pub fn resource(number: usize, policy: &Value) -> String {
    let mut filter = cors("cors", Configuration::Text(&policy.to_string()));
    if Shell::under_test() == Shell::Wasm {
        filter["typed_config"]["config"]["vm_config"]["vm_id"] =
            json!(format!("vm-{}", number / NEW_VM));
    }
    filter["@type"] = json!("type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig");
    // In a template the version is not a variable.
    let version = format!("{number} {policy}").replace("${", "$${");
    json!({"version_info": version, "resources": [filter]}).to_string()
}

/// How many VMs there are, and the resident memory in KiB.
fn state(envoy: &Envoy) -> (u64, u64) {
    (
        envoy.stat("wasm.envoy.wasm.runtime.v8.active"),
        envoy.resident(),
    )
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{what}: not in time"
        );
        thread::sleep(Duration::from_millis(5));
    }
}
