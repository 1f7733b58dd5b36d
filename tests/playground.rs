//! The playground in a real Chromium: every example, errors at their place, links, bad input, and the live
//! page with a real Envoy.

#[path = "playground/accessible.rs"]
mod accessible;
#[path = "playground/screenshots.rs"]
mod screenshots;
#[path = "playground/site.rs"]
mod site;
#[path = "playground/speed.rs"]
mod speed;
#[path = "playground/table.rs"]
mod table;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::browser::Browser;
use support::envoy::{Configuration, Envoy, Folder, Listener, module};
use support::upstream::{Reply, Upstream};

/// The page in a browser, and the site it comes from.
struct Page {
    site: Upstream,
    /// What the site has as `cors.wasm`: one of [`GOOD`] and the others.
    module: Arc<AtomicU8>,
    browser: Browser,
}

const GOOD: u8 = 0;
const MISSING: u8 = 1;
const BROKEN: u8 = 2;
const WITHOUT_CORSCTL: u8 = 3;

impl Page {
    fn serve() -> Self {
        let module = Arc::new(AtomicU8::new(GOOD));
        let state = Arc::clone(&module);
        Self {
            site: Upstream::start(move |head| {
                let path = head.start.split(' ').nth(1).unwrap_or_default();
                match (path, state.load(Ordering::Relaxed)) {
                    ("/cors.wasm", MISSING) => Reply::new(404, &[]),
                    ("/corsctl.wasm", WITHOUT_CORSCTL) => Reply::new(404, &[]),
                    ("/cors.wasm", BROKEN) => file_of("application/wasm", b"no module".to_vec()),
                    (path, _) => file(path),
                }
            }),
            module,
            browser: Browser::start(),
        }
    }

    fn open() -> Self {
        let page = Self::serve();
        page.go("");
        page
    }

    /// Loads the page again with this after its `#`.
    fn go(&self, hash: &str) {
        // A different hash alone would not reload it.
        self.browser.open("about:blank");
        self.browser
            .open(&format!("http://127.0.0.1:{}/#{hash}", self.site.port));
    }

    /// Runs a script in the page when it has a verdict. In the script `$` finds an element, `set` types, and `verdict`
    /// waits for the next one.
    fn run(&self, script: &str) -> Value {
        let script = format!("{HELPERS}\nawait verdict();\n{script}");
        let ended = self.browser.run(&script, Value::Null);
        ended.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    fn text(&self, script: &str) -> String {
        match self.run(script) {
            Value::String(text) => text,
            other => panic!("{script}: {other}"),
        }
    }

    fn is_quiet(&self) {
        assert_eq!(self.browser.complaints(), Vec::<String>::new());
    }

    /// Sets the size of the window and the preferred colours, and waits until the page is drawn so.
    fn emulate(&self, width: u32, height: u32, scheme: &str) {
        let command = |name: &str, parameters: Value| {
            let sent = self.browser.post(
                "/goog/cdp/execute",
                json!({"cmd": name, "params": parameters}),
            );
            sent.unwrap_or_else(|error| panic!("{name}: {error}"));
        };
        command(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}),
        );
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        command("Emulation.setEmulatedMedia", json!({"features": features}));
        self.run(&format!(
            "await until(() => innerWidth === {width} && matchMedia('(prefers-color-scheme: {scheme})').matches);
            for (const _ of [1, 2]) await new Promise(requestAnimationFrame);"
        ));
    }
}

#[test]
fn every_example_has_a_verdict() {
    let page = Page::open();
    let examples =
        page.run("return [...$('#example').options].map(({ value }) => value).filter(Boolean)");
    let examples = examples.as_array().expect("examples");
    assert!(examples.len() > 12);
    for example in examples {
        let example = example.as_str().expect("a name");
        let said = page.text(&format!(
            "set('#example', '{example}', 'change');
            return [$('#health').textContent, await verdict(), document.querySelectorAll('.step').length].join(' | ');"
        ));
        if example == "mistakes" {
            assert!(said.starts_with("✕ Rejected: 6 errors | ✕ "), "{said}");
        } else {
            assert!(said.starts_with("✓ Accepted"), "{example}: {said}");
            assert!(said.contains(" | ✓ ") || said.contains(" | ✕ "), "{said}");
            assert!(!said.ends_with(" 0"), "{example}: {said}");
        }
    }
    page.is_quiet();
}

