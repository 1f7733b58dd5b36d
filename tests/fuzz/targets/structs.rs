//! A configuration is read the same as JSON and as a serialized `google.protobuf.Struct`.
#![no_main]

use cors::config::json::Json;
use cors::select::policy_set::PolicySet;
use cors_fuzz::to_struct;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(node) = serde_json::from_slice::<Json>(data) else {
        return;
    };
    if let Some(bytes) = to_struct(&node) {
        let (plugin, report) = PolicySet::from_bytes(&bytes);
        let (expected, expected_report) = PolicySet::from_json(&node);
        assert_eq!(report, expected_report);
        assert_eq!(format!("{plugin:?}"), format!("{expected:?}"));
    }
});
