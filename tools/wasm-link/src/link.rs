//! Makes the module that ships out of the one that the linker writes. The README says why for each step.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use anyhow::{Result, bail};
use walrus::ir::{Call, Value, Visitor, dfs_in_order};
use walrus::{
    ElementItems, FunctionBuilder, FunctionId, FunctionKind, InstrSeqBuilder, LocalFunction,
    Module, ModuleConfig, TypeId,
};

use crate::calls::{READER, calls, functions_in_tables, is_panic, name, owner, reached};
use crate::list::List;
use crate::printing::panic_by;

#[derive(clap::Args)]
pub struct Arguments {
    /// Keep the names of functions, for readable traces
    #[arg(long)]
    names: bool,

    /// Let V8 inline into functions that no stream runs
    #[arg(long)]
    no_inline_budget: bool,

    /// What the module may import and export: scripts/module.txt
    list: PathBuf,

    /// The module that the linker wrote
    input: PathBuf,

    /// The module to write
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let list = List::read(&arguments.list)?;
    let mut module = ModuleConfig::new()
        .generate_name_section(arguments.names)
        .generate_producers_section(false)
        .parse_file(&arguments.input)?;
    panic_by(&mut module, "cors_panicked")?;
    for name in PRINTER {
        let import = module.imports.get_func("wasi_snapshot_preview1", name)?;
        trap(&mut module, import)?;
    }
    replace_exports(&mut module, &list)?;
    drop_exports(&mut module, &list);
    let has_own_exports = list.exports.values().any(Option::is_some);
    if has_own_exports {
        empty_method_tables_of_the_sdk(&mut module)?;
    }
    walrus::passes::gc::run(&mut module);
    if has_own_exports {
        has_no_host_call_of_the_sdk(&module)?;
    }
    if !arguments.no_inline_budget {
        inline_less(&mut module);
    }
    walrus::passes::gc::run(&mut module);
    module.emit_wasm_file(&arguments.output)
}

/// What the standard library's printer of panics asks of its host, and nothing else in the module.
const PRINTER: [&str; 4] = ["environ_get", "environ_sizes_get", "fd_write", "proc_exit"];

/// Exports functions of the filter's by the names under which the SDK exports its own.
fn replace_exports(module: &mut Module, list: &List) -> Result<()> {
    for (name, function) in &list.exports {
        if let Some(function) = function {
            let function = module.exports.get_func(function)?;
            module.exports.remove(name)?;
            module.exports.add(name, function);
        }
    }
    Ok(())
}

/// Drops every export that is not listed.
fn drop_exports(module: &mut Module, list: &List) {
    let unlisted: Vec<_> = module
        .exports
        .iter()
        .filter(|export| !list.exports.contains_key(&export.name))
        .map(|export| export.id())
        .collect();
    for export in unlisted {
        module.exports.delete(export);
    }
}

/// Makes traps of the methods in the tables of the SDK's traits. Only its dispatcher calls through those tables,
/// which is gone with its exports; `gc` then drops what only those methods call: the host's functions of the SDK. A method
/// that calls nothing keeps nothing, and may be one function with a method of another trait.
fn empty_method_tables_of_the_sdk(module: &mut Module) -> Result<()> {
    let calls = calls(module);
    let methods: HashSet<_> = functions_in_tables(module)
        .into_iter()
        .filter(|id| {
            let name = name(module, *id);
            let is_of_sdk = name.contains(" as proxy_wasm::traits::")
                || name.starts_with("proxy_wasm::traits::");
            is_of_sdk && calls.get(id).is_some_and(|callees| !callees.is_empty())
        })
        .collect();
    if methods.is_empty() {
        bail!("the module has no names, or no method of the SDK's traits");
    }
    trap_in_tables(module, &methods);
    Ok(())
}

/// The SDK's host calls panic on statuses that they do not list, and hosts return such. Its imports may be in the
/// module: the linker makes one of two equal declarations, the filter's and the SDK's.
fn has_no_host_call_of_the_sdk(module: &Module) -> Result<()> {
    for (id, _) in module.funcs.iter_local() {
        let name = name(module, id);
        if name.contains("proxy_wasm::hostcalls::") {
            bail!("the module has {name}; src/host.rs has the host calls of the filter");
        }
    }
    Ok(())
}

/// Puts a trap in the place of each of these functions in tables. There is one for each signature.
pub fn trap_in_tables(module: &mut Module, functions: &HashSet<FunctionId>) {
    let mut traps = HashMap::new();
    // In the order of the tables: the set's differs from run to run.
    let mut members = functions_in_tables(module);
    members.retain(|id| functions.contains(id));
    for function in members {
        let ty = module.funcs.get(function).ty();
        traps.entry(ty).or_insert_with(|| {
            let kind = trap_of(module, ty);
            module.funcs.add_local(kind)
        });
    }
    for element in module.elements.iter_mut() {
        let ElementItems::Functions(items) = &mut element.items else {
            continue;
        };
        for item in items.iter_mut().filter(|id| functions.contains(id)) {
            if let Some(trap) = traps.get(&module.funcs.get(*item).ty()) {
                *item = *trap;
            }
        }
    }
}

