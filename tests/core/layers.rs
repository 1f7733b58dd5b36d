//! The layers of the core: a part knows only the parts below it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The parts of the core, top-down: each may use those after it, and none before.
const LAYERS: [&str; 11] = [
    "simulate",
    "select",
    "policy",
    "settings",
    "routes",
    "config",
    "origin",
    "http",
    "byte_map",
    "diagnostic",
    "escape",
];

#[test]
fn no_part_of_the_core_uses_one_above_it() {
    let source = support::root().join("crates/cors/src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    let mut arrows: BTreeMap<(String, String), String> = BTreeMap::new();
    for file in &files {
        let path = file.strip_prefix(&source).expect("a path below it");
        let first = path.components().next().expect("a name").as_os_str();
        let part = first.to_string_lossy().trim_end_matches(".rs").to_owned();
        if part == "lib" {
            continue;
        }
        let text = fs::read_to_string(file).expect("a source file");
        let code = text.split("#[cfg(test)]").next().expect("its code");
        for used in code.split("crate::").skip(1) {
            let end = used.find(|char: char| !char.is_alphanumeric() && char != '_');
            let used = &used[..end.unwrap_or(used.len())];
            if used != part {
                arrows.insert((part.clone(), used.to_owned()), path.display().to_string());
            }
        }
    }
    assert!(arrows.len() > 10, "{arrows:?}");
    let place = |part: &str| {
        let found = LAYERS.iter().position(|layer| *layer == part);
        found.unwrap_or_else(|| panic!("{part} has no place among the layers"))
    };
    for ((from, to), file) in &arrows {
        assert!(
            place(from) < place(to),
            "{file} uses {to}, which is above {from}"
        );
    }
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}