#[test]
fn errors_are_shown_at_their_place() {
    let page = Page::open();
    let selected = page.text(
        r#"set('#policy', '{\n  "allowOrigins": ["https://a.example", "https://a.example/x"],\n  "max_age": "soon"\n}');
        await until(() => document.querySelectorAll('#problems button').length === 2);
        const said = [];
        for (const button of document.querySelectorAll('#problems button')) {
          button.click();
          const { selectionStart, selectionEnd, value } = $('#policy');
          said.push(button.textContent.slice(0, 40), value.slice(selectionStart, selectionEnd));
        }
        return [...said, document.querySelectorAll('.line.error').length, $('#policy').ariaInvalid].join('\n');"#,
    );
    assert_eq!(
        selected,
        "✕ Error, line 2: allowOrigins[1] \"https:\n\"https://a.example/x\"\n\
        ✕ Error, line 3: maxAge \"soon\" is not a \n\"soon\"\n2\ntrue"
    );
    let said = page.text(
        r#"set('#policy', '{"allowOrigins": ["https://a.example"],\n "é": }');
        await until(() => /not JSON/.test($('#problems').textContent));
        $('#problems button').click();
        return $('#policy').value.slice($('#policy').selectionStart, $('#policy').selectionEnd) + $('#verdict').textContent;"#,
    );
    assert_eq!(said, "}✕ The module rejects this policy");
    let said = page.text(
        r#"set('#policy', '{"policies": {"a b: \\u202e": {"allowOrigins": ["https://a b"]}}}');
        await until(() => /has a space/.test($('#problems').textContent));
        $('#problems button').click();
        return $('#policy').value.slice($('#policy').selectionStart, $('#policy').selectionEnd);"#,
    );
    assert_eq!(said, "\"https://a b\"");
    page.is_quiet();
}

#[test]
fn the_caret_is_where_the_text_is_painted() {
    let page = Page::open();
    for (width, height) in [(1280, 900), (390, 844)] {
        page.emulate(width, height, "light");
        let fits = page.run(
            "const [own, paint] = ['#policy', '#paint'].map((id) => getComputedStyle($(id)));
            return own.fontSize === paint.fontSize && own.lineHeight === paint.lineHeight
                && $('#policy').scrollHeight === $('#policy').clientHeight && $('#policy').clientHeight > 180;",
        );
        assert_eq!(fits, json!(true), "{width}");
    }
}

#[test]
fn a_problem_leads_to_its_line() {
    let page = Page::open();
    page.emulate(1280, 700, "light");
    // A long text, and one that is too long to be coloured.
    for origins in [300, 3000] {
        let shown = page.text(&format!(
            r#"const origins = Array.from({{ length: {origins} }}, (_, i) => `https://host-${{i}}.example`);
            origins[origins.length / 2] = 'wrong';
            set('#policy', JSON.stringify({{ allowOrigins: origins }}, null, 2));
            await until(() => $('#problems').textContent.includes(`line ${{3 + origins.length / 2}}: `));
            $('#problems button').click();
            const shown = $('#policy').value.slice($('#policy').selectionStart, $('#policy').selectionEnd);
            if ($('#editor').classList.contains('plain')) {{
              // About as far down as the line.
              const middle = ($('#policy').scrollTop + $('#policy').clientHeight / 2) / $('#policy').scrollHeight;
              return shown + (middle > 0.45 && middle < 0.55);
            }}
            const {{ top, bottom }} = $('.line.error').getBoundingClientRect();
            const pane = $('#editor').closest('.pane').getBoundingClientRect();
            return shown + (top > pane.top && bottom < pane.bottom && top > 0 && bottom < innerHeight);"#,
        ));
        assert_eq!(shown, "\"wrong\"true", "{origins}");
    }
}

#[test]
fn the_way_past_the_policy_keeps_what_was_typed() {
    let page = Page::open();
    let kept = page.run(
        r##"set('#policy', '{"allowOrigins": ["https://mine.example"]}'); set('#origin', 'https://mine.example');
        await until(() => location.hash.includes('mine'));
        const before = location.hash;
        $('.skip').click();
        await sleep(200);
        return $('#policy').value.includes('mine') && $('#origin').value.includes('mine')
            && location.hash === before && document.activeElement === $('#verdict');"##,
    );
    assert_eq!(kept, json!(true));
}

#[test]
fn a_fix_changes_the_policy_and_nothing_else() {
    let page = Page::open();
    let policy = page.text(
        "set('#example', 'missing', 'change');
        await until(() => /blocks/.test($('#verdict').textContent));
        $('.fix button').click();
        await until(() => /can read/.test($('#verdict').textContent));
        return $('#policy').value;",
    );
    assert!(
        policy.ends_with("\"PUT\"],\n  \"allowHeaders\": [\"content-type\"]\n}"),
        "{policy}"
    );
    page.is_quiet();
}

#[test]
fn a_link_holds_the_state() {
    let page = Page::open();
    let state = "[...document.querySelectorAll('input, textarea')].map((field) => field.type === 'checkbox' ? field.checked : field.value)";
    let link = page.text(
        r#"set('#policy', '{"allowOrigins": ["https://é&=#.example"], "_": "+ %"}');
        set('#origin', 'null'); set('#url', 'https://api.example/a?b=c&d#e'); set('#method', 'PATCH');
        set('#headers', 'x-a: 1\nx-b: a: b'); set('#status', '404'); set('#upstream', 'x-c: é');
        $('#credentials').click();
        await until(() => location.hash.includes('x-c'));
        return location.hash.slice(1);"#,
    );
    let before = page.run(&format!("return {state}"));
    page.go(&link);
    assert_eq!(page.run(&format!("return {state}")), before);
    page.go("policy=%7B%7D&nonsense=1&status=x&header");
    assert_eq!(page.run("return $('#policy').value"), json!("{}"));
    page.go("%%%&policy");
    assert_eq!(page.run("return $('#policy').value"), json!(""));
    page.is_quiet();
}

