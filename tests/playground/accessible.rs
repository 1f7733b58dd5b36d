//! The page for people who use a keyboard or a screen reader, in the dark and on a phone: axe-core finds no violation
//! in any state.

use std::fs;

use serde_json::{Value, json};

use super::{HELPERS, Page, file};
use support::browser::Browser;
use support::upstream::Upstream;

#[test]
fn axe_finds_no_violation_in_any_state() {
    let page = Page::open();
    let fresh = "";
    let error = "set('#example', 'mistakes', 'change');";
    let refused = "set('#example', 'missing', 'change');";
    let without_request = "set('#url', 'nonsense');";
    let message = "if ($('#paste')?.hidden) $('#paste-open').click();
        set('#pasted', 'Origin null is not allowed by Access-Control-Allow-Origin.'); $('#paste-read').click();";
    let manifest = "$('#tab-istio').click();";
    let own_table = "$('#tab-json').click(); set('#table-methods', 'GET, PUT'); set('#table-origins', 'nonsense');";
    let comparison = "set('#example', 'rules', 'change'); $('#table-compare').open = true; $('#table-keep').click();
        set('#policy', '{\"allowOrigins\": [\"https://app.example.com\"]}'); 
        await until(() => /narrower/.test($('#table-sum').textContent));
        $('#table-exact').click();
        await until(() => /: narrower/.test($('#table-diff').textContent), 60);";
    let wrong_comparison = "set('#table-before', '{\"mine\": 1}');";
    let states = [
        ("fresh", fresh),
        ("error", error),
        ("refused", refused),
        ("without a request", without_request),
        ("message", message),
        ("manifest", manifest),
        ("a table of one's own", own_table),
        ("comparison", comparison),
        ("a comparison that is refused", wrong_comparison),
    ];
    let mut found = Vec::new();
    for (width, scheme) in [(1280, "light"), (360, "dark")] {
        page.emulate(width, 800, scheme);
        page.go("");
        for (state, change) in states {
            page.run(&format!("{change} await verdict();"));
            let violations = page.run(&axe());
            for violation in violations.as_array().expect("violations") {
                found.push(format!("{state}, {width} px, {scheme}: {violation}"));
            }
            if page.run(SIDEWAYS) != json!(0) {
                found.push(format!("{state}, {width} px: the page scrolls sideways"));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new(), "{}", found.join("\n"));
    page.is_quiet();
}

/// The other pages.
#[test]
fn axe_finds_no_violation_in_the_pages_about_real_requests() {
    let site = Upstream::start(|head| file(head.start.split(' ').nth(1).unwrap_or_default()));
    let browser = Browser::start();
    for name in ["live.html", "device.html"] {
        browser.open(&format!("http://localhost:{}/{name}", site.port));
        let script = format!(
            "{HELPERS}\nawait until(() => ($('#broken') ?? $('#policy')).textContent); {}",
            axe()
        );
        assert_eq!(browser.run(&script, Value::Null), Ok(json!([])), "{name}");
    }
}

/// The script that ends with what axe-core finds.
fn axe() -> String {
    let path = support::root().join(AXE);
    let axe = fs::read_to_string(path).unwrap_or_else(|error| {
        panic!("{AXE}: {error}: npm ci --prefix tests/playground installs it; scripts/test does it")
    });
    format!(
        "{axe};
        const {{ violations }} = await axe.run(document, {{ resultTypes: ['violations'] }});
        return violations.flatMap(({{ id, nodes }}) => nodes.map((node) => `${{id}}: ${{node.html}} ${{node.failureSummary}}`));"
    )
}

const AXE: &str = "tests/playground/node_modules/axe-core/axe.min.js";

/// By how many pixels the page is too wide.
const SIDEWAYS: &str =
    "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
