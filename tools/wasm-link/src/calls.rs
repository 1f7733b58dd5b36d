//! The calls between a module's functions, and which of its functions a stream runs.

use std::collections::HashMap;

use rustc_demangle::demangle;
use walrus::ir::{Call, CallIndirect, Visitor, dfs_in_order};
use walrus::{ConstExpr, ElementItems, ExportItem, FunctionId, Module, TypeId};

/// What is reached by calls from the exports that a stream enters, through functions that `follows`
/// lets pass by their name. A call through a table is taken to reach each function of that signature
/// in the table, so that nothing reachable is left out. With each, whom it calls.
pub fn reached(
    module: &Module,
    follows: impl Fn(&str) -> bool,
) -> HashMap<FunctionId, Vec<FunctionId>> {
    let mut calls = calls(module);
    let mut reached = HashMap::new();
    let mut next = entries(module);
    while let Some(function) = next.pop() {
        if let Some(callees) = calls.remove(&function) {
            let followed = callees.iter().filter(|id| follows(&name(module, **id)));
            next.extend(followed);
            reached.insert(function, callees);
        }
    }
    reached
}

/// What reads the policy in a route's metadata, whose text is not the request's. Fuzzing is its evidence.
pub const READER: &str = "cors::policy::read::read_policy";

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
pub fn calls(module: &Module) -> HashMap<FunctionId, Vec<FunctionId>> {
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

pub fn functions_in_tables(module: &Module) -> Vec<FunctionId> {
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

/// The function's name as in the source, without the hash; empty if it has none.
pub fn name(module: &Module, function: FunctionId) -> String {
    let name = module.funcs.get(function).name.as_deref();
    format!("{:#}", demangle(name.unwrap_or_default()))
}

/// Whether the function does nothing but panic.
pub fn is_panic(name: &str) -> bool {
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
pub fn owner(name: &str) -> &str {
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
