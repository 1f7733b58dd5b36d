//! Benches of the core alone, without a host: the table of cases, then requests and configurations that
//! are made to be slow. Run with `cargo bench --profile native --package bench`.

use cors::http::request::{Headers, HeadersMut, RequestContext};
use cors::select::policy_set::PolicySet;
use divan::Bencher;
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// Every case of the table, judged and carried out.
#[divan::bench]
fn table(bencher: Bencher) {
    let groups: Value = serde_json::from_str(include_str!("../cases.json")).unwrap();
    let plugins: Vec<(PolicySet, Vec<Message>)> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            let cases = group["cases"].as_array().unwrap().iter();
            (
                plugin(&group["config"]),
                cases
                    .map(|case| Message::of_case(&case["request"]))
                    .collect(),
            )
        })
        .collect();
    bencher.bench_local(|| {
        for (plugin, cases) in &plugins {
            for case in cases {
                carry_out(plugin, case);
            }
        }
    });
}

/// One origin among an increasing number.
mod origins {
    use super::*;

    const COUNTS: [usize; 4] = [1, 100, 10_000, 100_000];

    #[divan::bench(args = COUNTS)]
    fn exact(bencher: Bencher, count: usize) {
        let origin = |index| format!("https://app-{index}.example");
        judge(bencher, "allowOrigins", (0..count).map(origin));
    }

    #[divan::bench(args = COUNTS)]
    fn below(bencher: Bencher, count: usize) {
        let origin = |index| format!("https://*.team-{index}.example");
        judge(bencher, "allowOrigins", (0..count).map(origin));
    }

    #[divan::bench(args = [1, 100, 1_000])]
    fn regex(bencher: Bencher, count: usize) {
        let origin = |index| format!(r"https://app-{index}-[a-z]+\.example");
        judge(bencher, "allowOriginRegexes", (0..count).map(origin));
    }

    fn judge(bencher: Bencher, field: &str, origins: impl Iterator<Item = String>) {
        let plugin = plugin(&json!({field: origins.collect::<Vec<_>>()}));
        let request = Message::new(&[("origin", "https://a.b.c.d.e.example")]);
        bencher.bench_local(|| carry_out(&plugin, &request));
    }
}

/// Requests that are made to be expensive.
mod requests {
    use super::*;

    #[divan::bench]
    fn origin_of_many_labels(bencher: Bencher) {
        let origin = format!("https://{}example", "a.".repeat(120));
        judge(bencher, &policy(), &[("origin", &origin)]);
    }

    #[divan::bench]
    fn regular_expression(bencher: Bencher) {
        let origin = format!("https://{}.invalix", "a".repeat(63));
        judge(bencher, &policy(), &[("origin", &origin)]);
    }

    #[divan::bench]
    fn origin_that_is_too_long(bencher: Bencher) {
        judge(
            bencher,
            &policy(),
            &[("origin", &"https://a".repeat(8_000))],
        );
    }

    #[divan::bench]
    fn eight_kib_of_header_names(bencher: Bencher) {
        let headers = [
            APP,
            ("access-control-request-method", "PUT"),
            (":method", "OPTIONS"),
            (
                "access-control-request-headers",
                &("x,".repeat(4_000) + "x"),
            ),
        ];
        judge(bencher, &policy(), &headers);
    }

    #[divan::bench]
    fn host_of_many_labels_and_path_of_many_segments(bencher: Bencher) {
        let rules = json!({"rules": [{
            "match": {"hostnames": ["*.a.example"], "pathPrefixes": ["/a/a"]},
            "policy": {"allowOrigins": ["https://app.example"]},
        }]});
        let host = "a.".repeat(4_000) + "example";
        let path = "/%61/..".repeat(4_000);
        judge(
            bencher,
            &rules,
            &[APP, (":authority", &host), (":path", &path)],
        );
    }

    const APP: (&str, &str) = ("origin", "https://app.example");

    fn policy() -> Value {
        json!({
            "allowOrigins": ["https://app.example", "https://*.example:*", "https://*.a.a.a.example"],
            "allowOriginRegexes": ["https://(a|aa)+\\.invalid"],
            "allowHeaders": ["*"],
            "debug": true,
        })
    }

    fn judge(bencher: Bencher, configuration: &Value, headers: &[(&str, &str)]) {
        let plugin = plugin(configuration);
        let request = Message::new(headers);
        bencher.bench_local(|| carry_out(&plugin, &request));
    }
}

mod configurations {
    use super::*;

    #[divan::bench(sample_count = 10)]
    fn a_hundred_thousand_origins(bencher: Bencher) {
        let origin = |index| format!("https://app-{index}.example");
        let origins: Vec<_> = (0..100_000).map(origin).collect();
        let large = json!({ "allowOrigins": origins }).to_string();
        bencher.bench_local(|| PolicySet::from_bytes(large.as_bytes()));
    }

    #[divan::bench(sample_count = 10)]
    fn a_mebibyte_of_brackets(bencher: Bencher) {
        let wrong = "[".repeat(1 << 20);
        bencher.bench_local(|| PolicySet::from_bytes(wrong.as_bytes()));
    }
}

fn plugin(configuration: &Value) -> PolicySet {
    let (plugin, diagnostics) = PolicySet::from_bytes(configuration.to_string().as_bytes());
    plugin.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

/// All work of the core for one request; its changes are dropped.
fn carry_out(plugin: &PolicySet, request: &Message) {
    let judgement = plugin.judge(request);
    match judgement.reply() {
        Some(reply) => drop(std::hint::black_box(reply)),
        None => judgement.amend_response(&mut Message::new(&[])),
    }
}

/// A header map with one line per name.
struct Message(Vec<(String, Vec<u8>)>);

impl Message {
    fn new(headers: &[(&str, &str)]) -> Self {
        let header = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        Self(headers.iter().map(header).collect())
    }

    fn of_case(request: &Value) -> Self {
        let mut headers = vec![(":method", request["method"].as_str().unwrap())];
        for header in request["headers"].as_array().unwrap() {
            headers.push((header[0].as_str().unwrap(), header[1].as_str().unwrap()));
        }
        Self::new(&headers)
    }
}

impl Headers for Message {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.clone())
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let pair = |(name, value): &(String, Vec<u8>)| (name.clone().into_bytes(), value.clone());
        self.0.iter().map(pair).collect()
    }
}

impl HeadersMut for Message {
    fn add(&mut self, _: &str, _: &[u8]) {}
    fn remove(&mut self, _: &str) {}
    fn replace(&mut self, _: &str, _: &[u8]) {}
}

impl RequestContext for Message {
    fn property(&self, _: &[&str]) -> Option<Vec<u8>> {
        None
    }
}
