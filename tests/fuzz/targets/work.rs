//! Work is linear in the input: judging a request and amending its response allocates at most a fixed number
//! of bytes for each byte of the input, plus the bounded cost of the readings of a path. `tests/bounds.py`
//! counts loops that allocate nothing.
#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use cors::select::policy_set::PolicySet;
use cors_fuzz::Exchange;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut exchange = Exchange::parse(data);
    // A policy in route metadata is read once, like a configuration.
    exchange.request.retain(|name| !name.contains("metadata"));
    let Some(plugin) = PolicySet::from_bytes(exchange.configuration).0 else {
        return;
    };
    // The first request allocates the working memory of regular expressions.
    exchange.clone().run_under(&plugin);
    let again = exchange.clone();
    let before = TAKEN.load(Relaxed);
    again.run_under(&plugin);
    let taken = TAKEN.load(Relaxed) - before;
    assert!(taken <= READINGS + 8 * data.len(), "{taken} bytes");
});

const READINGS: usize = 128 * 1024;

/// Counts all bytes that are ever allocated.
struct Counting;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
