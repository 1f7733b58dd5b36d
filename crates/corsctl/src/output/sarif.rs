//! [SARIF 2.1.0](https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html), which code scanners
//! print and GitHub shows next to the lines.

use std::collections::BTreeSet;

use cors::escape::Shown;
use serde_json::{Value, json};

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
        "level": problem.severity.name(),
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
    use cors::diagnostic::Severity;
    use serde_sarif::sarif::Sarif;

    #[test]
    fn the_log_is_of_the_published_schema() {
        let problem = |file: &str, line, severity| Problem {
            severity,
            code: "a-code",
            file: file.to_owned(),
            line,
            about: "allowOrigins[0]".to_owned(),
            text: "is wrong\u{1b}".to_owned(),
        };
        let problems = [
            problem("./a b/ä.json", Some(2), Severity::Error),
            problem("/a.json", None, Severity::Warning),
            problem("<stdin>", Some(1), Severity::Note),
        ];
        for problems in [&problems[..], &[]] {
            let written = log(problems);
            // The types are made from the schema: what they do not know gets lost on the way.
            let read: Sarif = serde_json::from_value(written.clone()).expect("SARIF");
            assert_eq!(serde_json::to_value(read).expect("JSON"), written);
        }
        let written = log(&problems);
        let results = &written["runs"][0]["results"];
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%A4.json");
        assert_eq!(place["region"]["startLine"], 2);
        assert_eq!(results[0]["message"]["text"], "allowOrigins[0]: is wrong\\u001b");
        assert_eq!(results[1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "file:///a.json");
        assert!(results[2].get("locations").is_none());
    }
}
