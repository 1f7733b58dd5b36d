//! A regular expression allows an origin exactly if it matches the whole of it, as the `regex` crate
//! sees it, and the origin is as a browser writes it. Two lines: the expression, an origin.
#![no_main]

use cors::origin::Origin;
use cors::origin::regex::OriginRegex;
use cors::origin::set::OriginSet;
use cors_fuzz::is_serialized;
use libfuzzer_sys::fuzz_target;
use regex::RegexBuilder;

fuzz_target!(|text: &str| {
    let (source, origin) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(ours) = OriginRegex::parse(source) else {
        return;
    };
    let mut origins = OriginSet::default();
    if !origins.insert_regex(ours, 0) {
        return;
    }
    let allowed = origins.find(origin.as_bytes()).is_ok();

    let is_tuple = matches!(Origin::parse(origin.as_bytes()), Some(Origin::Tuple(_)));
    // The line end closes a comment of verbose mode; in other modes it is not part of the expression.
    let theirs = [
        format!(r"\A(?:{source})\z"),
        format!("\\A(?:{source}\n)\\z"),
    ]
    .into_iter()
    .find_map(|whole| RegexBuilder::new(&whole).size_limit(1 << 20).build().ok());
    let Some(theirs) = theirs else { return };
    assert_eq!(
        allowed,
        is_tuple && is_serialized(origin) && theirs.is_match(origin),
        "{source} {origin}"
    );
});
