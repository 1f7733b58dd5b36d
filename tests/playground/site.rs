//! The folder that `scripts/site` makes, under a path, on a server without a network: pages, links, search, and policies.

use std::env;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{HELPERS, file_of};
use support::browser::Browser;
use support::upstream::{Reply, Upstream};

#[test]
#[ignore = "needs the folder in CORS_SITE; scripts/test 58-site sets it"]
fn the_site_works_under_a_path() {
    let folder = PathBuf::from(env::var("CORS_SITE").expect("CORS_SITE"));
    let site = Upstream::start(move |head| {
        let path = head.start.split([' ', '?']).nth(1).unwrap_or_default();
        let name = path.strip_prefix("/some/path/").unwrap_or("outside");
        let name = if name.is_empty() { "index.html" } else { name };
        match fs::read(folder.join(name)) {
            Ok(file) => file_of(kind(name), file),
            Err(_) => Reply::new(404, &[]),
        }
    });
    let browser = Browser::start();
    let open =
        |page: &str| browser.open(&format!("http://127.0.0.1:{}/some/path/{page}", site.port));
    let run = |script: &str| {
        let ended = browser.run(&format!("{HELPERS}\n{script}"), Value::Null);
        ended.unwrap_or_else(|error| panic!("{script}: {error}"))
    };

    // A diagnostic leads to its entry, and its field to its row.
    open("");
    let links = run("set('#example', 'mistakes', 'change');
        await until(() => document.querySelectorAll('#problems .links a').length > 8);
        return [...document.querySelectorAll('#problems a, #pages a')].map(({ href }) => href);");
    let documented = run("$('#policy').focus();
        $('#policy').setSelectionRange(8, 8);
        await until(() => $('#field-doc a'));
        return $('#field-doc a').href;");
    let documented = documented.as_str().expect("a link");
    assert!(
        documented.ends_with("/docs/reference/fields.html#allowOrigins"),
        "{documented}"
    );
    let links: Vec<String> = serde_json::from_value(links).expect("links");
    let is_source = |link: &&String| link.starts_with("https://forge.example/");
    assert_eq!(links.iter().filter(is_source).count(), 1, "{links:?}");
    for link in links.iter().filter(|link| !is_source(link)) {
        browser.open(link);
        let found = run("const place = decodeURIComponent(location.hash.slice(1));
            await until(() => document.title && (!place || document.getElementById(place)?.checkVisibility()));
            return true;");
        assert_eq!(found, json!(true), "{link}");
    }

    // The search of the documents, which needs no server.
    open("docs/reference/fields.html");
    let found = run(
        "await until(() => window.search?.hasFocus);
        $('#mdbook-search-toggle').click();
        await until(() => $('#mdbook-searchbar').checkVisibility());
        $('#mdbook-searchbar').value = 'preflight';
        $('#mdbook-searchbar').dispatchEvent(new KeyboardEvent('keyup', { key: 't', bubbles: true }));
        $('#mdbook-searchbar').dispatchEvent(new InputEvent('input', { bubbles: true }));
        await until(() => document.querySelectorAll('#mdbook-searchresults li').length > 3);
        return true;",
    );
    assert_eq!(found, json!(true));
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // Another script does not run in the documents.
    let injected = run("const blocked = new Promise((resolve) => addEventListener('securitypolicyviolation', resolve));
        const script = document.createElement('script');
        script.textContent = 'self.injected = true';
        document.body.append(script);
        await blocked;
        return self.injected === true;");
    assert_eq!(injected, json!(false));
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html",
        "css" => "text/css",
        "js" => "text/javascript",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
