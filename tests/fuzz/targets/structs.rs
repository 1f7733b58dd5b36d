//! A configuration is read the same as JSON and as a serialized `google.protobuf.Struct`.
#![no_main]

use cors::config;
use cors::node::Node;
use cors_fuzz::to_struct;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(node) = serde_json::from_slice::<Node>(data) else {
        return;
    };
    if let Some(bytes) = to_struct(&node) {
        let (plugin, report) = config::read(&bytes);
        let (expected, expected_report) = config::read_node(&node);
        assert_eq!(report, expected_report);
        assert_eq!(format!("{plugin:?}"), format!("{expected:?}"));
    }
});
