//! Configurations of other systems with what a script can do under them: `tests/outcomes` has a file for
//! each system. A case names calls of `fetch` that are allowed and calls that are blocked, each as
//! `METHOD URL ORIGIN`, then `credentials` and the headers that the script sets; or what is said of a
//! file that is refused.

use std::fs;
use std::path::Path;

use cors::simulate::browser::{Fetch, Url};
use cors::simulate::exchange::{Incoming, exchange};
use saphyr::{LoadableYamlNode, Yaml};

use crate::compare::{Imported, import};
use crate::parts;

#[test]
fn every_configuration_has_its_outcomes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outcomes");
    let files = fs::read_dir(folder).expect("the folder");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    let mut failures = Vec::new();
    for path in &files {
        let text = fs::read_to_string(path).expect("text");
        let documents = Yaml::load_from_str(&text).expect("YAML");
        let cases = documents[0].as_sequence().expect("a list of cases");
        let system = path.file_stem().expect("a name").to_string_lossy();
        assert!(cases.len() >= 10, "{system} has {} cases", cases.len());
        for case in cases {
            let name = case["name"].as_str().expect("a name");
            let wrong = check(&system, case).into_iter();
            failures.extend(wrong.map(|wrong| format!("{system}: {name}: {wrong}")));
        }
    }
    assert!(files.len() >= 6, "only {} files", files.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What is not as the case says.
fn check(system: &str, case: &Yaml) -> Vec<String> {
    let file = case["file"].as_str().expect("a file");
    let Imported { plugin, reported } = import(&["import", "-"], file);
    let mut wrong = Vec::new();
    if !reported.contains("read as ") && plugin.is_some() {
        wrong.push(format!("not recognised as of {system}"));
    }
    for part in list(case, "says") {
        if !reported.contains(&part) {
            wrong.push(format!("not said: {part}\n{reported}"));
        }
    }
    let Some(plugin) = plugin else {
        if case.as_mapping_get("refused").and_then(Yaml::as_bool) != Some(true) {
            wrong.push(format!("refused: {reported}"));
        }
        return wrong;
    };
    if case.as_mapping_get("refused").is_some() {
        wrong.push(format!("is not refused\n{reported}"));
        return wrong;
    }
    let calls = [("allowed", true), ("blocked", false)];
    let calls = calls.map(|(name, is_allowed)| (list(case, name), is_allowed));
    assert!(calls.iter().any(|(list, _)| !list.is_empty()), "no calls");
    for (call, is_allowed) in calls
        .iter()
        .flat_map(|(list, is)| list.iter().map(|call| (call, *is)))
    {
        let fetch = read_call(call);
        let upstream = parts::upstream(&fetch.origin, false);
        let outcome = fetch.run(|headers| {
            let request = Incoming {
                headers,
                ..Incoming::default()
            };
            exchange(&plugin, request, upstream.clone()).response
        });
        if outcome.is_readable() != is_allowed {
            wrong.push(format!("{call}: {outcome:?}\n{reported}"));
        }
    }
    wrong
}

fn read_call(call: &str) -> Fetch {
    let mut words = call.split(' ');
    let mut word = || words.next().expect("METHOD URL ORIGIN").to_owned();
    let (method, url, origin) = (word(), word(), word());
    let (flags, headers): (Vec<_>, Vec<_>) = words.partition(|word| *word == "credentials");
    Fetch {
        origin,
        url: Url::parse(&url).expect("a URL"),
        method,
        headers: headers.into_iter().map(str::to_owned).collect(),
        credentials: !flags.is_empty(),
    }
}

fn list(case: &Yaml, name: &str) -> Vec<String> {
    let list = case.as_mapping_get(name).and_then(Yaml::as_sequence);
    let texts = list.into_iter().flatten();
    texts
        .map(|text| text.as_str().expect("a text").to_owned())
        .collect()
}
