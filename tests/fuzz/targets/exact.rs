//! An exact pattern matches only its origin, also in the spelling with a slash or the default port if it is
//! written so. Two lines: the pattern, an origin.
#![no_main]

use cors::origin::pattern::OriginPattern;
use cors::origin::set::OriginSet;
use cors_fuzz::covers;
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
    let others = ["/", ":80", ":443", ":80/", "."].map(|end| format!("{exact}{end}"));
    for origin in [origin, &exact]
        .into_iter()
        .chain(others.iter().map(String::as_str))
    {
        // A host in a pattern can be longer than that of an origin; such a pattern never matches.
        let expected = covers(listed, origin) && origin.len() <= cors::origin::MAX_ORIGIN_LENGTH;
        assert_eq!(
            origins.find(origin.as_bytes()).is_ok(),
            expected,
            "{origin}"
        );
    }
});
