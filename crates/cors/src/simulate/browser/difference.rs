//! What a browser does with a call of `fetch` that the standard does not say.

use std::fmt;

use crate::simulate::browser::{Blocked, Engine, Fetch, Outcome};
use crate::simulate::exchange::{Lines, Response};

/// What one browser does otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    pub engine: Engine,
    /// The header names for which its preflight does not ask.
    pub not_asked: Vec<String>,
    /// It sends no preflight, unlike the standard.
    pub has_no_preflight: bool,
    /// Its result, if it is another one: nothing if the script may read the response.
    pub result: Option<Option<Blocked>>,
}

/// The browsers that do not do what the standard says about this call.
pub fn differences(fetch: &Fetch, mut server: impl FnMut(Lines) -> Response) -> Vec<Difference> {
    let of = |engine| Fetch {
        engine,
        ..fetch.clone()
    };
    let mut result = |fetch: &Fetch| match fetch.run(&mut server) {
        Outcome::Blocked { because, .. } => Some(because),
        Outcome::Readable { .. } => None,
    };
    let standard = of(Engine::Standard);
    let standard_result = result(&standard);
    let standard_names = standard.unsafe_names();
    let differences = Engine::BROWSERS.into_iter().map(|engine| {
        let fetch = of(engine);
        let names = fetch.unsafe_names();
        let mut not_asked = standard_names.clone();
        not_asked.retain(|name| !names.contains(name));
        let result = result(&fetch);
        Difference {
            engine,
            not_asked,
            has_no_preflight: standard.needs_preflight() && !fetch.needs_preflight(),
            result: (result != standard_result).then_some(result),
        }
    });
    let is_one = |difference: &Difference| {
        !difference.not_asked.is_empty()
            || difference.has_no_preflight
            || difference.result.is_some()
    };
    differences.filter(is_one).collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.has_no_preflight {
            parts.push("sends no preflight".to_owned());
        } else if !self.not_asked.is_empty() {
            parts.push(format!("does not ask for {}", self.not_asked.join(", ")));
        }
        match &self.result {
            None => {}
            Some(None) => parts.push("allows the script to read the response".to_owned()),
            Some(Some(because)) => parts.push(format!("blocks it: {because}")),
        }
        write!(f, "{} {}", self.engine, parts.join(", and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::browser::{SetHeader, Upload, Url};

    /// What is said about a call that sets these headers, of a server that allows `x-a`.
    fn said(names: &[&str], upload: Upload) -> Vec<String> {
        let fetch = Fetch {
            engine: Engine::Standard,
            origin: "https://app.example".to_owned(),
            url: Url::parse("https://api.example").unwrap(),
            method: "POST".to_owned(),
            headers: names.iter().map(|name| SetHeader::named(*name)).collect(),
            credentials: false,
            upload,
        };
        let headers = [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-headers", "x-a"),
        ];
        let server = |_| Response {
            status: 200,
            headers: headers.into_iter().collect(),
        };
        let differences = differences(&fetch, server);
        differences.iter().map(Difference::to_string).collect()
    }

    #[test]
    fn browsers_that_differ_are_named() {
        assert_eq!(said(&["x-a"], Upload::Whole), [""; 0]);
        assert_eq!(
            said(&["x-a", "user-agent"], Upload::Whole),
            ["Chromium does not ask for user-agent, and allows the script to read the response"]
        );
        assert_eq!(
            said(&["save-data"], Upload::Whole),
            ["Chromium sends no preflight, and allows the script to read the response"]
        );
        assert_eq!(
            said(&[], Upload::Streamed),
            [
                "Firefox sends no preflight",
                "Safari sends no preflight, and blocks it: this browser cannot stream a request body"
            ]
        );
    }
}