#[test]
fn pasted_texts_are_read_and_nonsense_stays() {
    let page = Page::open();
    let error = "Access to fetch at 'https://api.example.com/x' from origin 'https://evil.example' has been blocked by CORS policy: Response to preflight request doesn't pass access control check: No 'Access-Control-Allow-Origin' header is present on the requested resource.";
    let read = page.text(&format!(
        "set('#pasted', {error:?}); $('#paste-read').click();
        await verdict();
        return [$('#paste-said').textContent.split('.')[0], $('#origin').value, $('#url').value, $('#verdict').textContent].join('\\n');"
    ));
    assert_eq!(
        read,
        "Read as a console error\nhttps://evil.example\nhttps://api.example.com/x\n✕ The browser blocks it"
    );
    let said = page
        .text("return [$('#message h3').textContent, $('#verdict-text').textContent].join('\\n')");
    let says_both = said.starts_with("The origin is not allowed\n")
        && said.ends_with("It is what the message says.");
    assert!(says_both, "{said}");
    for nonsense in [
        "'hello'",
        "'curl \\''",
        "'\\0\\ud800'",
        "'x'.repeat(1e6)",
        "'<script>'",
    ] {
        let kept = page.run(&format!(
            "const text = {nonsense}; set('#pasted', text); $('#paste-read').click();
            return $('#paste-problem').textContent.length > 20 && $('#pasted').value === text && $('#origin').value === 'https://evil.example';"
        ));
        assert_eq!(kept, json!(true), "{nonsense}");
    }
    for (field, nonsense, says) in [
        ("#url", "nonsense", "is not a URL"),
        ("#url", "ftp://a.example/", "not fetched with CORS"),
        ("#origin", "nonsense", "is not an origin"),
        ("#method", "A B", "is not a method"),
        ("#headers", "not a header at all", "is not a header"),
        ("#headers", "x-a", "is not a header"),
        ("#headers", "x-a: 中", "no header can contain"),
        ("#upstream", "x-a", "is not a header"),
        ("#upstream", "x a: 1", "is not a header"),
        ("#status", "nonsense", "is not the status"),
        ("#status", "99999", "is not the status"),
    ] {
        let said = page.text(&format!(
            "const before = $('{field}').value; set('{field}', {nonsense:?}); await verdict();
            const said = $('#verdict-text').textContent + $('{field}').value;
            const marked = $('{field}').ariaInvalid === 'true' && $('#request-problem').textContent === $('#verdict-text').textContent
                && $('{field}').getAttribute('aria-describedby') === 'request-problem';
            set('{field}', before); await verdict();
            return [marked, $('{field}').ariaInvalid !== 'true', said].join(' ');"
        ));
        let is_marked = said.starts_with("true true ") || field == "#method";
        assert!(is_marked, "{field} {nonsense}: {said}");
        assert!(said.contains(says) && said.ends_with(nonsense), "{said}");
    }
    page.is_quiet();
}

/// First the meaning of the message, then what this policy would do.
#[test]
fn a_message_is_answered_before_the_policy() {
    let page = Page::open();
    let two_layers = "Access to fetch at 'https://api.example.com/x?key=secret' from origin 'https://app.example.com' has been blocked by CORS policy: The 'Access-Control-Allow-Origin' header contains multiple values '*,https://app.example.com', but only one is allowed. Have the server send the header with a valid value.";
    let said = page.text(&format!(
        "set('#pasted', {two_layers:?});
        $('#pasted').dispatchEvent(new KeyboardEvent('keydown', {{ key: 'Enter', ctrlKey: true, bubbles: true }}));
        await verdict();
        const read = ['#message', '#url', '#verdict', '#verdict-text'].map((id) => $(id).value ?? $(id).textContent);
        const {{ top }} = $('#message').getBoundingClientRect();
        return [...read, top >= 0 && top < $('#verdict').getBoundingClientRect().top].join('\\n');"
    ));
    assert_eq!(
        said,
        "The message meansTwo layers write Access-Control-Allow-OriginRemove the CORS headers from the route's response_headers_to_add, and every other CORS filter from the chain.\n\
        https://api.example.com/x?key=…\nThis policy is not the cause\n\
        Under this policy the request passes. The answer in the message must come from elsewhere: another filter, another host, or an old cache.\n\
        true"
    );
    for (width, scheme) in [(1280, "light"), (320, "dark")] {
        page.emulate(width, 700, scheme);
        assert_eq!(page.run(CONTRAST), json!([]), "{width} {scheme}");
        let scrolls =
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(page.run(scrolls), json!(0), "{width}");
    }
    // A line without a reason leaves the request unchanged; the message does not apply to another request.
    let said = page.text(
        "set('#pasted', 'TypeError: Failed to fetch'); $('#paste-read').click(); await verdict();
        const vague = [$('#message h3').textContent, $('#url').value, $('#verdict').textContent];
        set('#method', 'PUT'); await verdict();
        return [...vague, $('#message').hidden].join('\\n');",
    );
    assert_eq!(
        said,
        "This line does not say why\nhttps://api.example.com/x?key=…\n✓ The script can read the answer\ntrue"
    );
    page.is_quiet();
}

