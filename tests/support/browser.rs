//! A real browser for the time of a test: Chromium, Firefox or WebKit. What differs between the engines is in
//! one file for each: how it starts, and how its console is read.

mod chromium;
mod firefox;
mod marionette;
mod webdriver;
mod webkit;

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

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
        // WebKit's driver can take the end of the page before for that of this one.
        self.wait_for(IS_LOADED, &json!(url));
    }

    /// Runs a script again and again until it returns something: not `null`, `false` or an empty text.
    pub fn wait_for(&self, body: &str, given: &Value) -> Value {
        let start = Instant::now();
        loop {
            match self.try_run(body, given.clone()) {
                Ok(Ok(value)) if !EMPTY.contains(&value.to_string().as_str()) => return value,
                _ if start.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
                last => panic!("{}: never: {body} with {given}: {last:?}", self.engine),
            }
        }
    }

    /// Runs the body of an async function in the page, with `given` as its parameter. The result is the
    /// returned value, or the text of the error.
    pub fn run(&self, body: &str, given: Value) -> Result<Value, String> {
        let ended = self.try_run(body, given);
        ended.unwrap_or_else(|error| panic!("{}: {body}: {error}", self.engine))
    }

    /// The same; the outer error is one of the driver, as when the page is left.
    fn try_run(&self, body: &str, given: Value) -> Result<Result<Value, String>, String> {
        let script = format!(
            "const [given, done] = arguments;
             (async () => {{ {body} }})().then(
                value => done({{value: value ?? null}}), error => done({{error: String(error)}}));"
        );
        let mut ended = self.driver.execute(&script, json!([given]))?;
        Ok(match ended["error"].take() {
            Value::String(error) => Err(error),
            _ => Ok(ended["value"].take()),
        })
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

/// Its scripts have run, except what they wait for themselves.
const IS_LOADED: &str =
    "const [own, asked] = [location, new URL(given)].map(({href}) => href.split('#')[0]);
    return own === asked && document.readyState === 'complete';";

/// What [`Browser::wait_for`] waits to change, as JSON.
const EMPTY: [&str; 3] = ["null", "false", "\"\""];

const PATIENCE: Duration = Duration::from_secs(60);

/// How long a script may run, in milliseconds: many tests share a machine.
const SCRIPT_TIMEOUT: u64 = 100_000;
