//! A pattern that is read prints to itself, and what is printed needs no remark.
#![no_main]

use cors::origin::OriginPattern;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok((pattern, _)) = OriginPattern::parse(text) {
        let printed = pattern.to_string();
        let (again, remarks) = OriginPattern::parse(&printed).expect("what was printed");
        assert_eq!(again.to_string(), printed);
        assert_eq!(remarks, []);
    }
});
