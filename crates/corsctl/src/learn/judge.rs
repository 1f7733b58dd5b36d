//! What a policy makes of a request in a log.

use cors::policy::verdict::Reason;
use cors::select::policy_set::PolicySet;
use cors::simulate::browser::{Engine, Fetch, Outcome, SetHeader, Stage, Upload, Url};
use cors::simulate::exchange::{Incoming, Response, exchange};

use crate::learn::entry::{Entry, Sender};
use crate::learn::fields::Field;

/// What becomes of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Judged {
    Allowed,
    /// The service's own page, or a request without Origin.
    NotCors,
    /// No policy governs it, or one whose mode is `off`.
    Ungoverned,
    /// The reason, as the access log has it.
    Refused(&'static str),
    /// The origin is allowed, and the browser blocks the request all the same.
    Blocked(String),
}

/// Judges a request; a policy in shadow mode is taken as if it were enforced.
pub fn judge(plugin: &PolicySet, entry: &Entry) -> Judged {
    if matches!(entry.sender(), Sender::None | Sender::Same) {
        return Judged::NotCors;
    }
    let request = entry.request();
    let judgement = plugin.judge(&request);
    let Some(verdict) = judgement.verdict() else {
        return Judged::Ungoverned;
    };
    match verdict.reason {
        Reason::Refused(refusal) => Judged::Refused(refusal.code()),
        Reason::NotCors | Reason::SameOrigin(_) => Judged::NotCors,
        Reason::Allowed if judgement.is_shadow() => Judged::Allowed,
        Reason::Allowed => match blocked(plugin, entry, &request) {
            Some(because) => Judged::Blocked(because),
            None => Judged::Allowed,
        },
    }
}

/// Why the browser blocks a preflight that is answered.
fn blocked(plugin: &PolicySet, entry: &Entry, request: &Incoming) -> Option<String> {
    let method = entry.asked_method()?;
    let names = entry.get(Field::AskedHeaders).unwrap_or_default();
    let fetch = Fetch {
        engine: Engine::Standard,
        origin: entry.get(Field::Origin)?.to_owned(),
        url: Url {
            scheme: "https".to_owned(),
            authority: entry.get(Field::Host).unwrap_or_default().to_owned(),
            path: entry.path().unwrap_or("/").to_owned(),
        },
        method: method.to_owned(),
        headers: names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(SetHeader::named)
            .collect(),
        credentials: false,
        upload: Upload::Whole,
    };
    if !fetch.needs_preflight() {
        return None;
    }
    let outcome = fetch.run(|headers| {
        let request = Incoming {
            headers,
            ..request.clone()
        };
        exchange(plugin, request, Response::default()).response
    });
    match outcome {
        Outcome::Blocked {
            at: Stage::Preflight,
            because,
        } => Some(because.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(policy: &str, fields: &str) -> Judged {
        let (plugin, diagnostics) = PolicySet::from_bytes(policy.as_bytes());
        let plugin = plugin.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let line = format!(r#"{{"host":"api.example.com",{fields}}}"#);
        judge(&plugin, &Entry::parse(&line).expect("an entry"))
    }

    #[test]
    fn requests_are_judged_as_the_plugin_and_the_browser_do() {
        let policy = r#"{"allowOrigins": ["https://app.example"], "allowHeaders": ["x-a"]}"#;
        let app = r#""origin":"https://app.example""#;
        for (fields, expected) in [
            (app.to_owned(), Judged::Allowed),
            (r#""origin":"-""#.to_owned(), Judged::NotCors),
            (
                r#""origin":"https://api.example.com""#.to_owned(),
                Judged::NotCors,
            ),
            (
                r#""origin":"https://evil.example""#.to_owned(),
                Judged::Refused("origin"),
            ),
            (r#""origin":"null""#.to_owned(), Judged::Refused("null")),
            (
                r#""origin":"https://a/b""#.to_owned(),
                Judged::Refused("malformed"),
            ),
            (
                format!(r#""method":"OPTIONS","asked_method":"GET","asked_headers":"x-a",{app}"#),
                Judged::Allowed,
            ),
            (
                format!(r#""method":"OPTIONS","asked_method":"PUT",{app}"#),
                Judged::Blocked("PUT is not in Access-Control-Allow-Methods".to_owned()),
            ),
            (
                format!(r#""method":"OPTIONS","asked_method":"GET","asked_headers":"x-b",{app}"#),
                Judged::Blocked("x-b is not in Access-Control-Allow-Headers".to_owned()),
            ),
        ] {
            assert_eq!(judged(policy, &fields), expected, "{fields}");
        }
    }

    #[test]
    fn a_preflight_that_asks_for_no_headers_is_blocked_for_none() {
        let policy = r#"{"allowOrigins": ["https://app.example"], "allowMethods": ["PUT"]}"#;
        for names in ["", "-", " , "] {
            let fields = format!(
                r#""method":"OPTIONS","asked_method":"PUT","asked_headers":"{names}","origin":"https://app.example""#
            );
            assert_eq!(judged(policy, &fields), Judged::Allowed, "{names}");
        }
    }

    #[test]
    fn rules_see_host_and_path_and_shadow_judges_too() {
        let rules = r#"{"rules": [{"name": "a", "match": {"hostnames": ["api.example.com"], "pathPrefixes": ["/a"]},
            "policy": {"allowOrigins": ["https://app.example"], "mode": "shadow"}}]}"#;
        let line = |path: &str, origin: &str| format!(r#""path":"{path}","origin":"{origin}""#);
        for (path, origin, expected) in [
            ("/a?b=1", "https://app.example", Judged::Allowed),
            ("/a", "https://evil.example", Judged::Refused("origin")),
            ("/b", "https://app.example", Judged::Ungoverned),
        ] {
            assert_eq!(
                judged(rules, &line(path, origin)),
                expected,
                "{path} {origin}"
            );
        }
    }
}
