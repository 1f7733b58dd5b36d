//! The shipped module, `dist/cors.wasm`, in a real Envoy over HTTP.

mod any_bytes;
mod configuration;
mod differential;
mod failure;
mod gateways;
mod hostile;
mod install;
mod istio;
mod log;
mod manifests;
mod model;
mod monitoring;
mod native;
mod operations;
mod reload;
mod replies;
mod requests;
mod routes;
mod servers;
mod soak;
mod table;
mod traffic;

// The model of Envoy's filter, and what it and its random policies are made of.
#[path = "../../crates/corsctl/tests/models/envoy_filter.rs"]
mod envoy_filter;
#[path = "../../crates/corsctl/tests/models/parts.rs"]
#[expect(dead_code, reason = "models of other systems use the rest")]
mod parts;

use support::envoy::Envoy;
use support::http::{self, Response};

/// Sends a request to a listener and reads the answer.
fn send(
    envoy: &Envoy,
    listener: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Response {
    let mut lines = vec![("host", &b"api.example"[..])];
    for (name, value) in headers {
        lines.retain(|(other, _)| other != name || *name != "host");
        lines.push((name, value.as_bytes()));
    }
    let request = http::request(method, path, &lines);
    http::exchange(envoy.port(listener), &request).expect("an answer")
}

/// The only value of a header, as text; empty if there is none, an error text if there are several.
fn value(response: &Response, name: &str) -> String {
    let values: Vec<_> = response
        .headers
        .values(name)
        .map(|value| value.escape_ascii().to_string())
        .collect();
    match values.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        several => format!("{} lines: {several:?}", several.len()),
    }
}

fn allow_origin(response: &Response) -> String {
    value(response, "access-control-allow-origin")
}

const APP: &str = "https://app.example";
const EVIL: &str = "https://evil.example";
