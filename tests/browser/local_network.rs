//! A page of the internet that asks a server of the local network. Chromium asks its user since
//! version 142; until then it asked the server, with `Access-Control-Request-Private-Network`.
//! <https://wicg.github.io/local-network-access/>

use serde_json::{Value, json};

use crate::{FAILED, in_engines, policy};
use support::browser::Engine;
use support::envoy::{Listener, Routes, to_upstream};

#[test]
fn the_user_decides() {
    let list = json!({"allowOrigins": ["$PUBLIC"], "allowMethods": ["PUT"], "maxAge": 0,
        "allowPrivateNetwork": true});
    let listeners = [
        policy("list", list),
        Listener::new("bare", Vec::new(), says_what_is_asked()),
    ];
    // No setting makes Firefox take these web sites for public ones, and WebKit does not ask.
    in_engines(&[Engine::Chromium], &listeners, |stage| {
        let put = json!({"method": "PUT"});
        stage.browser.open(&stage.public);
        for init in [json!({}), put.clone()] {
            assert_eq!(stage.fetch("list", "/", init), FAILED);
        }
        // Not even a preflight has left the browser.
        stage.answered("list", &[]);

        let permission = |state| {
            let permission = json!({"descriptor": {"name": "loopback-network"}, "state": state});
            let set = stage.browser.post("/permissions", permission);
            assert_eq!(set, Ok(Value::Null));
        };
        permission("granted");
        assert_eq!(stage.fetch("list", "/", put.clone()), "200 hello");
        stage.answered("list", &["OPTIONS / 204 $PUBLIC -", "PUT / 200 $PUBLIC -"]);
        // The preflight does not ask the server.
        assert_eq!(stage.fetch("bare", "/", put), FAILED);
        stage.answered("bare", &["OPTIONS / 200 * -"]);
        // As other tests expect it.
        permission("prompt");

        stage.browser.open(&stage.public.replace("app.", "evil."));
        permission("granted");
        assert_eq!(stage.fetch("list", "/", json!({})), FAILED);
        stage.answered("list", &["GET / 200 - origin top-level policy"]);
    });
}

/// Answers 418 to a preflight that asks for access to a private network.
fn says_what_is_asked() -> Routes {
    let asks = json!({"name": "access-control-request-private-network", "present_match": true});
    let asked = json!({"match": {"prefix": "/", "headers": [asks]},
        "direct_response": {"status": 418}});
    let routes = json!([asked, to_upstream()]);
    Routes::VirtualHosts(json!([{"name": "all", "domains": ["*"], "routes": routes}]))
}
