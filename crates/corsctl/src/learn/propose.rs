//! A policy for the trusted origins among those that were seen, as narrow as what was seen.

use std::collections::{BTreeMap, BTreeSet};

use cors::config::json::Json;
use cors::http::header::{
    is_cors_safelisted_method, is_forbidden_method, is_forbidden_request_header_name,
};
use cors::origin::pattern::OriginPattern;
use serde::Serialize;

use crate::discover::public_suffix::strangers_under;
use crate::learn::tally::{Seen, Tally};
use crate::learn::trust::Trust;

/// A policy, and what it does not allow.
pub struct Proposal {
    pub policy: Json,
    /// How many origins it allows that were seen, and their requests.
    pub origins: usize,
    pub requests: u64,
    /// Their requests for which no rule is proposed, where there is a rule for each host.
    pub without_rule: u64,
    pub left_out: Vec<LeftOut>,
}

/// What was seen and is not proposed.
#[derive(Debug, Serialize)]
pub struct LeftOut {
    pub what: String,
    pub requests: u64,
    pub why: &'static str,
}

/// Proposes a policy; `None` if nothing that was seen is trusted.
pub fn propose(tally: &Tally, trusted: &[Trust], wildcards: bool) -> Option<Proposal> {
    let mut left_out = Vec::new();
    let mut origins = BTreeSet::new();
    let (mut methods, mut headers) = (BTreeSet::new(), BTreeSet::new());
    let mut requests = 0;
    for (origin, seen) in tally.by_count() {
        if !trusted.iter().any(|trust| trust.covers(origin)) {
            left_out.push(LeftOut {
                what: origin.to_owned(),
                requests: seen.requests,
                why: why_not(origin, trusted),
            });
            continue;
        }
        requests += seen.requests;
        origins.insert(origin);
        add_names(seen, &mut methods, &mut headers, &mut left_out);
    }
    let specials = tally.specials.iter().filter(|(_, seen)| seen.requests > 0);
    left_out.extend(specials.map(|(what, seen)| LeftOut {
        what: (*what).to_owned(),
        requests: seen.requests,
        why: match *what {
            "null" => OPAQUE,
            _ => MALFORMED,
        },
    }));
    left_out.sort_by_key(|left_out| std::cmp::Reverse(left_out.requests));
    let count = origins.len();
    let patterns = if wildcards {
        widen(origins, trusted)
    } else {
        origins.into_iter().map(str::to_owned).collect()
    };
    let list = |names: Vec<String>| Json::List(names.into_iter().map(Json::String).collect());
    let mut policy = vec![("allowOrigins".to_owned(), list(patterns))];
    // The others need no listing.
    if methods
        .iter()
        .any(|method: &String| !is_cors_safelisted_method(method.as_bytes()))
    {
        policy.push((
            "allowMethods".to_owned(),
            list(methods.into_iter().collect()),
        ));
    }
    if !headers.is_empty() {
        policy.push((
            "allowHeaders".to_owned(),
            list(headers.into_iter().collect()),
        ));
    }
    (count > 0).then_some(Proposal {
        policy: Json::Object(policy),
        origins: count,
        requests,
        without_rule: 0,
        left_out,
    })
}

/// Why an origin that is not trusted is left out.
fn why_not(origin: &str, trusted: &[Trust]) -> &'static str {
    let with_tls = origin
        .strip_prefix("http://")
        .map(|rest| format!("https://{rest}"));
    match with_tls {
        Some(origin) if trusted.iter().any(|trust| trust.covers(&origin)) => PLAIN_HTTP,
        _ => UNTRUSTED,
    }
}

fn add_names(
    seen: &Seen,
    methods: &mut BTreeSet<String>,
    headers: &mut BTreeSet<String>,
    left_out: &mut Vec<LeftOut>,
) {
    let mut leave =
        |what: String, requests: u64| match left_out.iter_mut().find(|known| known.what == what) {
            Some(known) => known.requests += requests,
            None => left_out.push(LeftOut {
                what,
                requests,
                why: FORBIDDEN,
            }),
        };
    for (method, requests) in &seen.methods {
        if is_forbidden_method(method) {
            leave(format!("method {method}"), *requests);
        } else {
            methods.insert(method.clone());
        }
    }
    for (name, requests) in &seen.headers {
        if is_forbidden_request_header_name(name) {
            leave(format!("header {name}"), *requests);
        } else {
            headers.insert(name.clone());
        }
    }
}