/// A paste is read at once; then what was read and the verdict are on the screen.
#[test]
fn what_is_pasted_leads_to_the_verdict() {
    let page = Page::open();
    let copied = "curl 'https://api.example.com/v1?token=secret' -X PUT -H 'origin: https://app.example.com' -H 'priority: u=1, i'";
    for (width, height) in [(1280, 768), (390, 844), (360, 640)] {
        page.emulate(width, height, "light");
        let said = page.text(&format!(
            "scrollTo(0, 0); $('#pasted').value = '';
            const data = new DataTransfer(); data.setData('text', {copied:?});
            $('#pasted').focus();
            $('#pasted').value = {copied:?};
            $('#pasted').dispatchEvent(new ClipboardEvent('paste', {{ clipboardData: data, bubbles: true }}));
            await sleep(100); await verdict();
            const seen = ['#paste-said', '#verdict', '#verdict-text'].map((id) => {{
              const {{ top, bottom }} = $(id).getBoundingClientRect();
              return top >= 0 && bottom <= innerHeight;
            }});
            return [$('#paste-said').textContent, $('#verdict').textContent, seen].join('\\n');"
        ));
        assert_eq!(
            said,
            "Read as a curl command. Removed headers that the browser sets itself: priority. Values that CORS does not use are removed. \n\
            ✓ The script can read the answer\ntrue,true,true",
            "{width}"
        );
    }
    page.is_quiet();
}

/// An answer is compared with what the browser expects, and becomes the upstream's.
#[test]
fn a_pasted_answer_becomes_the_upstreams() {
    let page = Page::open();
    let answer = "HTTP/2 502\ncontent-type: text/plain\nx-token: secret\naccess-control-allow-origin: *, https://app.example.com\n";
    let said = page.text(&format!(
        "set('#pasted', {answer:?}); $('#paste-read').click(); await verdict();
        return [$('#status').value, $('#upstream').value, $('#message h3').textContent].join('\\n');"
    ));
    assert_eq!(
        said,
        "502\ncontent-type: text/plain\nx-token: …\naccess-control-allow-origin: *, https://app.example.com\nTwo layers write Access-Control-Allow-Origin"
    );
    page.is_quiet();
}

