//! The memory allocator of the WebAssembly module: lists of freed pieces, in front of
//! [talc](https://docs.rs/talc).
//!
//! Each request allocates a few small pieces, most of them values that the host hands over, and frees them
//! again: that takes a few instructions with lists, and hundreds with a search. What is not small goes to talc, whose
//! code is 9 KB smaller than the C library's allocator, which V8 would compile at every start.
//!
//! A WebAssembly module that links this package has it as its global allocator. On any other target there is
//! nothing in it.

#![deny(clippy::undocumented_unsafe_blocks)]

#[cfg(any(test, target_family = "wasm"))]
mod lists;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: lists::Lists<talc::wasm::WasmDynamicTalc> =
    lists::Lists::new(talc::wasm::new_wasm_dynamic_allocator());
