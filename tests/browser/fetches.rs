//! `fetch` without and with a preflight, and the headers that a script may read.

use serde_json::json;

use crate::{FAILED, in_every_engine, policy};
use support::browser::Engine;
use support::envoy::{Listener, Routes};

/// Envoy's answer is the same either way; the browser hides it from the script.
#[test]
fn simple() {
    let listeners = [policy("list", json!({"allowOrigins": ["$APP"]}))];
    in_every_engine(&listeners, |stage| {
        stage.browser.open(&stage.app);
        assert_eq!(stage.fetch("list", "/", json!({})), "200 hello");
        stage.answered("list", &["GET / 200 $APP -"]);

        stage.browser.open(&stage.evil);
        assert_eq!(stage.fetch("list", "/", json!({})), FAILED);
        stage.answered("list", &["GET / 200 - origin top-level policy"]);
        // A request that reads nothing is sent and answered anyway: CORS does not stop it.
        let blind = json!({"method": "POST", "mode": "no-cors", "body": "x"});
        assert_eq!(stage.fetch("list", "/", blind), "0 ");
        stage.answered("list", &["POST / 200 - origin top-level policy"]);
    });
}

#[test]
fn preflighted() {
    let listeners = [policy(
        "list",
        json!({"allowOrigins": ["$APP"], "allowMethods": ["GET", "PUT"],
            "allowHeaders": ["Content-Type", "X-One"], "maxAge": 0}),
    )];
    in_every_engine(&listeners, |stage| {
        let put =
            json!({"method": "PUT", "headers": {"content-type": "application/json", "x-one": "1"}});
        stage.browser.open(&stage.app);
        assert_eq!(stage.fetch("list", "/", put.clone()), "200 hello");
        stage.answered("list", &["OPTIONS / 204 $APP -", "PUT / 200 $APP -"]);

        // A preflight for an unlisted method or header is answered, but the browser blocks the request.
        for init in [
            json!({"method": "DELETE"}),
            json!({"headers": {"x-two": "2"}}),
            json!({"headers": {"authorization": "Bearer 1"}}),
        ] {
            assert_eq!(stage.fetch("list", "/", init), FAILED);
            stage.answered("list", &["OPTIONS / 204 $APP -"]);
        }

        stage.browser.open(&stage.evil);
        assert_eq!(stage.fetch("list", "/", put), FAILED);
        stage.answered("list", &["OPTIONS / 403 - origin top-level policy"]);
    });
}

#[test]
fn exposed_headers() {
    let list = json!({"allowOrigins": ["$APP"], "exposeHeaders": ["X-Request-Id"]});
    let all = json!({"allowOrigins": ["$APP"], "exposeHeaders": ["*"], "allowCredentials": true});
    let none = json!({"allowOrigins": ["$APP"]});
    let listeners = [
        policy("list", list),
        policy("all", all),
        policy("none", none),
    ];
    in_every_engine(&listeners, |stage| {
        stage.browser.open(&stage.app);
        let script = "const response = await fetch(given, {credentials: 'include'});
        return ['x-request-id', 'x-internal'].map(name => response.headers.get(name)).join();";
        // Without credentials, because they are not allowed.
        let simple = script.replace("include", "omit");
        for (listener, script, read) in [
            ("list", simple.as_str(), "42,"),
            ("all", script, "42,7"),
            ("none", &simple, ","),
        ] {
            let url = json!(stage.url(listener, "/"));
            assert_eq!(stage.run(script, url), read, "{listener}");
            stage.answered(listener, &["GET / 200 $APP -"]);
        }
    });
}

/// A literal `*` never covers `Authorization`; the filter echoes the requested names.
#[test]
fn authorization_under_any_header() {
    let any = json!({"allowOrigins": ["$APP"], "allowHeaders": ["*"]});
    let none = json!({"allowOrigins": ["$APP"]});
    let listeners = [
        policy("any", any),
        policy("none", none),
        Listener::new("bare", Vec::new(), Routes::All),
    ];
    in_every_engine(&listeners, |stage| {
        stage.browser.open(&stage.app);
        let bearer = json!({"headers": {"authorization": "Bearer 1"}});
        assert_eq!(
            stage.fetch("any", "/authorization", bearer.clone()),
            "200 Bearer 1"
        );
        stage.answered(
            "any",
            &[
                "OPTIONS /authorization 204 $APP -",
                "GET /authorization 200 $APP -",
            ],
        );
        assert_eq!(
            stage.fetch("none", "/authorization", bearer.clone()),
            FAILED
        );
        stage.answered("none", &["OPTIONS /authorization 204 $APP -"]);
        // An upstream's own literal `*`: every engine accepts it, and only WebKit keeps it, for 600 seconds.
        let preflights: [&[&str]; 2] = match stage.engine {
            Engine::WebKit => [&["OPTIONS /star 200 * -"], &[]],
            Engine::Chromium | Engine::Firefox => [&["OPTIONS /star 200 * -"]; 2],
        };
        for preflight in preflights {
            assert_eq!(stage.fetch("bare", "/star", bearer.clone()), "200 Bearer 1");
            stage.answered("bare", &[preflight, &["GET /star 200 * -"]].concat());
        }
    });
}
