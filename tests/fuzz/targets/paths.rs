//! No spelling of a path gets around the rule for it: a path that decodes to something under
//! `/admin` meets the rule for `/admin`, or is allowed no origin.
#![no_main]

use cors::config;
use cors::plugin::Source;
use cors_fuzz::Message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if !data.starts_with(b"/") {
        return;
    }
    let configuration = br#"{"allowOrigins": ["*"], "rules": [
        {"match": {"pathPrefixes": ["/admin"]}, "policy": {"allowOrigins": ["https://admin.example"]}}]}"#;
    let plugin = config::read(configuration).0.expect("a configuration");
    let request = Message(vec![(":path".into(), data.to_vec())]);
    let source = plugin.govern(&request).source;
    if leads_to_admin(data) {
        assert_ne!(source, Source::TopLevel);
    }
});

/// The path as an upstream reads it that decodes all it can, once, and then walks the segments.
fn leads_to_admin(target: &[u8]) -> bool {
    let path = target
        .split(|byte| matches!(byte, b'?' | b'#'))
        .next()
        .unwrap_or_default();
    let mut decoded = Vec::new();
    let mut rest = path;
    while let [first, after @ ..] = rest {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        let escape = (*first == b'%')
            .then(|| Some(digit(0)? * 16 + digit(1)?))
            .flatten();
        match escape {
            Some(byte) => {
                decoded.push(byte as u8);
                rest = &after[2..];
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    let mut segments = Vec::new();
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    segments.first() == Some(&&b"admin"[..])
}
