//! An allocator that keeps lists of freed pieces, in front of another allocator.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr::{copy_nonoverlapping, null_mut};

/// For each size, a list of the freed pieces of that size. They are never returned to the allocator behind.
pub struct Lists<A> {
    first: UnsafeCell<[*mut Piece; LISTS]>,
    others: A,
}

/// A freed piece.
struct Piece {
    next: *mut Piece,
}

#[cfg(target_family = "wasm")]
const _: () = assert!(
    cfg!(not(target_feature = "atomics")),
    "the lists are for one thread"
);

// SAFETY: There is one thread, and no interrupt.
#[cfg(target_family = "wasm")]
unsafe impl<A> Sync for Lists<A> {}

impl<A> Lists<A> {
    pub const fn new(others: A) -> Self {
        Self {
            first: UnsafeCell::new([null_mut(); LISTS]),
            others,
        }
    }

    /// The list for pieces of a layout, and the layout that all pieces of that list have; `None` if it is
    /// not small.
    fn list(&self, layout: Layout) -> Option<(*mut *mut Piece, Layout)> {
        // GlobalAlloc forbids a size of zero.
        let index = layout.size().wrapping_sub(1) / STEP;
        if index >= LISTS || layout.align() > ALIGNMENT {
            return None;
        }
        // SAFETY: The index is within the array.
        let list = unsafe { self.first.get().cast::<*mut Piece>().add(index) };
        // SAFETY: The alignment is a power of two, and the size is at most STEP * LISTS.
        let shared = unsafe { Layout::from_size_align_unchecked((index + 1) * STEP, ALIGNMENT) };
        Some((list, shared))
    }
}

// SAFETY: A piece is in a list only while it is free, and all pieces of a list have the size and the alignment
// of the largest layout for which the list is used.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Lists<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((list, shared)) = self.list(layout) else {
            // SAFETY: The caller's layout.
            return unsafe { self.others.alloc(layout) };
        };
        // SAFETY: One thread, and no reference to the lists outlives a call.
        let first = unsafe { *list };
        if first.is_null() {
            // SAFETY: Its size is not zero.
            return unsafe { self.others.alloc(shared) };
        }
        // SAFETY: `dealloc` has put the piece there, with its `next`.
        unsafe { *list = (*first).next };
        first.cast()
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        let Some((list, _)) = self.list(layout) else {
            // SAFETY: What is not small comes from there.
            return unsafe { self.others.dealloc(address, layout) };
        };
        let piece = address.cast::<Piece>();
        // SAFETY: The piece is free now, has room for an address and is aligned for one.
        unsafe {
            (*piece).next = *list;
            *list = piece;
        }
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: The caller has made sure that the size is valid for the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (self.list(layout), self.list(new)) {
            // SAFETY: The caller's, and it comes from there.
            (None, None) => return unsafe { self.others.realloc(address, layout, size) },
            (Some((old, _)), Some((new, _))) if old == new => return address,
            _ => {}
        }
        // SAFETY: As for `alloc` and `dealloc`; the old piece and the new one are apart, and each has room
        // for what is copied.
        unsafe {
            let moved = self.alloc(new);
            if !moved.is_null() {
                copy_nonoverlapping(address, moved, layout.size().min(size));
                self.dealloc(address, layout);
            }
            moved
        }
    }
}

/// Sizes of small pieces are rounded up to multiples of this many bytes.
const STEP: usize = 8;

/// How many sizes are small.
const LISTS: usize = 64;

/// The largest alignment of a small piece.
const ALIGNMENT: usize = 8;

#[cfg(test)]
mod tests;
