//! All messages about a configuration, word for word: tests/messages.json.
//!
//! `BLESS=1 cargo test --test messages` writes the current messages into it; read the difference before
//! you commit it.

use std::collections::{BTreeMap, BTreeSet};

use cors::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use cors::policy::verdict::Reason;
use cors::select::policy_set::PolicySet;
use cors::select::selection::Notice;
use cors::simulate::exchange::Incoming;
use serde_json::{Map, Value, json};

#[test]
fn every_message_is_the_golden_one() {
    let text = std::fs::read_to_string(file()).expect(FILE);
    let golden: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let said: Vec<Value> = golden.iter().map(say).collect();
    if std::env::var_os("BLESS").is_some() {
        let lines: Vec<String> = said.iter().map(ToString::to_string).collect();
        std::fs::write(file(), format!("[\n{}\n]\n", lines.join(",\n"))).expect(FILE);
        return;
    }
    for (golden, said) in golden.iter().zip(&said) {
        assert_eq!(golden.to_string(), said.to_string());
    }
}

#[test]
fn limits_are_reported() {
    let diagnostics = |value: &Value| PolicySet::from_bytes(value.to_string().as_bytes()).1;
    for (good, bad, error) in limits() {
        assert_eq!(errors(&diagnostics(&good)), [""; 0], "before {error}");
        assert_eq!(errors(&diagnostics(&bad)), [error]);
    }

    let mut spaces = vec![b' '; 16 * 1024 * 1024];
    spaces[..2].copy_from_slice(b"{}");
    assert!(PolicySet::from_bytes(&spaces).0.is_some());
    spaces.push(b' ');
    assert_eq!(
        errors(&PolicySet::from_bytes(&spaces).1),
        ["the configuration has more than 16777216 bytes"]
    );
}

/// Of each code, the entry of the page and an input that makes it; and no entry of another.
#[test]
fn every_code_is_documented_and_made() {
    let text = std::fs::read_to_string(file()).expect(FILE);
    let golden: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let inputs = golden.iter().map(bytes_of);
    let inputs = inputs.chain(limits().map(|(_, bad, _)| bad.to_string()));
    let inputs = inputs.chain([" ".repeat(16 * 1024 * 1024 + 1)]);
    let mut made: BTreeMap<Code, BTreeSet<&str>> = BTreeMap::new();
    for input in inputs {
        let (_, diagnostics) = PolicySet::from_bytes(input.as_bytes());
        // Under `strict` the severity is another than the code's own.
        let is_strict = input.contains("\"strict\":true");
        for severity in Severity::ALL {
            for diagnostic in diagnostics.of(severity) {
                let severities = made.entry(diagnostic.code).or_default();
                if !is_strict {
                    severities.insert(severity.name());
                }
            }
        }
    }
    let page = std::fs::read_to_string(support::root().join(PAGE)).expect(PAGE);
    let (_, page) = page.split_once("\n## ").expect("sections");
    let mut documented = BTreeMap::new();
    for entry in page.split("\n### `").skip(1) {
        let (name, text) = entry.split_once("`\n\n").expect("a name");
        let text = text.split("\n## ").next().unwrap_or_default();
        // The entries of corsctl's own codes have a test there.
        if text.starts_with("`corsctl`, ") {
            continue;
        }
        assert!(documented.insert(name, text).is_none(), "{name} twice");
    }
    for (index, code) in Code::ALL.iter().enumerate() {
        let name = code.name();
        assert_eq!(usize::from(code.number()), index + 1, "{name}");
        let severities = made.get(code);
        let severities = severities.unwrap_or_else(|| panic!("no input makes {name}"));
        let severities: Vec<&str> = severities.iter().copied().collect();
        let text = documented.remove(name);
        let text = text.unwrap_or_else(|| panic!("{PAGE} has no entry for {name}"));
        let start = format!(
            "`cors-{}`, {}. **Why:** ",
            code.number(),
            severities.join(" or ")
        );
        assert!(text.starts_with(&start), "{name}: {start}\n{text}");
        assert!(text.contains("**Fix:**"), "{name}: {text}");
    }
    assert!(
        documented.is_empty(),
        "no code has the names {documented:?}"
    );
}

