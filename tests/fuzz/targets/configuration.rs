//! Any bytes: the configuration is rejected with an error that has a path, or it has the same meaning when it
//! is printed and read again.
#![no_main]

use cors::config::json::Json;
use cors::diagnostic::Code;
use cors::select::policy_set::PolicySet;
use libfuzzer_sys::fuzz_target;

/// Errors without a path, because they are about the whole configuration.
const OF_THE_WHOLE: [Code; 5] = [
    Code::ConfigurationTooLarge,
    Code::DefaultPolicy,
    Code::NoPolicy,
    Code::NotJson,
    Code::WrongType,
];

fuzz_target!(|data: &[u8]| {
    let (plugin, diagnostics) = PolicySet::from_bytes(data);
    assert_eq!(plugin.is_none(), diagnostics.has_errors());
    for error in diagnostics.errors() {
        assert!(!error.message.is_empty() && error.value.chars().count() <= 101);
        let is_of_the_whole = OF_THE_WHOLE.contains(&error.code);
        assert!(!error.path.is_empty() || is_of_the_whole, "{error}");
    }
    let Some(plugin) = plugin else { return };
    let text = match data {
        [] => String::new(),
        data => Json::parse(data).expect("what was accepted").to_string(),
    };
    let (again, _) = PolicySet::from_bytes(text.as_bytes());
    let again = again.expect("what was accepted, printed");
    assert_eq!(format!("{plugin:?}"), format!("{again:?}"));
});
