//! Prints how many bytes of a module each part of the filter takes.
//!
//! A function counts for the crate in whose source it lies: what the standard library does for a part,
//! copies of generic code for its types too, is the standard library's.
//!
//! Usage: sizes MODULE.wasm; the module must have the names of its functions.

use std::collections::HashMap;

use anyhow::{Result, bail};
use prune::{name, owner};
use walrus::ModuleConfig;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input] = arguments.as_slice() else {
        bail!("usage: sizes MODULE.wasm");
    };
    let module = ModuleConfig::new().parse_file(input)?;
    let mut sizes: HashMap<&str, (usize, usize)> = HashMap::new();
    for (id, function) in module.funcs.iter_local() {
        let Some(bytes) = &function.original_range else {
            bail!("{input} does not tell where its functions lie");
        };
        let (count, size) = sizes.entry(part(owner(&name(&module, id)))).or_default();
        *count += 1;
        *size += bytes.len();
    }
    let constants = module.data.iter().map(|data| data.value.len()).sum();
    sizes.insert(
        "constants, mostly texts",
        (module.data.iter().count(), constants),
    );
    let mut sizes: Vec<_> = sizes.into_iter().collect();
    sizes.sort_by_key(|(_, (_, size))| std::cmp::Reverse(*size));
    for (part, (count, size)) in sizes {
        println!("{size:8} bytes {count:5} × {part}");
    }
    Ok(())
}

/// The part of the filter to which a function belongs, by its crate or its name.
fn part(owner: &str) -> &'static str {
    const PARTS: [(&str, &str); 15] = [
        ("cors::config", "configuration and its messages"),
        ("cors::report", "configuration and its messages"),
        ("cors::field", "configuration and its messages"),
        ("cors::node", "JSON and Struct"),
        ("cors::routes", "rules"),
        ("cors::text_map", "hash maps"),
        ("cors::", "judging and the shell"),
        ("serde_json", "JSON and Struct"),
        ("regex_lite", "regular expressions"),
        ("foldhash", "hash maps"),
        ("hashbrown", "hash maps"),
        ("proxy_", "the SDK"),
        ("alloc", "Rust's library"),
        ("core", "Rust's library"),
        ("std", "Rust's library"),
    ];
    let found = PARTS
        .iter()
        .find(|(start, _)| owner.trim_start_matches('<').starts_with(start));
    found.map_or("memory and the rest of C's library", |(_, part)| part)
}