/// YAML, the homes of a configuration, and other gateways' policies are read as corsctl reads them.
#[test]
fn other_texts_than_json_are_read_by_corsctl() {
    let page = Page::open();
    let plugin = include_str!("../envoy/istio/wasm-plugin.yaml")
        .replace("https://app.example.com", "https://yaml.example.com");
    let said = page.text(&format!(
        "set('#pasted', {plugin:?}); $('#paste-read').click();
        await until(() => /^✓ Accepted/.test($('#health').textContent));
        set('#origin', 'https://yaml.example.com'); await verdict();
        const fits = $('#policy').value === {plugin:?}.trim();
        return [$('#home p').textContent, $('#verdict').textContent, fits].join('\\n');"
    ));
    assert_eq!(
        said,
        "Read by corsctl: WasmPlugin \"istio-ingress/cors\"\n✓ The script can read the answer\ntrue"
    );
    // An error is marked at its line; the button gives the policy alone.
    let said = page.text(
        r#"set('#policy', 'allowOrigins:\n  - https://a.example\nmaxAge: soon\n');
        await until(() => $('#problems button'));
        $('#problems button').click();
        const { selectionStart, selectionEnd, value } = $('#policy');
        set('#policy', 'allowOrigins:\n  - https://a.example\n');
        await until(() => /^✓/.test($('#health').textContent));
        $('#home button').click();
        await verdict();
        return [value.slice(selectionStart, selectionEnd), $('#policy').value, $('#home').hidden].join('\n');"#,
    );
    assert_eq!(
        said,
        "maxAge: soon\n{\n  \"allowOrigins\": [\"https://a.example\"]\n}\ntrue"
    );
    // A fix writes JSON.
    let ingress = include_str!("playground/ingress.yaml");
    let said = page.text(&format!(
        "set('#pasted', {ingress:?}); $('#paste-read').click();
        await until(() => /ingress-nginx/.test($('#home').textContent));
        set('#origin', 'https://other.example'); set('#url', 'https://api.example.com/'); set('#method', 'PUT');
        await verdict();
        await until(() => /blocks/.test($('#verdict').textContent));
        $('.fix button').click();
        await until(() => /can read/.test($('#verdict').textContent));
        return $('#policy').value;"
    ));
    assert!(
        said.contains(r#"["https://app.example.com", "https://other.example"]"#),
        "{said}"
    );
    page.is_quiet();
}

/// The editor explains the field under the caret or the mouse, and suggests what can be written.
#[test]
fn the_editor_explains_and_completes() {
    let page = Page::open();
    let said = page.text(
        r#"$('#policy').focus();
        set('#policy', '{\n  "allowCredentials": true,\n  "\n}');
        $('#policy').setSelectionRange(8, 8);
        await until(() => /^allowCredentials /.test($('#field-doc').textContent));
        const explained = $('#field-doc').textContent;
        $('#policy').setSelectionRange(33, 33);
        return explained;"#,
    );
    assert_eq!(
        said,
        "allowCredentials Whether requests can include cookies, client certificates and HTTP authentication. true or false; default false; example true"
    );
    let press = |actions: &[Value]| {
        let all = json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]});
        page.browser.post("/actions", all).expect("keys");
    };
    let keys = |keys: &[&str]| {
        for key in keys {
            press(&["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key})));
        }
    };
    keys(&["m", "o"]);
    page.run("await until(() => !$('#suggestions').hidden)");
    let listed = page.text(
        "const near = Math.abs($('#suggestions').getBoundingClientRect().top - document.querySelectorAll('#paint .line')[2].getBoundingClientRect().bottom) < 2;
        return [$('#suggestions').textContent, $('#policy').getAttribute('aria-activedescendant'), near].join(' ');",
    );
    assert_eq!(listed, "mode suggestion-0 true");
    let enter = "\u{e007}";
    let down = "\u{e015}";
    keys(&[enter, "s"]);
    page.run("await until(() => !$('#suggestions').hidden && $('#suggestions').textContent === 'shadow')");
    keys(&[enter]);
    let text = page.text("return $('#policy').value + $('#suggestions').hidden");
    assert_eq!(
        text,
        "{\n  \"allowCredentials\": true,\n  \"mode\": \"shadow\"\n}true"
    );
    // Control and Space lists everything; arrows move, Escape closes, and the text stays.
    page.run("$('#policy').setSelectionRange(1, 1)");
    let actions = [
        ("keyDown", "\u{e009}"),
        ("keyDown", " "),
        ("keyUp", " "),
        ("keyUp", "\u{e009}"),
    ];
    press(&actions.map(|(kind, value)| json!({"type": kind, "value": value})));
    page.run("await until(() => $('#suggestions').children.length === 9)");
    let total = page.run("return Number($('#suggestions li').getAttribute('aria-setsize')) > 15");
    assert_eq!(total, json!(true));
    keys(&[down; 12]);
    let chosen = page.text(
        "return [...$('#suggestions').children].findIndex((item) => item.ariaSelected === 'true') + $('#policy').getAttribute('aria-activedescendant')",
    );
    assert_eq!(chosen, "7suggestion-12");
    keys(&["\u{e00c}"]);
    assert_eq!(
        page.text("return $('#policy').value + $('#suggestions').hidden"),
        text
    );
    // The mouse explains without moving the caret.
    let hovered = page.text(
        "const { left, top } = document.querySelectorAll('#paint .k')[0].getBoundingClientRect();
        $('#policy').dispatchEvent(new MouseEvent('mousemove', { clientX: left + 5, clientY: top + 5, bubbles: true }));
        return $('#field-doc b').textContent;",
    );
    assert_eq!(hovered, "allowCredentials");
    let in_yaml = page.text(
        r"set('#policy', 'pluginConfig:\n  allowOrigins: []\n');
        const { left, top } = document.querySelectorAll('#paint .line')[1].getBoundingClientRect();
        $('#policy').dispatchEvent(new MouseEvent('mousemove', { clientX: left + 5, clientY: top + 5, bubbles: true }));
        return $('#field-doc b').textContent;",
    );
    assert_eq!(in_yaml, "allowOrigins");
    page.is_quiet();
}

/// Without corsctl.wasm, the page says which command reads the text.
#[test]
fn without_corsctl_the_page_names_the_command() {
    let page = Page::serve();
    page.module.store(WITHOUT_CORSCTL, Ordering::Relaxed);
    page.go("");
    let said = page.text(
        "set('#policy', 'apiVersion: networking.istio.io/v1\\nkind: VirtualService');
        await until(() => $('#problems button'));
        return $('#problems button').textContent;",
    );
    assert_eq!(
        said,
        "✕ Error: corsctl.wasm: the server answered 404. To read this text, save it and run: corsctl import FILE --from istio > cors.json"
    );
}

/// The Content-Security-Policy permits only the page's own files.
#[test]
fn an_injected_script_does_not_run() {
    let page = Page::open();
    for file in ["", "live.html", "live-frame.html", "device.html"] {
        page.browser
            .open(&format!("http://127.0.0.1:{}/{file}", page.site.port));
        page.browser.complaints();
        let blocked = page.text(
            "const blocked = [];
            addEventListener('securitypolicyviolation', ({ effectiveDirective }) => blocked.push(effectiveDirective));
            const script = document.createElement('script');
            script.textContent = 'self.injected = true';
            const button = document.createElement('button');
            button.setAttribute('onclick', 'self.injected = true');
            const data = document.createElement('script');
            data.src = 'data:text/javascript,self.injected=true';
            document.documentElement.append(script, button, data);
            button.click();
            await until(() => blocked.length === 3);
            await sleep(100);
            return [self.injected, ...blocked.sort()].join(' ');",
        );
        assert_eq!(
            blocked, " script-src-attr script-src-elem script-src-elem",
            "{file}"
        );
    }
}

#[test]
fn five_megabytes_are_judged_and_kept() {
    let page = Page::open();
    let said = page.text(
        r#"const origins = Array.from({ length: 90_000 }, (_, i) => `https://host-${i}.a-rather-long-name.of-some-company.example`);
        const text = JSON.stringify({ allowOrigins: [...origins, 'https://app.example.com'], allowHeaders: ['*'], allowMethods: ['*'] });
        if (text.length < 5e6) throw text.length;
        set('#credentials', ''); $('#credentials').checked = false;
        set('#policy', text);
        await until(() => /can read/.test($('#verdict').textContent));
        $('#share').click();
        const shared = $('#shared').textContent;
        set('#policy', text + ']');
        await until(() => /rejects/.test($('#verdict').textContent));
        return [shared, $('#problems').textContent.slice(0, 60), $('#policy').value === text + ']'].join('\n');"#,
    );
    assert_eq!(
        said,
        "Too long for a link: copy the policy itself.\n\
        ✕ Error, line 1: the configuration is not JSON: trailing cha\ntrue"
    );
    page.is_quiet();
}

#[test]
fn a_module_that_does_not_load_is_reported_and_the_input_stays() {
    let page = Page::serve();
    for (state, says) in [
        (MISSING, "the server answered 404"),
        (BROKEN, "WebAssembly.compile()"),
    ] {
        page.module.store(state, Ordering::Relaxed);
        page.go("");
        let said = page.text(
            "set('#policy', '{\"allowOrigins\": [], \"maxAge\": 5, \"mine\": 1}'); await verdict();
            return [$('#broken').textContent, $('#policy').value, $('#verdict').textContent].join('\\n');",
        );
        assert!(said.contains(says), "{said}");
        assert!(
            said.ends_with("\"mine\": 1}\nNo verdict without the module"),
            "{said}"
        );
    }
    page.module.store(GOOD, Ordering::Relaxed);
    let said = page.text(
        "$('#broken button').click();
        await until(() => /rejects/.test($('#verdict').textContent));
        return $('#problems').textContent + $('#broken').hidden;",
    );
    assert!(
        said.contains("mine is not a known field") && said.ends_with("true"),
        "{said}"
    );
    let complaints = page.browser.complaints();
    assert!(
        complaints.iter().all(|line| line.contains("404")),
        "{complaints:?}"
    );
}

#[test]
fn scripts_that_do_not_load_are_reported() {
    let browser = Browser::start();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("playground/index.html");
    browser.open(&format!("file://{}", page.display()));
    let said = browser.run(
        &format!("{HELPERS}\nreturn [await verdict(), $('#broken').textContent, $('#broken').checkVisibility()].join('\\n')"),
        Value::Null,
    );
    let said = said.expect("what it says");
    let said = said.as_str().expect("text");
    assert!(
        said.starts_with("No verdict without the page's scripts\n"),
        "{said}"
    );
    assert!(
        said.contains("They need a recent browser and a server") && said.ends_with("true"),
        "{said}"
    );
}

#[test]
fn it_works_without_a_network_once_it_was_loaded() {
    let folder = Folder::new();
    for path in playground() {
        let name = path.file_name().expect("a name").to_string_lossy();
        fs::copy(&path, folder.path(&name)).expect("a copy");
    }
    fs::copy(module(), folder.path("cors.wasm")).expect("a copy");
    let port = TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr();
    let port = port.expect("its address").port();
    let mut server = Command::new("python3")
        .args([
            "-m",
            "http.server",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--directory",
        ])
        .arg(folder.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3");
    let start = Instant::now();
    while support::http::get(port, "/").is_err() {
        assert!(start.elapsed() < PATIENCE, "no server");
        thread::sleep(Duration::from_millis(50));
    }
    let browser = Browser::start();
    let url = format!("http://127.0.0.1:{port}/");
    browser.open(&url);
    let ready = "await navigator.serviceWorker.ready; return await verdict();";
    let said = browser.run(&format!("{HELPERS}\n{ready}"), Value::Null);
    server.kill().expect("the server to end");
    server.wait().expect("the server to end");
    assert_eq!(said, Ok(json!("✓ The script can read the answer")));
    browser.open("about:blank");
    browser.open(&url);
    let said = browser.run(&format!("{HELPERS}\nreturn await verdict();"), Value::Null);
    assert_eq!(said, Ok(json!("✓ The script can read the answer")));
}

#[test]
fn keyboard_screen_reader_and_phone() {
    let page = Page::open();
    // Tabs by arrow keys, as ARIA's pattern has it.
    let tabs = page.text(
        "const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
        $('#tab-json').focus();
        const seen = [];
        for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'End', 'Home']) {
          press(key);
          seen.push(document.activeElement.id + document.activeElement.getAttribute('aria-selected'));
        }
        return seen.join(' ');",
    );
    assert_eq!(
        tabs,
        "tab-envoytrue tab-istiotrue tab-gatewaytrue tab-jsontrue tab-gatewaytrue tab-jsontrue"
    );
    // The keyboard alone reaches all controls from the first to the last, and nothing traps the focus.
    let reached = (0..100).map(|_| {
        let tab = json!([{"type": "keyDown", "value": "\u{e004}"}, {"type": "keyUp", "value": "\u{e004}"}]);
        let pressed = page.browser.post("/actions", json!({"actions": [{"type": "key", "id": "keys", "actions": tab}]}));
        pressed.expect("a key");
        page.text("return document.activeElement.id || document.activeElement.textContent.trim()")
    });
    let reached: Vec<_> = reached.collect();
    for id in [
        "policy",
        "pasted",
        "paste-read",
        "origin",
        "method",
        "url",
        "headers",
        "credentials",
        "share",
        "example",
    ] {
        assert!(reached.iter().any(|own| own == id), "{id}: {reached:?}");
    }
    // Every input has a name.
    let nameless = page.run(
        "return [...document.querySelectorAll('input, textarea, select, button')].filter((field) => !field.closest('[hidden]')
            && !field.labels?.length && !field.ariaLabel && !field.textContent.trim()).map(({ id }) => id)",
    );
    assert_eq!(nameless, json!([]));
    for (width, height) in [(1280, 900), (390, 844), (320, 600)] {
        for scheme in ["light", "dark"] {
            page.emulate(width, height, scheme);
            for example in ["app", "missing", "mistakes", "traefik-hub"] {
                let poor = page.run(&format!(
                    "set('#example', '{example}', 'change'); await verdict(); {CONTRAST}"
                ));
                assert_eq!(poor, json!([]), "{width} {scheme} {example}");
                let scrolls = page
                    .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
                assert_eq!(scrolls, json!(0), "{width} {example}");
            }
        }
    }
    page.is_quiet();
}