/// Keeps V8 from inlining into functions, except into small ones that streams run.
///
/// Envoy's V8 compiles every function of a module before Envoy is ready, without its baseline compiler
/// and so without counts of calls: into each function it then takes whatever that calls, until this is
/// two to five times the function's own size, or 60 calls are inlined (`should_inline` in
/// [turboshaft-graph-interface.cc](https://chromium.googlesource.com/v8/v8/+/refs/tags/14.6.202.10/src/wasm/turboshaft-graph-interface.cc)).
/// That doubles V8's work and code. All it saves is one percent, at most, of the instructions that the filter
/// adds to each request. So all but small functions that streams run begin with a call, never made, of a function that makes two
/// calls, each of one that makes two, and so on: all of that inlined is nothing, and 60 calls are inlined.
fn inline_less(module: &mut Module) {
    let streams = reached(module, |name| {
        !is_panic(name) && name != READER && !name.contains("core::fmt::")
    });
    let is_run_by_streams = |id, name: &str| streams.contains_key(&id) && !is_of_library(name);
    let others: Vec<_> = module
        .funcs
        .iter_local()
        .filter(|(_, function)| makes_a_call(module, function))
        .filter(|(id, function)| {
            function.size() >= SMALL || !is_run_by_streams(*id, &name(module, *id))
        })
        .map(|(id, _)| id)
        .collect();
    let mut callee =
        FunctionBuilder::new(&mut module.types, &[], &[]).finish(Vec::new(), &mut module.funcs);
    // 1, 3, 7, 15, 31, 63 functions.
    for _ in 0..5 {
        let mut twice = FunctionBuilder::new(&mut module.types, &[], &[]);
        twice.func_body().call(callee).call(callee);
        callee = twice.finish(Vec::new(), &mut module.funcs);
    }
    for id in others {
        let FunctionKind::Local(function) = &mut module.funcs.get_mut(id).kind else {
            continue;
        };
        let never = |then: &mut InstrSeqBuilder<'_>| {
            then.call(callee);
        };
        let mut body = function.builder_mut().func_body();
        body.if_else_at(0, None, never, |_| {});
        body.const_at(0, Value::I32(0));
    }
}

/// Whether the function calls one of the module that V8 could inline.
fn makes_a_call(module: &Module, function: &LocalFunction) -> bool {
    struct Calls<'m>(&'m Module, u64, bool);
    impl Visitor<'_> for Calls<'_> {
        fn visit_call(&mut self, call: &Call) {
            let callee = &self.0.funcs.get(call.func).kind;
            self.2 |= matches!(callee, FunctionKind::Local(callee) if callee.size() < self.1);
        }
    }
    let mut calls = Calls(module, function.size() * LARGEST_INLINED, false);
    dfs_in_order(&mut calls, function, function.entry_block());
    calls.2
}

/// Whether the function is of a library of Rust's: inlining into those gained nothing that was seen on requests.
fn is_of_library(name: &str) -> bool {
    const LIBRARIES: [&str; 5] = ["alloc", "core", "hashbrown", "serde_json", "std"];
    LIBRARIES.contains(&owner(name))
}

pub fn calls_any(function: &LocalFunction, callees: &HashSet<FunctionId>) -> bool {
    struct Calls<'a>(&'a HashSet<FunctionId>, bool);
    impl Visitor<'_> for Calls<'_> {
        fn visit_call(&mut self, call: &Call) {
            self.1 |= self.0.contains(&call.func);
        }
    }
    let mut calls = Calls(callees, false);
    dfs_in_order(&mut calls, function, function.entry_block());
    calls.1
}

pub fn trap(module: &mut Module, function: FunctionId) -> Result<()> {
    if matches!(module.funcs.get(function).kind, FunctionKind::Import(_)) {
        module.replace_imported_func(function, |(body, _)| {
            body.unreachable();
        })?;
        return Ok(());
    }
    let trap = trap_of(module, module.funcs.get(function).ty());
    module.funcs.get_mut(function).kind = FunctionKind::Local(trap);
    Ok(())
}

fn trap_of(module: &mut Module, signature: TypeId) -> LocalFunction {
    let signature = module.types.get(signature);
    let (parameters, results) = (signature.params().to_vec(), signature.results().to_vec());
    let arguments: Vec<_> = parameters
        .iter()
        .map(|kind| module.locals.add(*kind))
        .collect();
    let mut builder = FunctionBuilder::new(&mut module.types, &parameters, &results);
    builder.func_body().unreachable();
    builder.local_func(arguments)
}

/// Instructions below which a function is small.
const SMALL: u64 = 64;

/// A callee that is this many times as large as its caller, or larger, is not inlined.
const LARGEST_INLINED: u64 = 3;
