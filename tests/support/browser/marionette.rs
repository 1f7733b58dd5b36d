//! Firefox's remote protocol below WebDriver: one connection, and messages `LENGTH:JSON`. A command is `[0, id, name,
//! parameters]` and its answer `[1, id, error, value]`.
//! <https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html>

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

pub struct Marionette(Mutex<BufReader<TcpStream>>);

impl Marionette {
    /// Connects to a Firefox on this machine and starts a session.
    pub fn connect(port: u16, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        let mut stream = BufReader::new(stream);
        // Firefox speaks first.
        receive(&mut stream)?;
        let marionette = Self(Mutex::new(stream));
        let capabilities = json!({"capabilities": {"alwaysMatch": {"acceptInsecureCerts": true}}});
        let session = marionette.send("WebDriver:NewSession", capabilities);
        session.map_err(io::Error::other)?;
        Ok(marionette)
    }

    pub fn send(&self, command: &str, parameters: Value) -> Result<Value, String> {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let message = json!([0, 0, command, parameters]).to_string();
        let message = format!("{}:{message}", message.len());
        let answer = stream.get_mut().write_all(message.as_bytes());
        let answer = answer.and_then(|()| receive(&mut stream));
        let mut answer = answer.map_err(|error| format!("{command}: {error}"))?;
        match &answer[2] {
            Value::Null => Ok(answer[3].take()),
            error => Err(format!("{}: {}", error["error"], error["message"])),
        }
    }
}

fn receive(stream: &mut BufReader<TcpStream>) -> io::Result<Value> {
    let mut length = Vec::new();
    stream.read_until(b':', &mut length)?;
    let length = String::from_utf8_lossy(&length);
    let length = length.trim_end_matches(':').parse();
    let mut message = vec![0; length.map_err(io::Error::other)?];
    stream.read_exact(&mut message)?;
    Ok(serde_json::from_slice(&message)?)
}
