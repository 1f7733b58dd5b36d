//! Results as a list, for the formats that other programs read.

use crate::output::code::{Code, Level};

/// What a command found wrong in one place.
#[derive(Clone, Debug)]
pub struct Problem {
    pub level: Level,
    /// The code of the diagnostic.
    pub code: &'static str,
    pub file: String,
    pub line: Option<usize>,
    /// A few words that say what it is about: a case, a path in a configuration.
    pub about: String,
    pub text: String,
}

/// What a command that runs cases did.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The command: `diff`, `test` or `probe`.
    pub name: &'static str,
    /// The file that holds the cases, or what is compared.
    pub file: String,
    pub cases: Vec<Case>,
}

#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub line: Option<usize>,
    pub result: CaseResult,
    /// How long it took, if that is worth knowing.
    pub seconds: Option<f64>,
}

#[derive(Clone, Debug)]
pub enum CaseResult {
    Good,
    /// Something is not as expected.
    Wrong {
        code: Code,
        text: String,
    },
    /// Nothing can be said.
    Failed {
        code: Code,
        text: String,
    },
    Skipped {
        why: String,
    },
}

impl Problem {
    /// The file, unless it is the standard input.
    pub fn path(&self) -> Option<&str> {
        Some(self.file.as_str()).filter(|file| !matches!(*file, "" | "-" | "<stdin>"))
    }
}

impl Suite {
    /// The cases that are not good.
    pub fn problems(&self) -> Vec<Problem> {
        let cases = self.cases.iter();
        cases
            .filter_map(|case| {
                let (CaseResult::Wrong { code, text } | CaseResult::Failed { code, text }) =
                    &case.result
                else {
                    return None;
                };
                Some(Problem {
                    level: code.level(),
                    code: code.name(),
                    file: self.file.clone(),
                    line: case.line,
                    about: case.name.clone(),
                    text: text.clone(),
                })
            })
            .collect()
    }
}