#[test]
fn manifests_pass_corsctl() {
    let page = Page::open();
    let folder = Folder::new();
    for tab in ["envoy", "istio", "gateway"] {
        let manifest = page.text(&format!(
            "$('#tab-{tab}').click(); return $('#manifest').textContent"
        ));
        folder.write(&format!("{tab}.yaml"), &manifest);
        let checked = Command::new(support::corsctl())
            .arg("check")
            .arg(folder.path(&format!("{tab}.yaml")))
            .output()
            .expect("corsctl");
        assert!(checked.status.success(), "{tab}: {checked:?}\n{manifest}");
    }
    page.is_quiet();
}

#[test]
fn page_and_corsctl_conclude_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compared = Command::new("node")
        .arg(root.join("tests/page_and_corsctl.mjs"))
        .args([Path::new(support::corsctl()), &module()])
        .output()
        .unwrap_or_else(|error| panic!("no node ({error}): install Node.js 18 or later"));
    assert!(compared.status.success(), "{compared:?}");
}

#[test]
fn the_live_page_sees_what_the_playground_predicts() {
    let reply = |_: &_| {
        let headers = [
            ("content-type", "text/plain"),
            ("x-request-id", "1"),
            ("access-control-allow-origin", "*"),
            ("access-control-expose-headers", "*"),
        ];
        Reply::new(200, &headers)
    };
    let live = Arc::new(std::sync::Mutex::new(String::new()));
    let shared = Arc::clone(&live);
    let site = Upstream::start(move |head| {
        let path = head.start.split(' ').nth(1).unwrap_or_default();
        match path {
            "/live.json" => {
                let text = shared.lock().expect("its text").clone();
                file_of("application/json", text.into_bytes())
            }
            path => file(path),
        }
    });
    let policy = json!({
        "allowOrigins": [format!("http://localhost:{}", site.port)],
        "allowMethods": ["GET", "POST", "PUT", "DELETE"],
        "allowHeaders": ["content-type", "authorization"],
        "exposeHeaders": ["x-request-id"],
        "allowCredentials": true,
    })
    .to_string();
    let envoy = Envoy::start(
        Upstream::start(reply).port,
        vec![Listener::cors("live", Configuration::Text(&policy))],
    );
    let address = format!("http://127.0.0.1:{}", envoy.port("live"));
    *live.lock().expect("its text") = json!({"envoy": address, "policy": policy}).to_string();

    let browser = Browser::start();
    browser.open(&format!("http://localhost:{}/live.html", site.port));
    let said = browser.run(
        &format!(
            "{HELPERS}
            await until(() => document.querySelectorAll('#results td').length === 18);
            $('#send').click();
            await until(() => /predicted/.test($('#sum').textContent));
            return $('#sum').textContent + [...document.querySelectorAll('#results td.good')].map((cell) => cell.dataset.origin);"
        ),
        Value::Null,
    );
    let listed = format!("http://localhost:{}", site.port);
    let complaints = browser.complaints();
    let is_csp = |line: &&String| line.contains("Content Security Policy");
    assert_eq!(complaints.iter().find(is_csp), None);
    let expected = format!(
        "18 of 18 results are as predicted.{}",
        [listed.as_str(); 4].join(",")
    );
    assert_eq!(said, Ok(json!(expected)));
}

