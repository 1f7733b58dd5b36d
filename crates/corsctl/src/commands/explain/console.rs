//! What the console of each browser prints for a call that it blocks: the lines that `tests/browser` recorded, with the
//! names of this call.

use std::sync::LazyLock;

use cors::simulate::browser::{Blocked, Engine, Fetch, Outcome, Stage, Upload};
use cors::simulate::exchange::{Lines, Response};
use serde::{Deserialize, Serialize};

/// The console of one browser.
#[derive(Serialize)]
pub struct Console {
    pub browser: String,
    /// In any order: the processes of a browser print independently.
    pub lines: Vec<String>,
}

impl Console {
    /// The lines that say why.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter().map(String::as_str);
        lines.filter(|line| !VAGUE.iter().any(|vague| line.contains(vague)))
    }
}

/// A refusal as recorded.
#[derive(Deserialize)]
struct Recorded {
    refusal: String,
    chromium: Vec<String>,
    firefox: Vec<String>,
    webkit: Vec<String>,
}

/// The consoles of the browsers that block this call.
pub fn consoles(fetch: &Fetch, mut server: impl FnMut(Lines) -> Response) -> Vec<Console> {
    let console = |engine| {
        let fetch = Fetch {
            engine,
            ..fetch.clone()
        };
        let mut status = 0;
        let outcome = fetch.run(|headers| {
            let response = server(headers);
            status = response.status;
            response
        });
        let Outcome::Blocked { at, because } = outcome else {
            return None;
        };
        let refusal = refusal_of(at, &because, status)?;
        let recorded = RECORDED.iter().find(|row| row.refusal == refusal)?;
        let lines = recorded.lines_of(engine).iter();
        Some(Console {
            browser: engine.to_string(),
            lines: lines
                .map(|line| filled(line, &fetch, &because, status))
                .collect(),
        })
    };
    Engine::BROWSERS.into_iter().filter_map(console).collect()
}

/// The recorded refusal; none where a browser prints nothing, or the plugin does not answer so.
fn refusal_of(at: Stage, because: &Blocked, status: u16) -> Option<&'static str> {
    let is_preflight = at == Stage::Preflight;
    Some(match because {
        Blocked::AllowOriginMissing if !is_preflight => "origin",
        Blocked::AllowOriginMissing if (200..300).contains(&status) => "origin, preflight ignored",
        Blocked::AllowOriginMissing => "origin, at the preflight",
        Blocked::AllowCredentialsNotTrue if is_preflight => "credentials, at the preflight",
        Blocked::AllowCredentialsNotTrue => "credentials",
        Blocked::AllowOriginWildcard if is_preflight => "credentials, any origin, at the preflight",
        Blocked::AllowOriginWildcard => "credentials, any origin",
        Blocked::MethodNotListed(_) => "method",
        Blocked::HeaderNotListed(_) => "header",
        Blocked::AllowOriginOther { .. }
        | Blocked::ForbiddenMethod(_)
        | Blocked::ListMalformed(_)
        | Blocked::PreflightStatus(_)
        | Blocked::StreamingUnsupported => return None,
    })
}

/// A recorded line with the names of this call in place of those of the test.
fn filled(line: &str, fetch: &Fetch, because: &Blocked, status: u16) -> String {
    let (recorded, name) = match because {
        Blocked::MethodNotListed(method) => ("PUT", method.as_str()),
        Blocked::HeaderNotListed(name) => ("x-one", name.as_str()),
        _ => ("", ""),
    };
    let mut line = line.to_owned();
    if !recorded.is_empty() {
        line = line.replace(recorded, name);
    }
    for recorded in ["200", "204", "403"] {
        let of = |status: &str| format!("Status code: {status}");
        line = line.replace(&of(recorded), &of(&status.to_string()));
    }
    if fetch.upload == Upload::Observed {
        line = line
            .replace("Access to fetch at", "Access to XMLHttpRequest at")
            .replace("Fetch API cannot load", "XMLHttpRequest cannot load");
    }
    line.replace("ORIGIN", &fetch.origin)
        .replace("URL", &fetch.url.to_string())
}

