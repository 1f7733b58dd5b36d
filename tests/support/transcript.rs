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

/// Runs the commands of `golden.txt` in its folder, each followed by its exit code, and compares the output.
/// With `BLESS` set it writes the current output instead.
pub fn check(folder: &Path) {
    let file = folder.join("golden.txt");
    let text = std::fs::read_to_string(&file).expect("golden.txt");
    let golden = parse(&text);
    let said = run(&with_codes(&golden), folder);
    if std::env::var_os("BLESS").is_some() {
        let text = said
            .iter()
            .map(|step| format!("$ {}\n{}", step.command, step.output));
        std::fs::write(&file, text.collect::<String>()).expect("golden.txt");
        return;
    }
    assert_eq!(golden.len(), said.len(), "some command has no exit code");
    for (golden, said) in golden.iter().zip(&said) {
        assert_eq!(
            golden, said,
            "\n--- golden\n{}\n--- said\n{}",
            golden.output, said.output
        );
    }
}

/// After each command its exit code.
fn with_codes(steps: &[Step]) -> Vec<Step> {
    const CODE: &str = "echo $?";
    let code = || Step {
        command: CODE.to_owned(),
        output: String::new(),
    };
    let commands = steps.iter().filter(|step| step.command != CODE);
    commands.flat_map(|step| [step.clone(), code()]).collect()
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
