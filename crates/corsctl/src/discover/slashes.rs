//! Exact paths that a trailing slash escapes: `/login/` is the page `/login` to many servers, but not to
//! a rule for `/login`.

use cors::config::json::Json;
use cors::policy::verdict::Reason;
use cors::select::policy_set::PolicySet;
use cors::simulate::exchange::{Exchange, Incoming, Response, exchange};

use crate::discover::locate::each_policy;
use crate::input::cursor::Value;

/// An exact path, and the words for it.
pub struct Escape {
    /// The path into the configuration.
    pub path: String,
    pub value: String,
    pub text: String,
}

/// Finds the exact paths whose rule is stricter than what governs them with a slash.
pub fn escapes(plugin: &PolicySet, root: &Value) -> Vec<Escape> {
    let origins = origins(root.node);
    let mut escapes = Vec::new();
    let mut tried = 0;
    for (index, rule) in root.list("rules").iter().enumerate() {
        let first = |name| Some(rule.list_at(&["match", name]).first()?.text()?.to_owned());
        let host = first("hostnames").map_or_else(
            || "api.example.com".to_owned(),
            |host| host.replace('*', "a"),
        );
        let route_name = first("routeNames").map(|name| name.replace('*', "a"));
        let paths = rule.list_at(&["match", "exactPaths"]);
        for (at, path) in paths.iter().enumerate() {
            let Some(path) = path.text().filter(|path| !path.ends_with('/')) else {
                continue;
            };
            tried += 1;
            if tried > MAX_PATHS || escapes.len() == MAX_ESCAPES {
                return escapes;
            }
            let slash = format!("{path}/");
            let ask =
                |path: &str, origin: &str| ask(plugin, route_name.as_deref(), &host, path, origin);
            let escaping = origins.iter().find(|origin| {
                let (exact, other) = (ask(path, origin), ask(&slash, origin));
                exact.judgement.source() != other.judgement.source() && is_stricter(&exact, &other)
            });
            if let Some(origin) = escaping {
                let slash = Json::String(slash);
                escapes.push(Escape {
                    path: format!("rules[{index}].match.exactPaths[{at}]"),
                    value: Json::String(path.to_owned()).to_string(),
                    text: format!(
                        "does not cover {slash}, which is the same page to many servers and where {origin} is let through; add {slash}"
                    ),
                });
            }
        }
    }
    escapes
}

/// Whether the first refuses what the second lets through.
fn is_stricter(exact: &Exchange, other: &Exchange) -> bool {
    let reason = |exchange: &Exchange| exchange.judgement.verdict().map(|verdict| verdict.reason);
    let is_refused = matches!(reason(exact), Some(Reason::Refused(_)));
    let is_allowed = matches!(reason(other), Some(Reason::Allowed));
    is_refused && (is_allowed || exact.forwarded.is_none() && other.forwarded.is_some())
}

fn ask(
    plugin: &PolicySet,
    route_name: Option<&str>,
    host: &str,
    path: &str,
    origin: &str,
) -> Exchange {
    let headers = [
        (":method", "POST"),
        (":authority", host),
        (":path", path),
        ("origin", origin),
        ("sec-fetch-site", "cross-site"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let request = Incoming {
        headers: headers.into_iter().collect(),
        route_name: route_name.map(str::to_owned),
        route_policy: None,
    };
    exchange(plugin, request, Response::default())
}

/// Origins that the policies tell apart: a stranger's, and one of each entry of `allowOrigins`, up to a
/// few.
fn origins(root: &Json) -> Vec<String> {
    let mut origins = vec!["https://evil.com".to_owned()];
    each_policy(root, "", &mut |_, policy| {
        for entry in policy.list("allowOrigins") {
            if let Some(text) = entry.text().filter(|text| text.contains("://")) {
                let port = text.strip_suffix(":*").unwrap_or(text);
                origins.push(port.trim_end_matches('/').replace('*', "a"));
            }
        }
    });
    origins.dedup();
    origins.truncate(MAX_ORIGINS);
    origins
}

const MAX_ESCAPES: usize = 20;
const MAX_ORIGINS: usize = 8;
const MAX_PATHS: usize = 1_000;
