//! Benches of the core alone, without a host: the table of cases, then requests and configurations that
//! are made to be slow. Run with `cargo bench` in this folder.

use cors::http::request::{Headers, HeadersMut, RequestContext};
use cors::select::policy_set::PolicySet;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};

criterion_group!(benches, table, origins, requests, configurations);
criterion_main!(benches);

/// Every case of the table, judged and carried out.
fn table(criterion: &mut Criterion) {
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
    criterion.bench_function("table", |bencher| {
        bencher.iter(|| {
            for (plugin, cases) in &plugins {
                for case in cases {
                    carry_out(plugin, case);
                }
            }
        });
    });
}

/// One origin among an increasing number.
fn origins(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("origins");
    for count in [1, 100, 10_000, 100_000] {
        let exact = |index| format!("https://app-{index}.example");
        let below = |index| format!("https://*.team-{index}.example");
        let regex = |index| format!(r"https://app-{index}-[a-z]+\.example");
        let list = |origin: fn(usize) -> String, count| (0..count).map(origin).collect::<Vec<_>>();
        let request = Message::new(&[("origin", "https://a.b.c.d.e.example")]);
        for (kind, policy) in [
            ("exact", json!({"allowOrigins": list(exact, count)})),
            ("below", json!({"allowOrigins": list(below, count)})),
            (
                "regex",
                json!({"allowOriginRegexes": list(regex, count.min(1000))}),
            ),
        ] {
            let plugin = plugin(&policy);
            group.bench_function(BenchmarkId::new(kind, count), |bencher| {
                bencher.iter(|| carry_out(&plugin, &request));
            });
        }
    }
}

/// Requests that are made to be expensive.
fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("requests");
    let policy = json!({
        "allowOrigins": ["https://app.example", "https://*.example:*", "https://*.a.a.a.example"],
        "allowOriginRegexes": ["https://(a|aa)+\\.invalid"],
        "allowHeaders": ["*"],
        "debug": true,
    });
    let rules = json!({"rules": [{
        "match": {"hostnames": ["*.a.example"], "pathPrefixes": ["/a/a"]},
        "policy": {"allowOrigins": ["https://app.example"]},
    }]});
    let app = ("origin", "https://app.example");
    let asks = ("access-control-request-method", "PUT");
    for (name, policy, headers) in [
        (
            "labels",
            &policy,
            vec![("origin", format!("https://{}example", "a.".repeat(120)))],
        ),
        (
            "regex",
            &policy,
            vec![("origin", format!("https://{}.invalix", "a".repeat(63)))],
        ),
        (
            "too long",
            &policy,
            vec![("origin", "https://a".repeat(8_000))],
        ),
        (
            "8 KiB of header names",
            &policy,
            vec![
                (app.0, app.1.to_owned()),
                (asks.0, asks.1.to_owned()),
                (":method", "OPTIONS".to_owned()),
                ("access-control-request-headers", "x,".repeat(4_000) + "x"),
            ],
        ),
        (
            "host of many labels, path of many segments",
            &rules,
            vec![
                (app.0, app.1.to_owned()),
                (":authority", "a.".repeat(4_000) + "example"),
                (":path", "/%61/..".repeat(4_000)),
            ],
        ),
    ] {
        let plugin = plugin(policy);
        let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let request = Message::new(&headers);
        group.bench_function(name, |bencher| {
            bencher.iter(|| carry_out(&plugin, &request))
        });
    }
}

fn configurations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("configurations");
    group.sample_size(10);
    let origins: Vec<_> = (0..100_000)
        .map(|index| format!("https://app-{index}.example"))
        .collect();
    let large = json!({ "allowOrigins": origins }).to_string();
    group.bench_function("100,000 origins", |bencher| {
        bencher.iter(|| PolicySet::from_bytes(large.as_bytes()));
    });
    let wrong = "[".repeat(1 << 20);
    group.bench_function("1 MiB of brackets", |bencher| {
        bencher.iter(|| PolicySet::from_bytes(wrong.as_bytes()));
    });
}

fn plugin(configuration: &Value) -> PolicySet {
    let (plugin, report) = PolicySet::from_bytes(configuration.to_string().as_bytes());
    plugin.unwrap_or_else(|| panic!("{:?}", report.errors))
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
