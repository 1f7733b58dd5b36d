//! Every case of the table, the configuration given as text and as a Struct.

use std::collections::HashMap;
use std::sync::Arc;

use support::envoy::{Configuration, Envoy, Listener};
use support::http;
use support::table::{self, Case, From, Group};
use support::upstream::{Reply, Upstream};

#[test]
fn every_case_configured_as_text() {
    run(|group| Listener::cors(&group.name, Configuration::Text(&group.config.to_string())));
}

#[test]
fn every_case_configured_as_a_struct() {
    run(|group| Listener::cors(&group.name, Configuration::Struct(&group.config)));
}

fn run(listener: impl Fn(&Group) -> Listener) {
    let groups = Arc::new(table::groups());
    let replies = Arc::clone(&groups);
    let upstream = Upstream::start(move |request| {
        let key = request
            .headers
            .only("x-case")
            .expect("the header that names the case");
        let key = String::from_utf8_lossy(key);
        let (group, case) = key.split_once('-').expect("group and case");
        let group = &replies[group.parse::<usize>().expect("a group")];
        let reply = &group.cases[case.parse::<usize>().expect("a case")].upstream;
        let headers = reply.headers.iter();
        Reply {
            status: reply.status,
            headers: headers
                .map(|(name, value)| (name.clone(), table::bytes(value)))
                .collect(),
            body: Vec::new(),
        }
    });
    let envoy = Envoy::start(upstream.port, groups.iter().map(listener).collect());

    let mut wrong = Vec::new();
    for (key, group, case) in cases(&groups) {
        for difference in differences(&envoy, &upstream, &key, group, case) {
            wrong.push(format!("{} / {}: {difference}", group.name, case.name));
        }
    }
    let verdicts = envoy.verdicts();
    for (key, group, case) in cases(&groups) {
        let verdict = verdicts.get(&key).map_or("", String::as_str);
        // The reason and the place of the policy; a verdict under shadow is marked.
        let reason = case.verdict.strip_prefix("refused: ").unwrap_or("-");
        let is_shadow = group.config.to_string().contains("\"mode\":\"shadow\"");
        let reported = match verdict.strip_prefix("shadow ") {
            Some(rest) if is_shadow => rest,
            _ => verdict,
        };
        if reported.split(' ').next() != Some(reason) {
            wrong.push(format!(
                "{} / {}: cors_verdict {verdict:?}",
                group.name, case.name
            ));
        }
    }
    for (name, expected) in counters(&groups) {
        let counted = |prefix| envoy.stat(&format!("wasmcustom.cors.{prefix}{name}"));
        let counted = counted("") + counted("shadow.");
        if counted != expected {
            wrong.push(format!("counter {name}: {counted}, not {expected}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Each case with the key that is sent in `x-case`.
fn cases(groups: &[Group]) -> impl Iterator<Item = (String, &Group, &Case)> {
    groups.iter().enumerate().flat_map(|(g, group)| {
        let cases = group.cases.iter().enumerate();
        cases.map(move |(c, case)| (format!("{g}-{c}"), group, case))
    })
}

fn differences(
    envoy: &Envoy,
    upstream: &Upstream,
    key: &str,
    group: &Group,
    case: &Case,
) -> Vec<String> {
    let request = &case.request;
    let values: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name, table::bytes(value)))
        .collect();
    let mut lines = vec![
        ("host", request.authority().as_bytes()),
        ("x-case", key.as_bytes()),
        ("content-length", b"0"),
    ];
    lines.extend(
        values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice())),
    );
    let bytes = http::request(&request.method, request.path(), &lines);
    let response = match http::exchange(envoy.port(&group.name), &bytes) {
        Ok(response) => response,
        Err(error) => return vec![error.to_string()],
    };
    let seen = upstream.seen(key);
    let from = if seen.is_empty() {
        From::Filter
    } else {
        From::Upstream
    };
    let mut wrong = case
        .answer
        .differences(from, response.status, response.headers.iter());
    let has_received = |name: &str| seen.iter().any(|headers| headers.has(name));
    wrong.extend(case.receives.differences(has_received));
    wrong.iter().map(ToString::to_string).collect()
}

/// Envoy's expected counters after every case was sent once, shadow or not.
fn counters(groups: &[Group]) -> HashMap<String, u64> {
    let mut counters = HashMap::new();
    let mut count = |name: String| *counters.entry(name).or_default() += 1;
    for (_, _, case) in cases(groups) {
        let kind = if case.request.is_preflight() {
            "preflight"
        } else {
            "request"
        };
        match case.verdict.split_once(": ") {
            Some((_, reason)) => {
                count(format!("{kind}_refused"));
                count(format!("refused.{reason}"));
            }
            None => match case.verdict.as_str() {
                "allowed" => count(format!("{kind}_allowed")),
                "same-origin" => count("request_same_origin".into()),
                _ => {}
            },
        }
    }
    counters
}
