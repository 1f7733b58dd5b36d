//! How an answer differs from what the plugin would have made of it.

use std::collections::BTreeSet;

use cors::http::header::{AUTHORITY, METHOD, PATH, VARY};
use cors::http::request::HeadersMut;
use cors::select::judgement::Judgement;
use cors::select::policy_set::PolicySet;
use cors::simulate::exchange::{Incoming, Lines};

use crate::probe::client::{Answer, Request};

/// What is other than expected in one answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// `status`, or the name of a header.
    pub what: String,
    pub got: Option<String>,
    pub expected: Option<String>,
}

impl Difference {
    pub fn text(&self) -> String {
        let show = |value: &Option<String>| match value {
            Some(value) if self.what == STATUS => value.clone(),
            Some(value) => format!("{value:?}"),
            None => "absent".to_owned(),
        };
        if self.what == VARY {
            let expected = self.expected.as_deref().unwrap_or_default();
            return format!("vary: {}, without {expected}", show(&self.got));
        }
        format!(
            "{}: {}, not {}",
            self.what,
            show(&self.got),
            show(&self.expected)
        )
    }
}

/// What the plugin decides about a request.
pub fn judge(plugin: &PolicySet, request: &Request) -> Judgement {
    let own = request.headers.iter();
    let own = own.map(|(name, value)| (name.as_str(), value.as_slice()));
    let pseudo = [
        (METHOD, request.method.as_bytes()),
        (AUTHORITY, request.authority.as_bytes()),
        (PATH, request.path.as_bytes()),
    ];
    plugin.judge(&Incoming {
        headers: pseudo.into_iter().chain(own).collect(),
        ..Incoming::default()
    })
}

/// The differences of an answer, empty if it is as the plugin would have left it.
pub fn differences(judgement: &Judgement, answer: &Answer) -> Vec<Difference> {
    let got = answer.joined();
    let mut differences = Vec::new();
    let expected = match judgement.reply() {
        Some(reply) => {
            if reply.status != answer.status {
                differences.push(Difference {
                    what: STATUS.to_owned(),
                    got: Some(answer.status.to_string()),
                    expected: Some(reply.status.to_string()),
                });
            }
            let lines = reply.headers.iter();
            lines
                .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value))
                .collect()
        }
        // The upstream's part is unknown; the plugin changes nothing in what it has already changed.
        None => {
            let mut amended = got.clone();
            judgement.amend_response(&mut amended);
            amended
        }
    };
    let names = got.iter().chain(expected.iter()).map(|(name, _)| name);
    let names: BTreeSet<&str> = names.filter(|name| is_of_cors(name)).collect();
    for name in names {
        if name == EXPOSE && is_expanded(judgement) {
            continue;
        }
        let (got, expected) = (got.get(name), expected.get(name));
        if got != expected {
            differences.push(Difference {
                what: name.to_owned(),
                got: got.map(text),
                expected: expected.map(text),
            });
        }
    }
    differences.extend(vary(&got, &expected));
    differences
}

/// The tokens of Vary that are missing. Others may be there: proxies add some.
fn vary(got: &Lines, expected: &Lines) -> Option<Difference> {
    let has = tokens(got);
    if has.contains("*") {
        return None;
    }
    let missing: Vec<String> = tokens(expected).difference(&has).cloned().collect();
    (!missing.is_empty()).then(|| Difference {
        what: VARY.to_owned(),
        got: got.get(VARY).map(text),
        expected: Some(missing.join(", ")),
    })
}

fn tokens(lines: &Lines) -> BTreeSet<String> {
    let value = lines.get(VARY).map(text).unwrap_or_default();
    let tokens = value
        .split(',')
        .map(|token| token.trim().to_ascii_lowercase());
    tokens.filter(|token| !token.is_empty()).collect()
}

/// Whether `Access-Control-Expose-Headers` lists the headers of the response itself, of which others can
/// add and remove some.
fn is_expanded(judgement: &Judgement) -> bool {
    let mut response = Lines::default();
    response.add(MARK, b"1");
    judgement.amend_response(&mut response);
    response
        .get(EXPOSE)
        .is_some_and(|value| text(value).contains(MARK))
}

