//! The page for devices, playground/device.html, recognises each engine.

use serde_json::{Value, json};

use crate::{in_every_engine, policy};
use support::browser::Engine;

#[test]
fn the_page_for_devices_recognises_the_engine() {
    // As the page shows it.
    let shown = json!({"allowOrigins": ["$APP"], "allowMethods": ["GET", "PUT"],
        "allowHeaders": ["content-type", "authorization", "x-one"],
        "exposeHeaders": ["x-request-id"], "unmatchedRequests": "reject"});
    in_every_engine(&[policy("device", shown.clone())], |stage| {
        let gateway = stage.url("device", "/");
        let page = format!("{}/playground/device.html?gateway={gateway}", stage.app);
        stage.browser.open(&page);
        let policy = stage.run(
            "return document.querySelector('#policy').textContent",
            json!({}),
        );
        let policy: Value = serde_json::from_str(&policy).expect("the policy");
        let expected = shown.to_string().replace("$APP", &stage.app);
        assert_eq!(policy.to_string(), expected);
        let report = stage.run(
            "document.querySelector('#send').click();
            const report = document.querySelector('#report');
            while (!report.value) await new Promise(done => setTimeout(done, 50));
            return report.value;",
            json!({}),
        );
        let like = match stage.engine {
            Engine::Chromium => "like Chromium.",
            // Their rules for these requests are the same.
            Engine::Firefox | Engine::WebKit => "like Firefox and WebKit.",
        };
        let sum = report.lines().next().unwrap_or_default();
        assert_eq!(sum, format!("This browser decides {like}"), "{report}");
    });
}
