//! CORS requests of elements and other interfaces: fonts, images, scripts, events.

use serde_json::json;

use crate::{Stage, policy};

#[test]
fn fonts_images_scripts_and_events() {
    let stage = Stage::new(vec![policy("list", json!({"allowOrigins": ["$APP"]}))]);
    // The script, its path, its result when allowed, and when refused.
    let cases = [
        (
            "await new FontFace('Triangle', `url(${given})`).load(); return 'loaded';",
            "/font.ttf",
            "loaded",
            "NetworkError: A network error occurred.",
        ),
        (
            IMAGE,
            "/image.svg",
            "0,0,0,0",
            "EncodingError: The source image cannot be decoded.",
        ),
        (
            "return (await import(given)).default;",
            "/module.js",
            "hello",
            "TypeError: Failed to fetch dynamically imported module: ",
        ),
        (
            "const source = new EventSource(given);
            const event = await new Promise(done => source.onmessage = source.onerror = done);
            source.close();
            return event.data ?? event.type;",
            "/events",
            "hello",
            "error",
        ),
    ];
    for (script, path, read, error) in cases {
        let url = stage.url("list", path);
        stage.browser.open(&stage.app);
        assert_eq!(stage.run(script, json!(url)), read);
        stage.answered("list", &[&format!("GET {path} 200 $APP -")]);

        stage.browser.open(&stage.evil);
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
}

const IMAGE: &str = "const image = new Image();
    image.crossOrigin = 'anonymous';
    image.src = given;
    await image.decode();
    const canvas = document.createElement('canvas').getContext('2d');
    canvas.drawImage(image, 0, 0);
    return canvas.getImageData(0, 0, 1, 1).data.join();";
