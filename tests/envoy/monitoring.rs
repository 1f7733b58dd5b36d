//! What envoy/compose/monitoring.yaml gives to Prometheus, in Prometheus itself, next to a real Envoy: it finds the
//! counters, reads the alerts, and answers every query of the dashboard.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use support::envoy::{Configuration, Envoy, Folder, Listener};
use support::http;

use crate::manifests::types::{documents, root};
use crate::{APP, EVIL, send};

#[test]
fn prometheus_answers_the_queries_of_the_dashboard() {
    let policy = r#"{"allowOrigins": ["https://app.example"]}"#;
    let envoy = Envoy::start(
        1,
        vec![Listener::cors("public", Configuration::Text(policy))],
    );
    for origin in [APP, EVIL] {
        let asks = [("origin", origin), ("access-control-request-method", "GET")];
        send(&envoy, "public", "OPTIONS", "/", &asks);
    }
    let prometheus = Prometheus::start(envoy.admin);
    prometheus.until("up == 1");
    let dashboard = include_str!("../../envoy/dashboard.json");
    let dashboard: Value = serde_json::from_str(dashboard).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let mut queries = 0;
    for target in targets.flatten() {
        let query = target["expr"].as_str().expect("a query");
        let query = query
            .replace("$instance", ".*")
            .replace("$__rate_interval", "1m");
        // A policy in shadow is not there, and a subquery has a value only after its step of 15 s.
        if query.contains("shadow") || query.contains(":15s]") {
            prometheus.query(&query);
        } else {
            prometheus.until(&query);
        }
        queries += 1;
    }
    assert!(queries > 20, "{queries}");
    prometheus.until("cors_preflight_refused == 1");

    let rules = prometheus.get("/api/v1/rules");
    let read = rules["data"]["groups"][0]["rules"]
        .as_array()
        .expect("rules");
    let ours = documents(&root().join("envoy/alerts.yaml")).remove(0);
    let ours = ours["groups"][0]["rules"].as_array().expect("rules").len();
    assert_eq!(read.len(), ours, "{rules}");
}

/// A Prometheus on the shipped configuration, which looks at one Envoy often.
struct Prometheus {
    process: Child,
    port: u16,
    _folder: Folder,
}

impl Prometheus {
    fn start(admin: u16) -> Self {
        let folder = Folder::new();
        let shipped = root().join("envoy/compose/monitoring/prometheus.yaml");
        let shipped = fs::read_to_string(shipped).expect("the configuration");
        let alerts = root().join("envoy/alerts.yaml").display().to_string();
        let mut configuration = shipped;
        for (from, to) in [
            ("gateway:9901", format!("127.0.0.1:{admin}").as_str()),
            ("scrape_interval: 15s", "scrape_interval: 200ms"),
            ("[alerts.yaml]", &format!("[{alerts}]")),
        ] {
            assert_eq!(configuration.matches(from).count(), 1, "{from}");
            configuration = configuration.replace(from, to);
        }
        folder.write("prometheus.yaml", &configuration);
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let argument = |name: &str, file: &str| format!("--{name}={}", folder.path(file).display());
        let process = Command::new(root().join("scripts/promtool"))
            .arg("--server")
            .arg(argument("config.file", "prometheus.yaml"))
            .arg(argument("storage.tsdb.path", "data"))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Prometheus to start");
        Self {
            process,
            port,
            _folder: folder,
        }
    }

    /// Waits until a query has a result.
    fn until(&self, query: &str) {
        let start = Instant::now();
        while self.query(query).is_empty() {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "no result: {query}"
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn query(&self, query: &str) -> Vec<Value> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.get(&format!("/api/v1/query?query={escaped}"));
        let result = answer["data"]["result"].as_array();
        result
            .unwrap_or_else(|| panic!("{query}: {answer}"))
            .clone()
    }

    /// What it answers, once it runs.
    fn get(&self, path: &str) -> Value {
        let start = Instant::now();
        loop {
            match http::get(self.port, path) {
                Ok(body) => return serde_json::from_slice(&body).expect("JSON"),
                Err(error) if start.elapsed() > Duration::from_secs(60) => {
                    panic!("{path}: {error}")
                }
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