#[test]
fn the_page_has_the_names_of_the_codes() {
    let script = support::root().join(SCRIPT);
    let names = Code::ALL
        .iter()
        .map(|code| format!("  \"{}\",\n", code.name()));
    let names: String = names.collect();
    let said = format!(
        "// The names of the codes that the module logs as numbers, as `[cors-1]`. Written by\n\
         // `BLESS=1 cargo test --test messages`.\n\
         export const CODES = [\n  \"\",\n{names}];\n"
    );
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&script, &said).expect(SCRIPT);
    }
    assert!(
        std::fs::read_to_string(&script).expect(SCRIPT) == said,
        "BLESS=1 renews {SCRIPT}"
    );
}

/// Inputs at a limit, over it, and the error.
fn limits() -> impl Iterator<Item = (Value, Value, String)> {
    let names = |count: usize| -> Vec<String> { (0..count).map(|n| format!("a{n}")).collect() };
    let origins = |count| -> Vec<String> {
        let names = names(count);
        names.iter().map(|name| format!("https://{name}")).collect()
    };
    let policy = json!({"allowOrigins": ["https://a.example"]});
    let rules = |count| -> Vec<Value> {
        let rule = |name| json!({"match": {"hostnames": [name]}, "policy": policy});
        names(count).into_iter().map(rule).collect()
    };
    let policies = |count| -> Map<String, Value> {
        let pair = |name| (name, policy.clone());
        names(count).into_iter().map(pair).collect()
    };
    let product = |hosts, paths: usize, routes| {
        let paths: Vec<String> = (0..paths).map(|n| format!("/{n}")).collect();
        let all =
            json!({"hostnames": names(hosts), "pathPrefixes": paths, "routeNames": names(routes)});
        json!([{"match": all, "policy": policy}])
    };
    let path = |length: usize| {
        let path = format!("/{}", "p".repeat(length - 1));
        json!({"rules": [{"match": {"exactPaths": [path]}, "policy": policy}]})
    };
    let long_path = format!(
        "rules[0].match.exactPaths[0]: \"/{}… has more than 4096 bytes",
        "p".repeat(98)
    );
    let long = |name: &str, length| json!({"allowOrigins": ["*"], name: ["x".repeat(length)]});
    let limits = [
        (path(4096), path(4097), long_path.as_str()),
        (
            long("allowMethods", 16_384),
            long("allowMethods", 16_385),
            "allowMethods: makes a header of 16385 bytes; the limit is 16384",
        ),
        (
            long("allowHeaders", 16_384),
            long("allowHeaders", 16_385),
            "allowHeaders: makes a header of 16385 bytes; the limit is 16384",
        ),
        (
            long("exposeHeaders", 16_384),
            long("exposeHeaders", 16_385),
            "exposeHeaders: makes a header of 16385 bytes; the limit is 16384",
        ),
        (
            json!({"allowOrigins": origins(100_000)}),
            json!({"allowOrigins": origins(100_001)}),
            "allowOrigins: has 100001 entries; the limit is 100000",
        ),
        (
            json!({"allowOrigins": ["*"], "allowHeaders": names(1_000)}),
            json!({"allowOrigins": ["*"], "allowHeaders": names(1_001)}),
            "allowHeaders: has 1001 entries; the limit is 1000",
        ),
        (
            json!({"rules": rules(10_000)}),
            json!({"rules": rules(10_001)}),
            "rules: has 10001 rules; the limit is 10000",
        ),
        (
            json!({"policies": policies(10_000)}),
            json!({"policies": policies(10_001)}),
            "policies: has more than 10000 policies",
        ),
        (
            json!({"rules": product(200, 100, 10)}),
            json!({"rules": product(201, 100, 10)}),
            "rules[0].match: brings the combinations of host, path and route name over 200000; split the rules by what they need",
        ),
        (
            json!({"policies": {
                "a": {"allowOriginRegexes": names(999)}, "b": {"allowOriginRegexes": ["a"]}
            }}),
            json!({"policies": {
                "a": {"allowOriginRegexes": names(999)}, "b": {"allowOriginRegexes": ["a", "b", "c"]}
            }}),
            "policies.b.allowOriginRegexes[1]: is over the limit of 1000 regular expressions",
        ),
    ];
    limits
        .map(|(good, bad, error)| (good, bad, error.to_owned()))
        .into_iter()
}