/// The frames of the live page send requests from the origin that serves them, but only for their own page.
#[test]
fn the_live_pages_frame_serves_no_other_site() {
    let site = Upstream::start(|head| file(head.start.split(' ').nth(1).unwrap_or_default()));
    let stranger = Upstream::start(|_| file_of("text/html", b"<iframe></iframe>".to_vec()));
    let browser = Browser::start();
    // Whether a message from a page of each origin is answered.
    let answered = |port: u16, seconds: f64| {
        browser.open(&format!("http://127.0.0.1:{port}/live.html"));
        let asked = browser.run(
            &format!(
                "{HELPERS}
                const said = [];
                addEventListener('message', ({{ data }}) => said.push(data));
                const frame = document.body.appendChild(document.createElement('iframe'));
                frame.src = 'http://localhost:{}/live-frame.html';
                await new Promise((loaded) => (frame.onload = loaded));
                // No other page gets a message.
                if (said.length) return String(said);
                frame.contentWindow.postMessage({{ id: 1, url: '/', init: {{}} }}, '*');
                const isAnswered = () => said.some(({{ id, result }}) => id === 1 && result.status === 200);
                return await until(isAnswered, {seconds}).then(() => true, () => false);",
                site.port
            ),
            Value::Null,
        );
        asked.expect("an answer")
    };
    assert_eq!(answered(site.port, 60.0), json!(true));
    assert_eq!(answered(stranger.port, 0.5), json!(false));
}

