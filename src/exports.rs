//! What the host calls. scripts/module.txt has the name of the ABI for each: the SDK exports functions of those
//! names, for every callback there is, and Rust cannot leave them out.

#![expect(unsafe_code, reason = "a name that is exported may be another's")]

use cors::http::header_block::HeaderBlock;
use cors::policy::verdict::Reply;
use proxy_wasm::types::Action;

use super::{contexts, filter, host};

#[unsafe(no_mangle)]
extern "C" fn cors_initialize() {
    #[cfg(target_os = "wasi")]
    unsafe {
        __wasm_call_ctors();
    }
    filter::initialize();
}

#[unsafe(no_mangle)]
extern "C" fn cors_on_context_create(id: u32, root: u32) {
    contexts::create(id, root);
}

#[unsafe(no_mangle)]
extern "C" fn cors_on_configure(root: u32, size: usize) -> u32 {
    u32::from(contexts::configure(root, size))
}

#[unsafe(no_mangle)]
extern "C" fn cors_on_request_headers(id: u32, count: usize, is_end: u32) -> u32 {
    contexts::request_headers(id, count, is_end != 0).unwrap_or_else(refuse) as u32
}

#[unsafe(no_mangle)]
extern "C" fn cors_on_response_headers(id: u32, count: usize, is_end: u32) -> u32 {
    let action = contexts::response_headers(id, count, is_end != 0);
    action.unwrap_or(Action::Continue) as u32
}

#[unsafe(no_mangle)]
extern "C" fn cors_on_delete(id: u32) {
    contexts::delete(id);
}

#[unsafe(no_mangle)]
extern "C" fn cors_on_memory_allocate(size: usize) -> *mut u8 {
    host::allocate(size)
}

/// Answers a request that no policy can judge, because the host has not created its context.
#[cold]
#[inline(never)] // Out of the way of most requests.
fn refuse() -> Action {
    log::error!("a request has no context: the host has not created it, or has deleted it");
    host::send(&Reply {
        status: 500,
        headers: HeaderBlock::new(&[]),
        body: String::new(),
    });
    Action::Pause
}

#[cfg(target_os = "wasi")]
unsafe extern "C" {
    fn __wasm_call_ctors();
}