/// Puts a pattern in the place of many names below one trusted domain, the narrowest first.
fn widen(origins: BTreeSet<&str>, trusted: &[Trust]) -> Vec<String> {
    let mut by_parent: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for origin in &origins {
        if let Some((label, parent)) = label_and_parent(origin, trusted) {
            by_parent.entry(parent).or_default().push(label);
        }
    }
    let mut parents: Vec<_> = by_parent.into_iter().collect();
    parents.sort_by_key(|(parent, _)| std::cmp::Reverse(parent.split('.').count()));
    let mut patterns: BTreeSet<String> = BTreeSet::new();
    let mut covered: BTreeSet<String> = BTreeSet::new();
    for (parent, labels) in parents {
        let origin = |label: &&&str| format!("https://{label}.{parent}");
        let (globs, mut rest) = globs(&labels, parent);
        for (glob, members) in globs {
            covered.extend(members.iter().map(|label| origin(&label)));
            patterns.insert(glob);
        }
        let wildcard = format!("https://*.{parent}");
        if rest.len() >= MANY && is_safe(&wildcard) {
            covered.extend(rest.iter().map(|label| origin(&label)));
            patterns.insert(wildcard);
            rest.clear();
        }
    }
    let single = origins
        .into_iter()
        .filter(|origin| !covered.contains(*origin));
    patterns.extend(single.map(str::to_owned));
    patterns.into_iter().collect()
}

/// The first label and the rest of the host of an https origin without port below a trusted domain.
fn label_and_parent<'o>(origin: &'o str, trusted: &[Trust]) -> Option<(&'o str, &'o str)> {
    let host = origin
        .strip_prefix("https://")
        .filter(|host| !host.contains(':'))?;
    let (label, parent) = host.split_once('.')?;
    let mut domains = trusted.iter().filter_map(|trust| trust.domain.as_deref());
    let is_within = domains.any(|domain| {
        parent
            .strip_suffix(domain)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    is_within.then_some((label, parent))
}

type Globs<'l> = Vec<(String, Vec<&'l str>)>;

/// Patterns such as `pr-*-team` for labels that begin alike, and the labels that are left.
fn globs<'l>(labels: &[&'l str], parent: &str) -> (Globs<'l>, Vec<&'l str>) {
    let mut by_start: BTreeMap<&str, Vec<&'l str>> = BTreeMap::new();
    for label in labels {
        let start = label.find('-').and_then(|dash| label.get(..=dash));
        by_start
            .entry(start.unwrap_or_default())
            .or_default()
            .push(label);
    }
    let (mut globs, mut rest) = (Vec::new(), Vec::new());
    for (start, members) in by_start {
        let glob = format!("https://{start}*{}.{parent}", common_end(start, &members));
        if !start.is_empty() && members.len() >= MANY && is_safe(&glob) {
            globs.push((glob, members));
        } else {
            rest.extend(members);
        }
    }
    (globs, rest)
}

/// The last part of the labels behind their start, from its dash on, if all have the same.
fn common_end<'l>(start: &str, labels: &[&'l str]) -> &'l str {
    let mut ends = labels.iter().map(|label| {
        let rest = label.get(start.len()..)?;
        let dash = rest.rfind('-').filter(|dash| *dash > 0)?;
        rest.get(dash..)
    });
    let first = ends.next().flatten();
    first
        .filter(|first| ends.all(|end| end == Some(first)))
        .unwrap_or_default()
}

/// Whether the plugin takes the pattern, and strangers have no name that it allows.
fn is_safe(pattern: &str) -> bool {
    OriginPattern::parse(pattern).is_ok_and(|(pattern, _)| strangers_under(&pattern).is_none())
}

/// From how many names on a wildcard is proposed.
const MANY: usize = 3;

