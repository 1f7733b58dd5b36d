//! Work is linear in what comes in: to judge a request and to amend its response takes memory for so
//! many bytes in all, for each byte of the input, besides what the readings of a path take at most.
//! `tests/bounds.py` counts the loops that take none.
#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use cors::select::policy_set::Plugin;
use cors_fuzz::Exchange;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut exchange = Exchange::parse(data);
    // What it carries is read as a configuration is, once.
    exchange.request.retain(|name| !name.contains("metadata"));
    let Some(plugin) = Plugin::from_bytes(exchange.configuration).0 else {
        return;
    };
    // The first request makes what regular expressions keep to work in.
    exchange.clone().run_under(&plugin);
    let again = exchange.clone();
    let before = TAKEN.load(Relaxed);
    again.run_under(&plugin);
    let taken = TAKEN.load(Relaxed) - before;
    assert!(taken <= READINGS + 8 * data.len(), "{taken} bytes");
});

const READINGS: usize = 128 * 1024;

/// Counts the bytes that are ever taken.
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
