//! WebKitGTK, the engine of Safari with another network library, through WebKitWebDriver.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::Driver;

use super::webdriver::{Session, wait_for_driver};
use crate::leash::{LOG, Leash};

struct WebKit {
    session: Session,
    driver: Leash,
    _display: Leash,
    /// How many bytes of the console have been read.
    read: Mutex<usize>,
}

pub fn start() -> impl Driver + use<> {
    let display = Leash::start(|folder| {
        let mut command = Command::new("Xvfb");
        command
            .args(["-displayfd", "1", "-nolisten", "tcp", "-fbdir"])
            .arg(folder.path(""));
        command
    });
    let number = display.wait_for(LOG, |log| {
        log.lines().find_map(|line| line.parse::<u32>().ok())
    });
    let number = number.unwrap_or_else(|| panic!("no display: {}\n{INSTALL}", display.log()));
    let port = free_port();
    let driver = Leash::start(|folder| {
        write_browser(&folder.path(BROWSER));
        let mut command = Command::new("WebKitWebDriver");
        command
            .args(["-p", &port.to_string()])
            .env("DISPLAY", format!(":{number}"))
            // Without an accessibility bus GTK warns.
            .env("NO_AT_BRIDGE", "1")
            .env("GDK_BACKEND", "x11")
            .env("HOME", folder.path(""))
            .env("CONSOLE", folder.path(CONSOLE));
        command
    });
    if !wait_for_driver(port) {
        panic!("no WebKitWebDriver: {}\n{INSTALL}", driver.log());
    }
    let options = json!({"binary": driver.folder().path(BROWSER), "args": []});
    let capabilities = json!({"acceptInsecureCerts": true, "webkitgtk:browserOptions": options});
    let session = Session::start(port, capabilities);
    let session = session.unwrap_or_else(|error| {
        panic!(
            "no WebKit: {error}\n{}\n{INSTALL}",
            driver.folder().read(CONSOLE)
        )
    });
    WebKit {
        session,
        driver,
        _display: display,
        read: Mutex::new(0),
    }
}

fn write_browser(path: &Path) {
    fs::write(path, include_str!("webkit.py")).expect("the browser");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path, executable).expect("an executable file");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

impl Driver for WebKit {
    fn open(&self, url: &str) -> Result<(), String> {
        self.session.open(url)
    }

    fn execute(&self, script: &str, arguments: Value) -> Result<Value, String> {
        self.session.execute(script, arguments)
    }

    fn console(&self) -> Vec<String> {
        let console = self.driver.folder().read(CONSOLE);
        let mut read = self.read.lock().expect("what has been read");
        let new = console.get(*read..).unwrap_or_default();
        // The last line may be incomplete.
        let new = new.rfind('\n').map_or("", |end| &new[..=end]);
        *read += new.len();
        // `CONSOLE NETWORK ERROR TEXT`, `http://…:1:2: CONSOLE JS ERROR TEXT`
        let lines = new.lines().filter_map(|line| line.split_once("CONSOLE "));
        lines
            .filter_map(|(_, line)| {
                let (start, text) = line.split_once(" ERROR ").or(line.split_once(" WARN "))?;
                start
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase())
                    .then(|| text.into())
            })
            .collect()
    }

    fn session(&self) -> Option<&Session> {
        Some(&self.session)
    }
}

/// The files of the browser: itself, and what its pages print.
const BROWSER: &str = "browser";
const CONSOLE: &str = "console";

const INSTALL: &str = "install WebKitGTK with its driver, a display without a screen, and the bindings of the \
    browser (on Debian: apt-get install webkit2gtk-driver xvfb python3-gi gir1.2-webkit2-4.1; scripts/test does it)";
