//! Which requests show that a gateway does what a configuration says: for each pattern origins that it
//! allows and origins that look like them, as preflight and as request, and one URL asked for again from
//! other origins, as a cache would see it.

use std::collections::BTreeSet;

use cors::config::fields::{POLICY_FIELDS, find};
use cors::http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    is_cors_safelisted_method, is_forbidden_method, is_forbidden_request_header_name,
};
use cors::http::token::is_token;
use cors::simulate::browser::Url;

use crate::cases::{Case, bytes, url};
use crate::discover::automaton::Work;
use crate::discover::locate::each_policy;
use crate::discover::regexes;
use crate::input::cursor::Value;
use crate::probe::client::Request;

/// A request, and what it shows.
pub struct Step {
    pub name: String,
    pub request: Request,
    /// The line of the table that it comes from.
    pub line: Option<usize>,
}

/// Why a case of a table is not sent.
pub enum Unsent {
    Invalid(String),
    Skipped(&'static str),
}

impl Step {
    /// The request of a case, unless it could change data or needs what only Envoy knows.
    pub fn of_case(case: &Case, line: Option<usize>) -> Result<Self, Unsent> {
        let url = url(&case.request).map_err(Unsent::Invalid)?;
        let headers = bytes(&case.request.headers).map_err(Unsent::Invalid)?;
        if !matches!(case.request.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
            return Err(Unsent::Skipped("the request could change data"));
        }
        if case.route.name.is_some() || case.route.policy.is_some() {
            return Err(Unsent::Skipped(
                "it names a route, which the gateway chooses itself",
            ));
        }
        Ok(Self {
            name: case.name.clone(),
            request: Request {
                method: case.request.method.clone(),
                authority: url.authority,
                path: url.path,
                headers,
            },
            line,
        })
    }
}

/// What a configuration lists, wherever in it.
#[derive(Debug, Default)]
pub struct Listed {
    /// Origins that a pattern is made of or allows, and what it looks like.
    pub patterns: Vec<Pattern>,
    method: Option<String>,
    header: Option<String>,
    /// Expressions for which no example is found.
    pub undecided: Vec<String>,
}

#[derive(Debug, Eq, PartialEq)]
pub struct Pattern {
    pub text: String,
    /// Origins to ask from; whether they are allowed is for the plugin to say.
    pub origins: Vec<String>,
}

impl Listed {
    pub fn within(root: Option<&Value>) -> Self {
        let mut listed = Self::default();
        let mut known = BTreeSet::new();
        let mut work = Work::default();
        if let Some(root) = root {
            each_policy(root.node, "", &mut |_, policy| {
                for (key, list) in policy.entries() {
                    let field = find(POLICY_FIELDS, key).map(|field| field.name);
                    for text in list.items().iter().filter_map(Value::text) {
                        listed.add(field.unwrap_or_default(), text, &mut known, &mut work);
                    }
                }
            });
        }
        if listed.patterns.is_empty() {
            listed.patterns.push(Pattern::of("*"));
        }
        listed
    }

    fn add(&mut self, field: &str, text: &str, known: &mut BTreeSet<String>, work: &mut Work) {
        let is_new = |known: &mut BTreeSet<String>| known.insert(format!("{field} {text}"));
        match field {
            "allowOrigins" if is_new(known) => self.patterns.push(Pattern::of(text)),
            "allowOriginRegexes" if is_new(known) => match regexes::example(text, work) {
                Some(origin) => self.patterns.push(Pattern {
                    text: format!("/{text}/"),
                    origins: around(&origin),
                }),
                None => self.undecided.push(text.to_owned()),
            },
            "allowMethods" if is_asked_method(text) => {
                self.method.get_or_insert_with(|| text.to_owned());
            }
            "allowHeaders" if is_asked_header(text) => {
                self.header.get_or_insert_with(|| text.to_ascii_lowercase());
            }
            _ => {}
        }
    }

    /// What the steps leave out.
    pub fn notes(&self, max_patterns: usize) -> Vec<String> {
        let more = self.patterns.len().saturating_sub(max_patterns);
        let more = (more > 0)
            .then(|| format!("{more} patterns are not probed; --max-patterns sets how many are"));
        let undecided = self
            .undecided
            .iter()
            .map(|regex| format!("no origin is found that matches /{regex}/: it is not probed"));
        more.into_iter().chain(undecided).collect()
    }

