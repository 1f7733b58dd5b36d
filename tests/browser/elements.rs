//! CORS requests of elements and other interfaces: fonts, images, scripts, events.

use serde_json::json;

use crate::{in_every_engine, policy};
use support::browser::Engine;

#[test]
fn images_scripts_and_events() {
    let listeners = [policy("list", json!({"allowOrigins": ["$APP"]}))];
    // The script, its path, its result if the origin is allowed, and the errors of the engines if not.
    let cases = [
        (
            IMAGE,
            "/image.svg",
            "0,0,0,0",
            [
                "EncodingError: The source image cannot be decoded.",
                "EncodingError: Invalid encoded image data.",
                "EncodingError: Access control error.",
            ],
        ),
        (
            MODULE,
            "/module.js",
            "hello",
            [
                "TypeError: Failed to fetch dynamically imported module: ",
                "TypeError: error loading dynamically imported module: ",
                "TypeError: Cross-origin script load denied by Cross-Origin Resource Sharing policy.",
            ],
        ),
        (EVENTS, "/events", "hello", ["error"; 3]),
    ];
    in_every_engine(&listeners, |stage| {
        for (script, path, read, errors) in cases {
            let url = stage.url("list", path);
            stage.browser.open(&stage.app);
            assert_eq!(stage.run(script, json!(url)), read);
            stage.answered("list", &[&format!("GET {path} 200 $APP -")]);

            stage.browser.open(&stage.evil);
            let error = errors[stage.engine as usize];
            assert_eq!(stage.run(script, json!(url)).replace(&url, ""), error);
            stage.answered(
                "list",
                &[&format!("GET {path} 200 - origin top-level policy")],
            );
        }
        // Without `crossorigin` every page can show an image, but no script can read its pixels.
        let script = IMAGE.replace("image.crossOrigin = 'anonymous';", "");
        let read = stage.run(&script, json!(stage.url("list", "/image.svg?again")));
        assert!(read.starts_with("SecurityError: "), "{read}");
        stage.answered("list", &["GET /image.svg?again 200 - -"]);
    });
}

/// WebKit loads fonts without CORS: nothing at the gateway keeps a page from using them.
#[test]
fn fonts() {
    let reject = json!({"allowOrigins": ["$APP"], "unmatchedRequests": "reject"});
    let listeners = [
        policy("list", json!({"allowOrigins": ["$APP"]})),
        policy("reject", reject),
    ];
    in_every_engine(&listeners, |stage| {
        let has_cors = stage.engine != Engine::WebKit;
        let load = |page, listener, read: &str, answer| {
            stage.browser.open(page);
            let url = json!(stage.url(listener, "/font.ttf"));
            assert_eq!(stage.run(FONT, url), read, "{}", stage.engine);
            stage.answered(listener, &[answer]);
        };
        if has_cors {
            let error = "NetworkError: A network error occurred.";
            load(&stage.app, "list", "loaded", "GET /font.ttf 200 $APP -");
            load(&stage.app, "reject", "loaded", "GET /font.ttf 200 $APP -");
            let refused = "GET /font.ttf 200 - origin top-level policy";
            load(&stage.evil, "list", error, refused);
            let rejected = "GET /font.ttf 403 - origin top-level policy";
            load(&stage.evil, "reject", error, rejected);
        } else {
            for page in [&stage.app, &stage.evil] {
                load(page, "reject", "loaded", "GET /font.ttf 200 - -");
            }
        }
    });
}

const FONT: &str = "await new FontFace('Triangle', `url(${given})`).load(); return 'loaded';";

const IMAGE: &str = "const image = new Image();
    image.crossOrigin = 'anonymous';
    image.src = given;
    await image.decode();
    const canvas = document.createElement('canvas').getContext('2d');
    canvas.drawImage(image, 0, 0);
    return canvas.getImageData(0, 0, 1, 1).data.join();";

/// A script of the page: WebKit does not use CORS for the imports of one that a driver runs.
const MODULE: &str = "const script = document.createElement('script');
    const imported = new Promise((done, failed) => Object.assign(window, {done, failed}));
    script.textContent = `import('${given}').then(({default: text}) => done(text), failed)`;
    document.body.append(script);
    return await imported;";

const EVENTS: &str = "const source = new EventSource(given);
    const event = await new Promise(done => source.onmessage = source.onerror = done);
    source.close();
    return event.data ?? event.type;";
