//! The layers of the core and of corsctl: a part knows only the parts below it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The parts of the core, top-down: each may use those of later lines, and no other.
const CORE: &[&[&str]] = &[
    &["simulate"],
    &["select"],
    &["policy"],
    &["settings"],
    &["routes"],
    &["config"],
    &["origin"],
    &["http"],
    &["byte_map"],
    &["diagnostic"],
    &["escape"],
];

/// The parts of corsctl.
const CORSCTL: &[&[&str]] = &[
    &["commands"],
    &["compare", "learn", "probe"],
    &["cases", "discover", "import"],
    &["input"],
    &["output"],
];

/// The parts of import.
const IMPORT: &[&[&str]] = &[
    &["read"],
    &["detect"],
    &["systems"],
    &["ingress", "recognise", "system"],
    &["envoy_policy", "matching", "origins", "texts"],
    &["objects"],
    &["rules"],
    &["draft"],
    &["changes"],
];

#[test]
fn no_part_of_the_core_uses_one_above_it() {
    check(&arrows("crates/cors/src"), "", CORE);
}

#[test]
fn no_part_of_corsctl_uses_one_above_it() {
    let arrows = arrows("crates/corsctl/src");
    check(&arrows, "", CORSCTL);
    check(&arrows, "import::", IMPORT);
}

#[test]
fn no_files_of_corsctl_use_each_other_in_a_circle() {
    let mut arrows = arrows("crates/corsctl/src");
    // What uses nothing that is left, or is used by nothing that is left, is in no circle.
    loop {
        let left: BTreeSet<String> = arrows.keys().cloned().collect();
        let used: BTreeSet<String> = arrows.values().flatten().cloned().collect();
        arrows.retain(|module, uses| used.contains(module) && !uses.is_disjoint(&left));
        if arrows.len() == left.len() {
            break;
        }
    }
    assert!(arrows.is_empty(), "a circle is among these: {arrows:?}");
}

/// Asserts that each arrow between parts below a module goes down by at least one layer.
fn check(arrows: &BTreeMap<String, BTreeSet<String>>, module: &str, layers: &[&[&str]]) {
    let layer = |part: &str| {
        let found = layers.iter().position(|parts| parts.contains(&part));
        found.unwrap_or_else(|| panic!("{module}{part} has no place among the layers"))
    };
    let part = |path: &str| {
        let path = path.strip_prefix(module)?;
        Some(path.split("::").next().unwrap_or_default().to_owned())
    };
    let mut count = 0;
    for (from, used) in arrows {
        let Some(from_part) = part(from).filter(|part| !["lib", "main"].contains(&part.as_str()))
        else {
            continue;
        };
        for (to, to_part) in used.iter().filter_map(|to| Some((to, part(to)?))) {
            if from_part != to_part {
                count += 1;
                assert!(
                    layer(&from_part) < layer(&to_part),
                    "{from} uses {to}, which is not below it"
                );
            }
        }
    }
    assert!(count > 10, "{arrows:?}");
}

/// The modules of a crate, each with those that its code names.
fn arrows(source: &str) -> BTreeMap<String, BTreeSet<String>> {
    let source = support::root().join(source);
    let mut files = Vec::new();
    collect(&source, &mut files);
    let modules: BTreeMap<String, &PathBuf> = files
        .iter()
        .map(|file| {
            let path = file.strip_prefix(&source).expect("a path below it");
            let path = path.with_extension("").to_string_lossy().into_owned();
            (path.replace('/', "::"), file)
        })
        .collect();
    let mut arrows = BTreeMap::new();
    for (module, file) in &modules {
        let text = fs::read_to_string(file).expect("a source file");
        let code = text.split("#[cfg(test)]").next().expect("its code");
        assert!(
            !code.contains("super::"),
            "{module}: write paths from crate::"
        );
        let used = code.split("crate::").skip(1).flat_map(paths);
        let used = used.filter_map(|path| {
            // The longest part of the path that is a module.
            let ends = path.match_indices("::").map(|(at, _)| at);
            let ends: Vec<usize> = ends.chain([path.len()]).collect();
            let parts = ends.iter().rev().map(|end| path[..*end].to_owned());
            parts.into_iter().find(|part| modules.contains_key(part))
        });
        let used = used.filter(|used| used != module).collect();
        arrows.insert(module.clone(), used);
    }
    arrows
}

/// The paths that a text begins with: one, or those of a list such as `a::{b, c}`.
fn paths(text: &str) -> Vec<String> {
    let is_path = |char: char| char.is_alphanumeric() || "_:".contains(char);
    let end = text.find(|char| !is_path(char)).unwrap_or(text.len());
    let (path, rest) = text.split_at(end);
    let Some(list) = rest.strip_prefix('{').filter(|_| path.ends_with("::")) else {
        return vec![path.to_owned()];
    };
    let list = list.split('}').next().unwrap_or_default();
    let names = list.split(',').map(str::trim);
    names
        .map(|name| format!("{path}{}", &name[..name.find(' ').unwrap_or(name.len())]))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}
