//! The shipped module in a real Envoy, with requests from scripts in a real Chromium: what the script
//! saw and what Envoy answered, both for allowed and for refused requests.

mod answers;
mod cache;
mod credentials;
mod elements;
mod fetches;
mod local_network;
mod messages;
mod origins;
mod protocols;

use std::cell::RefCell;
use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::browser::Browser;
use support::envoy::{Configuration, Envoy, Folder, Listener};
use support::http::Head;
use support::upstream::{Reply, Upstream};

/// Two web sites, an Envoy with an upstream, and a browser.
///
/// In a filter's configuration, `$APP` and `$NEIGHBOUR` are replaced by the origins of that name.
struct Stage {
    app: String,
    evil: String,
    /// The host of `app` on another port: another origin, the same site.
    neighbour: String,
    envoy: Envoy,
    browser: Browser,
    /// How many lines of a listener's log have been checked.
    seen: RefCell<HashMap<String, usize>>,
}

impl Stage {
    fn new(listeners: Vec<Listener>) -> Self {
        Self::with_switches(listeners, |_| Vec::new())
    }

    /// With switches of Chromium that depend on the port of the web sites.
    fn with_switches(listeners: Vec<Listener>, switches: impl Fn(u16) -> Vec<String>) -> Self {
        let page = |head: &Head| {
            let mut headers = vec![("content-type", "text/html")];
            if head.start.starts_with("GET /sandbox ") {
                headers.push(("content-security-policy", "sandbox allow-scripts"));
            }
            // Without an icon Chromium would ask for one.
            let html = "<!doctype html><link rel=icon href=data:,><body>";
            reply(200, &headers, html)
        };
        let (pages, neighbour) = (Upstream::start(page).port, Upstream::start(page).port);
        let app = format!("http://app.localhost:{pages}");
        let folder = Folder::new();
        let neighbour = format!("http://app.localhost:{neighbour}");
        let listeners = listeners.into_iter().map(|mut listener| {
            let filters = json!(listener.filters).to_string();
            let filters = filters.replace("$APP", &app).replace("$NEIGHBOUR", &neighbour);
            let filters: Value = serde_json::from_str(&filters).expect("filters");
            listener.filters = filters.as_array().expect("a list").clone();
            listener.settings["access_log"] = json!([{"name": "file", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": folder.path(&listener.name),
                "log_format": {"text_format_source": {"inline_string": LOG_FORMAT}},
            }}]);
            listener
        });
        let listeners = listeners.collect();
        let api = Upstream::start(answers::answer);
        let switches = switches(pages);
        let switches: Vec<_> = switches.iter().map(String::as_str).collect();
        Self {
            evil: format!("http://evil.localhost:{pages}"),
            neighbour,
            app,
            envoy: Envoy::start_in(folder, api.port, listeners),
            browser: Browser::start_with(&switches),
            seen: RefCell::default(),
        }
    }

    /// The address of a path behind a listener: another origin, of the same site as `app`, since
    /// Chromium keeps cookies from other sites whatever their CORS headers say.
    fn url(&self, listener: &str, path: &str) -> String {
        format!(
            "http://api.app.localhost:{}{path}",
            self.envoy.port(listener)
        )
    }

    /// Status and body that a script reads with `fetch`, or what it catches.
    fn fetch(&self, listener: &str, path: &str, init: Value) -> String {
        let script = "const response = await fetch(given.url, given.init);
            return response.status + ' ' + await response.text();";
        self.run(
            script,
            json!({"url": self.url(listener, path), "init": init}),
        )
    }

    /// What a script returns, or what it throws.
    fn run(&self, script: &str, given: Value) -> String {
        match self.browser.run(script, given) {
            Ok(Value::String(text)) | Err(text) => text,
            Ok(other) => other.to_string(),
        }
    }

    /// Checks the answers of a listener since the last check.
    fn answered(&self, listener: &str, expected: &[&str]) {
        let mut seen = self.seen.borrow_mut();
        let seen = seen.entry(listener.into()).or_default();
        // Envoy writes its log every 50 ms.
        if expected.is_empty() {
            thread::sleep(Duration::from_millis(200));
        }
        let start = Instant::now();
        loop {
            let log = self.envoy.folder().read(listener);
            let log = log
                .replace(&self.app, "$APP")
                .replace(&self.neighbour, "$NEIGHBOUR");
            let lines: Vec<_> = log.lines().skip(*seen).collect();
            if lines.len() >= expected.len() || start.elapsed() > PATIENCE {
                assert_eq!(lines, expected, "the answers of {listener}");
                *seen += lines.len();
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// One of the module's counters.
    fn count(&self, listener: &str, counter: &str) -> u64 {
        self.envoy.stat(&format!("wasmcustom.{listener}.{counter}"))
    }
}

/// A listener with the module under one policy, whose counters begin with the listener's name.
fn policy(name: &str, policy: Value) -> Listener {
    Listener::cors(name, Configuration::Struct(&counted(name, policy)))
}

fn counted(name: &str, mut policy: Value) -> Value {
    policy["statPrefix"] = json!(name);
    policy
}

fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
    let mut reply = Reply::new(status, headers);
    reply.body = body.into();
    reply
}

/// The error of `fetch`, whatever the reason: only the console shows more.
const FAILED: &str = "TypeError: Failed to fetch";

const LOG_FORMAT: &str = "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% \
    %RESP(ACCESS-CONTROL-ALLOW-ORIGIN)% %FILTER_STATE(wasm.cors_verdict:PLAIN)%\n";

const PATIENCE: Duration = Duration::from_secs(5);