const FORBIDDEN: &str = "no script in a browser can send it";
const MALFORMED: &str = "no browser sends such an Origin";
const OPAQUE: &str = "every sandboxed frame, local file and redirect across origins sends it";
const PLAIN_HTTP: &str = "plain http: anybody on the network can act as it; serve the page over https, or trust the whole origin";
const UNTRUSTED: &str =
    "seen, not trusted: anybody can send any Origin; if it is yours, add --trust";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::entry::Entry;

    fn tally(lines: &[(&str, &str)]) -> Tally {
        let mut tally = Tally::new(1_000);
        for (origin, fields) in lines {
            let line =
                format!(r#"{{"host":"api.example.com","path":"/",{fields}"origin":"{origin}"}}"#);
            tally.add(&Entry::parse(&line), None);
        }
        tally
    }

    fn trusted(texts: &[&str]) -> Vec<Trust> {
        let trusted = texts.iter().map(|text| Trust::parse(text).expect(text));
        trusted.collect()
    }

    #[test]
    fn only_trusted_origins_are_proposed_with_what_they_asked_for() {
        let put = r#""method":"OPTIONS","asked_method":"PUT","asked_headers":"x-a,cookie","#;
        let get = r#""method":"GET","#;
        let tally = tally(&[
            ("https://app.example.com", put),
            ("https://app.example.com", get),
            ("https://evil.example", r#""method":"DELETE","#),
            ("http://app.example.com", get),
            ("null", get),
            ("https://a/b", get),
        ]);
        let proposal = propose(&tally, &trusted(&["example.com"]), false).expect("a proposal");
        assert_eq!(
            proposal.policy.to_string(),
            r#"{"allowOrigins": ["https://app.example.com"], "allowMethods": ["GET", "PUT"], "allowHeaders": ["x-a"]}"#
        );
        assert_eq!((proposal.origins, proposal.requests), (1, 2));
        let mut why: Vec<_> = proposal
            .left_out
            .iter()
            .map(|left_out| (left_out.what.as_str(), left_out.why))
            .collect();
        why.sort_unstable();
        assert_eq!(
            why,
            [
                ("header cookie", FORBIDDEN),
                ("http://app.example.com", PLAIN_HTTP),
                ("https://evil.example", UNTRUSTED),
                ("malformed", MALFORMED),
                ("null", OPAQUE),
            ]
        );
    }

    #[test]
    fn nothing_is_proposed_if_nothing_is_trusted() {
        let tally = tally(&[("https://app.example.com", "")]);
        assert!(propose(&tally, &[], false).is_none());
        assert!(propose(&tally, &trusted(&["other.example"]), true).is_none());
    }

    #[test]
    fn wildcards_are_proposed_when_asked_for_and_cover_what_was_seen() {
        let origins = [
            "https://example.com",
            "https://a.example.com",
            "https://b.example.com",
            "https://c.example.com",
            "https://c.example.com:8443",
            "https://x.eu.example.com",
            "https://y.eu.example.com",
            "https://partner.example",
        ];
        let lines: Vec<_> = origins.iter().map(|origin| (*origin, "")).collect();
        let tally = tally(&lines);
        let trusted = trusted(&["example.com", "https://partner.example"]);
        let policy = |wildcards| {
            propose(&tally, &trusted, wildcards)
                .expect("a proposal")
                .policy
                .to_string()
        };
        assert!(!policy(false).contains('*'), "{}", policy(false));
        assert_eq!(
            policy(true),
            r#"{"allowOrigins": ["https://*.example.com", "https://c.example.com:8443", "https://example.com", "https://partner.example", "https://x.eu.example.com", "https://y.eu.example.com"]}"#
        );
    }

    #[test]
    fn no_wildcard_is_proposed_over_a_public_suffix() {
        let trusted = trusted(&["amazonaws.com"]);
        let tally = tally(&[
            ("https://a.s3.amazonaws.com", ""),
            ("https://b.s3.amazonaws.com", ""),
            ("https://c.s3.amazonaws.com", ""),
        ]);
        let policy = propose(&tally, &trusted, true).expect("a proposal").policy;
        assert!(!policy.to_string().contains('*'), "{policy}");
    }

    #[test]
    fn labels_have_a_common_end_behind_a_common_start() {
        assert_eq!(common_end("pr-", &["pr-1-team", "pr-22-team"]), "-team");
        assert_eq!(common_end("pr-", &["pr-1-team", "pr-2-other"]), "");
        assert_eq!(common_end("pr-", &["pr-1", "pr-2"]), "");
        assert_eq!(common_end("pr-", &["pr--team"]), "");
    }
}
