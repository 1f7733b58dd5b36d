//! Nothing is granted that a simple reading of the policy does not allow: no origin that it does not
//! list, no `*` with credentials, no `null` unless it is listed, no request header that is neither listed
//! nor asked for and of a listed family, nothing of another grant than the first that allows the origin;
//! no origin of a tenant that neither host nor path names.
#![no_main]

use cors_fuzz::{Exchange, Written};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut exchange = Exchange::parse(data);
    // The upstream's grants do not matter here; without them every grant is the filter's.
    exchange
        .response
        .retain(|name| !name.starts_with("access-control-"));
    let Some(outcome) = exchange.clone().run() else {
        return;
    };
    let answer = |name: &str| outcome.headers.values(&format!("access-control-{name}"));
    let granted = answer("allow-origin");
    let Some(&origin) = granted.first() else {
        let names = outcome.headers.0.iter().map(|(name, _)| name);
        assert_eq!(
            names
                .filter(|name| name.starts_with("access-control-"))
                .count(),
            0
        );
        return;
    };
    assert_eq!(granted.len(), 1);

    let origin = str::from_utf8(origin).expect("text");
    let policy = Written::find(exchange.configuration, &exchange.request, &outcome.source);
    let policy = policy.expect("the policy that granted");
    let asks = exchange.request.values("origin");
    let asks = asks.first().map(|origin| String::from_utf8_lossy(origin));
    let tenants = cors_fuzz::tenants(&exchange.request);
    let policy = policy.grant_for(&asks.unwrap_or_default(), &tenants);
    let policy = policy.expect("the grant that granted");
    let credentials = answer("allow-credentials");
    assert_eq!(!credentials.is_empty(), policy.allows_credentials());
    if origin == "*" {
        assert!(policy.allows_any() && credentials.is_empty());
        return;
    }
    assert_eq!(exchange.request.values("origin")[0], origin.as_bytes());
    assert!(policy.allows(origin, &tenants), "{origin}");
    for value in answer("allow-headers") {
        let asked = exchange.request.values("access-control-request-headers");
        for name in str::from_utf8(value).expect("text").split(',') {
            let asks = |value: &&[u8]| {
                value
                    .to_ascii_lowercase()
                    .windows(name.trim().len())
                    .any(|part| part == name.trim().as_bytes())
            };
            assert!(
                policy.allows_header(name.trim(), asked.iter().any(asks)),
                "{name}"
            );
        }
    }
    if credentials.is_empty() {
        return;
    }
    assert_eq!(credentials, [b"true"]);
    for name in ["methods", "headers"] {
        // A browser may ask for a method or header that is named `*`.
        let asked = exchange
            .request
            .values(&format!("access-control-request-{name}"));
        let asked = asked.first().is_some_and(|asked| asked.contains(&b'*'));
        assert!(asked || answer(&format!("allow-{name}")) != [b"*"]);
    }
    assert!(answer("expose-headers") != [b"*"]);
});