    /// The steps for one URL, for at most so many patterns, evenly spread.
    pub fn steps(&self, url: &Url, max_patterns: usize) -> Vec<Step> {
        let mut plan = Plan {
            url,
            method: self.method.as_deref().unwrap_or("PUT"),
            header: self.header.as_deref().unwrap_or("content-type"),
            steps: Vec::new(),
            asked: BTreeSet::new(),
        };
        plan.actual("GET", None, "");
        for pattern in spread(&self.patterns, max_patterns) {
            for origin in &pattern.origins {
                plan.both(origin);
            }
        }
        for origin in STRANGERS {
            plan.both(origin);
        }
        plan.actual("OPTIONS", None, "");
        // By now a cache has an answer to some of these, perhaps the wrong one.
        let first = self
            .patterns
            .iter()
            .find_map(|pattern| pattern.origins.first());
        for origin in [first.map(String::as_str), Some(STRANGERS[0]), None] {
            plan.actual("GET", origin, ", again");
        }
        plan.steps
    }
}

impl Pattern {
    fn of(text: &str) -> Self {
        let Some((scheme, rest)) = text.split_once("://") else {
            // Any origin, or the opaque one.
            let origins = match text {
                "*" => vec![
                    format!("https://{UNKNOWN}"),
                    "http://localhost:3000".to_owned(),
                ],
                text => vec![text.to_owned()],
            };
            return Self {
                text: text.to_owned(),
                origins,
            };
        };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.strip_suffix(":*") {
            Some(host) => (host, ":8443"),
            None => (rest, ""),
        };
        let mut origins = match (host, host.strip_prefix("*.")) {
            ("*", _) => {
                let other_scheme = if scheme == "https" { "http" } else { "https" };
                [scheme, other_scheme]
                    .map(|scheme| format!("{scheme}://{UNKNOWN}{port}"))
                    .to_vec()
            }
            (_, Some(domain)) => {
                let mut origins = around(&format!("{scheme}://corsctl-probe.{domain}{port}"));
                // The domain itself, and what only ends like it.
                origins.push(format!("{scheme}://{domain}{port}"));
                origins.push(format!("{scheme}://evil{domain}{port}"));
                origins
            }
            _ => around(&format!(
                "{scheme}://{}{port}",
                host.replacen('*', "corsctl-probe", 1)
            )),
        };
        if !port.is_empty() {
            let without = origins.first().and_then(|origin| origin.strip_suffix(port));
            origins.extend(without.map(str::to_owned));
        }
        Self {
            text: text.to_owned(),
            origins,
        }
    }
}

/// An origin, and others that a careless comparison takes for it.
fn around(origin: &str) -> Vec<String> {
    let mut origins = vec![origin.to_owned()];
    let Some((scheme, rest)) = origin.split_once("://") else {
        return origins;
    };
    let other_scheme = if scheme == "https" { "http" } else { "https" };
    let host = rest.split(':').next().unwrap_or(rest);
    origins.push(format!("{origin}.{UNKNOWN}"));
    origins.push(format!("{scheme}://evil{rest}"));
    origins.push(format!("{other_scheme}://{rest}"));
    if !rest.starts_with('[') {
        origins.push(format!("{scheme}://{host}:8444"));
        origins.push(format!("{scheme}://{}", rest.replacen('.', "-", 1)));
    }
    origins.push(format!("{origin}/"));
    origins
}

struct Plan<'p> {
    url: &'p Url,
    method: &'p str,
    header: &'p str,
    steps: Vec<Step>,
    asked: BTreeSet<String>,
}

impl Plan<'_> {
    /// A preflight and a request, once per origin.
    fn both(&mut self, origin: &str) {
        if !self.asked.insert(origin.to_owned()) {
            return;
        }
        let headers = [
            (ORIGIN, origin),
            (ACCESS_CONTROL_REQUEST_METHOD, self.method),
            (ACCESS_CONTROL_REQUEST_HEADERS, self.header),
        ];
        let name = format!("preflight for {} from {origin}", self.method);
        self.push(name, "OPTIONS", &headers);
        self.actual("GET", Some(origin), "");
    }

    fn actual(&mut self, method: &str, origin: Option<&str>, again: &str) {
        let headers: Vec<_> = origin.iter().map(|origin| (ORIGIN, *origin)).collect();
        let from = match origin {
            Some(origin) => format!("from {origin}"),
            None => "without Origin".to_owned(),
        };
        self.push(format!("{method} {from}{again}"), method, &headers);
    }

    fn push(&mut self, name: String, method: &str, headers: &[(&str, &str)]) {
        let headers = headers.iter();
        self.steps.push(Step {
            name,
            request: Request {
                method: method.to_owned(),
                authority: self.url.authority.clone(),
                path: self.url.path.clone(),
                headers: headers
                    .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                    .collect(),
            },
            line: None,
        });
    }
}

