//! Cookies, and the answers of an authentication filter behind the module.

use data_encoding::BASE64;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::{FAILED, counted, in_every_engine, policy};
use support::envoy::{Configuration, Listener, Routes, cors, filter};

#[test]
fn cookies() {
    let listeners = [
        policy(
            "with",
            json!({"allowOrigins": ["$APP"], "allowCredentials": true}),
        ),
        policy("without", json!({"allowOrigins": ["$APP"]})),
        policy("any", json!({"allowOrigins": ["*"]})),
        policy(
            "reflect",
            json!({"allowOrigins": ["*"], "allowCredentials": true}),
        ),
    ];
    in_every_engine(&listeners, |stage| {
        let include = json!({"credentials": "include"});
        stage.browser.open(&stage.app);
        assert_eq!(
            stage.fetch("with", "/login", include.clone()),
            "200 welcome"
        );
        assert_eq!(
            stage.fetch("with", "/cookie", include.clone()),
            "200 session=1"
        );
        assert_eq!(stage.fetch("with", "/cookie", json!({})), "200 none");
        stage.answered(
            "with",
            &[
                "GET /login 200 $APP -",
                "GET /cookie 200 $APP -",
                "GET /cookie 200 $APP -",
            ],
        );

        // The policy allows the origin, but not credentials; without them the script can read.
        assert_eq!(stage.fetch("without", "/cookie", include.clone()), FAILED);
        assert_eq!(stage.fetch("without", "/cookie", json!({})), "200 none");
        stage.answered(
            "without",
            &["GET /cookie 200 $APP -", "GET /cookie 200 $APP -"],
        );

        assert_eq!(stage.fetch("any", "/cookie", include.clone()), FAILED);
        assert_eq!(stage.fetch("any", "/cookie", json!({})), "200 none");
        stage.answered("any", &["GET /cookie 200 * -", "GET /cookie 200 * -"]);
        assert_eq!(
            stage.fetch("reflect", "/cookie", include.clone()),
            "200 session=1"
        );
        stage.answered("reflect", &["GET /cookie 200 $APP -"]);

        stage.browser.open(&stage.evil);
        assert_eq!(stage.fetch("with", "/cookie", include), FAILED);
        stage.answered("with", &["GET /cookie 200 - origin top-level policy"]);
    });
}

/// A script must be able to read a 401, or it cannot know that it has to log in.
#[test]
fn answers_of_a_later_filter() {
    let list = json!({"allowOrigins": ["$APP"], "allowHeaders": ["*"],
        "exposeHeaders": ["WWW-Authenticate"]});
    let cors = |name| cors(name, Configuration::Struct(&counted(name, list.clone())));
    let before = vec![cors("before"), basic_auth()];
    let after = vec![basic_auth(), cors("after")];
    let listeners = [
        Listener::new("before", before, Routes::All),
        Listener::new("after", after, Routes::All),
    ];
    in_every_engine(&listeners, |stage| {
        let script = "const response = await fetch(given);
        return response.status + ' ' + response.headers.get('www-authenticate');";
        let user =
            json!({"headers": {"authorization": format!("Basic {}", BASE64.encode(b"u:p"))}});
        stage.browser.open(&stage.app);
        let read = stage.run(script, json!(stage.url("before", "/")));
        assert!(read.starts_with("401 Basic realm="), "{read}");
        assert_eq!(stage.fetch("before", "/", user.clone()), "200 hello");
        stage.answered(
            "before",
            &[
                "GET / 401 $APP -",
                "OPTIONS / 204 $APP -",
                "GET / 200 $APP -",
            ],
        );

        // Behind the authentication, the module sees neither the 401 nor the preflight.
        assert_eq!(stage.run(script, json!(stage.url("after", "/"))), FAILED);
        assert_eq!(stage.fetch("after", "/", user.clone()), FAILED);
        stage.answered("after", &["GET / 401 - -", "OPTIONS / 401 - -"]);

        stage.browser.open(&stage.evil);
        assert_eq!(stage.run(script, json!(stage.url("before", "/"))), FAILED);
        assert_eq!(stage.fetch("before", "/", user), FAILED);
        stage.answered(
            "before",
            &[
                "GET / 401 - origin top-level policy",
                "OPTIONS / 403 - origin top-level policy",
            ],
        );
    });
}

/// Envoy's own filter, for the user `u` with the password `p`.
pub fn basic_auth() -> Value {
    let users = format!("u:{{SHA}}{}", BASE64.encode(&Sha1::digest("p")));
    filter(
        "basic_auth",
        "basic_auth.v3.BasicAuth",
        json!({"users": {"inline_string": users}}),
    )
}
