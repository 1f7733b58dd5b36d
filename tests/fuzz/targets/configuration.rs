//! Any bytes: the configuration is rejected with an error that has a path, or it has the same meaning when it
//! is printed and read again.
#![no_main]

use cors::config::json::Node;
use cors::select::policy_set::PolicySet;
use libfuzzer_sys::fuzz_target;

/// Errors without a path, because they are about the whole configuration.
const OF_THE_WHOLE: [&str; 4] = [
    "no configuration",
    "no policy",
    "the configuration ",
    "write an object",
];

fuzz_target!(|data: &[u8]| {
    let (plugin, report) = PolicySet::from_bytes(data);
    assert_eq!(plugin.is_none(), !report.errors.is_empty());
    for error in &report.errors.shown {
        assert!(!error.text.is_empty() && error.value.chars().count() <= 101);
        let is_of_the_whole = OF_THE_WHOLE.iter().any(|text| error.text.contains(text));
        assert!(!error.path.is_empty() || is_of_the_whole, "{error}");
    }
    let Some(plugin) = plugin else { return };
    let text = match data {
        [] => String::new(),
        data => Node::parse(data).expect("what was accepted").to_string(),
    };
    let (again, _) = PolicySet::from_bytes(text.as_bytes());
    let again = again.expect("what was accepted, printed");
    assert_eq!(format!("{plugin:?}"), format!("{again:?}"));
});
