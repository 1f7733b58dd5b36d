//! Every case of the table, the core alone: no host, no module. Natively, and in Node under
//! wasm32-unknown-unknown.

use cors::policy::verdict::{Reason, Verdict};
use cors::select::policy_set::PolicySet;
use cors::simulate::exchange::{Incoming, Response, exchange};
use support::table::{self, Case, Difference, From};

#[cfg_attr(target_family = "wasm", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_family = "wasm"), test)]
fn every_case() {
    let mut wrong = Vec::new();
    for group in table::groups() {
        let (plugin, diagnostics) = PolicySet::from_bytes(group.config.to_string().as_bytes());
        let Some(plugin) = plugin else {
            wrong.push(format!("{}: {diagnostics:?}", group.name));
            continue;
        };
        for case in &group.cases {
            for difference in differences(&plugin, case) {
                wrong.push(format!("{} / {}: {difference}", group.name, case.name));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[cfg_attr(target_family = "wasm", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_family = "wasm"), test)]
fn every_configuration_is_read_the_same_in_snake_case() {
    for group in table::groups() {
        let text = group.config.to_string();
        let snake = snake_case_keys(&group.config).to_string();
        let read = |text: &str| {
            format!(
                "{:?}",
                PolicySet::from_bytes(text.as_bytes()).0.expect("good")
            )
        };
        assert_eq!(read(&text), read(&snake), "{}", group.name);
    }
}

fn snake_case_keys(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Array(items) => items.iter().map(snake_case_keys).collect(),
        serde_json::Value::Object(fields) => {
            let snake = |key: &str| {
                key.chars()
                    .flat_map(|char| {
                        char.is_uppercase()
                            .then_some('_')
                            .into_iter()
                            .chain(char.to_lowercase())
                    })
                    .collect::<String>()
            };
            fields
                .iter()
                .map(|(key, value)| (snake(key), snake_case_keys(value)))
                .collect()
        }
        other => other.clone(),
    }
}

/// Sends a case through the core and returns the differences of the answer.
fn differences(plugin: &PolicySet, case: &Case) -> Vec<String> {
    let mut request = lines(&case.request.headers);
    request.push((
        ":method".to_owned(),
        case.request.method.clone().into_bytes(),
    ));
    request.push((
        ":authority".to_owned(),
        case.request.authority().as_bytes().to_vec(),
    ));
    request.push((":path".to_owned(), case.request.path().as_bytes().to_vec()));
    let request = Incoming {
        headers: request.into_iter().collect(),
        ..Incoming::default()
    };
    let upstream = Response {
        status: case.upstream.status,
        headers: lines(&case.upstream.headers).into_iter().collect(),
    };
    let exchange = exchange(plugin, request, upstream);
    let verdict = exchange.judgement.verdict();
    let verdict = verdict.map_or("ungoverned".into(), describe);
    let from = match exchange.forwarded {
        Some(_) => From::Upstream,
        None => From::Filter,
    };
    let response = &exchange.response;
    let seen = exchange.forwarded.unwrap_or_default();
    let mut wrong = case
        .answer
        .differences(from, response.status, response.headers.iter());
    wrong.extend(Difference::between("verdict", verdict, &case.verdict));
    wrong.extend(case.receives.differences(|name| seen.get(name).is_some()));
    wrong.iter().map(ToString::to_string).collect()
}

/// The verdict as the table writes it.
fn describe(verdict: &Verdict) -> String {
    match verdict.reason {
        Reason::Allowed => "allowed".into(),
        Reason::NotCors => "not-cors".into(),
        Reason::Refused(refusal) => format!("refused: {}", refusal.code()),
        Reason::SameOrigin(_) => "same-origin".into(),
    }
}

/// Header lines of the table as bytes.
fn lines(lines: &[(String, String)]) -> Vec<(String, Vec<u8>)> {
    let bytes = |(name, value): &(String, String)| (name.clone(), table::bytes(value));
    lines.iter().map(bytes).collect()
}
