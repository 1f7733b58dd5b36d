//! Any bytes: the configuration is refused with an error, or printed and read again says the same.
#![no_main]

use cors::config;
use cors::node::Node;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (plugin, report) = config::read(data);
    assert_eq!(plugin.is_none(), !report.errors.is_empty());
    for error in &report.errors.shown {
        assert!(!error.text.is_empty() && error.value.chars().count() <= 101);
    }
    let Some(plugin) = plugin else { return };
    let text = match data {
        [] => String::new(),
        data => Node::parse(data).expect("what was accepted").to_string(),
    };
    let (again, _) = config::read(text.as_bytes());
    let again = again.expect("what was accepted, printed");
    assert_eq!(format!("{plugin:?}"), format!("{again:?}"));
});