/// So many of the items, the first and the last among them.
fn spread<T>(items: &[T], most: usize) -> impl Iterator<Item = &T> {
    let count = items.len().min(most);
    let last = items.len().saturating_sub(1);
    (0..count).filter_map(move |index| items.get(index * last / count.saturating_sub(1).max(1)))
}

/// Whether a browser asks before it sends the method.
fn is_asked_method(method: &str) -> bool {
    is_token(method.as_bytes())
        && method != "*"
        && !is_cors_safelisted_method(method.as_bytes())
        && !is_forbidden_method(method)
}

fn is_asked_header(name: &str) -> bool {
    is_token(name.as_bytes()) && !name.contains('*') && !is_forbidden_request_header_name(name)
}

/// A name that [nobody can have](https://www.rfc-editor.org/rfc/rfc6761#section-6.4).
const UNKNOWN: &str = "corsctl-probe.invalid";

/// Origins that few policies allow: of a stranger, opaque, not as a browser writes it.
const STRANGERS: [&str; 3] = [
    "https://evil.corsctl-probe.invalid",
    "null",
    "https://a.invalid, https://b.invalid",
];

#[cfg(test)]
mod tests {
    use super::*;
    use cors::config::json::Json;
    use cors::select::policy_set::PolicySet;

    use crate::probe::compare::judge;

    fn listed(policy: &str) -> Listed {
        let node = Json::parse_json(policy.as_bytes()).expect("JSON");
        Listed::within(Some(&Value::bare(&node)))
    }

    #[test]
    fn each_pattern_is_asked_from_inside_and_from_outside() {
        let url = Url::parse("https://api.example/a").expect("a URL");
        for pattern in [
            "https://app.example.com",
            "https://app.example.com/",
            "https://*.example.com",
            "https://*.example.com:*",
            "https://*",
            "http://localhost:3000",
            "http://localhost:*",
            "http://[::1]:3000",
            "/https://([a-z]+\\.)?example\\.com/",
        ] {
            let policy = match pattern.strip_prefix('/') {
                Some(regex) => format!(
                    r#"{{"allowOriginRegexes": [{:?}]}}"#,
                    regex.trim_end_matches('/')
                ),
                None => format!(r#"{{"allowOrigins": [{pattern:?}], "allowMethods": ["PATCH"]}}"#),
            };
            let (plugin, _) = PolicySet::from_bytes(policy.as_bytes());
            let plugin = plugin.expect("a policy");
            let steps = listed(&policy).steps(&url, 100);
            let refused = |step: &&Step| judge(&plugin, &step.request).refusal().is_some();
            let (refused, allowed): (Vec<_>, Vec<_>) = steps
                .iter()
                .filter(|step| step.request.header(ORIGIN).is_some())
                .partition(refused);
            let count = |steps: &[&Step], method: &str| {
                steps
                    .iter()
                    .filter(|step| step.request.method == method)
                    .count()
            };
            for method in ["GET", "OPTIONS"] {
                assert!(
                    count(&allowed, method) >= 1,
                    "{pattern}: {method} is never allowed"
                );
                assert!(
                    count(&refused, method) >= 3,
                    "{pattern}: {method} is hardly refused"
                );
            }
        }
    }

    #[test]
    fn only_methods_that_change_nothing_are_sent() {
        let url = Url::parse("https://api.example/a").expect("a URL");
        let steps =
            listed(r#"{"allowOrigins": ["https://a.example"], "allowMethods": ["DELETE"]}"#)
                .steps(&url, 9);
        assert!(
            steps
                .iter()
                .all(|step| matches!(step.request.method.as_str(), "GET" | "OPTIONS"))
        );
        let asked = steps
            .iter()
            .filter_map(|step| step.request.header(ACCESS_CONTROL_REQUEST_METHOD));
        assert!(asked.clone().count() > 3);
        assert!(asked.into_iter().all(|method| method == b"DELETE"));
    }

    #[test]
    fn of_many_patterns_some_are_asked_evenly_spread() {
        let items: Vec<usize> = (0..1_000).collect();
        let chosen: Vec<usize> = spread(&items, 5).copied().collect();
        assert_eq!(chosen, [0, 249, 499, 749, 999]);
        assert_eq!(spread(&items[..3], 5).count(), 3);
        assert_eq!(spread(&items[..1], 1).count(), 1);
    }
}
