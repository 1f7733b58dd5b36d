//! A real browser for the time of a test: Chromium, Firefox or WebKit. What differs between the engines is in
//! one file for each: how it starts, and how its console is read.

mod chromium;
mod firefox;
mod marionette;
mod webdriver;
mod webkit;

use std::fmt;

use serde_json::{Value, json};

use webdriver::Session;

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Engine {
    Chromium,
    Firefox,
    WebKit,
}

/// How to start an engine.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port of a web site on this machine that Chromium takes for one of the internet.
    pub public_port: Option<u16>,
}

pub struct Browser {
    pub engine: Engine,
    driver: Box<dyn Driver>,
}

/// What an engine does for a test.
trait Driver: Send {
    /// Loads a page and waits until it is loaded.
    fn open(&self, url: &str) -> Result<(), String>;

    /// Runs a script, which calls its last argument when it is done.
    fn execute(&self, script: &str, arguments: Value) -> Result<Value, String>;

    /// The warnings and errors on the console since the last call, without the place in the page.
    fn console(&self) -> Vec<String>;

    /// The session, if the driver is one of WebDriver over HTTP.
    fn session(&self) -> Option<&Session> {
        None
    }
}

impl Engine {
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];

    /// Starts it with an empty profile; fails if it is not installed.
    pub fn start(self, options: &Options) -> Browser {
        let driver: Box<dyn Driver> = match self {
            Self::Chromium => Box::new(chromium::start(options)),
            Self::Firefox => Box::new(firefox::start()),
            Self::WebKit => Box::new(webkit::start()),
        };
        Browser {
            engine: self,
            driver,
        }
    }

    /// What `fetch` rejects with, whatever the reason.
    pub fn failed_fetch(self) -> &'static str {
        match self {
            Self::Chromium => "TypeError: Failed to fetch",
            Self::Firefox => "TypeError: NetworkError when attempting to fetch resource.",
            Self::WebKit => "TypeError: Load failed",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::WebKit => "webkit",
        })
    }
}

impl Browser {
    /// Starts Chromium.
    pub fn start() -> Self {
        Engine::Chromium.start(&Options::default())
    }

    /// Loads a page and waits until it is loaded.
    pub fn open(&self, url: &str) {
        let opened = self.driver.open(url);
        opened.unwrap_or_else(|error| panic!("{}: {url}: {error}", self.engine));
    }

    /// Runs the body of an async function in the page, with `given` as its parameter. The result is the
    /// returned value, or the text of the error.
    pub fn run(&self, body: &str, given: Value) -> Result<Value, String> {
        let script = format!(
            "const [given, done] = arguments;
             (async () => {{ {body} }})().then(
                value => done({{value: value ?? null}}), error => done({{error: String(error)}}));"
        );
        let ended = self.driver.execute(&script, json!([given]));
        let mut ended = ended.unwrap_or_else(|error| panic!("{}: {body}: {error}", self.engine));
        match ended["error"].take() {
            Value::String(error) => Err(error),
            _ => Ok(ended["value"].take()),
        }
    }

    /// The warnings and errors on the console since the last call.
    pub fn complaints(&self) -> Vec<String> {
        self.driver.console()
    }

    /// A WebDriver command that has no separate method here, such as `post("/actions", …)`. Not in Firefox, whose
    /// driver is not WebDriver over HTTP.
    pub fn post(&self, command: &str, parameters: Value) -> Result<Value, String> {
        self.session()?.post(command, parameters)
    }

    /// The same for commands that only read: `get("/screenshot")`.
    pub fn get(&self, command: &str) -> Result<Value, String> {
        self.session()?.get(command)
    }

    fn session(&self) -> Result<&Session, String> {
        let session = self.driver.session();
        session.ok_or_else(|| format!("{} has no WebDriver over HTTP here", self.engine))
    }
}

/// How long a script may run, in milliseconds: many tests share a machine.
const SCRIPT_TIMEOUT: u64 = 100_000;
