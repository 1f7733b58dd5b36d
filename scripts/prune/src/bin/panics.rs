//! Lists the panics that a request can reach in a module, by its own code: which crate's functions, or
//! which of the filter's, call which function that panics.
//!
//! Usage: panics MODULE.wasm; the module must have the names of its functions. scripts/panics.txt
//! is the list, with reasons.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use prune::{READERS, is_panic, name, owner, reached};
use walrus::ModuleConfig;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input] = arguments.as_slice() else {
        bail!("usage: panics MODULE.wasm");
    };
    let module = ModuleConfig::new().parse_file(input)?;
    let mut panics = BTreeSet::new();
    let follows = |name: &str| !is_panic(name) && !READERS.contains(&name);
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
        bail!("{input} has no names, or nothing in it panics");
    }
    for panic in panics {
        println!("{panic}");
    }
    Ok(())
}
