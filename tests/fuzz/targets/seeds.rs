//! Writes the first inputs of every target from the table of cases: `seeds FOLDER`.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::{env, fs};

use cors::config::json::Json;
use cors_fuzz::to_struct;
// Built with the flags of the targets, it needs what they call at each branch.
use libfuzzer_sys as _;
use serde_json::Value;

fn main() {
    let folder = env::args().nth(1).expect("usage: seeds FOLDER");
    let seed = |targets: &[&str], bytes: &[u8]| {
        for target in targets {
            write(&Path::new(&folder).join(target), bytes);
        }
    };
    let groups: Value = serde_json::from_str(include_str!("../../cases.json")).expect("the table");
    let (mut patterns, mut regexes, mut origins) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for group in items(&groups) {
        let configuration = group["config"].to_string();
        seed(
            &["configuration", "structs", "texts"],
            configuration.as_bytes(),
        );
        if let Some(bytes) = Json::parse(configuration.as_bytes())
            .ok()
            .as_ref()
            .and_then(to_struct)
        {
            seed(&["configuration"], &bytes);
        }
        patterns.extend(strings(&group["config"]["allowOrigins"]));
        regexes.extend(strings(&group["config"]["allowOriginRegexes"]));
        for case in items(&group["cases"]) {
            let request = &case["request"];
            let (authority, path) = parts(text(&request["url"]));
            seed(&["paths"], path.as_bytes());
            origins.extend(header(request, "origin"));

            let mut bytes = configuration.clone().into_bytes();
            let mut line = |name: &str, value: &str| {
                bytes.extend(format!("\n{name}: ").bytes());
                bytes.extend(value.chars().map(|char| char as u8));
            };
            line(":method", text(&request["method"]));
            line(":authority", authority);
            line(":path", path);
            for pair in items(&request["headers"]) {
                line(text(&pair[0]), text(&pair[1]));
            }
            line("other-origin", "https://other.example");
            line("other-access-control-request-headers", "x-other");
            line("other-access-control-request-method", "PUT");
            line("other-access-control-request-private-network", "true");
            bytes.push(b'\n');
            for pair in items(&case["upstream"]["headers"]) {
                bytes.extend(format!("\n{}: {}", text(&pair[0]), text(&pair[1])).bytes());
            }
            seed(
                &["caches", "grants", "refusals", "texts", "values", "work"],
                &bytes,
            );
        }
    }
    for (row, pattern) in patterns.iter().enumerate() {
        seed(&["patterns"], pattern.as_bytes());
        for (column, origin) in origins.iter().enumerate() {
            let pair = format!("{pattern}\n{origin}");
            seed(&["exact"], pair.as_bytes());
            // The reference of this target takes a millisecond for each pair.
            if (row + column) % 8 == 0 {
                seed(&["subdomains"], pair.as_bytes());
            }
        }
    }
    for regex in regexes {
        for origin in &origins {
            seed(&["regexes"], format!("{regex}\n{origin}").as_bytes());
        }
    }
}

/// Named after its content, so that equal seeds have one file.
fn write(folder: &Path, bytes: &[u8]) {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    fs::create_dir_all(folder).expect("a folder");
    fs::write(folder.join(format!("{:016x}", hasher.finish())), bytes).expect("a seed");
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    items(list).iter().filter_map(Value::as_str)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn header<'v>(request: &'v Value, name: &str) -> Option<&'v str> {
    let pair = items(&request["headers"])
        .iter()
        .find(|pair| pair[0] == name)?;
    Some(text(&pair[1]))
}

fn parts(url: &str) -> (&str, &str) {
    let (_, rest) = url.split_once("://").expect("a URL");
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}
