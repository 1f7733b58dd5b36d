//! Annotations of GitHub's actions:
//! [workflow commands](https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).

use std::fmt::Write as _;
use std::io::Write as _;

use cors::escape::Shown;

use crate::output::code::Level;
use crate::output::results::Problem;

/// Writes a command for each problem to the standard output.
pub fn print_annotations(problems: &[Problem]) {
    let commands: String = problems.iter().map(command).collect();
    let _ = std::io::stdout().lock().write_all(commands.as_bytes());
}

fn command(problem: &Problem) -> String {
    let name = match problem.level {
        Level::Error => "error",
        Level::Warning => "warning",
        _ => "notice",
    };
    let mut text = format!("::{name} ");
    if let Some(file) = problem.path() {
        let _ = write!(text, "file={},", property(file));
        if let Some(line) = problem.line {
            let _ = write!(text, "line={line},");
        }
    }
    let title = match problem.about.as_str() {
        "" => problem.code.to_owned(),
        about => format!("{}: {about}", problem.code),
    };
    let _ = writeln!(text, "title={}::{}", property(&title), data(&problem.text));
    text
}

/// A value between `,` and `=`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The message. Lines stay lines; nothing else controls what shows it.
fn data(text: &str) -> String {
    let lines: Vec<String> = text
        .replace('%', "%25")
        .lines()
        .map(|line| Shown(line).to_string())
        .collect();
    lines.join("%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_problem_ends_its_command_or_begins_another() {
        let problem = Problem {
            level: Level::Warning,
            code: "a-code",
            file: "a,b:c%.json".to_owned(),
            line: Some(3),
            about: "x::y,z\n::error::x".to_owned(),
            text: "one 100%\n::set-output name=a::b\r\u{1b}[31m".to_owned(),
        };
        assert_eq!(
            command(&problem),
            "::warning file=a%2Cb%3Ac%25.json,line=3,title=a-code%3A x%3A%3Ay%2Cz%0A%3A%3Aerror%3A%3Ax::one 100%25%0A::set-output name=a::b\\u000d\\u001b[31m\n"
        );
        let piped = Problem {
            file: "<stdin>".to_owned(),
            about: String::new(),
            text: "one".to_owned(),
            ..problem
        };
        assert_eq!(command(&piped), "::warning title=a-code::one\n");
    }
}
