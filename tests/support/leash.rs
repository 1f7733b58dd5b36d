//! Processes that end with the test, even if it is killed: all tests of a program share a browser, and no
//! destructor runs at the program's end.

use std::fs::File;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::envoy::Folder;

/// A process, and a folder with its log.
pub struct Leash {
    shell: Child,
    /// When it closes, the shell ends the process and removes the folder.
    hold: Option<ChildStdin>,
    folder: Folder,
}

impl Leash {
    /// Starts the program that `command` returns for the folder.
    pub fn start(command: impl FnOnce(&Folder) -> Command) -> Self {
        let folder = Folder::new();
        let command = command(&folder);
        let log = File::create(folder.path(LOG)).expect("the log");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", HOLD])
            .arg(folder.path(""))
            .arg(command.get_program())
            .args(command.get_args())
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log);
        let mut shell = shell.spawn().expect("a shell");
        Self {
            hold: shell.stdin.take(),
            shell,
            folder,
        }
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What the process has printed so far.
    pub fn log(&self) -> String {
        self.folder.read(LOG)
    }

    /// Waits until `ready` finds something in the text of this file in the folder; `None` if that takes too long.
    pub fn wait_for<T>(&self, file: &str, ready: impl Fn(&str) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let found = ready(&self.folder.read(file));
            if found.is_some() {
                return found;
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.hold.take());
        let _ = self.shell.wait();
    }
}

pub const LOG: &str = "log";

/// Runs the program until the standard input closes, then ends it with its children: a driver's browser.
const HOLD: &str = r#"
"$@" & process=$!
while read -r _; do :; done
kill $(cat /proc/$process/task/*/children) $process
for _ in 1 2 3 4 5 6 7 8 9; do
  kill -0 $process && sleep 0.2
done 2>&-
kill -9 $process 2>&-
rm -rf "$0"
"#;

const PATIENCE: Duration = Duration::from_secs(60);
