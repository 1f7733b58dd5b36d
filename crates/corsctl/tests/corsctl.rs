//! corsctl as its users see it: every command, its output and its exit codes.
//!
//! tests/corsctl/golden.txt is a transcript; `BLESS=1 cargo test --test corsctl` writes the current output
//! into it. Read the difference before you commit it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use cors::diagnostic::{Code, Diagnostic};
use saphyr::LoadableYamlNode;
use serde_json::{Value, json};
use support::schema::problems;
use support::transcript;

#[test]
fn every_command_says_what_it_should() {
    transcript::check(&folder());
}

#[test]
fn the_table_passes() {
    let groups: Vec<Value> = read_json("tests/cases.json");
    for group in groups {
        let config = scratch("config.json", &group["config"].to_string());
        let cases = scratch("cases.json", &group["cases"].to_string());
        let output = corsctl(&["test", &config, &cases]);
        assert_eq!(output.0, 0, "{}: {}", group["name"], output.1);
    }
}

#[test]
fn the_schema_is_the_committed_one() {
    for (file, arguments) in [
        (SCHEMA, &["schema"][..]),
        (SCHEMA_OF_CASES, &["schema", "--cases"]),
    ] {
        let (_, said) = corsctl(arguments);
        let path = support::root().join(file);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &said).expect(file);
        }
        let schema = std::fs::read_to_string(&path).expect(file);
        assert!(schema == said, "BLESS=1 renews {file}");
    }
}

#[test]
fn the_schema_of_cases_takes_what_corsctl_test_takes() {
    let schema: Value = read_json(SCHEMA_OF_CASES);
    let mut verdicts = BTreeSet::new();
    let groups: Vec<Value> = read_json("tests/cases.json");
    let tables: Vec<_> = groups.iter().map(|group| group["cases"].clone()).collect();
    let found = problems(tables.iter().map(|table| (&schema, table)));
    for (group, found) in groups.iter().zip(found) {
        assert!(found.is_empty(), "{}: {found:?}", group["name"]);
        let cases = group["cases"].as_array().expect("a list");
        verdicts.extend(cases.iter().map(|case| case["verdict"].to_string()));
    }
    let documented = &schema["$defs"]["Case"]["properties"]["verdict"]["enum"];
    let documented = documented.as_array().expect("a list");
    let documented: BTreeSet<_> = documented.iter().map(Value::to_string).collect();
    assert_eq!(
        documented, verdicts,
        "verdicts in the schema, and of the table"
    );

    let good = json!({"name": "a", "request": {"method": "GET", "url": "https://a.example/"}, "verdict": "allowed"});
    let changes = [
        ("verdict", json!("refused: origin"), true),
        ("verdict", json!("alowed"), false),
        ("verdict", Value::Null, false),
        ("route", json!({"name": "a", "policy": "b"}), true),
        ("route", json!({"names": "a"}), false),
        ("upstream", json!({"headers": {"vary": "a"}}), true),
        ("upstream", json!({"headers": [["vary", "a"]]}), true),
        ("upstream", json!({"headers": [["vary"]]}), false),
        (
            "answer",
            json!({"from": "filter", "status": 204, "headers": {}}),
            true,
        ),
        (
            "answer",
            json!({"from": "envoy", "status": 204, "headers": {}}),
            false,
        ),
        ("receives", json!({"absent": ["origin"]}), true),
        ("expects", json!(1), false),
    ];
    let cases = changes.clone().map(|(field, value, _)| {
        let mut case = good.clone();
        case[field] = value;
        json!([case])
    });
    let found = problems(cases.iter().map(|case| (&schema, case)));
    for (((_, _, is_good), case), found) in changes.into_iter().zip(cases).zip(found) {
        assert_eq!(found.is_empty(), is_good, "{case}: {found:?}");
        let file = scratch("schema-case.json", &case.to_string());
        let (code, said) = corsctl(&["test", "tests/corsctl/shop.json", &file]);
        assert_eq!(code != 2, is_good, "{case}: {said}");
    }
}

