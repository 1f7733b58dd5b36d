//! Runs the tests of a module that wasm-bindgen-test made, in Node: what wasm-bindgen-test-runner does there, without
//! its browsers and its server, which take most of the time to build.
//!
//!     wasm-bindgen-runner MODULE.wasm
//!
//! It runs all tests: other arguments that cargo passes on are ignored.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let module = env::args_os().nth(1).context("needs the module")?;
    let module = PathBuf::from(module);
    // Each module has its own folder, next to it.
    let folder = module.with_extension("node");
    fs::create_dir_all(&folder)?;
    Bindgen::new()
        .input_path(&module)
        .out_name("tests")
        .nodejs(true)?
        // Tests are plain exports.
        .export_wasm(true)
        .emit_start(false)
        .generate(&folder)?;
    let script = folder.join("run.cjs");
    fs::write(&script, include_str!("run.cjs"))?;
    let status = Command::new("node")
        .arg(&script)
        .status()
        .context("could not run node")?;
    ensure!(status.success(), "the tests failed");
    Ok(())
}
