//! For any input, the headers that the filter sets are valid: no line end, no control byte, no byte of a
//! request that was not checked.
#![no_main]

use cors::http::token::is_token;
use cors_fuzz::Exchange;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut exchange = Exchange::parse(data);
    exchange
        .response
        .retain(|name| !name.starts_with("access-control-") && name != "vary");
    let Some(outcome) = exchange.clone().run() else {
        return;
    };
    for (name, value) in &outcome.headers.0 {
        if exchange.response.values(name).contains(&value.as_slice()) {
            continue;
        }
        assert!(is_token(name.as_bytes()));
        assert!(
            value.iter().all(|byte| matches!(byte, b' '..=b'~')),
            "{name}: {value:?}"
        );
        assert_eq!(value, value.trim_ascii(), "{name}");
        assert!(!value.is_empty(), "{name}");
    }
    let is_readable = |byte: u8| byte == b'\n' || (b' '..=b'~').contains(&byte);
    assert!(outcome.body.bytes().all(is_readable), "{}", outcome.body);
});
