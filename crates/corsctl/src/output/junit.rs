//! JUnit's XML, which CI systems show as test results.

use std::time::Duration;

use cors::escape::Shown;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::output::code::Code;
use crate::output::results::{CaseResult, Suite};
use crate::output::{print, print_error};

/// Writes the suites to the standard output.
pub fn print_junit(suites: &[Suite]) {
    match report(suites).to_string() {
        Ok(xml) => print(&xml),
        Err(error) => print_error(&error.to_string()),
    }
}

fn report(suites: &[Suite]) -> Report {
    let mut report = Report::new("corsctl");
    for suite in suites {
        report.add_test_suite(cases(suite));
    }
    report
}

fn cases(suite: &Suite) -> TestSuite {
    let class = Shown(&suite.file).to_string();
    let mut cases = TestSuite::new(format!("corsctl {}", suite.name));
    for case in &suite.cases {
        let status = match &case.result {
            CaseResult::Good => TestCaseStatus::success(),
            CaseResult::Wrong { code, text } => unsuccessful(NonSuccessKind::Failure, *code, text),
            CaseResult::Failed { code, text } => unsuccessful(NonSuccessKind::Error, *code, text),
            CaseResult::Skipped { why } => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(shown(why));
                status
            }
        };
        let mut test = TestCase::new(shown(&case.name), status);
        test.set_classname(class.clone());
        if let Some(seconds) = case.seconds {
            test.set_time(Duration::from_secs_f64(seconds));
        }
        if let Some(line) = case.line {
            test.extra.insert("file".into(), class.clone().into());
            test.extra.insert("line".into(), line.to_string().into());
        }
        cases.add_test_case(test);
    }
    cases
}

fn unsuccessful(kind: NonSuccessKind, code: Code, text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(code.name());
    status.set_message(shown(text.lines().next().unwrap_or_default()));
    status.set_description(shown(text));
    status
}

fn shown(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| Shown(line).to_string()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::results::Case;

    #[test]
    fn a_report_reads_back_with_each_result() {
        let case = |name: &str, result| Case {
            name: name.to_owned(),
            line: Some(4),
            result,
            seconds: Some(0.5),
        };
        let text = "status: 1, not 2\n<x> & \u{1b}\"]]>".to_owned();
        let suite = Suite {
            name: "probe",
            file: "cases.yaml".to_owned(),
            cases: vec![
                case("good", CaseResult::Good),
                case(
                    "<wrong> & \u{1}",
                    CaseResult::Wrong {
                        code: Code::AnswerDiffers,
                        text: text.clone(),
                    },
                ),
                case(
                    "failed",
                    CaseResult::Failed {
                        code: Code::NoAnswer,
                        text,
                    },
                ),
                case(
                    "skipped",
                    CaseResult::Skipped {
                        why: "it changes data".to_owned(),
                    },
                ),
            ],
        };
        let xml = report(&[suite]).to_string().expect("XML");
        let read = Report::deserialize_from_str(&xml).expect("a report");
        let read = &read.test_suites[0];
        assert_eq!(
            (read.tests, read.failures, read.errors, read.skipped),
            (4, 1, 1, 1)
        );
        assert_eq!(read.test_cases[1].name.as_str(), "<wrong> & \\u0001");
        assert!(
            !xml.contains('\u{1b}') && xml.contains("&lt;x&gt; &amp; \\u001b"),
            "{xml}"
        );
    }
}
