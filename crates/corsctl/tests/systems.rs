//! The systems that `corsctl import` reads: each folder of `tests/import` holds configurations of one
//! system, and `outcomes.yaml` says what a browser gets under the policy that is written for each.
//!
//! A row is `METHOD ORIGIN URL`, then `credentials` or header names as `+x-token`, and an outcome:
//! `allowed` and `refused` are what the model of a browser concludes, `rejected` is a request that is
//! answered with 403, and `off` is one that no policy governs. `said` lists texts that import has to
//! say; `error` is a text of the error of a file that is refused.
//!
//! The transcripts in `docs/src/from` are held too; `BLESS=1` writes the current output into them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cors::select::policy_set::PolicySet;
use cors::simulate::browser::{Engine, Fetch, SetHeader, Upload, Url};
use cors::simulate::exchange::{Incoming, Lines, Response, exchange};
use saphyr::{LoadableYamlNode, Yaml};

#[test]
fn every_configuration_has_the_outcomes_of_its_system() {
    let mut failures = Vec::new();
    for folder in folders() {
        let table = fs::read_to_string(folder.join("outcomes.yaml")).expect("outcomes.yaml");
        let table = Yaml::load_from_str(&table).expect("YAML");
        let table = table.first().and_then(Yaml::as_mapping).expect("a table");
        let mut files = files_of(&folder);
        for (file, rows) in table {
            let file = file.as_str().expect("the name of a file");
            assert!(files.remove(file).is_some(), "{file} is not there");
            let rows = rows.as_mapping().expect("rows");
            let rows = rows
                .iter()
                .map(|(key, value)| (key.as_str().expect("a text"), value));
            let rows: Vec<_> = rows.collect();
            let output = import(&folder, file);
            let name = format!("{}/{file}", folder.file_name().expect("a name").display());
            check(&rows, &output, &name, &mut failures);
        }
        assert!(
            files.is_empty(),
            "{} has no outcomes of {files:?}",
            folder.display()
        );
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_system_has_configurations_of_many_shapes() {
    for folder in folders() {
        let count = files_of(&folder).len();
        assert!(count >= 10, "{} has {count}", folder.display());
    }
}

/// Each page about a system shows what import says and writes.
#[test]
fn the_pages_show_what_import_does() {
    let root = support::root();
    let mut count = 0;
    for entry in fs::read_dir(root.join("docs/src/from")).expect("the pages") {
        let page = entry.expect("a page").path();
        let text = fs::read_to_string(&page).expect("a page");
        let mut written = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(START) {
            let (block, after) = after.split_once("```").expect("the end of a transcript");
            let (command, _) = block.split_once('\n').expect("a command");
            let output = Command::new(support::corsctl())
                .current_dir(&root)
                .args(command.split(' '))
                .output()
                .expect("corsctl");
            let shown = format!("{}{}", text_of(&output.stderr), text_of(&output.stdout));
            written += &format!("{before}{START}{command}\n{shown}```");
            rest = after;
            count += 1;
        }
        written += rest;
        if std::env::var_os("BLESS").is_some() {
            fs::write(&page, &written).expect("a page");
        } else {
            assert_eq!(
                text,
                written,
                "{}: BLESS=1 writes what is new",
                page.display()
            );
        }
    }
    assert!(count > 0, "no page has a transcript");
}

fn check(rows: &[(&str, &Yaml)], output: &Output, name: &str, failures: &mut Vec<String>) {
    let said = text_of(&output.stderr);
    let mut fail = |text: String| failures.push(format!("{name}: {text}\n{said}"));
    let texts = |wanted: &str| {
        let rows = rows.iter().filter(move |(key, _)| *key == wanted);
        rows.flat_map(|(_, value)| match value.as_str() {
            Some(text) => vec![text],
            None => value
                .as_vec()
                .expect("texts")
                .iter()
                .filter_map(Yaml::as_str)
                .collect(),
        })
        .collect::<Vec<_>>()
    };
    let errors = texts("error");
    for text in texts("said").iter().chain(&errors) {
        if !said.contains(text) {
            fail(format!("import does not say {text:?}"));
        }
    }
    if !errors.is_empty() {
        if output.status.code() != Some(2) || !output.stdout.is_empty() {
            fail("is not refused".to_owned());
        }
        return;
    }
    if output.status.code() != Some(0) {
        return fail("is refused".to_owned());
    }
    let (plugin, _) = PolicySet::from_bytes(&output.stdout);
    let plugin = plugin.expect("a configuration");
    let rows = rows.iter().filter(|(key, _)| *key != "said");
    let mut count = 0;
    for (row, wanted) in rows {
        let found = outcome(&plugin, row);
        let wanted = wanted.as_str().expect("an outcome");
        if found != wanted {
            let written = text_of(&output.stdout);
            fail(format!("{row}: {found}, not {wanted}\n{written}"));
        }
        count += 1;
    }
    if count < 3 {
        fail(format!("{count} outcomes are too few"));
    }
}

/// What a browser gets of the request in a row.
fn outcome(plugin: &PolicySet, row: &str) -> &'static str {
    let mut words = row.split_whitespace();
    let mut next = || {
        words
            .next()
            .unwrap_or_else(|| panic!("{row}: METHOD ORIGIN URL"))
    };
    let (method, origin, url) = (next(), next(), next());
    let rest: Vec<_> = words.collect();
    let headers = rest.iter().filter_map(|word| word.strip_prefix('+'));
    let fetch = Fetch {
        engine: Engine::Standard,
        origin: origin.to_owned(),
        url: Url::parse(url).unwrap_or_else(|| panic!("{row}: the URL")),
        method: method.to_owned(),
        headers: headers.map(SetHeader::named).collect(),
        credentials: rest.contains(&"credentials"),
        upload: Upload::Whole,
    };
    let send = |headers: Lines| {
        let incoming = Incoming {
            headers,
            ..Incoming::default()
        };
        let upstream = Response {
            status: 200,
            headers: Lines::default(),
        };
        exchange(plugin, incoming, upstream)
    };
    let mut is_governed = false;
    let mut is_rejected = false;
    let result = fetch.run(|headers| {
        let is_preflight = headers.get(":method") == Some(b"OPTIONS");
        let exchange = send(headers);
        is_governed |= exchange.judgement.verdict().is_some();
        is_rejected |= !is_preflight && exchange.response.status == 403;
        exchange.response
    });
    match (is_governed, is_rejected, result.is_readable()) {
        (false, ..) => "off",
        (_, true, _) => "rejected",
        (_, _, true) => "allowed",
        _ => "refused",
    }
}

/// The folders of the systems.
fn folders() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let entries = fs::read_dir(folder).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<_> = paths
        .filter(|path| path.is_dir() && !path.ends_with("refused"))
        .collect();
    folders.sort();
    folders
}

/// The configurations in a folder.
fn files_of(folder: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder");
    let paths = entries.map(|entry| entry.expect("a file").path());
    let paths = paths.filter(|path| !path.ends_with("outcomes.yaml"));
    let named = paths.map(|path| {
        (
            path.file_name().expect("a name").display().to_string(),
            path,
        )
    });
    named.collect()
}

/// Imports a file; its folder is the system to read it from, if its name does not begin with that of
/// another: `NAME.SYSTEM.yaml`.
fn import(folder: &Path, file: &str) -> Output {
    let mut command = Command::new(support::corsctl());
    command.current_dir(folder).args(["import", file]);
    if let [_, system, _] = file.split('.').collect::<Vec<_>>().as_slice() {
        command.args(["--from", system]);
    }
    command.output().expect("corsctl")
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

const START: &str = "```console\n$ corsctl ";
