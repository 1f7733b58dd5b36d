//! [SARIF 2.1.0](https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html), which code scanners
//! print and GitHub shows next to the lines.

use std::collections::BTreeSet;

use cors::escape::Shown;
use serde_json::{Value, json};

use crate::output::code::Level;
use crate::output::print_json;
use crate::output::results::Problem;

/// Writes the problems as one run to the standard output.
pub fn print_sarif(problems: &[Problem]) {
    print_json(&log(problems));
}

fn log(problems: &[Problem]) -> Value {
    let codes: BTreeSet<&str> = problems.iter().map(|problem| problem.code).collect();
    let rules: Vec<Value> = codes.iter().map(|code| json!({"id": code})).collect();
    let results: Vec<Value> = problems.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "corsctl",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    })
}

fn result(problem: &Problem) -> Value {
    let text = match problem.about.as_str() {
        "" => problem.text.clone(),
        about => format!("{about}: {}", problem.text),
    };
    let lines: Vec<String> = text.lines().map(|line| Shown(line).to_string()).collect();
    let mut result = json!({
        "ruleId": problem.code,
        "level": level(problem.level),
        "message": {"text": lines.join("\n")},
    });
    if let Some(file) = problem.path() {
        let mut place = json!({"artifactLocation": {"uri": uri(file)}});
        if let Some(line) = problem.line {
            place["region"] = json!({"startLine": line.max(1)});
        }
        result["locations"] = json!([{"physicalLocation": place}]);
    }
    result
}

/// The [level](https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html#_Toc34317648).
fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        _ => "note",
    }
}

/// The path of a file as a [relative reference](https://www.rfc-editor.org/rfc/rfc3986#section-4.2).
fn uri(file: &str) -> String {
    let mut uri = String::new();
    for byte in file.strip_prefix("./").unwrap_or(file).bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    if file.starts_with('/') {
        format!("file://{uri}")
    } else {
        uri
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_what_the_schema_requires_and_github_reads() {
        let problem = |file: &str, line, level| Problem {
            level,
            code: "a-code",
            file: file.to_owned(),
            line,
            about: "allowOrigins[0]".to_owned(),
            text: "is wrong\u{1b}".to_owned(),
        };
        let problems = [
            problem("./a b/ä.json", Some(2), Level::Error),
            problem("/a.json", None, Level::Warning),
            problem("<stdin>", Some(1), Level::Wider),
        ];
        let written = log(&problems);
        let results = &written["runs"][0]["results"];
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%A4.json");
        assert_eq!(place["region"]["startLine"], 2);
        assert_eq!(
            results[0]["message"]["text"],
            "allowOrigins[0]: is wrong\\u001b"
        );
        assert_eq!(
            results[1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "file:///a.json"
        );
        assert!(results[2].get("locations").is_none());
        let levels: Vec<&Value> = (0..3).map(|index| &results[index]["level"]).collect();
        assert_eq!(levels, ["error", "warning", "note"]);
        let run = &written["runs"][0];
        assert_eq!(written["version"], "2.1.0");
        assert_eq!(run["tool"]["driver"]["name"], "corsctl");
        assert_eq!(run["tool"]["driver"]["rules"], json!([{"id": "a-code"}]));
        assert_eq!(log(&[])["runs"][0]["results"], json!([]));
    }
}
