//! Lists the panics that a request can reach in a module, by its own code: which crate's functions, or
//! which of the filter's, call which function that panics. scripts/panics.txt is the list, with reasons.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, bail};
use walrus::ModuleConfig;

use crate::calls::{READER, is_panic, name, owner, reached};

#[derive(clap::Args)]
pub struct Arguments {
    /// A module with the names of its functions
    module: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let module = ModuleConfig::new().parse_file(&arguments.module)?;
    let mut panics = BTreeSet::new();
    let follows = |name: &str| !is_panic(name) && name != READER;
    for (caller, callees) in reached(&module, follows) {
        let caller = name(&module, caller);
        for callee in callees {
            let callee = name(&module, callee);
            if is_panic(&callee) {
                panics.insert(format!("{} {callee}", owner(&caller)));
            }
        }
    }
    if panics.is_empty() {
        bail!(
            "{} has no names, or nothing in it panics",
            arguments.module.display()
        );
    }
    for panic in panics {
        println!("{panic}");
    }
    Ok(())
}
