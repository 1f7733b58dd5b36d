//! No spelling of a path gets around its rule: every text that a server makes of the path, by the model in
//! `src/undo.rs`, is governed by the rule for the path as sent, or no origin is allowed.
#![no_main]

use std::cell::LazyCell;

use cors::select::policy_set::PolicySet;
use cors_fuzz::{Message, undo};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static PLUGIN: LazyCell<PolicySet> =
        LazyCell::new(|| PolicySet::from_bytes(undo::RULES.as_bytes()).0.expect("a configuration"));
}

fuzz_target!(|data: &[u8]| {
    // Longer paths take the model a long time, without new results.
    if !data.starts_with(b"/") || data.len() > 60 {
        return;
    }
    let request = Message(vec![(":path".into(), data.to_vec())]);
    let source = PLUGIN.with(|plugin| plugin.judge(&request).source());
    if let Err(text) = undo::hold(data, source) {
        panic!("governed by {source:?}, but some server reads {text}");
    }
});
