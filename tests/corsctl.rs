//! corsctl as its users have it: every command, its words and its exit codes.
//!
//! tests/corsctl/golden.txt is a transcript; `BLESS=1 cargo test --test corsctl` writes what is said now
//! into it. Read the difference before you commit it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::transcript::{self, Step};

#[test]
fn every_command_says_what_it_should() {
    let file = folder().join("golden.txt");
    let text = std::fs::read_to_string(&file).expect("golden.txt");
    let golden = transcript::parse(&text);
    let said = transcript::run(&with_codes(&golden), &folder());
    if std::env::var_os("BLESS").is_some() {
        let text = said
            .iter()
            .map(|step| format!("$ {}\n{}", step.command, step.output));
        std::fs::write(&file, text.collect::<String>()).expect("golden.txt");
        return;
    }
    assert_eq!(golden.len(), said.len(), "some command has no exit code");
    for (golden, said) in golden.iter().zip(&said) {
        assert_eq!(
            golden, said,
            "\n--- golden\n{}\n--- said\n{}",
            golden.output, said.output
        );
    }
}

/// After each command its exit code.
fn with_codes(steps: &[Step]) -> Vec<Step> {
    const CODE: &str = "echo $?";
    let code = || Step {
        command: CODE.to_owned(),
        output: String::new(),
    };
    let commands = steps.iter().filter(|step| step.command != CODE);
    commands.flat_map(|step| [step.clone(), code()]).collect()
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
    let schema = std::fs::read_to_string("envoy/cors.schema.json").expect("the schema");
    let (_, said) = corsctl(&["schema"]);
    assert!(schema == said, "corsctl schema > envoy/cors.schema.json");
}

#[test]
fn the_schema_takes_what_the_plugin_takes() {
    let schema: Value = read_json("envoy/cors.schema.json");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let groups: Vec<Value> = read_json("tests/cases.json");
    let messages: Vec<Value> = read_json("tests/messages.json");
    let configs = groups
        .iter()
        .chain(&messages)
        .filter_map(|entry| entry.get("config"));
    let (mut taken, mut refused) = (0, 0);
    for config in configs {
        let (plugin, report) = cors::config::read(config.to_string().as_bytes());
        let problem = validator
            .iter_errors(config)
            .next()
            .map(|error| error.to_string());
        // What a schema cannot see is for the plugin alone.
        let is_of_form = |error: &cors::report::Problem| {
            [
                "is not a known field",
                "; write a string",
                "; write a list",
                "; write an object",
                "; write true or false",
                "belongs to the plugin",
                "is null; write",
                "says nothing",
            ]
            .iter()
            .any(|form| error.text.contains(form))
        };
        if plugin.is_some() {
            assert_eq!(problem, None, "{config}");
            taken += 1;
        } else if report.errors.shown.iter().any(is_of_form) {
            assert!(problem.is_some(), "{config}: {:?}", report.errors.shown);
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
    let schema: Value = read_json("envoy/cors.schema.json");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for (config, is_good) in [
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
    ] {
        assert_eq!(validator.is_valid(&config), is_good, "{config}");
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
            ": is larger than 10 MB",
        ),
        (
            "bomb.yaml",
            format!("a: &a [1,1,1,1,1,1,1,1,1]\n{bomb}"),
            "aliases bring in more than 5 MB",
        ),
        ("deep.json", "[".repeat(100_000), "recursion limit exceeded"),
        ("deep.yaml", "- ".repeat(100_000), "nests too deep"),
        (
            "self.yaml",
            "a: &a [*a]".to_owned(),
            "an alias is within its own anchor",
        ),
        ("tabs.yaml", "a:\n\t- b\n".to_owned(), ":2: is not YAML"),
    ] {
        let file = scratch(name, &text);
        let start = Instant::now();
        let (code, said) = corsctl(&["check", &file]);
        // A text that is malformed is an error of the file, one that is not read is not checked.
        let expected = if name == "large.json" { 2 } else { 1 };
        assert_eq!(code, expected, "{name}: {said}");
        assert!(said.contains(error), "{name}: {said}");
        assert!(
            said.lines().count() == 1 && said.len() < 300,
            "{name}: {said}"
        );
        assert!(start.elapsed() < Duration::from_secs(10), "{name}");
    }
    let entries: String = (0..300_000)
        .map(|n| format!("- https://h{n}.example\n"))
        .collect();
    let file = scratch("long.yaml", &format!("allowOrigins:\n{entries}"));
    let (code, said) = corsctl(&["check", &file]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("allowOrigins: has 300000 entries; the limit is 100000"),
        "{said}"
    );
}

/// Under a limit of memory and of processor time, ten times what a release build may take.
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
        ("pairs.yaml", repeat("a: [", "a:,", "]")),
        ("keys.yaml", repeat("", "a:\n", "")),
        ("brackets.yaml", repeat("", "a: [\n\"x\"\n]\n", "")),
        (
            "prefixes.json",
            json!({"allowOrigins": ["https://b.example"], "rules": rules}).to_string(),
        ),
        (
            "worst-expressions.json",
            list("allowOriginRegexes", &|n| {
                format!("(?:[^x]?[^y]?){{130}}!{n}")
            }),
        ),
        (
            "open-expressions.json",
            list("allowOriginRegexes", &|n| {
                format!("https://.*example{n}\\.com")
            }),
        ),
    ] {
        let file = scratch(name, &text);
        let limited = format!(
            "ulimit -v 262144 -t 20; exec {} check {file}",
            support::corsctl().display()
        );
        let output = Command::new("bash")
            .args(["-c", &limited])
            .output()
            .expect("bash");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let code = output.status.code();
        assert!(
            matches!(code, Some(0..=2)),
            "{name}: {:?} {said:.1000}",
            output.status
        );
        assert!(said.contains(name), "{name}: {said:.1000}");
    }
}

/// What would take minutes if each entry were held against all before it.
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
    let over: String = (0..10_001)
        .map(|n| format!("  - {{match: [{{uri: {{exact: /p{n}}}}}], corsPolicy: {{allowOrigins: [{{exact: \"https://a.example\"}}]}}}}\n"))
        .collect();
    for (command, name, text, code, words) in [
        (
            "import",
            "origins.json",
            json!({"allowed_origins": origins}).to_string(),
            2,
            "allowOrigins: has 200000 entries; the limit is 100000",
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
            format!("{service}{over}"),
            2,
            "has 10001 combinations of host, path and route name; the limit is 10000",
        ),
        (
            "check",
            "suffixes.json",
            json!({"allowOrigins": vec!["https://*.github.io"; 8_000]}).to_string(),
            0,
            "and 7980 more of these",
        ),
    ] {
        let file = scratch(name, &text);
        let start = Instant::now();
        let (status, said) = corsctl(&[command, &file]);
        let spent = start.elapsed();
        assert_eq!(status, code, "{name}: {said:.1000}");
        assert!(said.contains(words), "{name}: {said:.1000}");
        assert!(spent < Duration::from_secs(30), "{name}: {spent:?}");
    }
}

/// The output is larger than what a pipe holds, so that writing it fails.
#[test]
fn a_reader_that_stops_early_is_no_failure() {
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

/// Runs corsctl; gives its exit code, and both outputs as one.
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

fn read_json<T: serde::de::DeserializeOwned>(file: &str) -> T {
    serde_json::from_str(&std::fs::read_to_string(file).expect(file)).expect(file)
}

/// Writes a file that only this test reads; each test of this program uses names of its own.
fn scratch(name: &str, text: &str) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("corsctl-{name}"));
    std::fs::write(&file, text).expect("a file");
    file.display().to_string()
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corsctl")
}
