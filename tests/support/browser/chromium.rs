//! Chromium through chromedriver.

use std::process::Command;

use serde_json::{Value, json};

use super::webdriver::Session;
use super::{Driver, Options};
use crate::leash::{LOG, Leash};

struct Chromium {
    /// Ends before its driver does.
    session: Session,
    _driver: Leash,
}

pub fn start(options: &Options) -> impl Driver + use<> {
    let (driver, port) = start_driver();
    let mut switches: Vec<String> = SWITCHES.iter().map(|switch| (*switch).into()).collect();
    if let Some(port) = options.public_port {
        switches.push(format!(
            "--ip-address-space-overrides=127.0.0.1:{port}=public"
        ));
    }
    let capabilities = json!({
        "goog:chromeOptions": {"args": switches},
        "goog:loggingPrefs": {"browser": "ALL"},
    });
    let session = Session::start(port, capabilities);
    Chromium {
        session: session.unwrap_or_else(|error| panic!("no Chromium: {error}\n{INSTALL}")),
        _driver: driver,
    }
}

/// Starts chromedriver on a port of its choice. It chooses a free IPv6 port and ends if the same IPv4 port is
/// in use, which happens while other tests run.
fn start_driver() -> (Leash, u16) {
    let mut said = String::new();
    for _ in 0..ATTEMPTS {
        let driver = Leash::start(|folder| {
            let mut command = Command::new("chromedriver");
            // chromedriver creates the profile here, and Chromium its files.
            command.arg("--port=0").env("TMPDIR", folder.path(""));
            command
        });
        let port = driver.wait_for(LOG, |log| {
            let port = log.split_once("started successfully on port ");
            let port = port.and_then(|(_, port)| port.split_once('.')?.0.parse().ok());
            port.or(log.contains("Exiting").then_some(0))
        });
        match port {
            Some(port @ 1..) => return (driver, port),
            _ => said = driver.log(),
        }
    }
    panic!("no chromedriver: {said}\n{INSTALL}");
}

impl Driver for Chromium {
    fn open(&self, url: &str) -> Result<(), String> {
        self.session.open(url)
    }

    fn execute(&self, script: &str, arguments: Value) -> Result<Value, String> {
        self.session.execute(script, arguments)
    }

    fn console(&self) -> Vec<String> {
        let entries = self.session.post("/se/log", json!({"type": "browser"}));
        let entries = entries.expect("the console");
        let entries = entries.as_array().expect("a list").iter();
        entries
            .filter(|entry| matches!(entry["level"].as_str(), Some("WARNING" | "SEVERE")))
            .map(|entry| without_place(entry["message"].as_str().unwrap_or_default()))
            .collect()
    }

    fn session(&self) -> Option<&Session> {
        Some(&self.session)
    }
}

/// `http://…/ 12 TEXT`, `http://… - TEXT` and `javascript 12:34 TEXT`.
fn without_place(message: &str) -> String {
    let text = match message.split_once(" - ") {
        Some((_, text)) => text,
        None => message.splitn(3, ' ').last().unwrap_or_default(),
    };
    text.into()
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
