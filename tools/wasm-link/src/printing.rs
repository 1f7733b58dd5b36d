//! Takes the texts of panics out of a module: the code that would format and print them is most of what
//! the standard library brings, and nothing shows them.

use std::collections::HashSet;

use anyhow::{Result, bail};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, LocalFunction, Module, ValType};

use crate::calls::{name, owner};
use crate::link::{calls_any, trap, trap_in_tables};

/// Lets every panic end in the exported function, which is given the place of the panic, and in a trap.
/// What only formats or prints a panic's text becomes a trap, after making sure that nothing else
/// calls it.
pub fn panic_by(module: &mut Module, export: &str) -> Result<()> {
    let reporter = module.exports.get_func(export)?;
    for (end, parameters, place) in ENDS {
        let found = functions(module, |name| name == end);
        match found[..] {
            // Not every module has each of them.
            [] => {}
            [found] => report_place(module, found, reporter, parameters, place)?,
            _ => bail!("{} functions have the name {end}", found.len()),
        }
    }
    // Some printers were called by the ends alone.
    walrus::passes::gc::run(module);
    let printers: HashSet<_> = functions(module, is_printer).into_iter().collect();
    for (caller, function) in module.funcs.iter_local() {
        let caller_name = name(module, caller);
        if !printers.contains(&caller)
            && !PRINTS_FOR_PANICS.contains(&owner(&caller_name))
            && calls_any(function, &printers)
        {
            bail!("{caller_name} prints what only panics should");
        }
    }
    for printer in &printers {
        trap(module, *printer)?;
    }
    trap_in_tables(module, &printers);
    Ok(())
}

/// Makes the function hand the place, which is one of its parameters, to the reporter.
fn report_place(
    module: &mut Module,
    function: FunctionId,
    reporter: FunctionId,
    parameters: usize,
    place: usize,
) -> Result<()> {
    let kinds = vec![ValType::I32; parameters];
    let signature = module.types.get(module.funcs.get(function).ty());
    if (signature.params(), signature.results()) != (&kinds[..], &[][..]) {
        bail!("{} has another form", name(module, function));
    }
    let arguments: Vec<_> = kinds.iter().map(|kind| module.locals.add(*kind)).collect();
    let mut builder = FunctionBuilder::new(&mut module.types, &kinds, &[]);
    builder
        .func_body()
        .local_get(arguments[place])
        .call(reporter)
        .unreachable();
    module.funcs.get_mut(function).kind = FunctionKind::Local(builder.local_func(arguments));
    Ok(())
}

fn functions(module: &Module, is: impl Fn(&str) -> bool) -> Vec<FunctionId> {
    let local = module.funcs.iter_local();
    let ids = local.map(|(id, _): (_, &LocalFunction)| id);
    ids.filter(|id| is(&name(module, *id))).collect()
}

/// Whether the function only formats or prints for panics. No text of the filter's is made by `Debug`.
fn is_printer(name: &str) -> bool {
    const MODULES: [&str; 8] = [
        "core::fmt::builders::",
        "core::fmt::Formatter::debug_",
        "std::alloc::default_alloc_error_hook",
        "std::io::",
        "std::panic::get_backtrace_style",
        "std::sys::backtrace::",
        "std::sys::stdio::",
        "wasi::",
    ];
    let name = name.trim_start_matches('<');
    name.contains(" as core::fmt::Debug>::")
        || MODULES.iter().any(|module| name.starts_with(module))
}

/// Where panics come together, how many words they are given, and which of these is the place.
const ENDS: [(&str, usize, usize); 3] = [
    ("core::panicking::panic_fmt", 3, 2),
    ("core::str::slice_error_fail", 5, 4),
    // A payload's two words, the place, two truths.
    ("std::panicking::panic_with_hook", 5, 2),
];

/// Crates whose direct calls of printers belong to panics.
const PRINTS_FOR_PANICS: [&str; 2] = ["core", "std"];
