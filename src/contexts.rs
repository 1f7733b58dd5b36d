//! The contexts that the host refers to by number, and what happens when it calls back for one.
//!
//! The SDK's dispatcher does the same for every kind of context: it keeps a hash map for each kind, and panics for a
//! context that it does not know. The filter has two kinds.

use std::cell::RefCell;

use proxy_wasm::traits::{HttpContext, RootContext};
use proxy_wasm::types::Action;

use super::filter::{Http, Root};
use super::streams::Streams;

thread_local! {
    /// A VM has one thread.
    static CONTEXTS: RefCell<Contexts> = const { RefCell::new(Contexts::new()) };
}

struct Contexts {
    /// Few: old and new configurations, and those that share the VM.
    roots: Vec<(u32, Root)>,
    streams: Streams<Http>,
}

impl Contexts {
    const fn new() -> Self {
        Self {
            roots: Vec::new(),
            streams: Streams::new(),
        }
    }

    fn root(&mut self, id: u32) -> Option<&mut Root> {
        let found = self.roots.iter_mut().find(|(of, _)| *of == id);
        found.map(|(_, root)| root)
    }
}

/// Why a callback finds no context.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoContext {
    /// The callback is within another one. The ABI has no such callbacks, but a host may run the response callback
    /// on the filter's own reply while it is sent.
    Busy,
    /// The host has not created it, or has deleted it.
    Unknown,
}

fn with<T>(act: impl FnOnce(&mut Contexts) -> Option<T>) -> Result<T, NoContext> {
    CONTEXTS.with(|contexts| match contexts.try_borrow_mut() {
        Ok(mut contexts) => act(&mut contexts).ok_or(NoContext::Unknown),
        Err(_) => Err(NoContext::Busy),
    })
}

/// A root context if `root` is 0, and otherwise a stream of that root.
pub fn create(id: u32, root: u32) -> Result<(), NoContext> {
    with(|contexts| {
        if root == 0 {
            contexts.roots.push((id, Root::default()));
        } else {
            let stream = contexts.root(root)?.stream();
            contexts.streams.insert(id, stream);
        }
        Some(())
    })
}

/// Whether the configuration is accepted.
pub fn configure(root: u32, size: usize) -> Result<bool, NoContext> {
    with(|contexts| Some(contexts.root(root)?.on_configure(size)))
}

pub fn request_headers(id: u32, count: usize, is_end: bool) -> Result<Action, NoContext> {
    with(|contexts| {
        let stream = contexts.streams.get(id)?;
        Some(stream.on_http_request_headers(count, is_end))
    })
}

pub fn response_headers(id: u32, count: usize, is_end: bool) -> Result<Action, NoContext> {
    with(|contexts| {
        let stream = contexts.streams.get(id)?;
        Some(stream.on_http_response_headers(count, is_end))
    })
}

/// Forgets a stream or a root context.
pub fn delete(id: u32) -> Result<(), NoContext> {
    with(|contexts| {
        if !contexts.streams.remove(id) {
            contexts.roots.retain(|(of, _)| *of != id);
        }
        Some(())
    })
}
