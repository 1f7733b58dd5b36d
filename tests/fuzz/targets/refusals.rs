//! A refusal is complete: it grants nothing and no cache may store it, `hosts` applies to a foreign host name
//! whatever else is sent, and `debug` changes no verdict. If two answered preflights differ in one header and
//! their answers differ, both name it in `Vary`. The request's line `other-NAME` is the value of the header
//! NAME in the second.
#![no_main]

use cors::http::request::{Headers, HeadersMut};
use cors::select::policy_set::PolicySet;
use cors::select::selection::Source;
use cors_fuzz::{Exchange, Outcome, Written};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut exchange = Exchange::parse(data);
    // The upstream's grants and refusals under `keep` do not matter here.
    exchange
        .response
        .retain(|name| !name.starts_with("access-control-"));
    let mut others = Vec::new();
    for name in ASKED {
        let other = format!("other-{name}");
        if let Some(value) = exchange.request.value(&other) {
            others.push((name, value));
        }
        exchange.request.remove(&other);
    }
    let Some(plugin) = PolicySet::from_bytes(exchange.configuration).0 else {
        return;
    };
    let Some(outcome) = exchange.clone().run_under(&plugin) else {
        return;
    };
    check_refusal(&outcome);
    check_host(&exchange, &outcome);
    check_debug(&exchange, &outcome);

    for (name, value) in others {
        let mut other = exchange.clone();
        other.request.replace(name, &value);
        let are_preflights = is_preflight(&exchange.request) && is_preflight(&other.request);
        let Some(other) = other.run_under(&plugin) else {
            continue;
        };
        check_refusal(&other);
        let are_answers = [&outcome, &other]
            .iter()
            .all(|outcome| matches!(outcome.status, Some(200..=299)));
        if are_preflights && are_answers && outcome.headers != other.headers {
            for outcome in [&outcome, &other] {
                assert!(
                    outcome.headers.varies_on(name),
                    "{name}: {:?}",
                    outcome.headers
                );
            }
        }
    }
});

fn is_preflight(request: &impl Headers) -> bool {
    request.value(":method").as_deref() == Some(b"OPTIONS")
        && request.value("origin").is_some()
        && request
            .value("access-control-request-method")
            .is_some_and(|method| !method.is_empty())
}

fn check_refusal(outcome: &Outcome) {
    if !matches!(outcome.status, Some(403 | 421)) {
        return;
    }
    assert_eq!(outcome.headers.values("cache-control"), [b"no-store"]);
    let names = outcome.headers.0.iter().map(|(name, _)| name);
    assert!(
        names
            .into_iter()
            .all(|name| !name.starts_with("access-control-"))
    );
}

fn check_host(exchange: &Exchange, outcome: &Outcome) {
    if outcome.source == Source::Ambiguous {
        return;
    }
    let policy = Written::find(exchange.configuration, &exchange.request, &outcome.source);
    let authority = exchange.request.value(":authority");
    let is_foreign = match policy.as_ref().and_then(Written::hosts) {
        None => false,
        Some(hosts) => !hosts.iter().any(|host| names(host, authority.as_deref())),
    };
    assert_eq!(is_foreign, outcome.status == Some(421), "{authority:?}");
}

/// Whether an entry of `hosts` in a simple form names the host of an authority.
fn names(entry: &str, authority: Option<&[u8]>) -> bool {
    let authority = String::from_utf8_lossy(authority.unwrap_or_default()).to_ascii_lowercase();
    let host = cors::routes::host::host_of(&authority);
    let entry = entry.to_ascii_lowercase();
    let entry = entry.strip_suffix('.').unwrap_or(&entry);
    match entry.strip_prefix('*') {
        Some(domain) => host.len() > domain.len() && host.ends_with(domain),
        None if entry.starts_with('[') => {
            // Compared as addresses.
            let address = |text: &str| -> Option<std::net::Ipv6Addr> {
                text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
            };
            address(entry) == address(&host)
        }
        None => host == entry,
    }
}

fn check_debug(exchange: &Exchange, outcome: &Outcome) {
    let text = String::from_utf8_lossy(exchange.configuration);
    let Some(fields) = text.trim_start().strip_prefix('{') else {
        return;
    };
    if fields.trim_start().starts_with('}') {
        // Otherwise it would not be the default policy.
        return;
    }
    let with_debug = format!("{{\"debug\": true, {fields}");
    let debugged = Exchange {
        configuration: with_debug.as_bytes(),
        request: exchange.request.clone(),
        response: exchange.response.clone(),
    };
    let Some(mut debugged) = debugged.run() else {
        return;
    };
    if debugged.status == Some(403) {
        let is_added = |name: &str| name == "content-type" || name == "x-content-type-options";
        debugged.headers.retain(|name| !is_added(name));
    }
    assert_eq!(
        (debugged.status, debugged.headers),
        (outcome.status, outcome.headers.clone())
    );
}

/// The method and headers that a preflight names.
const ASKED: [&str; 4] = [
    "origin",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
];
