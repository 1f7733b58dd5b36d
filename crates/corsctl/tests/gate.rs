//! What guards a change: comparisons of configurations, templates, and the ways in which teams run them.
//!
//! gate/golden.txt is a transcript; `BLESS=1 cargo test --package corsctl --test gate` writes the current
//! output into it. Read the difference before you commit it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::transcript;

#[test]
fn every_command_says_what_it_should() {
    transcript::check(&folder());
}

#[test]
fn the_action_compares_with_a_revision() {
    let repository = Repository::new("action");
    let policy = |origins: &str| format!(r#"{{"allowOrigins": [{origins}]}}"#);
    repository.write("gateway/cors.json", &policy(r#""https://a.example""#));
    repository.write("other/service.yaml", "kind: Service\n");
    repository.commit();
    let wider = policy(r#""https://a.example", "https://b.example""#);
    for (what, files, text, names, code) in [
        (
            "unchanged",
            "gateway",
            policy(r#""https://a.example""#),
            "",
            0,
        ),
        ("narrower", "gateway", policy(""), "", 0),
        ("wider", "gateway", wider.clone(), "", 1),
        (
            "wider, as a file",
            "gateway/cors.json",
            wider.clone(),
            "",
            1,
        ),
        ("wider, of everything", ".", wider.clone(), "", 1),
        (
            "acknowledged",
            "gateway",
            wider.clone(),
            "api\ntop-level",
            0,
        ),
        ("an error", "gateway", policy(r#""b.example""#), "", 1),
        ("nothing to check", "other", wider.clone(), "", 2),
    ] {
        repository.write("gateway/cors.json", &text);
        let output = repository.gate(files, "HEAD", names);
        assert_eq!(output.status.code(), Some(code), "{what}: {output:?}");
    }
    repository.write("gateway/cors.json", &policy(r#""https://a.example""#));
    repository.write("new/cors.json", &policy(r#""https://c.example""#));
    for (files, code) in [
        ("gateway", 0),
        ("new", 1),
        ("gateway\nnew", 1),
        ("new/cors.json", 1),
    ] {
        let output = repository.gate(files, "HEAD", "");
        assert_eq!(output.status.code(), Some(code), "{files}: {output:?}");
    }
    let output = repository.gate("gateway", "nowhere", "");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("fetch-depth: 0"));
    // Without a base it checks.
    assert_eq!(repository.gate("new", "", "").status.code(), Some(0));
}

#[test]
fn the_action_hands_over_what_the_script_reads() {
    let action = read("action.yml");
    let script = read("scripts/gate");
    let words = |text: &str, start: &str| -> BTreeSet<String> {
        let parts = text.split(start).skip(1);
        let is_of_name = |char: char| char.is_ascii_alphanumeric() || "_-".contains(char);
        let ends = parts.map(|part| {
            part.find(|char| !is_of_name(char))
                .map_or(part, |end| &part[..end])
        });
        ends.map(str::to_owned).collect()
    };
    assert_eq!(words(&action, "CORSCTL_"), words(&script, "CORSCTL_"));
    let inputs = action.split("inputs:\n").nth(1).expect("inputs");
    let inputs = inputs.split("\nruns:").next().expect("inputs").lines();
    let declared: BTreeSet<String> = inputs
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.trim().trim_end_matches(':').to_owned())
        .collect();
    assert_eq!(words(&action, "inputs."), declared);
    assert_eq!(declared.len(), 4);
}

#[test]
fn the_hooks_run_in_a_repository() {
    let hooks = read(".pre-commit-hooks.yaml");
    let entries: Vec<&str> = hooks
        .lines()
        .filter_map(|line| line.trim().strip_prefix("entry: "))
        .collect();
    assert_eq!(entries, ["scripts/corsctl check", "scripts/corsctl test"]);
    let repository = Repository::new("hooks");
    let run = |entry: &str, arguments: &[&str]| {
        let mut words = entry.split(' ');
        let script = support::root().join(words.next().expect("a script"));
        let mut command = repository.command(&script.to_string_lossy());
        command
            .args(words)
            .args(arguments)
            .output()
            .expect("the hook")
    };
    repository.write("cors.json", r#"{"allowOrigins": ["https://a.example"]}"#);
    assert_eq!(run(entries[0], &["."]).status.code(), Some(0));
    let case = r#"[{"name": "a", "request": {"method": "GET", "url": "https://api.example/", "headers": {"origin": "https://a.example"}}, "verdict": "allowed"}]"#;
    repository.write("cases.json", case);
    assert_eq!(
        run(entries[1], &["cors.json", "cases.json"]).status.code(),
        Some(0)
    );
    repository.write("deep/cors.yaml", "allowOrigins: [b.example]\n");
    let output = run(entries[0], &["."]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("deep/cors.yaml:1: error:"));
}

#[test]
fn a_file_is_replaced_in_one_step_or_not_at_all() {
    use std::os::unix::fs::PermissionsExt;

    let repository = Repository::new("render");
    repository.write("template.json", r#"{"allowOrigins": ["https://${HOST}"]}"#);
    let render = |host: &str| {
        let mut command = repository.command("corsctl");
        command
            .args(["render", "template.json", "--out", "cors.json"])
            .env("HOST", host);
        command.output().expect("corsctl").status.code()
    };
    assert_eq!(render("a.example"), Some(0));
    let file = repository.0.join("cors.json");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("a file");
    let first = fs::read_to_string(&file).expect("a file");
    assert!(first.contains("https://a.example"));
    assert_eq!(render("a.example/path"), Some(2));
    assert_eq!(render("a..example"), Some(1));
    assert_eq!(render("b.example"), Some(0));
    let second = fs::read_to_string(&file).expect("a file");
    assert!(second.contains("https://b.example"), "{second}");
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let mut names: Vec<String> = fs::read_dir(&repository.0)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    assert_eq!(names, ["cors.json", "template.json"]);
}

#[test]
fn every_command_has_a_manual_page() {
    let repository = Repository::new("man");
    let output = repository
        .command("corsctl")
        .args(["man", "pages"])
        .output()
        .expect("corsctl");
    assert!(output.status.success(), "{output:?}");
    let page =
        |name: &str| fs::read_to_string(repository.0.join("pages").join(name)).unwrap_or_default();
    let whole = page("corsctl.1");
    assert!(whole.contains(".TH corsctl 1"), "{whole}");
    for command in [
        "check", "diff", "explain", "import", "man", "render", "schema", "test",
    ] {
        let page = page(&format!("corsctl-{command}.1"));
        assert!(page.contains(".SH SYNOPSIS"), "{command}: {page}");
        assert!(
            whole.contains(&format!("corsctl\\-{command}(1)")),
            "{command}"
        );
    }
    assert!(page("corsctl-diff.1").contains("allow\\-wider"));
}

/// A repository of git, and its folder, which is removed in the end.
struct Repository(PathBuf);

impl Repository {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("corsctl-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.0.join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    }

    fn commit(&self) {
        for arguments in [
            &["init", "--quiet"][..],
            &["add", "."],
            &[
                "-c",
                "user.name=test",
                "-c",
                "user.email=test@example.com",
                "commit",
                "--quiet",
                "--message=first",
            ],
        ] {
            let status = self.command("git").args(arguments).status();
            assert!(status.expect("git").success(), "{arguments:?}");
        }
    }

    fn gate(&self, files: &str, base: &str, allow_wider: &str) -> Output {
        let script = support::root().join("scripts/gate");
        let mut command = self.command(&script.to_string_lossy());
        command
            .env("CORSCTL_FILES", files)
            .env("CORSCTL_BASE", base)
            .env("CORSCTL_ALLOW_WIDER", allow_wider)
            .output()
            .expect("the script")
    }

    /// A command in the folder, with corsctl in the path.
    fn command(&self, program: &str) -> Command {
        let corsctl = support::corsctl().parent().expect("a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .current_dir(&self.0)
            .env("PATH", format!("{}:{path}", corsctl.display()));
        command
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(support::root().join(name)).expect(name)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gate")
}
