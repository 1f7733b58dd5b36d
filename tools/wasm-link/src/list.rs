//! The list of what the shipped module may be: scripts/module.txt.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use walrus::Import;

/// What a module imports and exports, and the most bytes it may have.
pub struct List {
    /// Each with the exported function of the filter's that takes the place of the SDK's, if one does.
    pub exports: BTreeMap<String, Option<String>>,
    /// Each as `module.name`.
    pub imports: BTreeSet<String>,
    pub size: usize,
}

impl List {
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut list = List {
            exports: BTreeMap::new(),
            imports: BTreeSet::new(),
            size: 0,
        };
        for line in text.lines() {
            match line.split_once(' ') {
                None if line.is_empty() => {}
                Some((comment, _)) if comment.starts_with('#') => {}
                Some(("export", export)) => {
                    let (name, function) = match export.split_once(" = ") {
                        Some((name, function)) => (name, Some(function.to_owned())),
                        None => (export, None),
                    };
                    list.exports.insert(name.to_owned(), function);
                }
                Some(("import", name)) => {
                    list.imports.insert(name.to_owned());
                }
                Some(("size", bytes)) => list.size = bytes.parse().context("size")?,
                _ => bail!("{}: cannot read the line {line:?}", path.display()),
            }
        }
        Ok(list)
    }
}

/// An import as the list names it.
pub fn imported(import: &Import) -> String {
    format!("{}.{}", import.module, import.name)
}
