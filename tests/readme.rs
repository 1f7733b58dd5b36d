//! The statements of README.md hold: its configurations are accepted or rejected, its transcripts are the
//! real output, its files exist.
//!
//! `BLESS=1 cargo test --test readme` writes the current output of corsctl into the transcripts. Read the
//! difference before you commit it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use cors::select::policy_set::PolicySet;
use support::transcript;

/// A fenced block.
struct Block {
    line: usize,
    /// The text after the fence, as in `json refused`.
    kind: String,
    text: String,
}

#[test]
fn every_configuration_is_taken_or_refused_as_it_says() {
    let mut count = 0;
    for block in blocks()
        .iter()
        .filter(|block| block.kind.starts_with("json"))
    {
        let (plugin, diagnostics) = PolicySet::from_bytes(block.text.as_bytes());
        let is_refused = block.kind == "json refused";
        assert_eq!(
            plugin.is_none(),
            is_refused,
            "README.md:{}: {diagnostics:?}",
            block.line
        );
        count += 1;
    }
    assert!(count > 0, "no configuration");
}

/// Each is checked with the plugin that knows their policies; a policy that it does not know is reported.
#[test]
fn every_manifest_is_good() {
    let plugin =
        r#"{"routeMetadataNamespace": "cors", "policies": {"partners": {"allowOrigins": ["*"]}}}"#;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme-plugin.json");
    std::fs::write(&file, plugin).expect("a file");
    let (mut manifests, mut wrong) = (0, 0);
    for block in blocks().iter().filter(|block| block.kind == "yaml") {
        let (is_good, said) = check(&file, &block.text);
        assert!(is_good, "README.md:{}: {said}", block.line);
        manifests += 1;
        let (is_good, said) = check(&file, &block.text.replace("policy: partners", "policy: x"));
        wrong += usize::from(!is_good && said.contains(" [route-policy-unknown]\n"));
    }
    assert_eq!((manifests, wrong), (2, 1), "one is for CI");
}

/// Checks a file together with a text.
fn check(file: &Path, text: &str) -> (bool, String) {
    let mut corsctl = Command::new(support::corsctl())
        .args(["check", &file.display().to_string(), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("corsctl");
    let mut input = corsctl.stdin.take().expect("an input");
    input.write_all(text.as_bytes()).expect("to write");
    drop(input);
    let output = corsctl.wait_with_output().expect("corsctl");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.success(), said)
}

#[test]
fn every_transcript_of_corsctl_is_its_output() {
    let mut readme = read_readme();
    let (mut count, mut wrong) = (0, Vec::new());
    for block in blocks() {
        if block.kind != "console" || !block.text.contains("corsctl ") {
            continue;
        }
        let steps = transcript::parse(&block.text);
        let said = transcript::run(&steps, Path::new(env!("CARGO_MANIFEST_DIR")));
        for (step, said) in steps.iter().zip(&said).filter(|(step, said)| step != said) {
            wrong.push(format!(
                "README.md:{}: $ {}\n--- README\n{}--- said\n{}",
                block.line, step.command, step.output, said.output
            ));
        }
        count += steps.len();
        let text = said
            .iter()
            .map(|step| format!("$ {}\n{}", step.command, step.output));
        readme = readme.replace(&block.text, &text.collect::<String>());
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write("README.md", readme).expect("README.md");
        return;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 10, "only {count} commands");
}

#[test]
fn every_link_into_the_repository_leads_to_a_file() {
    let readme = read_readme();
    let anchor = |heading: &str| -> String {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|char| char.is_alphanumeric() || " -_".contains(*char));
        kept.collect::<String>().replace(' ', "-")
    };
    let headings = readme.lines().filter(|line| line.starts_with('#'));
    let headings: Vec<String> = headings.map(anchor).collect();
    for (target, _) in readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
    {
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        if target.starts_with("http") {
            continue;
        }
        assert!(
            file.is_empty() || Path::new(file).exists(),
            "README.md links to {file}"
        );
        let is_heading = headings.iter().any(|heading| heading == anchor);
        assert!(
            !file.is_empty() || is_heading,
            "README.md links to #{anchor}"
        );
    }
}

fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (index, line) in read_readme().lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), is_open) {
            (Some(kind), false) => {
                blocks.push(Block {
                    line: index + 1,
                    kind: kind.to_owned(),
                    text: String::new(),
                });
                is_open = true;
            }
            (Some(_), true) => is_open = false,
            (None, true) => {
                let block = blocks.last_mut().expect("an open block");
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!is_open, "a block stays open");
    blocks
}

fn read_readme() -> String {
    std::fs::read_to_string("README.md").expect("README.md")
}
