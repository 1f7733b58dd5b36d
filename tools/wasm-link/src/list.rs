//! The list of what the shipped module may be: scripts/module.txt.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use walrus::Import;

/// What a module imports and exports, and the most bytes it may have.
pub struct List {
    pub exports: BTreeSet<String>,
    /// Each as `module.name`.
    pub imports: BTreeSet<String>,
    pub size: usize,
}

impl List {
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut list = List {
            exports: BTreeSet::new(),
            imports: BTreeSet::new(),
            size: 0,
        };
        for line in text.lines() {
            match line.split_once(' ') {
                None if line.is_empty() => {}
                Some((comment, _)) if comment.starts_with('#') => {}
                Some(("export", name)) => {
                    list.exports.insert(name.to_owned());
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
