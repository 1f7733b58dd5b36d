//! The module as it ships, in a real Envoy, asked by scripts in a real Chromium.

#[path = "../support/mod.rs"]
mod support;

use serde_json::json;
use support::browser::Browser;

#[test]
fn smoke() {
    let browser = Browser::start();
    browser.open("data:text/html,hello");
    assert_eq!(
        browser.run("return document.body.textContent + given", json!(5)),
        Ok(json!("hello5"))
    );
    assert!(
        browser
            .run("await fetch('http://127.0.0.1:9')", json!(null))
            .is_err()
    );
    println!("{:?}", browser.complaints());
}
