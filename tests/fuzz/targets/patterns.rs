//! A pattern that was read prints as it was written, except the case of names in braces, unless there was a remark;
//! reading the printed pattern gives no remark.
#![no_main]

use cors::origin::pattern::OriginPattern;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok((pattern, remarks)) = OriginPattern::parse(text) {
        let printed = pattern.to_string();
        assert!(
            printed == with_lower_names(text) || !remarks.is_empty(),
            "{printed}"
        );
        let (again, remarks) = OriginPattern::parse(&printed).expect("what was printed");
        assert_eq!(again.to_string(), printed);
        assert_eq!(remarks, []);
    }
});

fn with_lower_names(text: &str) -> String {
    let mut is_name = false;
    let lower = |char: char| {
        is_name = char == '{' || is_name && char != '}';
        match is_name {
            true => char.to_ascii_lowercase(),
            false => char,
        }
    };
    text.chars().map(lower).collect()
}
