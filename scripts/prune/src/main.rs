//! Takes out of a module what its host would use for nothing: exports, imports, names of functions.
//!
//! The SDK exports every callback of the ABI, and Envoy enters the module for each one that is
//! exported: for every chunk of a body, at the end of every stream. It also imports every function
//! of the ABI, because the default methods of its traits call them, though nobody calls those.
//!
//! Usage: prune [--names] LIST IN.wasm OUT.wasm; scripts/module.txt is the list.

use std::collections::HashSet;

use anyhow::{Context, Result, bail};
use walrus::{ImportKind, Module, ModuleConfig};

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let names = arguments.first().is_some_and(|first| first == "--names");
    if names {
        arguments.remove(0);
    }
    let [list, input, output] = arguments.as_slice() else {
        bail!("usage: prune [--names] LIST IN.wasm OUT.wasm");
    };

    let list = std::fs::read_to_string(list).with_context(|| format!("cannot read {list}"))?;
    let mut module = ModuleConfig::new()
        .generate_name_section(names)
        .generate_producers_section(false)
        .parse_file(input)?;
    drop_exports(&mut module, &listed(&list, "export "));
    trap_imports_of_the_sdk(&mut module, &listed(&list, "import "))?;
    walrus::passes::gc::run(&mut module);
    module.emit_wasm_file(output)
}

fn listed<'a>(list: &'a str, kind: &str) -> HashSet<&'a str> {
    list.lines()
        .filter_map(|line| line.strip_prefix(kind))
        .collect()
}

fn drop_exports(module: &mut Module, keep: &HashSet<&str>) {
    let unlisted: Vec<_> = module
        .exports
        .iter()
        .filter(|export| !keep.contains(export.name.as_str()))
        .map(|export| export.id())
        .collect();
    for export in unlisted {
        module.exports.delete(export);
    }
}

/// Makes a trap of each import that is not listed, if it is one that the SDK declares. Every other
/// one stays, for scripts/check-module to report: it is a call that the filter really makes.
fn trap_imports_of_the_sdk(module: &mut Module, keep: &HashSet<&str>) -> Result<()> {
    let mut unlisted = Vec::new();
    for import in module.imports.iter() {
        let ImportKind::Function(function) = import.kind else {
            continue;
        };
        let symbol = module
            .funcs
            .get(function)
            .name
            .as_deref()
            .unwrap_or_default();
        let path = format!("{}.{}", import.module, import.name);
        if symbol.contains("10proxy_wasm9hostcalls") && !keep.contains(path.as_str()) {
            unlisted.push(function);
        }
    }
    for function in unlisted {
        module.replace_imported_func(function, |(body, _)| {
            body.unreachable();
        })?;
    }
    Ok(())
}
