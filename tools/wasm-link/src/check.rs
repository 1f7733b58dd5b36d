//! Compares a module's imports, exports and size with the list of what they may be.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use walrus::ModuleConfig;

use crate::list::{List, imported};

#[derive(clap::Args)]
pub struct Arguments {
    /// What the module may be: scripts/module.txt
    list: PathBuf,

    /// The module
    module: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments.module.display();
    let list = List::read(&arguments.list)?;
    let bytes = fs::read(&arguments.module).with_context(|| format!("cannot read {path}"))?;
    let module = ModuleConfig::new().parse(&bytes)?;
    let imports: BTreeSet<_> = module.imports.iter().map(imported).collect();
    let exports: BTreeSet<_> = module
        .exports
        .iter()
        .map(|export| export.name.clone())
        .collect();

    let mut problems = Vec::new();
    for name in imports.difference(&list.imports) {
        problems.push(format!("imports {name}, which is not listed"));
    }
    for name in list.imports.difference(&imports) {
        problems.push(format!("no longer imports {name}"));
    }
    let listed: BTreeSet<_> = list.exports.into_keys().collect();
    for name in exports.difference(&listed) {
        problems.push(format!("exports {name}, which is not listed"));
    }
    for name in listed.difference(&exports) {
        problems.push(format!("does not export {name}"));
    }
    if bytes.len() > list.size {
        problems.push(format!(
            "has {} bytes, more than {}",
            bytes.len(),
            list.size
        ));
    }
    if problems.is_empty() {
        return Ok(());
    }
    for problem in problems {
        eprintln!("{path} {problem}");
    }
    bail!(
        "change the module, or {} with the reason in the commit",
        arguments.list.display()
    )
}
