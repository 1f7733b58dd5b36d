//! A comparison for the formats that other programs read: a problem for each difference, a case for each
//! rule.

use crate::commands::diff::text::{acknowledgement, headline, request};
use crate::compare::ask::Direction;
use crate::compare::policies::Change;
use crate::compare::report::{At, Outcome, Plugin};
use crate::compare::rows::{Row, Verdict};
use crate::output::code::{Code, Level};
use crate::output::results::{Case, CaseResult, Problem, Suite};

impl Outcome {
    /// What is wider, undecided or narrower; an acknowledged difference is a note.
    pub fn problems(&self) -> Vec<Problem> {
        let plugins = self.plugins.iter();
        let unused = self.unused.iter().map(|name| Problem {
            level: Code::UnusedAcknowledgement.level(),
            code: Code::UnusedAcknowledgement.name(),
            file: String::new(),
            line: None,
            about: format!("--allow-wider {name}"),
            text: "acknowledges nothing here".to_owned(),
        });
        plugins.flat_map(Plugin::problems).chain(unused).collect()
    }

    /// A suite for each configuration.
    pub fn suites(&self) -> Vec<Suite> {
        let plugins = self.plugins.iter();
        let suites = plugins.map(|plugin| Suite {
            name: "diff",
            file: plugin.file(),
            cases: plugin.rows.iter().map(|row| plugin.case(row)).collect(),
        });
        suites.collect()
    }
}

impl Plugin {
    fn at(&self) -> Option<&At> {
        self.new.as_ref().or(self.old.as_ref())
    }

    fn file(&self) -> String {
        self.at().map(|at| at.file.clone()).unwrap_or_default()
    }

    /// What a row is about, with its place in the file.
    fn about(&self, row: &Row) -> String {
        match self.at().map(|at| at.place.as_str()) {
            None | Some("") => row.title(),
            Some(place) => format!("{place}: {}", row.title()),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let rows = self.rows.iter();
        rows.flat_map(|row| {
            row.changes.iter().filter_map(|change| {
                let code = code_of(change)?;
                let level = match &row.acknowledged {
                    Some(_) => Level::Note,
                    None => code.level(),
                };
                Some(Problem {
                    level,
                    code: code.name(),
                    file: self.file(),
                    line: change.line,
                    about: self.about(row),
                    text: text(row, change),
                })
            })
        })
        .collect()
    }

    fn case(&self, row: &Row) -> Case {
        let text = || {
            let changes = row
                .changes
                .iter()
                .filter(|change| code_of(change).is_some());
            let texts: Vec<String> = changes.map(|change| text(row, change)).collect();
            texts.join("\n")
        };
        Case {
            name: self.about(row),
            line: row.line,
            result: match row.verdict {
                _ if row.acknowledged.is_some() => CaseResult::Good,
                Verdict::Wider => CaseResult::Wrong {
                    code: Code::BecameWider,
                    text: text(),
                },
                Verdict::Undecided => CaseResult::Failed {
                    code: Code::ChangeUndecided,
                    text: text(),
                },
                Verdict::Narrower | Verdict::Equal => CaseResult::Good,
            },
            seconds: None,
        }
    }
}

fn code_of(change: &Change) -> Option<Code> {
    match change.direction {
        Direction::Wider => Some(Code::BecameWider),
        Direction::Undecided => Some(Code::ChangeUndecided),
        Direction::Narrower => Some(Code::BecameNarrower),
        Direction::Neutral => None,
    }
}

fn text(row: &Row, change: &Change) -> String {
    let mut lines = vec![headline(change)];
    if let Some(example) = &change.example {
        lines.push(request(example));
        lines.push(format!("before: {}", example.old));
        lines.push(format!("now: {}", example.new));
    }
    if change.direction == Direction::Wider {
        lines.extend(acknowledgement(row));
    }
    lines.join("\n")
}
