//! The playground in each engine: it judges, edits, compares and links without a complaint, within 360 pixels too, and
//! axe-core finds no violation.

use std::fs;

use serde_json::json;

use crate::{in_every_engine, policy};
use support::root;

#[test]
fn the_playground_works() {
    let axe = fs::read_to_string(root().join(AXE))
        .expect("axe-core, which scripts/test 60-browser installs");
    in_every_engine(&[policy("page", json!({}))], |stage| {
        stage
            .browser
            .open(&format!("{}/playground/index.html", stage.app));
        let said = stage.run(&format!("{HELPERS}{JUDGE}"), json!({}));
        assert_eq!(
            said,
            "✓ The script can read the answer | ✕ The browser blocks it | ✓ The script can read the answer | \
             6 wider, 4 narrower, of 42 requests. | 6 errors | Read by corsctl: YAML | Read as a request",
            "{}",
            stage.engine
        );
        let script = format!(
            "{axe};
            const {{ violations }} = await axe.run(document, {{ resultTypes: ['violations'] }});
            return violations.flatMap(({{ id, nodes }}) => nodes.map((node) => `${{id}}: ${{node.html}}`)).join('\\n');"
        );
        assert_eq!(stage.run(&script, json!({})), "", "{}", stage.engine);

        // A frame is as narrow as a phone in every engine.
        stage.browser.open(&format!("{}/", stage.app));
        let said = stage.run(&format!("{HELPERS}{NARROW}"), json!({}));
        assert_eq!(said, "360 0", "{}", stage.engine);
        let complaints = stage.browser.complaints();
        assert_eq!(complaints, Vec::<String>::new(), "{}", stage.engine);
    });
}

const AXE: &str = "tests/playground/node_modules/axe-core/axe.min.js";

const HELPERS: &str = "
    const $ = (selector) => document.querySelector(selector);
    const until = async (holds) => {
      for (const end = Date.now() + 30_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 30))) {
        if (Date.now() > end) throw new Error(`never: ${holds}: ${document.body.innerText.slice(0, 500)}`);
      }
    };
    const set = (selector, value, event = 'input') => {
      $(selector).value = value;
      $(selector).dispatchEvent(new Event(event, { bubbles: true }));
    };";

/// A first verdict, a refusal, its repair, a comparison, errors, YAML, and a pasted request.
const JUDGE: &str = "
    const said = [];
    await until(() => /✓/.test($('#verdict').textContent));
    said.push($('#verdict').textContent);
    set('#example', 'missing', 'change');
    await until(() => /✕/.test($('#verdict').textContent));
    said.push($('#verdict').textContent);
    $('.fix button').click();
    await until(() => /✓/.test($('#verdict').textContent));
    said.push($('#verdict').textContent);
    set('#example', 'app', 'change');
    await until(() => document.querySelectorAll('#table td').length === 30);
    $('#table-compare').open = true;
    $('#table-keep').click();
    set('#policy', $('#policy').value.replace('\"DELETE\"', '\"DELETE\", \"PATCH\"').replace('https://app.', 'https://'));
    await until(() => /wider/.test($('#table-sum').textContent));
    said.push($('#table-sum').textContent);
    $('#table-exact').click();
    await until(() => /: wider/.test($('#table-diff').textContent));
    set('#example', 'mistakes', 'change');
    await until(() => /error/.test($('#health').textContent));
    said.push($('#health').textContent.split(': ')[1]);
    set('#policy', 'allowOrigins:\\n  - https://yaml.example\\n');
    await until(() => /^Read by/.test($('#home').textContent) && /✓/.test($('#health').textContent));
    said.push($('#home p').textContent);
    set('#pasted', 'GET / HTTP/1.1\\nHost: api.example.com\\nOrigin: https://yaml.example');
    $('#paste-read').click();
    await until(() => /✓/.test($('#verdict').textContent));
    said.push($('#paste-said').textContent.split('.')[0]);
    return said.join(' | ');";

/// The width of the page in a narrow frame, and by how much it scrolls sideways.
const NARROW: &str = "
    const frame = document.body.appendChild(document.createElement('iframe'));
    Object.assign(frame.style, { width: '360px', height: '800px', border: 0 });
    frame.src = '/playground/index.html';
    await until(() => /✓/.test(frame.contentDocument?.querySelector('#verdict')?.textContent));
    const { scrollWidth, clientWidth } = frame.contentDocument.documentElement;
    const bar = frame.contentWindow.innerWidth - clientWidth;
    return `${clientWidth + bar} ${scrollWidth - clientWidth}`;";
