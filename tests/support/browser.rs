//! A headless Chromium for the time of a test, controlled through chromedriver: WebDriver is JSON over HTTP,
//! for which the raw client is enough.
//! <https://www.w3.org/TR/webdriver2/>

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::envoy::Folder;
use super::http;

pub struct Browser {
    driver: Child,
    port: u16,
    /// The path of the session's commands.
    session: String,
    _folder: Folder,
}

impl Browser {
    /// Starts Chromium with an empty profile; fails if it is not installed.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with additional switches of Chromium.
    pub fn start_with(switches: &[&str]) -> Self {
        let folder = Folder::new();
        let (driver, port) = start_driver(&folder);
        let mut browser = Self {
            driver,
            port,
            session: "/session".into(),
            _folder: folder,
        };
        let switches: Vec<_> = SWITCHES.iter().chain(switches).collect();
        let capabilities = json!({
            "goog:chromeOptions": {"args": switches},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let started = browser.post("", json!({"capabilities": {"alwaysMatch": capabilities}}));
        let started = started.unwrap_or_else(|error| panic!("no Chromium: {error}\n{INSTALL}"));
        let id = started["sessionId"].as_str().expect("a session");
        browser.session = format!("/session/{id}");
        browser
    }

    /// Loads a page and waits until it is loaded.
    pub fn open(&self, url: &str) {
        let opened = self.post("/url", json!({"url": url}));
        opened.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Runs the body of an async function in the page, with `given` as its parameter. The result is the
    /// returned value, or the text of the error.
    pub fn run(&self, body: &str, given: Value) -> Result<Value, String> {
        let script = format!(
            "const [given, done] = arguments;
             (async () => {{ {body} }})().then(
                value => done({{value: value ?? null}}), error => done({{error: String(error)}}));"
        );
        let ended = self.post("/execute/async", json!({"script": script, "args": [given]}));
        let mut ended = ended.unwrap_or_else(|error| panic!("{body}: {error}"));
        match ended["error"].take() {
            Value::String(error) => Err(error),
            _ => Ok(ended["value"].take()),
        }
    }

    /// The warnings and errors on the console since the last call.
    pub fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", json!({"type": "browser"}));
        let entries = entries.expect("the console");
        let entries = entries.as_array().expect("a list").iter();
        entries
            .filter(|entry| matches!(entry["level"].as_str(), Some("WARNING" | "SEVERE")))
            .map(|entry| entry["message"].as_str().unwrap_or_default().into())
            .collect()
    }

    /// A WebDriver command of this session that has no separate method here, such as
    /// `post("/actions", …)`.
    pub fn post(&self, command: &str, parameters: Value) -> Result<Value, String> {
        self.send("POST", command, &parameters.to_string())
    }

    /// The same for commands that only read: `get("/screenshot")`.
    pub fn get(&self, command: &str) -> Result<Value, String> {
        self.send("GET", command, "")
    }

    fn send(&self, method: &str, command: &str, body: &str) -> Result<Value, String> {
        let path = format!("{}{command}", self.session);
        let length = body.len().to_string();
        let headers = [
            ("host", &b"localhost"[..]),
            ("content-length", length.as_bytes()),
        ];
        let mut request = http::request(method, &path, &headers);
        request.extend_from_slice(body.as_bytes());
        let answer = http::exchange(self.port, &request).map_err(|error| error.to_string())?;
        let mut value: Value =
            serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        match answer.status {
            200 => Ok(value["value"].take()),
            _ => Err(value["value"]["message"].to_string()),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium, by force if necessary.
        let _ = self.send("DELETE", "", "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Starts chromedriver on a port of its choice. It chooses a free IPv6 port and ends if the same IPv4 port is
/// in use, which happens while other tests run.
fn start_driver(folder: &Folder) -> (Child, u16) {
    for _ in 0..ATTEMPTS {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            // chromedriver creates the profile here, and Chromium its files.
            .env("TMPDIR", folder.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path("chromedriver.log")).expect("the log"))
            .spawn()
            .unwrap_or_else(|error| panic!("no chromedriver ({error}): {INSTALL}"));
        let said = driver.stdout.take().expect("its output");
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        if let Some(port) = port {
            return (driver, port);
        }
        let _ = driver.wait();
    }
    panic!(
        "chromedriver ended {ATTEMPTS} times without a port: {}",
        folder.read("chromedriver.log")
    );
}

const ATTEMPTS: usize = 5;

const INSTALL: &str = "install Chromium and chromedriver of one version (on Debian: apt-get \
    install chromium chromium-driver; scripts/test does it)";

/// Chromium as root, without background traffic: it connects only to the test.
const SWITCHES: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