fn is_of_cors(name: &str) -> bool {
    name.starts_with("access-control-") || name == "timing-allow-origin"
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub const STATUS: &str = "status";
const EXPOSE: &str = "access-control-expose-headers";
const MARK: &str = "x-corsctl-probe";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        policy: &str,
        request: &[(&str, &str)],
        status: u16,
        lines: &[(&str, &str)],
    ) -> Vec<String> {
        let (plugin, diagnostics) = PolicySet::from_bytes(policy.as_bytes());
        let plugin = plugin.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let is_preflight = request.iter().any(|(name, _)| name.ends_with("-method"));
        let bytes = |lines: &[(&str, &str)]| {
            let lines = lines.iter();
            lines
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect()
        };
        let request = Request {
            method: if is_preflight { "OPTIONS" } else { "GET" }.to_owned(),
            authority: "api.example".to_owned(),
            path: "/".to_owned(),
            headers: bytes(request),
        };
        let answer = Answer {
            status,
            lines: bytes(lines),
        };
        let differences = differences(&judge(&plugin, &request), &answer);
        differences.iter().map(Difference::text).collect()
    }

    const POLICY: &str = r#"{"allowOrigins": ["https://app.example"]}"#;
    const APP: (&str, &str) = ("origin", "https://app.example");
    const EVIL: (&str, &str) = ("origin", "https://evil.example");
    const ASKS: (&str, &str) = ("access-control-request-method", "GET");

    #[test]
    fn an_answer_as_the_plugin_makes_it_has_no_difference() {
        let allow = ("access-control-allow-origin", "https://app.example");
        for (request, status, lines) in [
            (
                &[APP][..],
                404,
                &[allow, ("vary", "Accept-Encoding, origin"), ("x", "y")][..],
            ),
            (&[EVIL], 200, &[("vary", "Origin")]),
            (&[], 500, &[("vary", "accept"), ("vary", "Origin")]),
            (
                &[APP, ASKS],
                204,
                &[
                    allow,
                    ("access-control-allow-methods", "GET, HEAD, POST"),
                    ("access-control-max-age", "5"),
                    ("vary", "Origin"),
                ],
            ),
            (&[EVIL, ASKS], 403, &[("vary", "Origin")]),
        ] {
            assert_eq!(
                of(POLICY, request, status, lines),
                Vec::<String>::new(),
                "{request:?}"
            );
        }
    }

    #[test]
    fn each_difference_is_reported() {
        let allow = ("access-control-allow-origin", "https://app.example");
        for (request, status, lines, expected) in [
            (
                &[APP][..],
                200,
                &[allow][..],
                "vary: absent, without origin",
            ),
            (
                &[EVIL],
                200,
                &[("access-control-allow-origin", "*"), ("vary", "Origin")],
                "access-control-allow-origin: \"*\", not absent",
            ),
            (
                &[APP],
                200,
                &[allow, allow, ("vary", "Origin")],
                "access-control-allow-origin: \"https://app.example,https://app.example\", not \"https://app.example\"",
            ),
            (
                &[EVIL],
                200,
                &[
                    ("access-control-allow-credentials", "true"),
                    ("vary", "Origin"),
                ],
                "access-control-allow-credentials: \"true\", not absent",
            ),
            (
                &[EVIL, ASKS],
                401,
                &[("vary", "Origin")],
                "status: 401, not 403",
            ),
        ] {
            assert_eq!(
                of(POLICY, request, status, lines),
                [expected],
                "{request:?}"
            );
        }
    }

    #[test]
    fn what_exposes_the_headers_of_the_response_can_list_any() {
        let policy = r#"{"allowOrigins": ["https://app.example"], "allowCredentials": true, "exposeHeaders": ["*"]}"#;
        let lines = [
            ("access-control-allow-origin", "https://app.example"),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "x-removed-behind"),
            ("vary", "Origin"),
            ("age", "1"),
        ];
        assert_eq!(of(policy, &[APP], 200, &lines), Vec::<String>::new());
    }
}
