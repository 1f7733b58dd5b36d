//! A `*.` pattern matches hosts below its own: never that host itself, a look-alike, another
//! scheme or another port. A label glob never matches more than one label, nor less than its literals.
//! Two lines: the pattern, an origin.
#![no_main]

use cors::origin::Origin;
use cors::origin::pattern::OriginPattern;
use cors::origin::set::OriginSet;
use cors_fuzz::covers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (listed, origin) = text.split_once('\n').unwrap_or((text, ""));
    let Ok((pattern, _)) = OriginPattern::parse(listed) else {
        return;
    };
    let written = pattern.to_string();
    let mut origins = OriginSet::default();
    assert!(origins.insert(&pattern));
    let matches = |origin: &str| origins.find(origin.as_bytes()).is_ok();

    // By another way of matching, whatever the pattern.
    if matches!(Origin::parse(origin.as_bytes()), Some(Origin::Tuple(_))) && written != "*" {
        assert_eq!(matches(origin), covers(listed, origin), "{listed} {origin}");
    }

    if let OriginPattern::Tuple(tuple) = &pattern
        && let Some(glob) = tuple.glob()
    {
        let (scheme, _) = written.split_once("://").expect("a scheme");
        let (_, port) = written.split_once(glob.below).expect("a domain");
        let (before, after) = (glob.before, glob.after);
        let end = format!("{}{}", glob.below, port.replace(":*", ":8443"));
        for label in [
            format!("{before}{after}"),
            format!("{before}.{after}"),
            format!("{before}a.b{after}"),
            format!("a.{before}a{after}"),
            format!("{before}*{after}"),
            format!("{before}A{after}"),
            format!("{before}/{after}"),
            format!("{before}{}{after}", "a".repeat(64)),
        ] {
            let other = format!("{scheme}://{label}{end}");
            assert!(!matches(&other), "{written} {other}");
        }
    }
    let Some((scheme, domain)) = written.split_once("://*.") else {
        return;
    };
    let domain = domain.replace(":*", ":8443");
    for other in [
        format!("{scheme}://{domain}"),
        format!("{scheme}://evil{domain}"),
        format!("{scheme}://.{domain}"),
        format!("{scheme}://a.{domain}.x{domain}"),
        format!("{scheme}://evil.example/.{domain}"),
        format!("{scheme}x://a.{domain}"),
        format!("{scheme}://a.{domain}0"),
        format!("{scheme}://*.{domain}"),
        format!("{scheme}://A.{domain}"),
    ] {
        // One more digit makes another port, which `:*` allows.
        let is_other_port = written.ends_with(":*") && other.ends_with('0');
        assert!(is_other_port || !matches(&other), "{written} {other}");
    }
});