#[test]
fn the_first_line_of_a_case_file_names_the_schema() {
    let file = folder().join("cases.yaml");
    let text = std::fs::read_to_string(&file).expect("cases.yaml");
    let line = text.lines().next().unwrap_or_default();
    let schema = line.strip_prefix("# yaml-language-server: $schema=");
    let schema = folder().join(schema.expect("a schema"));
    let named = schema.canonicalize().expect("the schema");
    let root = support::root();
    assert_eq!(
        named,
        root.join(SCHEMA_OF_CASES).canonicalize().expect("a file")
    );
    let documents = saphyr::Yaml::load_from_str(&text).expect("YAML");
    let found = problems([(&read_json(SCHEMA_OF_CASES), &to_json(&documents[0]))]);
    assert_eq!(found, [[""; 0]]);
}

#[test]
fn the_schema_takes_what_the_plugin_takes() {
    let groups: Vec<Value> = read_json("tests/cases.json");
    let messages: Vec<Value> = read_json("tests/messages.json");
    let configs: Vec<_> = groups
        .iter()
        .chain(&messages)
        .filter_map(|entry| entry.get("config").cloned())
        .collect();
    let schema: Value = read_json("envoy/cors.schema.json");
    let found = problems(configs.iter().map(|config| (&schema, config)));
    let (mut taken, mut refused) = (0, 0);
    for (config, found) in configs.iter().zip(found) {
        let (plugin, diagnostics) =
            cors::select::policy_set::PolicySet::from_bytes(config.to_string().as_bytes());
        // A schema cannot express these errors; only the plugin reports them.
        let is_of_form = |error: &Diagnostic| {
            [
                Code::MisplacedField,
                Code::NullValue,
                Code::UnknownField,
                Code::UnquotedNull,
                Code::WrongType,
            ]
            .contains(&error.code)
        };
        if plugin.is_some() {
            assert!(found.is_empty(), "{config}: {found:?}");
            taken += 1;
        } else if diagnostics.errors().any(is_of_form) {
            assert!(!found.is_empty(), "{config}: {diagnostics:?}");
            refused += 1;
        }
    }
    assert!(
        taken > 100 && refused > 10,
        "{taken} taken, {refused} refused"
    );
}

#[test]
fn the_schema_knows_both_spellings_and_comments() {
    let examples = [
        (
            json!({"allow_origins": ["https://a.example"], "@comment": 1, "$schema": "x"}),
            true,
        ),
        (json!({"allowOrigins": [], "allow_origins": []}), false),
        (json!({"options_success_status": 204}), true),
        (
            json!({"options_success_status": 204, "preflightStatus": 204}),
            false,
        ),
        (json!({"preflightStatus": 201}), false),
        (
            json!({"unmatchedPreflights": "REJECT", "mode": "Shadow"}),
            true,
        ),
        (json!({"mode": "shadows"}), false),
        (json!({"maxAge": "1h30m"}), true),
        (json!({"maxAge": "1 day"}), false),
        (json!({"maxAge": -1}), false),
        (json!({"presets": ["mcp", "grpc"]}), false),
        (
            json!({"rules": [{"match": {"hostnames": ["a"]}, "policy": {"debug": true}}]}),
            false,
        ),
        (
            json!({"policies": {"a": {"allowOrigins": ["*"]}, "#": 1}}),
            true,
        ),
    ];
    let configs = examples.clone().map(|(config, _)| config);
    let schema: Value = read_json("envoy/cors.schema.json");
    let found = problems(configs.iter().map(|config| (&schema, config)));
    for ((config, is_good), found) in examples.into_iter().zip(found) {
        assert_eq!(found.is_empty(), is_good, "{config}: {found:?}");
    }
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, script) = corsctl(&["completions", shell]);
        assert_eq!(code, 0);
        for word in ["explain", "request-headers", "strict"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let (_, script) = corsctl(&["completions", "bash"]);
    let script = scratch("completions.bash", &script);
    let complete = format!("source {script}; complete -p corsctl");
    let status = Command::new("bash")
        .args(["-c", &complete])
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("bash").success());
}

