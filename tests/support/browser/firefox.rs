//! Firefox through Marionette, which needs no driver.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::marionette::Marionette;
use super::{Driver, SCRIPT_TIMEOUT};
use crate::leash::Leash;

struct Firefox {
    marionette: Marionette,
    _process: Leash,
}

pub fn start() -> impl Driver + use<> {
    let process = Leash::start(|folder| {
        fs::write(folder.path("user.js"), preferences()).expect("the preferences");
        let mut command = Command::new("firefox-esr");
        command
            .args([
                "-headless",
                "-no-remote",
                "-marionette",
                "-remote-allow-system-access",
            ])
            .arg("-profile")
            .arg(folder.path(""))
            .env("HOME", folder.path(""));
        command
    });
    let port = process.wait_for("MarionetteActivePort", |port| port.trim().parse().ok());
    let port = port.unwrap_or_else(|| panic!("no Firefox: {}\n{INSTALL}", process.log()));
    let timeout = Duration::from_millis(2 * SCRIPT_TIMEOUT);
    let marionette = Marionette::connect(port, timeout).expect("a session");
    let timeouts = marionette.send("WebDriver:SetTimeouts", json!({"script": SCRIPT_TIMEOUT}));
    timeouts.expect("the time limit of scripts");
    Firefox {
        marionette,
        _process: process,
    }
}

/// The lines of `user.js`: a port of Firefox's choice, and no background traffic.
fn preferences() -> String {
    let preferences = [
        ("marionette.port", json!(0)),
        ("app.normandy.enabled", json!(false)),
        ("app.update.disabledForTesting", json!(true)),
        ("browser.safebrowsing.update.enabled", json!(false)),
        ("datareporting.policy.dataSubmissionEnabled", json!(false)),
        ("extensions.getAddons.cache.enabled", json!(false)),
        ("network.captive-portal-service.enabled", json!(false)),
        ("network.connectivity-service.enabled", json!(false)),
    ];
    let lines = preferences.iter();
    lines
        .map(|(name, value)| format!("user_pref(\"{name}\", {value});\n"))
        .collect()
}

impl Driver for Firefox {
    fn open(&self, url: &str) -> Result<(), String> {
        let opened = self
            .marionette
            .send("WebDriver:Navigate", json!({"url": url}));
        opened.map(drop)
    }

    fn execute(&self, script: &str, arguments: Value) -> Result<Value, String> {
        let parameters = json!({"script": script, "args": arguments});
        let ended = self
            .marionette
            .send("WebDriver:ExecuteAsyncScript", parameters);
        Ok(ended?["value"].take())
    }

    fn console(&self) -> Vec<String> {
        let context = |name: &str| {
            let set = self
                .marionette
                .send("Marionette:SetContext", json!({"value": name}));
            set.expect("a context");
        };
        // Pages see the console only from its privileged side.
        context("chrome");
        let script = json!({"script": CONSOLE, "args": []});
        let messages = self.marionette.send("WebDriver:ExecuteScript", script);
        context("content");
        let messages = messages.expect("the console")["value"].take();
        serde_json::from_value(messages).expect("a list of texts")
    }
}

const INSTALL: &str =
    "install Firefox (on Debian: apt-get install firefox-esr; scripts/test does it)";

/// The messages about pages and their requests: not those of Firefox's own scripts and of the parser.
const CONSOLE: &str = "
    const messages = Services.console.getMessageArray();
    Services.console.reset();
    return messages
        .filter(message => message instanceof Ci.nsIScriptError)
        .filter(({category}) => !/chrome|XPConnect|^(Layout|HTML_PARSER)/.test(category))
        .filter(({sourceName}) => !/^(chrome|resource|moz-extension):/.test(sourceName))
        .map(({errorMessage}) => errorMessage);";