#[test]
fn twenty_errors_are_shown_and_all_are_counted() {
    let configuration = json!({"allowOrigins": vec!["*.a"; 25]}).to_string();
    let (_, diagnostics) = PolicySet::from_bytes(configuration.as_bytes());
    assert_eq!(diagnostics.errors().count(), 20);
    assert_eq!(diagnostics.more(Severity::Error), 5);
    assert_eq!(diagnostics.count(Severity::Error), 25);
}

/// Names, patterns and values from outside have no effect in a log, in an access log or in a 403.
#[test]
fn texts_from_outside_are_shown() {
    const HOSTILE: &str = "z\n\r\u{1b}[31m\u{7f}\u{9b}\u{202e}\u{2028}";
    let policy = |regex: &str| json!({"allowOriginRegexes": [regex]});
    let configuration = json!({
        "rules": [{
            "name": HOSTILE, "match": {"hostnames": ["a.example"]},
            "policy": policy("(?x) https://a # \u{9b}\n \\.example # \u{202e}"),
        }],
        "policies": {HOSTILE: policy("https://b")},
        "routeMetadataNamespace": HOSTILE,
        "debug": true,
    });
    let plugin = plugin_of(&configuration).expect("a plugin");
    let mut texts = vec![plugin.summary()];
    let bad = [
        json!({HOSTILE: 1}),
        json!({"allowOrigins": [HOSTILE]}),
        json!(HOSTILE),
    ];
    let warned = json!({"allowOriginRegexes": ["(?x) a.b #\u{9b}\n"]});
    for metadata in bad.iter().chain([&warned, &Value::Null]) {
        for (origin, method, asked) in [
            ("https://a.example", "PUT", "x-a"),
            ("https://a.example", "PUT", HOSTILE),
            ("https://a.example", HOSTILE, "x-a"),
            (HOSTILE, "PUT", "x-a"),
        ] {
            let headers = [
                (":method", "OPTIONS"),
                (":authority", "a.example"),
                ("origin", origin),
                ("access-control-request-method", method),
                ("access-control-request-headers", asked),
            ];
            let request = Incoming {
                headers: headers.into_iter().collect(),
                route_name: None,
                route_policy: Some(metadata)
                    .filter(|text| !text.is_null())
                    .map(Value::to_string),
            };
            let judgement = plugin.judge(&request);
            texts.push(judgement.label().to_owned());
            if let Some(Notice::Invalid(Some(text)) | Notice::Warned(text)) = judgement.notice() {
                texts.push(text.clone());
            }
            texts.push(judgement.to_string());
            let body = judgement.reply().map(|reply| reply.body);
            texts.push(body.unwrap_or_default().trim_end_matches('\n').to_owned());
        }
    }
    assert!(texts.iter().any(|text| text.contains("/(?x)")), "{texts:?}");
    for text in texts {
        let is_obeyed = |char: char| char.is_control() || "\u{202e}\u{2028}".contains(char);
        assert!(!text.contains(is_obeyed), "{text:?}");
    }
}

/// The text of a remedy is accepted where it is pasted, and allows nothing that was refused before.
#[test]
fn remedies_are_accepted() {
    let text = std::fs::read_to_string(file()).expect(FILE);
    let golden: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let mut pasted = 0;
    for configuration in golden.iter().filter_map(|entry| entry.get("config")) {
        let (_, diagnostics) = PolicySet::from_bytes(configuration.to_string().as_bytes());
        for problem in diagnostics.errors().chain(diagnostics.warnings()) {
            let Some(values) = values_to_paste(&problem.message) else {
                continue;
            };
            pasted += 1;
            let mut edited = configuration.clone();
            paste(&mut edited, &problem.path, &values);
            let (_, after) = PolicySet::from_bytes(edited.to_string().as_bytes());
            // An error that is hidden behind twenty others cannot be found again.
            for error in after.errors() {
                assert_ne!(error.path, problem.path, "{problem}: {error}");
            }
            assert!(
                !after.warnings().any(|warning| warning == problem),
                "{problem}: the same again"
            );
            let is_origin = problem.path.contains("allowOrigin");
            for value in values
                .iter()
                .filter(|_| is_origin)
                .filter_map(Value::as_str)
            {
                let (name, written) = written_origin(problem);
                let plugin = |entry: &str| plugin_of(&json!({name: [entry]}));
                // An entry with an error allowed nothing; the next test checks what its remedy may allow.
                let (Some(was), Some(is)) = (plugin(&written), plugin(value)) else {
                    continue;
                };
                for origin in probes(value) {
                    let is_new = allows(&is, &origin) && !allows(&was, &origin);
                    assert!(!is_new, "{problem}: allows {origin}");
                }
            }
        }
    }
    assert!(pasted > 80, "{pasted} remedies");
}

