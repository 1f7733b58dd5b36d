//! Transcripts of commands and their output.

use std::path::Path;
use std::process::{Command, Stdio};

/// A command as typed after `$`, and its output.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub command: String,
    pub output: String,
}

/// Reads a transcript; a line that ends in `\` continues on the next.
pub fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (_, Some(step)) if goes_on => {
                step.command.push('\n');
                step.command.push_str(line);
            }
            (Some(command), _) => steps.push(Step {
                command: command.to_owned(),
                output: String::new(),
            }),
            (None, Some(step)) => {
                step.output.push_str(line);
                step.output.push('\n');
            }
            (None, None) => panic!("output before any command: {line}"),
        }
        goes_on = steps
            .last()
            .is_some_and(|step| step.command.ends_with('\\') && step.output.is_empty());
    }
    steps
}

/// Runs the commands one after the other in a folder, with corsctl in the path.
pub fn run(steps: &[Step], folder: &Path) -> Vec<Step> {
    let corsctl = super::corsctl();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", corsctl.parent().expect("a folder").display());
    let mut code = 0;
    let mut run_one = |step: &Step| {
        let before = format!("exec 2>&1; set -o pipefail; (exit {code})\n");
        let output = Command::new("bash")
            .args(["-c", &(before + &step.command)])
            .current_dir(folder)
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output()
            .expect("bash");
        code = output.status.code().unwrap_or(-1);
        Step {
            command: step.command.clone(),
            output: String::from_utf8(output.stdout).expect("UTF-8"),
        }
    };
    steps.iter().map(&mut run_one).collect()
}
