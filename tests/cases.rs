//! Every case of the table, the core alone: no host, no module. Natively, and in Node under
//! wasm32-unknown-unknown.

mod support;

use cors::config;
use cors::plugin::{Plugin, Stream};
use cors::policy::Mode;
use cors::request::{Headers, HeadersMut};
use cors::verdict::{Reason, Verdict};
use support::http::Lines;
use support::table::{self, Case, From};
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test(unsupported = test)]
fn every_case() {
    let mut wrong = Vec::new();
    for group in table::groups() {
        let (plugin, report) = config::read(group.config.to_string().as_bytes());
        let Some(plugin) = plugin else {
            wrong.push(format!("{}: {:?}", group.name, report.errors));
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

#[wasm_bindgen_test(unsupported = test)]
fn every_configuration_is_read_the_same_in_snake_case() {
    for group in table::groups() {
        let text = group.config.to_string();
        let snake = snake_case_keys(&group.config).to_string();
        let read = |text: &str| format!("{:?}", config::read(text.as_bytes()).0.is_some());
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

/// Sends a case through the core and says what is wrong with the answer.
fn differences(plugin: &Plugin, case: &Case) -> Vec<String> {
    let mut request = Message::new(&case.request.headers);
    request.push(":method", case.request.method.as_bytes());
    request.push(":authority", case.request.authority().as_bytes());
    request.push(":path", case.request.path().as_bytes());
    let mut response = Message::new(&case.upstream.headers);
    response.push(":status", b"200");

    let governed = plugin.govern(&request);
    let judged = governed.judge(&request);
    let verdict = judged
        .as_ref()
        .map_or("ungoverned".into(), |(_, verdict)| describe(verdict));
    let mut answer = None;
    if let Some((policy, verdict)) = judged.filter(|(policy, _)| policy.mode == Mode::Enforce) {
        if let Some(reply) = policy.reply(&verdict) {
            let mut headers = Lines::default();
            for (name, value) in &reply.headers {
                headers.push(name, value.to_vec());
            }
            answer = Some((From::Filter, reply.status, headers));
        } else {
            policy.amend_request(&verdict, &mut request);
            policy.amend_response(&verdict, &mut response);
        }
    }
    let (from, status, headers) =
        answer.unwrap_or((From::Upstream, case.upstream.status, response.0));
    let mut wrong = case.answer.differences(from, status, &headers);
    if verdict != case.verdict {
        wrong.push(format!("verdict {verdict}, not {}", case.verdict));
    }
    let absent = case
        .receives
        .absent
        .iter()
        .filter(|name| request.0.has(name));
    wrong.extend(absent.map(|name| format!("the upstream saw {name}")));
    let present = case
        .receives
        .present
        .iter()
        .filter(|name| !request.0.has(name));
    wrong.extend(present.map(|name| format!("the upstream did not see {name}")));
    wrong
}

/// The verdict in the words of the table.
fn describe(verdict: &Verdict) -> String {
    match verdict.reason {
        Reason::Allowed(_) => "allowed".into(),
        Reason::NotCors => "not-cors".into(),
        Reason::Refused(refusal) => format!("refused: {}", refusal.word()),
        Reason::SameOrigin(_) => "same-origin".into(),
    }
}

/// A header map as Envoy lends it: lines of one name joined with a comma.
struct Message(Lines);

impl Message {
    fn new(lines: &[(String, String)]) -> Self {
        let mut message = Self(Lines::default());
        for (name, value) in lines {
            message.push(&name.to_ascii_lowercase(), &table::bytes(value));
        }
        message
    }

    fn push(&mut self, name: &str, value: &[u8]) {
        let joined = match self.value(name) {
            Some(before) => [&before, value].join(&b','),
            None => value.to_vec(),
        };
        self.replace(name, &joined);
    }
}

impl Headers for Message {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.0.only(name).map(<[u8]>::to_vec)
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let pair = |(name, value): (&str, &[u8])| (name.as_bytes().to_vec(), value.to_vec());
        self.0.iter().map(pair).collect()
    }
}

impl HeadersMut for Message {
    fn add(&mut self, name: &str, value: &[u8]) {
        self.push(name, value);
    }

    fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    fn replace(&mut self, name: &str, value: &[u8]) {
        self.0.set(name, value.to_vec());
    }
}

impl Stream for Message {
    fn property(&self, _: &[&str]) -> Option<Vec<u8>> {
        None
    }
}
