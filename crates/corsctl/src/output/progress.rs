//! How far long work is, on the standard error: on a terminal, or if asked for.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// A line that is written over again, or, if the standard error is a file, one line after the other.
pub struct Progress {
    start: Instant,
    last: Instant,
    is_shown: bool,
    is_terminal: bool,
    was_shown: bool,
}

impl Progress {
    pub fn new(is_asked_for: bool) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let now = Instant::now();
        Self {
            start: now,
            last: now,
            is_shown: is_asked_for || is_terminal,
            is_terminal,
            was_shown: false,
        }
    }

    /// Shows a text, at most once per second; `text` gets the time since the start.
    pub fn show(&mut self, text: impl FnOnce(Duration) -> String) {
        if self.is_shown && self.last.elapsed() >= INTERVAL {
            self.last = Instant::now();
            self.was_shown = true;
            let text = text(self.start.elapsed());
            let (before, after) = if self.is_terminal {
                ("\r", "\u{1b}[K")
            } else {
                ("", "\n")
            };
            let _ = write!(std::io::stderr(), "{before}{text}{after}");
        }
    }

    /// Removes the line from a terminal.
    pub fn end(&self) {
        if self.was_shown && self.is_terminal {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

/// A part of the whole, and how long the rest takes at this speed.
pub fn share(done: u64, whole: u64, elapsed: Duration) -> String {
    let share = done
        .saturating_mul(100)
        .checked_div(whole)
        .unwrap_or_default();
    let left = elapsed.as_secs().saturating_mul(whole.saturating_sub(done)) / done.max(1);
    format!("{share} %, {left} s left")
}

const INTERVAL: Duration = Duration::from_secs(1);