impl Recorded {
    fn lines_of(&self, engine: Engine) -> &[String] {
        match engine {
            Engine::Chromium => &self.chromium,
            Engine::Firefox => &self.firefox,
            Engine::WebKit => &self.webkit,
            Engine::Standard => &[],
        }
    }
}

/// What browsers print next to the reason.
const VAGUE: [&str; 2] = [
    "(Reason: CORS request did not succeed)",
    " due to access control checks.",
];

static RECORDED: LazyLock<Vec<Recorded>> = LazyLock::new(|| {
    let text = include_str!("../../../../../tests/browser/console.json");
    serde_json::from_str(text).unwrap_or_default()
});

#[cfg(test)]
mod tests {
    use super::*;
    use cors::simulate::browser::{SetHeader, Url};

    /// What the browsers print for a call that this answer ends.
    fn printed(method: &str, header: &str, answer: &[(&str, &str)], status: u16) -> Vec<Console> {
        let fetch = Fetch {
            engine: Engine::Standard,
            origin: "https://app.example".to_owned(),
            url: Url::parse("https://api.example/x").unwrap(),
            method: method.to_owned(),
            headers: vec![SetHeader::named(header)],
            credentials: true,
            upload: Upload::Whole,
        };
        let headers: Lines = answer.iter().copied().collect();
        consoles(&fetch, |_| Response {
            status,
            headers: headers.clone(),
        })
    }

    #[test]
    fn every_refusal_was_recorded_in_every_browser() {
        let origin = ("access-control-allow-origin", "https://app.example");
        let any = ("access-control-allow-origin", "*");
        let credentials = ("access-control-allow-credentials", "true");
        let both = [origin, credentials];
        for (method, header, answer, status, says) in [
            ("GET", "accept", &[][..], 421, "Status code: 421"),
            ("PUT", "accept", &[], 404, "Status code: 404"),
            ("PUT", "accept", &[], 204, "Status code: 204"),
            (
                "GET",
                "accept",
                &[origin],
                200,
                "Access-Control-Allow-Credentials",
            ),
            (
                "PUT",
                "accept",
                &[origin],
                204,
                "Access-Control-Allow-Credentials",
            ),
            ("GET", "accept", &[any], 200, "Access-Control-Allow-Origin"),
            ("PUT", "accept", &[any], 204, "Access-Control-Allow-Origin"),
            (
                "QUERY",
                "accept",
                &both,
                204,
                "Access-Control-Allow-Methods",
            ),
            ("GET", "x-mine", &both, 204, "x-mine"),
        ] {
            let consoles = printed(method, header, answer, status);
            let browsers: Vec<_> = consoles.iter().map(|console| &console.browser).collect();
            assert_eq!(browsers, ["Chromium", "Firefox", "Safari"], "{says}");
            for console in &consoles {
                let browser = &console.browser;
                let reasons: Vec<_> = console.reasons().collect();
                assert_eq!(reasons.len(), 1, "{browser}: {reasons:?}");
                let text = console.lines.join("\n");
                // Chromium does not print the status.
                let is_named = text.contains(says) || browser == "Chromium" && answer.is_empty();
                assert!(is_named, "{browser} {says}: {text}");
                let is_filled = !["URL", "ORIGIN", "PUT", "x-one", "Status code: 403"]
                    .iter()
                    .any(|name| text.contains(name));
                assert!(is_filled, "{browser}: {text}");
            }
        }
    }

    #[test]
    fn a_browser_that_does_not_ask_prints_nothing() {
        let answer = [
            ("access-control-allow-origin", "https://app.example"),
            ("access-control-allow-credentials", "true"),
        ];
        let consoles = printed("GET", "user-agent", &answer, 204);
        let browsers: Vec<_> = consoles.iter().map(|console| &console.browser).collect();
        assert_eq!(browsers, ["Firefox", "Safari"]);
    }
}
