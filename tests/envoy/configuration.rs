//! Envoy with a configuration that the module rejects, and with one that it warns about.

use serde_json::{Value, json};

use crate::{APP, allow_origin, send};
use support::envoy::{Configuration, Ended, Envoy, Listener, Shell};
use support::upstream::{Reply, Upstream};

const BAD: &str = r#"{
  "allowOrigin": ["https://a.example"],
  "allowOrigins": ["*.example.com", "https://example.com/path"],
  "maxAge": "1 day"
}"#;

#[test]
fn a_bad_configuration_ends_the_start_and_says_why() {
    for mode in ["serve", "validate"] {
        let Ended { code, log } = run(Configuration::Text(BAD), mode);
        assert_eq!(code, Some(1), "{mode}: {log}");
        assert!(log.contains(Shell::under_test().refusal()), "{mode}: {log}");
        for said in [
            "allowOrigins[0]",
            "*.example.com",
            "allowOrigins[1]",
            "https://example.com/path",
            "maxAge",
            "1 day",
            "did you mean `allowOrigins`?",
        ] {
            assert!(log.contains(said), "{mode}: {said} is missing: {log}");
        }
    }
}

#[test]
fn a_bad_struct_is_refused_as_well() {
    let bad: Value = serde_json::from_str(BAD).expect("JSON");
    let Ended { code, log } = run(Configuration::Struct(&bad), "validate");
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("allowOrigins[1]") && log.contains("maxAge"),
        "{log}"
    );
}

#[test]
fn text_that_is_not_json_is_rejected_at_its_place() {
    for text in [
        r#"{"allowOrigins": ["https://a.example"],}"#,
        "allowOrigins: [https://a.example]",
        "\u{0}\u{1}\u{2}",
        "[]",
        "null",
    ] {
        let Ended { code, log } = run(Configuration::Text(text), "validate");
        assert_eq!(code, Some(1), "{text}: {log}");
        assert!(log.contains("cors: error: "), "{text}: nothing said: {log}");
    }
}

#[test]
fn warnings_are_errors_under_strict_only() {
    let policy = |strict: bool| {
        json!({"allowOrigins": ["*"], "allowCredentials": true, "strict": strict}).to_string()
    };
    let strict = run(Configuration::Text(&policy(true)), "validate");
    assert_eq!(strict.code, Some(1), "{}", strict.log);
    let warned = run(Configuration::Text(&policy(false)), "validate");
    assert_eq!(warned.code, Some(0), "{}", warned.log);
    assert!(
        warned.log.contains("allowCredentials") || warned.log.contains("credentials"),
        "{}",
        warned.log
    );
}

#[test]
fn a_large_configuration_is_fine() {
    let mut origins: Vec<_> = (0..20_000)
        .map(|n| format!("https://tenant-{n}.example"))
        .collect();
    origins.push(APP.into());
    let text = json!({"allowOrigins": origins}).to_string();
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let envoy = Envoy::start(
        upstream.port,
        vec![Listener::cors("large", Configuration::Text(&text))],
    );
    for origin in [
        "https://tenant-0.example",
        "https://tenant-19999.example",
        APP,
    ] {
        assert_eq!(
            allow_origin(&send(&envoy, "large", "GET", "/", &[("origin", origin)])),
            origin
        );
    }
    let other = send(
        &envoy,
        "large",
        "GET",
        "/",
        &[("origin", "https://tenant-20000.example")],
    );
    assert_eq!(allow_origin(&other), "");
}

/// No configuration at all is the open default policy, and says so.
#[test]
fn no_configuration_is_the_default_policy() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let absent = Listener::cors("absent", Configuration::Absent);
    let envoy = Envoy::start(upstream.port, vec![absent]);
    let answer = send(&envoy, "absent", "GET", "/", &[("origin", APP)]);
    assert_eq!(allow_origin(&answer), "*");
    let log = envoy.log();
    let level = format!("[warning][{}]", Shell::under_test().component());
    let warning = log
        .lines()
        .find(|line| line.contains(&level) && line.contains("cors: "));
    assert!(warning.is_some_and(|line| line.contains("TRACE")), "{log}");
}

fn run(configuration: Configuration, mode: &str) -> Ended {
    Envoy::run(1, vec![Listener::cors("bad", configuration)], mode)
}
