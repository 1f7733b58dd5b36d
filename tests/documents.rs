//! The statements of README.md, SECURITY.md, CONTRIBUTING.md and the pages of docs/ hold: their configurations
//! are accepted or rejected, their transcripts are the real output, their links lead somewhere, and the book
//! has every page.
//!
//! `BLESS=1 cargo test --test documents` writes the current output of corsctl into the transcripts. Read the
//! difference before you commit it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use cors::select::policy_set::PolicySet;
use support::transcript;

/// A fenced block.
struct Block {
    /// As in `README.md:12`.
    place: String,
    /// The text after the fence, as in `json refused`.
    kind: String,
    text: String,
}

#[test]
fn every_configuration_is_accepted_or_rejected_as_it_says() {
    let mut count = 0;
    for block in all_blocks() {
        let is_refused = match block.kind.as_str() {
            "json" => false,
            "json refused" => true,
            _ => continue,
        };
        let (plugin, diagnostics) = PolicySet::from_bytes(block.text.as_bytes());
        assert_eq!(
            plugin.is_none(),
            is_refused,
            "{}: {diagnostics:?}",
            block.place
        );
        count += 1;
    }
    assert!(count > 5, "only {count} configurations");
}

/// Each is checked with the plugin that knows their policies; a policy that it does not know is reported.
#[test]
fn every_manifest_is_good() {
    let plugin =
        r#"{"routeMetadataNamespace": "cors", "policies": {"partners": {"allowOrigins": ["*"]}}}"#;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents-plugin.json");
    fs::write(&file, plugin).expect("a file");
    let (mut manifests, mut wrong) = (0, 0);
    for block in all_blocks().iter().filter(|block| block.kind == "yaml") {
        let (is_good, said) = check(&file, &block.text);
        assert!(is_good, "{}: {said}", block.place);
        manifests += 1;
        let (is_good, said) = check(&file, &block.text.replace("policy: partners", "policy: x"));
        wrong += usize::from(!is_good && said.contains("[route-policy-unknown]"));
    }
    assert!(manifests > 2, "only {manifests} manifests");
    assert_eq!(wrong, 1, "one names a policy in metadata");
}

#[test]
fn every_transcript_of_corsctl_is_its_output() {
    let (mut count, mut wrong) = (0, Vec::new());
    for page in pages() {
        let mut text = read(&page);
        for block in blocks(&page) {
            if block.kind != "console" || !block.text.contains("corsctl ") {
                continue;
            }
            let steps = transcript::parse(&block.text);
            let said = transcript::run(&steps, Path::new(env!("CARGO_MANIFEST_DIR")));
            for (step, said) in steps.iter().zip(&said).filter(|(step, said)| step != said) {
                wrong.push(format!(
                    "{}: $ {}\n--- the page\n{}--- said\n{}",
                    block.place, step.command, step.output, said.output
                ));
            }
            count += steps.len();
            let shown = said
                .iter()
                .map(|step| format!("$ {}\n{}", step.command, step.output));
            text = text.replace(&block.text, &shown.collect::<String>());
        }
        if std::env::var_os("BLESS").is_some() && text != read(&page) {
            fs::write(&page, text).expect("to write a page");
        }
    }
    if std::env::var_os("BLESS").is_some() {
        return;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 20, "only {count} commands");
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut count = 0;
    for page in pages() {
        for target in links(&page) {
            if target.starts_with("http") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = page.parent().expect("a folder");
            let linked = match file {
                "" => page.clone(),
                file => normalize(&folder.join(file)),
            };
            assert!(linked.exists(), "{} links to {target}", page.display());
            let has_anchor = linked.extension().is_none_or(|extension| extension != "md")
                || anchor.is_empty()
                || anchors(&linked).iter().any(|known| known == anchor);
            assert!(
                has_anchor,
                "{} links to {target}: no such heading",
                page.display()
            );
            count += 1;
        }
    }
    assert!(count > 100, "only {count} links");
}

/// A page that the summary does not list is not in the book.
/// The commands of the compatibility table: steps of `scripts/test`, and modules of the suite in Envoy.
#[test]
fn every_command_of_the_compatibility_table_runs_something() {
    let page = read(Path::new("docs/src/reference/compatibility.md"));
    let suite = read(Path::new("tests/envoy/main.rs"));
    let steps = fs::read_dir("scripts/test.d").expect("the steps");
    let steps: Vec<_> = steps
        .map(|step| step.expect("a step").file_name())
        .map(|name| name.into_string().expect("a name"))
        .collect();
    let words_of = |command: &'static str| {
        let commands = page
            .split('`')
            .filter_map(move |code| code.strip_prefix(command));
        let words: Vec<_> = commands.flat_map(|rest| rest.split(' ')).collect();
        assert!(words.len() >= 4, "{command}: {words:?}");
        words.into_iter().filter(|word| !word.starts_with("--"))
    };
    for word in words_of("scripts/test ") {
        let is_step = steps.iter().any(|step| step.contains(word));
        assert!(is_step, "no step is called {word}");
    }
    for word in words_of("cargo test --test envoy ") {
        let (module, _) = word.split_once("::").unwrap_or_default();
        let is_module = suite.contains(&format!("mod {module};"));
        assert!(is_module, "no module is called {word}");
    }
}

#[test]
fn the_book_has_every_page() {
    let summary = Path::new("docs/src/SUMMARY.md");
    let listed: Vec<_> = links(summary)
        .map(|target| normalize(&Path::new("docs/src").join(target)))
        .collect();
    for page in pages() {
        if page.starts_with("docs/src") && page != summary {
            assert!(
                listed.contains(&page),
                "{} does not list {}",
                summary.display(),
                page.display()
            );
        }
    }
}

#[test]
fn the_readme_is_short() {
    let readme = read(Path::new("README.md"));
    assert!(readme.len() <= 10 * 1024, "{} bytes", readme.len());
    assert!(
        readme.lines().count() <= 170,
        "{} lines",
        readme.lines().count()
    );
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

/// The documents that people read, relative to the root.
fn pages() -> Vec<PathBuf> {
    let mut pages = [
        "README.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "tests/README.md",
    ]
    .map(PathBuf::from)
    .to_vec();
    let mut folders = vec![PathBuf::from("docs/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

fn all_blocks() -> Vec<Block> {
    pages().iter().flat_map(|page| blocks(page)).collect()
}

fn blocks(page: &Path) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (index, line) in read(page).lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), is_open) {
            (Some(kind), false) => {
                blocks.push(Block {
                    place: format!("{}:{}", page.display(), index + 1),
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
    assert!(!is_open, "a block of {} stays open", page.display());
    blocks
}

/// The targets of the links outside fenced blocks.
fn links(page: &Path) -> impl Iterator<Item = String> {
    let prose = prose(page);
    let targets: Vec<_> = prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect();
    targets.into_iter()
}

/// The anchors of the headings, as forges and mdBook write them: a repeated one is numbered.
fn anchors(page: &Path) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let prose = prose(page);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let anchors = headings.map(|heading| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|char| char.is_alphanumeric() || " -_".contains(*char));
        let anchor = kept.collect::<String>().replace(' ', "-");
        let count = seen.entry(anchor.clone()).or_insert(0);
        *count += 1;
        match *count {
            1 => anchor,
            count => format!("{anchor}-{}", count - 1),
        }
    });
    anchors.collect()
}

/// The lines outside fenced blocks.
fn prose(page: &Path) -> String {
    let mut is_open = false;
    let text = read(page);
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_open ^= is_fence;
        !is_open && !is_fence
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// The path without `..` and `.`.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            component => normal.push(component),
        }
    }
    normal
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}
