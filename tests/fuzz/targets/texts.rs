//! For any input, no text about it controls a terminal, ends a line or changes the direction of writing:
//! diagnostics, summaries, explanations, texts for access logs, the body of a 403.
#![no_main]

use cors::diagnostic::Severity;
use cors::policy::read::read_policy;
use cors::select::policy_set::PolicySet;
use cors::select::selection::Notice;
use cors::settings::Settings;
use cors_fuzz::Exchange;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let reports = [
        PolicySet::from_bytes(data).1,
        read_policy(data, &Settings::default()).1,
    ];
    for diagnostics in &reports {
        for severity in Severity::ALL {
            diagnostics
                .of(severity)
                .for_each(|diagnostic| check(&diagnostic.to_string()));
        }
    }
    let exchange = Exchange::parse(data);
    let Some(plugin) = PolicySet::from_bytes(exchange.configuration).0 else {
        return;
    };
    check(&plugin.summary());
    let judgement = plugin.judge(&exchange.request);
    check(judgement.label());
    if let Some(Notice::Invalid(Some(text)) | Notice::Warned(text)) = judgement.notice() {
        check(text);
    }
    check(&judgement.to_string());
    let body = judgement.reply().map(|reply| reply.body);
    check(body.unwrap_or_default().trim_end_matches('\n'));
});

fn check(text: &str) {
    let obeyed = |char: char| {
        char.is_control()
            || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(obeyed), "{text:?}");
}
