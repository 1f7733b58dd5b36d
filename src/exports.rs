//! What the host calls. scripts/module.txt has the name of the ABI for each: the SDK exports functions of those
//! names, for every callback there is, and Rust cannot leave them out.

#![expect(
    unsafe_code,
    reason = "exported names, and the constructors of the C library"
)]

use cors::http::header_block::HeaderBlock;
use cors::policy::answer::remove_grant;
use cors::policy::verdict::Reply;
use proxy_wasm::types::Action;

use super::contexts::{self, NoContext};
use super::{filter, host};

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
    // A stream that could not be created is unknown to its callbacks.
    let _ = contexts::create(id, root);
}

#[unsafe(no_mangle)]
extern "C" fn cors_on_configure(root: u32, size: usize) -> u32 {
    let accepted = contexts::configure(root, size);
    if accepted.is_err() {
        log::error!("the host has not created the context of this configuration");
    }
    u32::from(accepted == Ok(true))
}

#[unsafe(no_mangle)]
extern "C" fn cors_on_request_headers(id: u32, count: usize, is_end: u32) -> u32 {
    contexts::request_headers(id, count, is_end != 0).unwrap_or_else(|_| refuse()) as u32
}

#[unsafe(no_mangle)]
extern "C" fn cors_on_response_headers(id: u32, count: usize, is_end: u32) -> u32 {
    match contexts::response_headers(id, count, is_end != 0) {
        Ok(action) => action as u32,
        Err(why) => withhold(why) as u32,
    }
}

#[unsafe(no_mangle)]
extern "C" fn cors_on_delete(id: u32) {
    // What is unknown is deleted.
    let _ = contexts::delete(id);
}

#[unsafe(no_mangle)]
extern "C" fn cors_on_memory_allocate(size: usize) -> *mut u8 {
    host::allocate(size)
}

/// Answers a request that no policy can judge, because the host has not created its context.
#[cold]
#[inline(never)] // Out of the way of most requests.
fn refuse() -> Action {
    log::error!(
        "a request has no context: the host has not created it, has deleted it, or calls while the filter runs"
    );
    host::send(&Reply {
        status: 500,
        headers: HeaderBlock::new(&[]),
        body: String::new(),
    });
    Action::Pause
}

/// Takes the upstream's grant from a response that no policy governs, because its context is not there. Within
/// another callback, it is the filter's own reply.
#[cold]
#[inline(never)] // Out of the way of most responses.
fn withhold(why: NoContext) -> Action {
    if why == NoContext::Unknown {
        remove_grant(&mut host::HeaderMap::Response, true);
    }
    Action::Continue
}

#[cfg(target_os = "wasi")]
unsafe extern "C" {
    fn __wasm_call_ctors();
}
