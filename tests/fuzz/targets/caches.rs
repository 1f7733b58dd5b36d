//! A cache that obeys Vary never serves one origin's answer to another: if two requests differ only in
//! Origin and their answers differ, both answers vary on it. The request's line `other-origin`
//! is the second Origin; without it the second request has none.
#![no_main]

use cors::http::header::ORIGIN;
use cors::http::request::{Headers, HeadersMut};
use cors_fuzz::{Exchange, Outcome};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut one = Exchange::parse(data);
    let other_origin = one.request.value("other-origin");
    one.request.remove("other-origin");
    let is_options = one.request.value(":method").as_deref() == Some(b"OPTIONS");
    let mut other = one.clone();
    match &other_origin {
        Some(origin) => other.request.replace(ORIGIN, origin),
        None => other.request.remove(ORIGIN),
    }
    // No cache stores answers to OPTIONS, and an OPTIONS request without Origin is not a preflight.
    if is_options && (one.request.value(ORIGIN).is_none() || other_origin.is_none()) {
        return;
    }
    if let (Some(one), Some(other)) = (one.run(), other.run()) {
        let differ = (one.status, &one.headers) != (other.status, &other.headers);
        assert!(
            !differ || (varies(&one) && varies(&other)),
            "{:?} {:?}",
            one.headers,
            other.headers
        );
    }
});

fn varies(outcome: &Outcome) -> bool {
    outcome.headers.varies_on(ORIGIN) || outcome.headers.varies_on("*")
}