/// A file of the page, or the module.
fn file(path: &str) -> Reply {
    let name = match path.split(['?', '#']).next().unwrap_or_default() {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    let kind = match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html",
        "css" => "text/css",
        "json" => "application/json",
        "wasm" => "application/wasm",
        _ => "text/javascript",
    };
    let file = match name {
        "cors.wasm" => module(),
        "cors.schema.json" => Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/cors.schema.json"),
        "corsctl.wasm" => module().with_file_name("corsctl.wasm"),
        name => {
            let file = playground().into_iter().find(|path| path.ends_with(name));
            let Some(file) = file else {
                return Reply::new(404, &[]);
            };
            file
        }
    };
    file_of(kind, fs::read(file).expect("a file of the page"))
}

fn file_of(kind: &str, body: Vec<u8>) -> Reply {
    let headers = [("content-type", kind), ("cache-control", "no-store")];
    Reply {
        body,
        ..Reply::new(200, &headers)
    }
}

fn playground() -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("playground");
    let files = fs::read_dir(folder).expect("the playground");
    files.map(|file| file.expect("a file").path()).collect()
}

/// Helpers for the scripts of these tests.
const HELPERS: &str = "
    const $ = (selector) => document.querySelector(selector);
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const until = async (holds, seconds = 60) => {
      for (const end = Date.now() + seconds * 1000; !holds(); await sleep(20)) if (Date.now() > end) throw new Error(`never: ${holds}: ${document.body.innerText.slice(0, 900)}`);
    };
    const set = (selector, value, event = 'input') => {
      $(selector).value = value;
      $(selector).dispatchEvent(new Event(event, { bubbles: true }));
    };
    const verdict = async () => {
      await until(() => !$('[aria-busy=true]'));
      return $('#verdict')?.textContent;
    };";

/// The texts whose contrast is below 4.5 to 1, WCAG's AA.
const CONTRAST: &str = "
    const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = (color) => rgb(color).slice(0, 3).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (element) => {
      for (; element; element = element.parentElement) {
        const color = getComputedStyle(element).backgroundColor;
        if (/^rgb\\(/.test(color)) return color;
      }
      return 'rgb(255, 255, 255)';
    };
    const poor = [];
    for (const element of document.querySelectorAll('body *')) {
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      if (!own || element.id === 'policy' || !element.offsetParent || element.closest('select')) continue;
      const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
      if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(`${element.tagName}.${element.className} ${element.textContent.slice(0, 30)}: ${(a + 0.05) / (b + 0.05)}`);
    }
    return poor;";

const PATIENCE: Duration = Duration::from_secs(30);
