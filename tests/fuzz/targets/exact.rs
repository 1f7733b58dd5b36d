//! An exact pattern matches its origin and nothing else. Two lines: the pattern, an origin.
#![no_main]

use cors::origin::{OriginPattern, OriginSet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (listed, origin) = text.split_once('\n').unwrap_or((text, text));
    let Ok((pattern, _)) = OriginPattern::parse(listed) else {
        return;
    };
    let exact = pattern.to_string();
    if exact.contains('*') {
        return;
    }
    let mut origins = OriginSet::default();
    assert!(origins.insert(&pattern));
    let with_slash = format!("{exact}/");
    for origin in [origin, &exact, &with_slash] {
        let is_same = origin == exact || origin == with_slash && listed.ends_with('/');
        // A host can be longer in a pattern than an origin may be; such a one never matches.
        let expected = is_same && origin.len() <= cors::origin::MAX_ORIGIN_LENGTH;
        assert_eq!(
            origins.find(origin.as_bytes()).is_ok(),
            expected,
            "{origin}"
        );
    }
});
