//! Everything that is said about a configuration, word for word: tests/messages.json.
//!
//! `UPDATE=1 cargo test --test messages` writes what is said now into it; read the difference before
//! you commit it.

use cors::config;
use cors::report::{Problems, Report};
use serde_json::{Map, Value, json};

#[test]
fn every_message_is_the_golden_one() {
    let text = std::fs::read_to_string(FILE).expect(FILE);
    let golden: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let said: Vec<Value> = golden.iter().map(say).collect();
    if std::env::var_os("UPDATE").is_some() {
        let lines: Vec<String> = said.iter().map(ToString::to_string).collect();
        std::fs::write(FILE, format!("[\n{}\n]\n", lines.join(",\n"))).expect(FILE);
        return;
    }
    for (golden, said) in golden.iter().zip(&said) {
        assert_eq!(golden.to_string(), said.to_string());
    }
}

#[test]
fn limits_are_told() {
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
    for (good, bad, error) in [
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
    ] {
        let report = |value: &Value| config::read(value.to_string().as_bytes()).1;
        assert_eq!(texts(&report(&good).errors), [""; 0], "before {error}");
        assert_eq!(texts(&report(&bad).errors), [error]);
    }

    let mut spaces = vec![b' '; 16 * 1024 * 1024];
    spaces[..2].copy_from_slice(b"{}");
    assert!(config::read(&spaces).0.is_some());
    spaces.push(b' ');
    assert_eq!(
        texts(&config::read(&spaces).1.errors),
        ["the configuration has more than 16777216 bytes"]
    );
}

#[test]
fn twenty_errors_are_shown_and_all_are_counted() {
    let report = config::read(
        json!({"allowOrigins": vec!["*.a"; 25]})
            .to_string()
            .as_bytes(),
    )
    .1;
    assert_eq!((report.errors.shown.len(), report.errors.more), (20, 5));
    assert_eq!(report.errors.len(), 25);
}

/// An entry of the file as it should be: its configuration, and what is said about that.
fn say(entry: &Value) -> Value {
    let bytes = match entry.get("text") {
        Some(text) => text.as_str().expect("a text").to_owned(),
        None => entry["config"].to_string(),
    };
    let (plugin, report) = config::read(bytes.as_bytes());
    assert_eq!(plugin.is_some(), report.errors.is_empty());
    let mut said = entry.clone();
    if let Some(fields) = said.as_object_mut() {
        for kind in ["errors", "warnings", "notes", "summary"] {
            fields.remove(kind);
        }
    }
    let Report {
        errors,
        warnings,
        notes,
    } = &report;
    for (kind, problems) in [("errors", errors), ("warnings", warnings), ("notes", notes)] {
        if !problems.is_empty() {
            said[kind] = texts(problems).into();
        }
    }
    if let Some(plugin) = plugin {
        said["summary"] = plugin.summary().into();
    }
    said
}

fn texts(problems: &Problems) -> Vec<String> {
    let mut texts: Vec<String> = problems.shown.iter().map(ToString::to_string).collect();
    if problems.more > 0 {
        texts.push(format!("and {} more", problems.more));
    }
    texts
}

const FILE: &str = "tests/messages.json";
