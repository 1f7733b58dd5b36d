//! The pictures of the page in the documents; `scripts/screenshots` takes them.

use std::fs;

use super::Page;

#[test]
#[ignore = "writes playground/screenshot*.png"]
fn screenshots() {
    let page = Page::open();
    let comparison = "set('#example', 'grants', 'change'); await verdict();
        $('#table-compare').open = true; $('#table-keep').click();
        set('#policy', $('#policy').value.replace('\"DELETE\"', '\"PATCH\"').replace('[\"GET\"]', '[\"GET\", \"PUT\"]'));
        await until(() => /wider/.test($('#table-sum').textContent));
        $('.requests').scrollIntoView();";
    for (name, width, height, scheme, state) in [
        (
            "screenshot.png",
            1280,
            1000,
            "light",
            "set('#example', 'missing', 'change');",
        ),
        (
            "screenshot-errors.png",
            1280,
            1000,
            "dark",
            "set('#example', 'mistakes', 'change');",
        ),
        ("screenshot-table.png", 1280, 1000, "light", comparison),
        (
            "screenshot-phone.png",
            390,
            1200,
            "dark",
            "set('#example', 'app', 'change'); await verdict(); $('#request-title').scrollIntoView();",
        ),
    ] {
        page.emulate(width, height, scheme);
        page.go("");
        page.run(&format!(
            "{state} await verdict(); document.activeElement.blur();"
        ));
        let picture = page.browser.get("/screenshot").expect("a screenshot");
        let picture = decode_base64(picture.as_str().expect("base64"));
        assert!(
            picture.len() < LARGEST,
            "{name} has {} bytes",
            picture.len()
        );
        let path = support::root().join("playground").join(name);
        fs::write(path, picture).expect("a file");
    }
}

fn decode_base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        alphabet.iter().position(|own| *own == byte)
    };
    let mut bytes = Vec::new();
    for chunk in text.as_bytes().chunks(4) {
        let digits: Vec<_> = chunk.iter().filter_map(|byte| value(*byte)).collect();
        let bits = digits
            .iter()
            .enumerate()
            .fold(0, |bits, (index, digit)| bits | digit << (18 - 6 * index));
        let taken = [bits >> 16, bits >> 8, bits].map(|byte| (byte & 0xff) as u8);
        bytes.extend(&taken[..digits.len().saturating_sub(1)]);
    }
    bytes
}

const LARGEST: usize = 250_000;
