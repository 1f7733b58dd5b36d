//! The table of requests: its rows and columns, the cases file, and the comparison with another policy.

use std::process::Command;

use serde_json::json;

use super::Page;
use support::envoy::{Folder, module};

/// What is typed, the cell that leads to the story, and a link that holds it all.
#[test]
fn a_table_of_requests_is_edited_compared_and_linked() {
    let page = Page::open();
    let said = page.text(
        "await until(() => $('#table tbody tr'));
        return [$('#table-methods').value, document.querySelectorAll('#table tbody tr').length,
            $('#table-origins').value.split('\\n').at(-1), $('#table-sum').textContent].join('\\n');",
    );
    assert_eq!(
        said,
        "GET, POST, PUT, DELETE, PATCH\n6\nno Origin\n8 of 30 requests allowed."
    );
    // Own rows and columns stay when the policy changes; the table follows the policy.
    let said = page.text(
        r#"set('#table-origins', 'https://app.example.com\nhttps://new.example'); set('#table-methods', 'GET PUT');
        await until(() => document.querySelectorAll('#table td').length === 4);
        $('#table-compare').open = true;
        $('#table-keep').click();
        set('#policy', $('#policy').value.replace('https://app.example.com', 'https://new.example'));
        await until(() => /1 wider|2 wider/.test($('#table-sum').textContent));
        const cells = [...document.querySelectorAll('#table td')].map((cell) => `${cell.className}: ${cell.innerText.split('\n')[0]}`);
        return [...cells, $('#table-sum').textContent].join('\n');"#,
    );
    assert_eq!(
        said,
        "bad narrower: ✕ Blocked\nbad narrower: ✕ Blocked\ngood wider: ✓ Allowed\ngood wider: ✓ Allowed\n\
        2 wider, 2 narrower, of 4 requests."
    );
    // corsctl compares all requests; what it reported is gone with the policy.
    let said = page.text(
        "$('#table-exact').click();
        await until(() => /wider/.test($('#table-diff').textContent), 30);
        const said = $('#table-diff').textContent.split('\\n').slice(0, 2);
        set('#table-before', `${$('#table-before').value} `);
        await until(() => $('#table-diff').hidden);
        return said.join('\\n');",
    );
    assert_eq!(
        said,
        "now.json: top-level policy: wider\n  wider: allowOrigins \"https://new.example\": https://new.example may read responses with credentials"
    );
    let link = page.text(
        "await until(() => location.hash.includes('before=')); return location.hash.slice(1);",
    );
    page.go(&link);
    let said = page.text(
        "await until(() => /wider/.test($('#table-sum').textContent));
        return [$('#table-origins').value.split('\\n').length, $('#table-methods').value, $('#table-compare').open].join(' ');",
    );
    assert_eq!(said, "2 GET PUT true");
    // A cell leads to the story of its request.
    let said = page.text(
        "document.querySelectorAll('#table td button')[3].click();
        await verdict();
        return [$('#origin').value, $('#method').value, $('#verdict').textContent, document.activeElement.id].join(' ');",
    );
    assert_eq!(
        said,
        "https://new.example PUT ✓ The script can read the answer verdict"
    );
    // What cannot be read is reported, and what was typed stays.
    let said = page.text(
        r#"set('#table-origins', 'nonsense');
        await until(() => $('#table-problem').textContent);
        const said = [$('#table-problem').textContent, $('#table-origins').ariaInvalid, $('#table-cases').disabled];
        $('#table-refill').click();
        await until(() => !$('#table-problem').textContent);
        set('#table-before', '{"mine": 1}');
        await until(() => $('#table-problem').textContent);
        return [...said, $('#table-problem').textContent, document.querySelectorAll('#table td').length].join('\n');"#,
    );
    assert_eq!(
        said,
        "\"nonsense\" is not an origin; write scheme://host[:port], as in https://app.example.com\ntrue\ntrue\n\
        The policy before is rejected: mine is not a known field; leave it out\n30"
    );
    page.is_quiet();
}

/// The file that the page offers for download passes `corsctl test` with the page's policy.
#[test]
fn the_cases_file_passes_corsctl_test() {
    let page = Page::open();
    let cases = page.text(
        "await until(() => !$('#table-cases').disabled);
        let made;
        const create = URL.createObjectURL;
        URL.createObjectURL = (blob) => create.call(URL, (made = blob));
        const clicked = new Promise((resolve) => addEventListener('click', ({ target }) => {
          if (target.download) resolve(target.download);
        }, true));
        HTMLAnchorElement.prototype.click = function () { document.body.append(this); this.dispatchEvent(new MouseEvent('click', { cancelable: true })); this.remove(); };
        $('#table-cases').click();
        return `# ${await clicked}\\n${await made.text()}`;",
    );
    assert!(cases.starts_with("# cors-cases.yaml\n"), "{cases}");
    let policy = page.text("return $('#policy').value");
    let folder = Folder::new();
    folder.write("cors.json", &policy);
    folder.write("cases.yaml", &cases);
    let tested = Command::new(support::corsctl())
        .arg("test")
        .args([folder.path("cors.json"), folder.path("cases.yaml")])
        .output()
        .expect("corsctl");
    assert!(tested.status.success(), "{tested:?}\n{cases}");
    page.is_quiet();
}

#[test]
fn table_and_corsctl_conclude_the_same() {
    let tested = Command::new("node")
        .arg(support::root().join("tests/page_table.mjs"))
        .args([&module(), support::corsctl()])
        .output()
        .unwrap_or_else(|error| panic!("no node ({error}): install Node.js 18 or later"));
    assert!(tested.status.success(), "{tested:?}");
    assert!(!tested.stdout.is_empty(), "{:?}", json!(tested.stdout));
}
