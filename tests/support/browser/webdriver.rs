//! WebDriver is JSON over HTTP, for which the raw client is enough.
//! <https://www.w3.org/TR/webdriver2/>

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::SCRIPT_TIMEOUT;
use crate::http;

pub struct Session {
    port: u16,
    /// The path of the session's commands.
    path: String,
}

impl Session {
    /// Starts a browser through the driver on this port.
    pub fn start(port: u16, capabilities: Value) -> Result<Self, String> {
        let mut session = Self {
            port,
            path: "/session".into(),
        };
        let capabilities = json!({"capabilities": {"alwaysMatch": capabilities}});
        let started = session.post("", capabilities)?;
        let id = started["sessionId"].as_str().ok_or("no session")?;
        session.path = format!("/session/{id}");
        session.post("/timeouts", json!({"script": SCRIPT_TIMEOUT}))?;
        Ok(session)
    }

    pub fn open(&self, url: &str) -> Result<(), String> {
        self.post("/url", json!({"url": url})).map(drop)
    }

    pub fn execute(&self, script: &str, arguments: Value) -> Result<Value, String> {
        let parameters = json!({"script": script, "args": arguments});
        self.post("/execute/async", parameters)
    }

    pub fn post(&self, command: &str, parameters: Value) -> Result<Value, String> {
        self.send("POST", command, &parameters.to_string())
    }

    pub fn get(&self, command: &str) -> Result<Value, String> {
        self.send("GET", command, "")
    }

    fn send(&self, method: &str, command: &str, body: &str) -> Result<Value, String> {
        let path = format!("{}{command}", self.path);
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

impl Drop for Session {
    fn drop(&mut self) {
        // Ends the browser, by force if necessary.
        let _ = self.send("DELETE", "", "");
    }
}

/// Waits until the driver on this port answers.
pub fn wait_for_driver(port: u16) -> bool {
    let start = Instant::now();
    while http::get(port, "/status").is_err() {
        if start.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

const PATIENCE: Duration = Duration::from_secs(20);
