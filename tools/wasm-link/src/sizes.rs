//! Prints how many bytes of a module each part of the filter takes.
//!
//! A function counts for the crate in whose source it lies: what the standard library does for a part,
//! copies of generic code for its types too, is the standard library's.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Result, bail};
use walrus::ModuleConfig;

use crate::calls::{name, owner};

#[derive(clap::Args)]
pub struct Arguments {
    /// A module with the names of its functions
    module: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let module = ModuleConfig::new().parse_file(&arguments.module)?;
    let mut sizes: HashMap<&str, (usize, usize)> = HashMap::new();
    for (id, function) in module.funcs.iter_local() {
        let Some(bytes) = &function.original_range else {
            bail!(
                "{} does not say where its functions lie",
                arguments.module.display()
            );
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
    const PARTS: [(&str, &str); 22] = [
        ("cors::config::json", "JSON and Struct"),
        ("cors::config::protobuf", "JSON and Struct"),
        ("cors::config", "configuration and its messages"),
        ("cors::diagnostic", "configuration and its messages"),
        ("cors::policy::pre", "configuration and its messages"),
        ("cors::policy::read", "configuration and its messages"),
        ("cors::select::read", "configuration and its messages"),
        ("cors::origin::regex", "regular expressions"),
        ("cors::origin::shape", "regular expressions"),
        ("cors::routes", "rules"),
        ("cors::byte_map", "hash maps"),
        ("cors::", "judging and the shell"),
        ("cors_", "judging and the shell"),
        ("proxy_wasm_cors::", "judging and the shell"),
        ("serde_json", "JSON and Struct"),
        ("regex_lite", "regular expressions"),
        ("foldhash", "hash maps"),
        ("hashbrown", "hash maps"),
        ("proxy_", "judging and the shell"),
        ("alloc", "Rust's library"),
        ("core", "Rust's library"),
        ("std", "Rust's library"),
    ];
    let found = PARTS
        .iter()
        .find(|(start, _)| owner.trim_start_matches('<').starts_with(start));
    found.map_or("memory and the rest of C's library", |(_, part)| part)
}