#[test]
fn large_and_crafted_files_are_refused_soon() {
    let bomb: String = ('b'..='i')
        .zip('a'..)
        .map(|(name, before)| {
            format!(
                "{name}: &{name} [{}]\n",
                vec![format!("*{before}"); 9].join(",")
            )
        })
        .collect();
    for (name, text, error) in [
        (
            "large.json",
            format!("[\"{}\"]", "a".repeat(10_000_000)),
            " [file-unreadable]",
        ),
        (
            "bomb.yaml",
            format!("a: &a [1,1,1,1,1,1,1,1,1]\n{bomb}"),
            " [file-malformed]",
        ),
        ("deep.json", "[".repeat(100_000), " [file-malformed]"),
        ("deep.yaml", "- ".repeat(100_000), " [file-malformed]"),
        ("self.yaml", "a: &a [*a]".to_owned(), " [file-malformed]"),
        ("tabs.yaml", "a:\n\t- b\n".to_owned(), " [file-malformed]"),
    ] {
        let file = scratch(name, &text);
        let (code, said) = limited("check", &file, 10, 1 << 20);
        // A malformed text is an error of the file; a text that is not read is not checked.
        let expected = if name == "large.json" { 2 } else { 1 };
        assert_eq!(code, expected, "{name}: {said}");
        assert!(said.contains(error), "{name}: {said}");
        assert!(
            said.lines().count() == 1 && said.len() < 300,
            "{name}: {said}"
        );
    }
    let entries: String = (0..300_000)
        .map(|n| format!("- https://h{n}.example\n"))
        .collect();
    let file = scratch("long.yaml", &format!("allowOrigins:\n{entries}"));
    let (code, said) = corsctl(&["check", &file]);
    assert_eq!(code, 1, "{said}");
    assert!(said.ends_with(" [too-many-entries]\n"), "{said}");
}

/// Under a limit of memory and of CPU time, ten times that of a release build.
#[test]
fn a_megabyte_takes_little_memory_and_time() {
    let repeat = |head: &str, item: &str, tail: &str| {
        format!(
            "{head}{}{tail}",
            item.repeat((1_000_000 - head.len() - tail.len()) / item.len())
        )
    };
    let list = |name: &str, text: &dyn Fn(usize) -> String| {
        json!({name: (0..1_000).map(text).collect::<Vec<_>>(), "allowCredentials": true})
            .to_string()
    };
    let ones = "1,".repeat(1_000);
    let copies = ["*a"; 95].join(",");
    let anchors: String = (0..120).map(|n| format!("&a{n} [")).collect();
    let deep = "/a".repeat(40);
    let rules: Vec<_> = (0..5)
        .map(|rule| {
            let paths = |end: &str| -> Vec<_> {
                (0..1_000).map(|n| format!("/p{rule}-{n}{deep}{end}")).collect()
            };
            json!({"match": {"pathPrefixes": paths(""), "exactPaths": paths("/x")}, "policy": {"allowOrigins": ["https://a.example"]}})
        })
        .collect();
    for (name, text) in [
        (
            "text-aliases.yaml",
            format!(
                "a: &a {}\nb:\n{}",
                "x".repeat(950_000),
                "- *a\n".repeat(9_000)
            ),
        ),
        (
            "nested-anchors.yaml",
            format!(
                "a: {anchors}{}{}\nb: *a0\n",
                "1,".repeat(200_000),
                "]".repeat(120)
            ),
        ),
        (
            "documents.yaml",
            format!("a: &a [{ones}]\nb: [{copies}]\n---\n").repeat(400),
        ),
        ("values.yaml", repeat("a: [", "1,", "]")),
        ("unterminated.yaml", repeat("a: \"", "x\n", "")),
        ("quoted.yaml", repeat("a:\n  b: \"", "x\ny", "\"")),
        (
            "deep-list.yaml",
            format!(
                "a: {}{}{}",
                "[".repeat(120),
                "1,".repeat(400_000),
                "]".repeat(120)
            ),
        ),
        ("pairs.yaml", repeat("a: [", "a:,", "]")),
        ("keys.yaml", repeat("", "a:\n", "")),
        ("brackets.yaml", repeat("", "a: [\n\"x\"\n]\n", "")),
        (
            "prefixes.json",
            json!({"allowOrigins": ["https://b.example"], "rules": rules}).to_string(),
        ),
        (
            "worst-expressions.json",
            // Each of them is analysed; more take more of the same.
            json!({"allowOriginRegexes": (0..200).map(|n| format!("(?:[^x]?[^y]?){{130}}!{n}")).collect::<Vec<_>>()})
                .to_string(),
        ),
        (
            "open-expressions.json",
            list("allowOriginRegexes", &|n| {
                format!("https://.*example{n}\\.com")
            }),
        ),
    ] {
        let file = scratch(name, &text);
        let (code, said) = limited("check", &file, 20, 262_144);
        assert!(matches!(code, 0..=2), "{name}: {said:.1000}");
        assert!(said.contains(name), "{name}: {said:.1000}");
    }
}