/// For every incomplete or overlong spelling of an origin, the remedy is that origin and no other.
#[test]
fn origins_to_paste_are_those_that_were_meant() {
    let mut remedies = 0;
    for scheme in ["", "//", "https://", "http://", "wss://", "*://"] {
        for user in ["", "u:p@"] {
            for host in [
                "a.example",
                "A.Example",
                "*.a.example",
                "localhost",
                "127.0.0.1",
                "[::1]",
            ] {
                for port in ["", ":8443", ":*"] {
                    for tail in [
                        "",
                        "/",
                        "/x",
                        "/*",
                        "?q=/",
                        "#f",
                        "\\x",
                        "/x?a@b.example",
                        "\t",
                        ",",
                    ] {
                        let meant = Meant { scheme, host, port };
                        let text = format!("{scheme}{user}{host}{port}{tail}");
                        remedies += usize::from(check_origin(&text, &meant));
                    }
                }
            }
        }
    }
    assert!(remedies > 1_000, "{remedies} remedies");
}

/// An expected entry of the file: its configuration, and the messages about it.
fn say(entry: &Value) -> Value {
    let (plugin, diagnostics) = PolicySet::from_bytes(bytes_of(entry).as_bytes());
    assert_eq!(plugin.is_none(), diagnostics.has_errors());
    let mut said = entry.clone();
    if let Some(fields) = said.as_object_mut() {
        for kind in ["errors", "warnings", "notes", "summary", "codes"] {
            fields.remove(kind);
        }
    }
    let mut codes = Vec::new();
    for severity in Severity::ALL {
        if diagnostics.count(severity) > 0 {
            said[format!("{}s", severity.name())] = texts(&diagnostics, severity).into();
            codes.extend(diagnostics.of(severity).map(|diagnostic| diagnostic.code));
        }
    }
    if !codes.is_empty() {
        said["codes"] = codes.into_iter().map(Code::name).collect();
    }
    if let Some(plugin) = plugin {
        said["summary"] = plugin.summary().into();
    }
    said
}

/// The configuration of an entry of the file.
fn bytes_of(entry: &Value) -> String {
    match entry.get("text") {
        Some(text) => text.as_str().expect("a text").to_owned(),
        None => entry["config"].to_string(),
    }
}

struct Meant<'m> {
    scheme: &'m str,
    host: &'m str,
    port: &'m str,
}

impl Meant<'_> {
    /// Whether this origin is meant, decided without the filter's own matching.
    fn allows(&self, origin: &str) -> bool {
        let host = self.host.to_ascii_lowercase();
        let is_loopback = ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str());
        let (scheme, rest) = origin.split_once("://").unwrap_or_default();
        let scheme_fits = match self.scheme {
            "" | "//" => scheme == if is_loopback { "http" } else { "https" },
            "*://" => ["http", "https"].contains(&scheme),
            listed => listed.strip_suffix("://") == Some(scheme),
        };
        let end = rest.rfind(':').filter(|end| !rest[*end..].contains(']'));
        let (its_host, its_port) = rest.split_at(end.unwrap_or(rest.len()));
        let host_fits = match host.strip_prefix('*') {
            Some(domain) => its_host.ends_with(domain) && its_host.len() > domain.len(),
            None => its_host == host,
        };
        let port_fits = self.port == ":*" || self.port == its_port;
        scheme_fits && host_fits && port_fits
    }
}

/// Whether the text is rejected with a remedy that allows exactly what is meant.
fn check_origin(text: &str, meant: &Meant) -> bool {
    let configuration = json!({"allowOrigins": [text]});
    let (plugin, diagnostics) = PolicySet::from_bytes(configuration.to_string().as_bytes());
    let origins = match diagnostics.errors().next() {
        None => vec![json!(text)],
        Some(error) => {
            values_to_paste(&error.message).unwrap_or_else(|| panic!("no remedy: {error}"))
        }
    };
    let configuration = json!({"allowOrigins": origins});
    let accepted = plugin_of(&configuration).expect("what the remedy says");
    for scheme in ["https", "http", "wss"] {
        for host in [
            "a.example",
            "b.a.example",
            "c.b.a.example",
            "evila.example",
            "a.example.evil.example",
            "example",
            "b.example",
            "u",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "x",
        ] {
            for port in ["", ":8443", ":1"] {
                let origin = format!("{scheme}://{host}{port}");
                let is = allows(&accepted, &origin);
                assert_eq!(is, meant.allows(&origin), "{text:?} {origins:?} {origin}");
            }
        }
    }
    plugin.is_none()
}

