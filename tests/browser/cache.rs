//! The browser's two caches: of preflights, and of responses.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::{FAILED, in_every_engine, policy};
use support::browser::Engine;
use support::envoy::{Listener, Routes};

/// Preflights as Envoy counts them.
#[test]
fn max_age() {
    let age = |age| {
        json!({"allowOrigins": ["$APP"], "allowMethods": ["GET", "PUT", "DELETE"],
            "allowHeaders": ["x-one"], "maxAge": age})
    };
    let listeners = [
        policy("none", age(json!(0))),
        policy("second", age(json!("1s"))),
        policy("hour", age(json!("1h"))),
    ];
    in_every_engine(&listeners, |stage| {
        stage.browser.open(&stage.app);
        let asked = |listener, init| {
            assert_eq!(stage.fetch(listener, "/", init), "200 hello", "{listener}");
            stage.count(listener, "preflight_allowed")
        };
        let put = json!({"method": "PUT"});
        for preflights in 1..=3 {
            assert_eq!(asked("none", put.clone()), preflights);
        }
        for _ in 0..3 {
            assert_eq!(asked("hour", put.clone()), 1);
        }
        assert_eq!(asked("second", put.clone()), 1);
        thread::sleep(Duration::from_millis(1200));
        assert_eq!(asked("second", put.clone()), 2);
        // The answer contains the complete lists: it also covers methods and headers that were not requested.
        assert_eq!(asked("hour", json!({"method": "DELETE"})), 1);
        assert_eq!(asked("hour", json!({"headers": {"x-one": "1"}})), 1);
        // A different path is a different resource.
        assert_eq!(
            stage.fetch("hour", "/origin", put.clone()),
            format!("200 {}", stage.app)
        );
        assert_eq!(stage.count("hour", "preflight_allowed"), 2);

        stage.browser.open(&stage.evil);
        for refused in 1..=3 {
            assert_eq!(stage.fetch("hour", "/", put.clone()), FAILED);
            assert_eq!(stage.count("hour", "preflight_refused"), refused);
        }
    });
}

/// An echo covers only the requested names, including `Authorization`.
#[test]
fn max_age_of_an_echo() {
    let any = json!({"allowOrigins": ["$APP"], "allowMethods": ["*"], "allowHeaders": ["*"],
        "maxAge": "1h"});
    let listeners = [policy("any", any)];
    in_every_engine(&listeners, |stage| {
        stage.browser.open(&stage.app);
        let asked = |init| {
            assert_eq!(stage.fetch("any", "/", init), "200 hello");
            stage.count("any", "preflight_allowed")
        };
        let bearer = json!({"headers": {"authorization": "Bearer 1"}});
        assert_eq!(asked(bearer.clone()), 1);
        assert_eq!(asked(bearer), 1);
        assert_eq!(asked(json!({"method": "PUT"})), 2);
        assert_eq!(asked(json!({"method": "PUT"})), 2);
        assert_eq!(asked(json!({"method": "DELETE"})), 3);
    });
}

/// An image without `crossorigin` fills the cache with a response to a request without `Origin`.
#[test]
fn a_cached_response_is_not_poisoned() {
    let listeners = [
        policy("list", json!({"allowOrigins": ["$APP", "$NEIGHBOUR"]})),
        Listener::new("bare", Vec::new(), Routes::All),
    ];
    in_every_engine(&listeners, |stage| {
        // Browsers store responses in the background.
        let fill_cache = |listener, path| {
            let script = "return (await fetch(given, {mode: 'no-cors'})).type";
            let url = json!(stage.url(listener, path));
            let is_cached = (0..20).any(|_| {
                thread::sleep(Duration::from_millis(100));
                assert_eq!(stage.run(script, url.clone()), "opaque");
                stage.news(listener).is_empty()
            });
            assert!(is_cached, "{} does not cache {path}", stage.engine);
        };
        stage.browser.open(&stage.app);
        fill_cache("bare", "/reflects");
        fill_cache("list", "/cached");

        // Without this filter, the cached response is used for the script, which fails.
        assert_eq!(stage.fetch("bare", "/reflects", json!({})), FAILED);
        stage.answered("bare", &[]);
        // With the filter, Vary shows that the cached response does not apply.
        assert_eq!(stage.fetch("list", "/cached", json!({})), "200 hello");
        stage.answered("list", &["GET /cached 200 $APP -"]);
        assert_eq!(stage.fetch("list", "/cached", json!({})), "200 hello");
        stage.answered("list", &[]);

        // A response for one origin is not used for another origin of the same site.
        stage.browser.open(&stage.neighbour);
        assert_eq!(stage.fetch("list", "/cached", json!({})), "200 hello");
        stage.answered("list", &["GET /cached 200 $NEIGHBOUR -"]);
    });
}

/// A 304 has the headers with which the cached response can now be read.
#[test]
fn a_revalidated_response_is_readable() {
    let listeners = [policy(
        "list",
        json!({"allowOrigins": ["$APP", "$NEIGHBOUR"]}),
    )];
    in_every_engine(&listeners, |stage| {
        stage.browser.open(&stage.app);
        assert_eq!(stage.fetch("list", "/etag", json!({})), "200 hello");
        stage.answered("list", &["GET /etag 200 $APP -"]);
        // Browsers store responses in the background.
        let is_revalidated = (0..20).any(|_| {
            thread::sleep(Duration::from_millis(200));
            assert_eq!(stage.fetch("list", "/etag", json!({})), "200 hello");
            stage.news("list") == ["GET /etag 304 $APP -"]
        });
        assert!(
            is_revalidated,
            "{} asks for the whole response",
            stage.engine
        );
        stage.browser.open(&stage.neighbour);
        assert_eq!(stage.fetch("list", "/etag", json!({})), "200 hello");
        // WebKit asks for the whole response of another origin again.
        let answer = match stage.engine {
            Engine::WebKit => "GET /etag 200 $NEIGHBOUR -",
            Engine::Chromium | Engine::Firefox => "GET /etag 304 $NEIGHBOUR -",
        };
        stage.answered("list", &[answer]);
    });
}