/// Inputs that would take minutes if each entry were compared with all before it.
#[test]
fn many_entries_take_no_longer_each() {
    let origins: Vec<_> = (0..200_000)
        .map(|n| format!("https://h{n}.example"))
        .collect();
    let routes: String = (0..1_000)
        .map(|n| {
            format!(
                "  - {{match: [{{uri: {{exact: /p{n}}}}}], corsPolicy: {{allowOrigins: [{{prefix: \"https://h{n}.example\"}}]}}}}\n"
            )
        })
        .collect();
    let service =
        "kind: VirtualService\nmetadata: {name: web}\nspec:\n  hosts: [a.example]\n  http:\n";
    // As many paths as hosts.
    let matches: Vec<_> = (0..600)
        .map(|n| format!("{{uri: {{exact: /p{n}}}}}"))
        .collect();
    let hosts: Vec<_> = (0..334).map(|n| format!("h{n}.example")).collect();
    let over = format!(
        "kind: VirtualService\nmetadata: {{name: web}}\nspec:\n  hosts: [{}]\n  http:\n  - match: [{}]\n    corsPolicy: {{allowOrigins: [{{exact: \"https://a.example\"}}]}}\n",
        hosts.join(", "),
        matches.join(", ")
    );
    let elements: String = (0..100_000).map(|n| format!("<a{n}/>")).collect();
    let sections = "<inbound><cors/></inbound>".repeat(40_000);
    for (command, name, text, code, words) in [
        (
            "import",
            "elements.xml",
            format!("<policies><inbound><cors>{elements}</cors></inbound></policies>"),
            2,
            "more places) [source-unknown-field]\n",
        ),
        (
            "import",
            "sections.xml",
            format!("<policies>{sections}</policies>"),
            2,
            "is a second cors in one section",
        ),
        (
            "import",
            "origins.json",
            json!({"allowed_origins": origins}).to_string(),
            2,
            " [too-many-entries]\n",
        ),
        (
            "import",
            "routes.yaml",
            format!("{service}{routes}"),
            0,
            "\"name\": \"web-1000\"",
        ),
        (
            "import",
            "combinations.yaml",
            over,
            2,
            " [too-many-combinations]\n",
        ),
        (
            "check",
            "suffixes.json",
            json!({"allowOrigins": vec!["https://*.github.io"; 8_000]}).to_string(),
            0,
            "and 7980 more of these [more-diagnostics]\n",
        ),
    ] {
        let file = scratch(name, &text);
        let (status, said) = limited(command, &file, 30, 1 << 20);
        assert_eq!(status, code, "{name}: {said:.1000}");
        assert!(said.contains(words), "{name}: {said:.1000}");
    }
}

