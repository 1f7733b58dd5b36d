//! Lists the panics that a request can reach in a module, by its own code: which crate's functions, or
//! which of the filter's, call which function that panics.
//!
//! It follows every call from the exports that a stream enters. A call through a table is taken to
//! reach each function of that signature in the table, so that nothing reachable is left out.
//!
//! Usage: panics MODULE.wasm; the module must have the names of its functions. scripts/panics.txt
//! is the list, with reasons.

use std::collections::{BTreeSet, HashMap, HashSet};

use anyhow::{Result, bail};
use rustc_demangle::demangle;
use walrus::ir::{Call, CallIndirect, Visitor, dfs_in_order};
use walrus::{ConstExpr, ElementItems, ExportItem, FunctionId, Module, ModuleConfig, TypeId};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input] = arguments.as_slice() else {
        bail!("usage: panics MODULE.wasm");
    };
    let module = ModuleConfig::new().parse_file(input)?;
    let calls = calls(&module);
    let mut panics = BTreeSet::new();
    let mut reached: HashSet<FunctionId> = HashSet::new();
    let mut next = entries(&module);
    while let Some(function) = next.pop() {
        if !reached.insert(function) {
            continue;
        }
        let caller = name(&module, function);
        for callee in calls.get(&function).into_iter().flatten() {
            let callee_name = name(&module, *callee);
            if is_panic(&callee_name) {
                panics.insert(format!("{} {callee_name}", owner(&caller)));
            } else if !READERS.contains(&callee_name.as_str()) {
                next.push(*callee);
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

/// What reads configuration: as the VM starts, which no stream does, and for the policy in a route's
/// metadata, whose text is not the request's. Fuzzing is its evidence.
const READERS: [&str; 2] = [
    "<cors::filter::Root as proxy_wasm::traits::RootContext>::on_configure",
    "cors::config::read_policy",
];

/// The exports that a stream enters. Contexts are dropped in `proxy_on_delete`.
fn entries(module: &Module) -> Vec<FunctionId> {
    let exports = module.exports.iter();
    let of_streams = exports.filter(|export| {
        export.name.starts_with("proxy_on_") && export.name != "proxy_on_configure"
    });
    of_streams
        .filter_map(|export| match export.item {
            ExportItem::Function(function) => Some(function),
            _ => None,
        })
        .collect()
}

/// Whom each function calls, or may call.
fn calls(module: &Module) -> HashMap<FunctionId, Vec<FunctionId>> {
    #[derive(Default)]
    struct Calls {
        direct: Vec<FunctionId>,
        signatures: Vec<TypeId>,
    }
    impl Visitor<'_> for Calls {
        fn visit_call(&mut self, call: &Call) {
            self.direct.push(call.func);
        }
        fn visit_call_indirect(&mut self, call: &CallIndirect) {
            self.signatures.push(call.ty);
        }
    }
    let tables = functions_in_tables(module);
    let mut all = HashMap::new();
    for (id, function) in module.funcs.iter_local() {
        let mut calls = Calls::default();
        dfs_in_order(&mut calls, function, function.entry_block());
        let through_tables = tables
            .iter()
            .filter(|id| calls.signatures.contains(&module.funcs.get(**id).ty()));
        calls.direct.extend(through_tables);
        all.insert(id, calls.direct);
    }
    all
}

fn functions_in_tables(module: &Module) -> Vec<FunctionId> {
    let mut functions = Vec::new();
    for element in module.elements.iter() {
        match &element.items {
            ElementItems::Functions(items) => functions.extend(items),
            ElementItems::Expressions(_, items) => {
                functions.extend(items.iter().filter_map(|item| match item {
                    ConstExpr::RefFunc(function) => Some(*function),
                    _ => None,
                }));
            }
        }
    }
    functions
}

fn name(module: &Module, function: FunctionId) -> String {
    let name = module.funcs.get(function).name.as_deref();
    format!("{:#}", demangle(name.unwrap_or_default()))
}

/// Whether the function does nothing but panic.
fn is_panic(name: &str) -> bool {
    const MODULES: [&str; 3] = [
        "core::panicking::",
        "core::cell::panic_",
        "std::panicking::begin_panic",
    ];
    const ENDS: [&str; 7] = [
        "_fail",
        "::capacity_overflow",
        "::expect_failed",
        "::handle_alloc_error",
        "::handle_error",
        "::panic_on_ord_violation",
        "::unwrap_failed",
    ];
    MODULES.iter().any(|module| name.starts_with(module))
        || ENDS.iter().any(|end| name.ends_with(end))
}

/// The crate whose function it is, or the function itself if it is the filter's.
fn owner(name: &str) -> &str {
    const CRATES: [&str; 8] = [
        "cors",
        "proxy_wasm",
        "serde_json",
        "regex_lite",
        "hashbrown",
        "alloc",
        "core",
        "std",
    ];
    let place = |krate: &&str| name.find(&format!("{krate}::"));
    let found = CRATES
        .iter()
        .filter_map(|krate| Some((place(krate)?, *krate)));
    match found.min() {
        Some((_, "cors")) | None => name,
        Some((_, krate)) => krate,
    }
}
