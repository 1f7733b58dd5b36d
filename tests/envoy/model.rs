//! The model of Envoy's filter that `crates/corsctl/tests/models` compares imports with, against a real
//! Envoy: for random policies on virtual hosts and routes, a browser lets a script do the same.

use cors::http::header::{METHOD, PATH};
use cors::simulate::browser::Fetch;
use cors::simulate::exchange::{Lines, Response};
use serde_json::{Value, json};
use support::envoy::{Envoy, Listener, Routes, filter};
use support::http;
use support::random::Random;
use support::upstream::{Reply, Upstream};

use crate::envoy_filter::{MATCHERS, Policy, answer};
use crate::parts::{self, Request};

#[test]
fn envoys_filter_is_as_its_model() {
    let random = &mut Random::new(5);
    let hosts: Vec<_> = (0..POLICIES).map(|_| Levels::random(random)).collect();
    let upstream = Upstream::start(|request| {
        let grants = request.headers.only("x-upstream") == Some(b"grants");
        let origin = request.headers.only("origin").unwrap_or_default();
        let origin = std::str::from_utf8(origin).expect("text");
        let response = parts::upstream(origin, grants);
        let lines = response.headers.iter();
        Reply {
            headers: lines
                .map(|(name, value)| (name.to_owned(), value.to_vec()))
                .collect(),
            ..Reply::new(200, &[])
        }
    });
    let virtual_hosts: Vec<_> = hosts
        .iter()
        .enumerate()
        .map(|(number, levels)| levels.virtual_host(number))
        .collect();
    let cors = filter("envoy.filters.http.cors", "cors.v3.Cors", json!({}));
    let routes = Routes::VirtualHosts(virtual_hosts.into());
    let envoy = Envoy::start(
        upstream.port,
        vec![Listener::new("cors", vec![cors], routes)],
    );
    let mut readable = 0;
    for (number, levels) in hosts.iter().enumerate() {
        for _ in 0..FETCHES {
            let fetch = parts::fetch(random);
            // Envoy's HTTP/1 codec does not know this method.
            if fetch.method == "patch" {
                continue;
            }
            let grants = random.once_in(3);
            let from_upstream = parts::upstream(&fetch.origin, grants);
            let real = fetch.run(|lines| ask(&envoy, number, &lines, grants));
            let model = fetch.run(|lines| levels.answer(&Request(&lines), &from_upstream));
            assert_eq!(
                exposed(&fetch, real),
                exposed(&fetch, model.clone()),
                "{fetch:?} {levels:?} {grants}"
            );
            readable += usize::from(model.is_readable());
        }
    }
    assert!(readable > 100, "only {readable} are readable");
}

/// The policies of a virtual host and of its route.
#[derive(Debug)]
struct Levels {
    host: Option<Policy>,
    route: Option<Policy>,
}

impl Levels {
    fn random(random: &mut Random) -> Self {
        let mut policy = || (!random.once_in(3)).then(|| Policy::random(random, MATCHERS));
        Self {
            host: policy(),
            route: policy(),
        }
    }

    fn virtual_host(&self, number: usize) -> Value {
        let config = |policy: &Option<Policy>| match policy {
            Some(policy) => json!({"envoy.filters.http.cors": policy.json()}),
            None => json!({}),
        };
        let host = format!("p{number}.test");
        json!({"name": host, "domains": [host], "typed_per_filter_config": config(&self.host), "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "upstream"}, "typed_per_filter_config": config(&self.route)},
        ]})
    }

    fn answer(&self, request: &Request, upstream: &Response) -> Response {
        let policies: Vec<_> = self.route.iter().chain(&self.host).collect();
        answer(&policies, request, upstream)
    }
}

/// Sends a request to Envoy.
fn ask(envoy: &Envoy, number: usize, lines: &Lines, grants: bool) -> Response {
    let host = format!("p{number}.test");
    let own = if grants { "grants" } else { "nothing" };
    let text = |name: &str| {
        let value = lines.get(name).expect("a line");
        std::str::from_utf8(value).expect("text").to_owned()
    };
    let headers = lines.iter().filter(|(name, _)| !name.starts_with(':'));
    // The model browser has no values for the headers that scripts set.
    let headers = headers.map(|(name, value)| match value.is_ascii() {
        true => (name, value),
        false => (name, &b"1"[..]),
    });
    let headers: Vec<_> = [("host", host.as_bytes()), ("x-upstream", own.as_bytes())]
        .into_iter()
        .chain(headers)
        .collect();
    let request = http::request(&text(METHOD), &text(PATH), &headers);
    let answer = http::exchange(envoy.port("cors"), &request).expect("an answer");
    Response {
        status: answer.status,
        headers: answer.headers.iter().collect(),
    }
}

/// What the script gets, of the headers that are of interest.
fn exposed(fetch: &Fetch, outcome: cors::simulate::browser::Outcome) -> String {
    use cors::simulate::browser::Outcome;
    match outcome {
        Outcome::Readable { exposed } => {
            let names = exposed.into_iter().map(|name| name.to_ascii_lowercase());
            let mut names: Vec<_> = names
                .filter(|name| parts::EXPOSABLE.contains(&name.as_str()))
                .collect();
            names.sort();
            format!("readable {names:?}")
        }
        Outcome::Blocked { at, .. } => format!("blocked {at:?} {}", fetch.origin),
    }
}

const POLICIES: usize = 40;
const FETCHES: usize = 40;