/// The values after `write `, if nothing else has to be written.
fn values_to_paste(text: &str) -> Option<Vec<Value>> {
    let (_, mut rest) = text.rsplit_once("; write ")?;
    let mut values = Vec::new();
    loop {
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        values.push(stream.next()?.ok()?);
        rest = &rest[stream.byte_offset()..];
        match rest.strip_prefix(", ") {
            Some(after) => rest = after,
            None => break,
        }
    }
    let ends = rest.is_empty()
        || [" (", " for ", " in quotes"]
            .iter()
            .any(|end| rest.starts_with(end));
    ends.then_some(values)
}

/// Replaces the value at the path with these values, as one does by hand.
fn paste(configuration: &mut Value, path: &str, values: &[Value]) {
    let (parent, last) = match path
        .strip_suffix(']')
        .and_then(|path| path.rsplit_once('['))
    {
        Some((parent, index)) => (parent, index.parse().ok()),
        None => (path, None),
    };
    let mut place = configuration;
    for step in parent.split('.') {
        let (name, indexes) = step.split_once('[').unwrap_or((step, ""));
        let names = [name.to_owned(), snake_case(name)];
        let key = names.iter().find(|name| place.get(name.as_str()).is_some());
        place = &mut place[key.expect(path)];
        for index in indexes.split(['[', ']']).filter(|index| !index.is_empty()) {
            place = &mut place[index.parse::<usize>().expect(path)];
        }
    }
    match (last, place) {
        (Some(index), Value::Array(items)) => {
            let index: usize = index;
            items.splice(index..=index, values.iter().cloned());
        }
        (None, place) => *place = values[0].clone(),
        (Some(_), place) => panic!("{path}: {place} is not a list"),
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for char in name.chars() {
        if char.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake
}

/// The field and the entry that a problem with an origin is about.
fn written_origin(problem: &Diagnostic) -> (&'static str, String) {
    let name = ["allowOriginRegexes", "allowOrigins"]
        .into_iter()
        .find(|name| problem.path.contains(name))
        .expect("origins");
    let value = serde_json::from_str(&problem.value).unwrap_or_default();
    (name, value)
}

fn plugin_of(configuration: &Value) -> Option<PolicySet> {
    PolicySet::from_bytes(configuration.to_string().as_bytes()).0
}

fn allows(plugin: &PolicySet, origin: &str) -> bool {
    let request = Incoming {
        headers: [("origin", origin)].into_iter().collect(),
        route_name: None,
        route_policy: None,
    };
    let judgement = plugin.judge(&request);
    judgement
        .verdict()
        .is_some_and(|verdict| verdict.reason == Reason::Allowed)
}

/// Origins that a pattern or an expression like this may allow, and some that it must not.
fn probes(pattern: &str) -> Vec<String> {
    let plain = pattern
        .replace('\\', "")
        .replace('*', "sub")
        .replace(":sub", ":81");
    let host = plain.split("://").nth(1).unwrap_or_default();
    ["https", "http", "ws", "wss", "ftp"]
        .iter()
        .flat_map(|scheme| {
            ["", "evil", "sub.", "x"].map(|start| format!("{scheme}://{start}{host}"))
        })
        .flat_map(|origin| {
            [
                origin.clone(),
                format!("{origin}:8443"),
                origin.replacen('.', "x", 1),
            ]
        })
        .collect()
}

fn errors(diagnostics: &Diagnostics) -> Vec<String> {
    texts(diagnostics, Severity::Error)
}

fn texts(diagnostics: &Diagnostics, severity: Severity) -> Vec<String> {
    let shown = diagnostics.of(severity);
    let mut texts: Vec<String> = shown.map(ToString::to_string).collect();
    let more = diagnostics.more(severity);
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    texts
}

const SCRIPT: &str = "playground/codes.js";

const PAGE: &str = "docs/src/reference/diagnostics.md";

const FILE: &str = "tests/messages.json";

fn file() -> std::path::PathBuf {
    support::root().join(FILE)
}
