//! Cases in which the browser sends a different origin than that of the page: redirects and sandboxes.

use serde_json::json;

use support::browser::Engine;

use crate::{FAILED, in_every_engine, policy};

/// From the second foreign origin on, the browser sends `null`.
#[test]
fn redirects() {
    let listeners = [
        policy(
            "first",
            json!({"allowOrigins": ["$APP"], "allowMethods": ["PUT"], "maxAge": 0}),
        ),
        policy("second", json!({"allowOrigins": ["$APP"]})),
        policy(
            "any",
            json!({"allowOrigins": ["*"], "allowMethods": ["PUT"], "maxAge": 0}),
        ),
        policy(
            "null",
            json!({"allowOrigins": ["null"], "allowMethods": ["PUT"], "maxAge": 0}),
        ),
    ];
    in_every_engine(&listeners, |stage| {
        let to = |listener| format!("/to?{}", stage.url(listener, "/origin"));
        stage.browser.open(&stage.app);

        // To the same origin again: the origin of the page stays.
        let app = format!("200 {}", stage.app);
        assert_eq!(stage.fetch("first", "/to?/origin", json!({})), app);
        stage.answered(
            "first",
            &["GET /to?/origin 302 $APP -", "GET /origin 200 $APP -"],
        );

        let first = |listener| format!("GET {} 302 $APP -", to(listener));
        assert_eq!(stage.fetch("first", &to("second"), json!({})), FAILED);
        stage.answered("first", &[&first("second")]);
        stage.answered("second", &["GET /origin 200 - null top-level policy"]);
        assert_eq!(stage.fetch("first", &to("null"), json!({})), "200 null");
        stage.answered("first", &[&first("null")]);
        stage.answered("null", &["GET /origin 200 null -"]);

        // Each end gets its own preflight.
        let put = json!({"method": "PUT"});
        assert_eq!(stage.fetch("first", &to("any"), put), "200 null");
        let path = to("any");
        stage.answered(
            "first",
            &[
                &format!("OPTIONS {path} 204 $APP -"),
                &format!("PUT {path} 302 $APP -"),
            ],
        );
        stage.answered("any", &["OPTIONS /origin 204 * -", "PUT /origin 200 * -"]);

        // The preflight after it has the origin of the page in Firefox, and so `null` must not be listed alone.
        let read = stage.fetch("first", &to("null"), json!({"method": "PUT"}));
        let path = to("null");
        stage.answered(
            "first",
            &[
                &format!("OPTIONS {path} 204 $APP -"),
                &format!("PUT {path} 302 $APP -"),
            ],
        );
        if stage.engine == Engine::Firefox {
            assert_eq!(read, FAILED);
            stage.answered("null", &["OPTIONS /origin 403 - origin top-level policy"]);
        } else {
            assert_eq!(read, "200 null");
            let answers = ["OPTIONS /origin 204 null -", "PUT /origin 200 null -"];
            stage.answered("null", &answers);
        }

        // The browser does not follow a redirect that the script may not read.
        stage.browser.open(&stage.evil);
        assert_eq!(stage.fetch("first", &to("null"), json!({})), FAILED);
        stage.answered(
            "first",
            &[&format!("GET {} 302 - origin top-level policy", to("null"))],
        );
        stage.answered("null", &[]);
    });
}

#[test]
fn sandboxes() {
    let listeners = [
        policy("list", json!({"allowOrigins": ["$APP"]})),
        policy("null", json!({"allowOrigins": ["null"]})),
        policy("any", json!({"allowOrigins": ["*"]})),
        policy(
            "reflect",
            json!({"allowOrigins": ["*"], "allowCredentials": true}),
        ),
    ];
    in_every_engine(&listeners, |stage| {
        stage.browser.open(&stage.app);
        for (listener, read, answer) in [
            ("list", FAILED, "GET /origin 200 - null top-level policy"),
            ("null", "200 null", "GET /origin 200 null -"),
            ("any", "200 null", "GET /origin 200 * -"),
            ("reflect", FAILED, "GET /origin 200 - null top-level policy"),
        ] {
            let url = stage.url(listener, "/origin");
            let text = stage.run(SANDBOX, json!(url));
            let text = text.replace(stage.engine.failed_fetch(), FAILED);
            assert_eq!(text, read, "{listener}");
            stage.answered(listener, &[answer]);
        }
    });
}

/// Fetches in a frame whose origin is opaque.
const SANDBOX: &str = "const frame = document.createElement('iframe');
    frame.sandbox = 'allow-scripts';
    frame.srcdoc = `<script>
        fetch('${given}').then(async response => response.status + ' ' + await response.text())
            .catch(String).then(text => parent.postMessage(text, '*'))
    </script>`;
    const answer = new Promise(done => onmessage = event => done(event.data));
    document.body.append(frame);
    return await answer;";