/// The output is larger than a pipe's buffer, so that writing it fails.
#[test]
fn a_reader_that_stops_early_is_not_a_failure() {
    let rules: Vec<_> = (0..3_000)
        .map(|n| json!({"kind": "WasmPlugin", "apiVersion": "x", "metadata": {"name": format!("cors-{n}")}, "spec": {"pluginConfig": {"allowOrigins": ["https://a.example"]}}}))
        .collect();
    let file = scratch("pipe.json", &json!({"items": rules}).to_string());
    let corsctl = format!("{} check {file}", support::corsctl().display());
    let output = |command: &str| {
        let command = format!("set -o pipefail; {command}");
        let output = Command::new("bash").args(["-c", &command]).output();
        output.expect("bash")
    };
    assert!(output(&corsctl).stdout.len() > 200_000);
    let output = output(&format!("{corsctl} | head -1"));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// Runs a command of corsctl on a file, with limits on CPU seconds and KiB of address space, whatever else the machine
/// does; beyond the former it is killed, which shows as the code -1.
fn limited(command: &str, file: &str, seconds: u32, memory: u32) -> (i32, String) {
    let corsctl = support::corsctl().display().to_string();
    let script = r#"ulimit -t "$1" -v "$2"; exec "$3" "$4" "$5""#;
    let output = Command::new("bash")
        .args(["-c", script, "bash"])
        .args([&seconds.to_string(), &memory.to_string()])
        .args([corsctl.as_str(), command, file])
        .stdin(Stdio::null())
        .output()
        .expect("bash");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

/// Each line is a whole annotation: no text of a file ends one, or begins another command.
fn has_only_annotations(arguments: &[&str]) {
    let (_, said) = corsctl(arguments);
    assert!(!said.is_empty(), "{arguments:?}");
    for line in said.lines() {
        let command = line.strip_prefix("::").expect(line);
        let (name, rest) = command.split_once(' ').expect(line);
        assert!(["error", "warning", "notice"].contains(&name), "{line}");
        let (properties, text) = rest.split_once("::").expect(line);
        let names = properties
            .split(',')
            .map(|property| property.split('=').next());
        let known = [Some("file"), Some("line"), Some("title")];
        assert!(
            names.into_iter().all(|name| known.contains(&name)),
            "{line}"
        );
        assert!(!properties.contains(':'), "{line}");
        assert!(!text.contains(char::is_control), "{line}");
    }
}

/// Runs corsctl; gives its exit code, and both outputs as one.
/// Whatever a file contains, no output controls the terminal or a runner of GitHub's actions, or forges
/// a line: each text of every file here is changed in turn.
#[test]
fn no_text_from_a_file_is_obeyed() {
    let mut checked = Vec::new();
    for file in files_of(&["tests/corsctl"]) {
        for (index, text) in variants(&file).enumerate() {
            checked.push(scratch(
                &format!("obeyed-{}-{index}.json", stem(&file)),
                &text,
            ));
        }
    }
    assert!(checked.len() > 500, "{} files", checked.len());
    for (index, files) in checked.chunks(100).enumerate() {
        let mut arguments = vec!["check"];
        arguments.extend(files.iter().map(String::as_str));
        is_not_obeyed(&arguments);
        // The same guard applies there.
        if index % 3 == 0 {
            is_not_obeyed(&[&arguments[..], &["--output", "json"]].concat());
            is_not_obeyed(&[&arguments[..], &["--output", "sarif"]].concat());
            has_only_annotations(&[&arguments[..], &["--output", "github"]].concat());
        }
    }
    for file in files_of(&["tests/import", "tests/import/refused"]) {
        // Every twentieth, because each starts a process.
        for text in variants(&file).skip(file.len() % 20).step_by(20) {
            is_not_obeyed(&["import", &scratch("obeyed-import.json", &text)]);
        }
    }
    for text in variants(&folder().join("cases.yaml").display().to_string()) {
        let cases = scratch("obeyed-cases.json", &text);
        is_not_obeyed(&["test", "tests/corsctl/shop.json", &cases]);
    }
    for origin in [HOSTILE, "https://a.example"] {
        let line = json!({"origin": origin, "method": HOSTILE, "host": HOSTILE, "path": HOSTILE});
        let log = scratch("obeyed-access.json", &line.to_string());
        is_not_obeyed(&["learn", &log]);
        is_not_obeyed(&["learn", &log, "--against", "tests/corsctl/shop.json"]);
    }
    // A line end closes the comment of verbose mode. All of HOSTILE would cost too much.
    let comment = "\u{1b}[31m\u{202e}##[e]\nFORGED?\n#";
    let regex = format!("(?x)\nhttps://a\\.example #{comment}");
    let allowed = json!({
        "rules": [{
            "name": HOSTILE, "match": {"hostnames": ["a.example"]},
            "policy": {"allowOriginRegexes": [regex]},
        }],
        "policies": {HOSTILE: {"allowOrigins": ["https://b.example"]}},
        "routeMetadataNamespace": HOSTILE,
    });
    let allowed = scratch("obeyed-allowed.json", &allowed.to_string());
    is_not_obeyed(&["check", &allowed]);
    assert_eq!(corsctl(&["check", &allowed]).0, 0);
    let explain = [
        "explain",
        &allowed,
        "--url",
        "https://a.example/",
        "--origin",
    ];
    is_not_obeyed(&[&explain[..], &["https://a.example"]].concat());
    is_not_obeyed(&[&explain[..], &["https://a.example", "--output", "json"]].concat());
    is_not_obeyed(&[&explain[..], &[HOSTILE]].concat());
    for (name, value) in [
        ("--method", HOSTILE),
        ("--request-headers", HOSTILE),
        ("--route-policy", HOSTILE),
        ("--url", HOSTILE),
        ("--url", "https://a.example/::\n::"),
        ("--at", HOSTILE),
    ] {
        is_not_obeyed(&[&explain[..], &["https://b.example", name, value]].concat());
    }
    let policy = json!({HOSTILE: 1}).to_string();
    is_not_obeyed(
        &[
            &explain[..],
            &["https://b.example", "--route-policy", &policy],
        ]
        .concat(),
    );
    // The name of a file is also a text from outside.
    let file = scratch("::error::FORGED\n::error::FORGED\u{1b}", "{\"a\": 1}");
    let name = Path::new(&file).file_name().expect("a name");
    is_not_obeyed(&["check", &file]);
    let output = Command::new(support::corsctl())
        .args(["check".as_ref(), name])
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .output();
    assert_not_obeyed(&output.expect("corsctl").stderr);
}

/// Sequences that a terminal, a log or a runner would not treat as plain text.
const HOSTILE: &str =
    "z\nFORGED\r\u{1b}[31m\u{7f}\u{9b}1m\u{202e}\u{2028}##[error]::\n::error::FORGED";

fn is_not_obeyed(arguments: &[&str]) {
    let output = Command::new(support::corsctl())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("corsctl");
    assert!(
        output.status.code().is_some_and(|code| code <= 2),
        "{arguments:?}"
    );
    assert_not_obeyed(&output.stdout);
    assert_not_obeyed(&output.stderr);
    if arguments.contains(&"json") {
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON");
    }
}

fn assert_not_obeyed(output: &[u8]) {
    let text = str::from_utf8(output).expect("UTF-8");
    let is_obeyed = |char: char| {
        let turns = matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        char != '\n' && (char.is_control() || turns || matches!(char, '\u{2028}' | '\u{2029}'))
    };
    let mut before = "";
    for line in text.lines() {
        let start = line.trim_start();
        let is_command = start.starts_with("::") || line.contains("##[");
        let is_forged = start.starts_with("FORGED");
        let is_good = !is_command && !is_forged && !line.contains(is_obeyed);
        assert!(is_good, "{line:?} behind {before:?}");
        before = line;
    }
}

/// The documents of a file, as JSON, with one key or text changed in each.
fn variants(file: &str) -> impl Iterator<Item = String> {
    let text = std::fs::read_to_string(file).expect(file);
    let documents = saphyr::Yaml::load_from_str(&text).unwrap_or_default();
    let documents: Vec<Value> = documents.iter().map(to_json).collect();
    documents.into_iter().flat_map(|document| {
        let mut none = usize::MAX;
        let count = change(&mut document.clone(), &mut none, |_| {});
        (0..count).flat_map(move |index| {
            [format!("{{}}{HOSTILE}"), format!("::error::{{}}{HOSTILE}")].map(|form| {
                let mut document = document.clone();
                change(&mut document, &mut index.clone(), |text| {
                    *text = form.replace("{}", text);
                });
                document.to_string()
            })
        })
    })
}

/// Changes the key or text with this index; returns how many there are up to it.
fn change(value: &mut Value, index: &mut usize, edit: impl Fn(&mut String) + Copy) -> usize {
    let mut count = 0;
    let is_next = |count: &mut usize, index: &mut usize| {
        *count += 1;
        let is_it = *index == 0;
        *index = index.wrapping_sub(1);
        is_it
    };
    match value {
        Value::String(text) if is_next(&mut count, index) => edit(text),
        Value::Array(items) => {
            for item in items {
                count += change(item, index, edit);
            }
        }
        Value::Object(fields) => {
            for (mut key, mut value) in std::mem::take(fields) {
                if is_next(&mut count, index) {
                    edit(&mut key);
                }
                count += change(&mut value, index, edit);
                fields.insert(key, value);
            }
        }
        _ => {}
    }
    count
}

fn to_json(yaml: &saphyr::Yaml) -> Value {
    use saphyr::{Scalar, Yaml};
    match yaml {
        Yaml::Mapping(pairs) => pairs
            .iter()
            .map(|(key, value)| (key.as_str().unwrap_or("key").to_owned(), to_json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Yaml::Sequence(items) => items.iter().map(to_json).collect::<Vec<_>>().into(),
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(text)) => json!(text),
        _ => Value::Null,
    }
}

fn files_of(folders: &[&str]) -> Vec<String> {
    let entries = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect(folder));
    let files = entries.map(|entry| entry.expect("an entry").path().display().to_string());
    let mut files: Vec<String> = files
        .filter(|file| file.ends_with(".json") || file.ends_with(".yaml"))
        .collect();
    files.sort();
    files
}

fn stem(file: &str) -> String {
    let name = Path::new(file).file_stem().expect("a name");
    name.display().to_string()
}

fn corsctl(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(support::corsctl())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("corsctl");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().expect("an exit code"),
        String::from_utf8(text).expect("UTF-8"),
    )
}

/// Reads a file of the repository.
fn read_json<T: serde::de::DeserializeOwned>(file: &str) -> T {
    let text = std::fs::read_to_string(support::root().join(file)).expect(file);
    serde_json::from_str(&text).expect(file)
}

/// Writes a file that only this test reads; each test of this program uses its own names.
fn scratch(name: &str, text: &str) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("corsctl-{name}"));
    std::fs::write(&file, text).expect("a file");
    file.display().to_string()
}

const SCHEMA: &str = "envoy/cors.schema.json";
const SCHEMA_OF_CASES: &str = "envoy/cors-cases.schema.json";

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corsctl")
}
