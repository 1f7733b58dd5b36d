//! A page of the internet that asks a server of the local network. Chromium asks its user since
//! version 142; until then it asked the server, with `Access-Control-Request-Private-Network`.
//! <https://wicg.github.io/local-network-access/>

use serde_json::{Value, json};

use crate::messages::complaints;
use crate::{FAILED, Stage, policy};
use support::envoy::{Listener, Routes, to_upstream};

#[test]
fn the_user_decides() {
    let list = json!({"allowOrigins": ["$APP"], "allowMethods": ["PUT"], "maxAge": 0,
        "allowPrivateNetwork": true});
    let listeners = vec![
        policy("list", list),
        Listener::new("bare", Vec::new(), says_what_is_asked()),
    ];
    // Makes the web sites count as public, although they are on this machine.
    let stage = Stage::with_switches(listeners, |port| {
        vec![format!(
            "--ip-address-space-overrides=127.0.0.1:{port}=public"
        )]
    });
    let put = json!({"method": "PUT"});
    stage.browser.open(&stage.app);
    for init in [json!({}), put.clone()] {
        assert_eq!(stage.fetch("list", "/", init), FAILED);
        assert_eq!(complaints(&stage), [PERMISSION_DENIED]);
    }
    // Not even a preflight has left the browser.
    stage.answered("list", &[]);

    let granted = json!({"descriptor": {"name": "loopback-network"}, "state": "granted"});
    let granted = stage.browser.post("/permissions", granted);
    assert_eq!(granted, Ok(Value::Null));
    assert_eq!(stage.fetch("list", "/", put.clone()), "200 hello");
    stage.answered("list", &["OPTIONS / 204 $APP -", "PUT / 200 $APP -"]);
    // The preflight does not ask the server.
    assert_eq!(stage.fetch("bare", "/", put), FAILED);
    stage.answered("bare", &["OPTIONS / 200 * -"]);

    stage.browser.open(&stage.evil);
    let granted = json!({"descriptor": {"name": "loopback-network"}, "state": "granted"});
    let granted = stage.browser.post("/permissions", granted);
    assert_eq!(granted, Ok(Value::Null));
    assert_eq!(stage.fetch("list", "/", json!({})), FAILED);
    stage.answered("list", &["GET / 200 - origin top-level policy"]);
}

/// Answers 418 to a preflight that asks for access to a private network.
fn says_what_is_asked() -> Routes {
    let asks = json!({"name": "access-control-request-private-network", "present_match": true});
    let asked = json!({"match": {"prefix": "/", "headers": [asks]},
        "direct_response": {"status": 418}});
    let routes = json!([asked, to_upstream()]);
    Routes::VirtualHosts(json!([{"name": "all", "domains": ["*"], "routes": routes}]))
}

pub const PERMISSION_DENIED: &str =
    "Permission was denied for this request to access the `loopback` address space.";
