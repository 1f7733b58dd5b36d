use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::collections::HashMap;
use std::slice::from_raw_parts_mut;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{ALIGNMENT, LISTS, Lists, STEP};

/// The system's allocator, which knows what is taken from it, and frees at the end what the lists keep.
#[derive(Default)]
struct Tracked(RefCell<HashMap<*mut u8, Layout>>);

impl Tracked {
    fn bytes(&self) -> usize {
        self.0.borrow().values().map(Layout::size).sum()
    }
}

// SAFETY: The system's, with the caller's arguments.
unsafe impl GlobalAlloc for Tracked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: As above.
        let address = unsafe { System.alloc(layout) };
        self.0.borrow_mut().insert(address, layout);
        address
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        assert_eq!(self.0.borrow_mut().remove(&address), Some(layout));
        // SAFETY: As above.
        unsafe { System.dealloc(address, layout) }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        for (address, layout) in self.0.get_mut().drain() {
            // SAFETY: It was allocated with that layout, and is not freed yet.
            unsafe { System.dealloc(address, layout) }
        }
    }
}

fn lists() -> Lists<Tracked> {
    Lists::new(Tracked::default())
}

/// A piece in use, full of one byte.
struct Used {
    address: *mut u8,
    layout: Layout,
    byte: u8,
}

impl Used {
    fn new(address: *mut u8, layout: Layout, byte: u8) -> Self {
        assert!(!address.is_null());
        assert!(address.addr().is_multiple_of(layout.align()));
        let mut used = Self {
            address,
            layout,
            byte,
        };
        used.bytes().fill(byte);
        used
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: It is in use, and was filled by `new`.
        unsafe { from_raw_parts_mut(self.address, self.layout.size()) }
    }

    fn check(&mut self, size: usize) {
        let byte = self.byte;
        assert!(self.bytes()[..size].iter().all(|found| *found == byte));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Allocate(usize, u32),
    Reallocate(usize, usize),
    Free(usize),
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![1..=80_usize, 1..=2 * STEP * LISTS]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (sizes(), 0..6_u32).prop_map(|(size, power)| Step::Allocate(size, power)),
        (any::<usize>(), sizes()).prop_map(|(place, size)| Step::Reallocate(place, size)),
        any::<usize>().prop_map(Step::Free),
    ];
    vec(step, 0..200)
}

proptest! {
    #[test]
    fn no_piece_is_handed_out_twice(steps in steps()) {
        let lists = lists();
        let mut used: Vec<Used> = Vec::new();
        for (byte, step) in (0_u8..=255).cycle().zip(steps) {
            match step {
                Step::Allocate(size, power) => {
                    let layout = Layout::from_size_align(size, 1 << power).unwrap();
                    // SAFETY: The size is not zero.
                    let address = unsafe { lists.alloc(layout) };
                    used.push(Used::new(address, layout, byte));
                }
                Step::Reallocate(place, size) if !used.is_empty() => {
                    let place = place % used.len();
                    let old = used.swap_remove(place);
                    // SAFETY: It is in use with that layout, and the size is not zero.
                    let address = unsafe { lists.realloc(old.address, old.layout, size) };
                    let layout = Layout::from_size_align(size, old.layout.align()).unwrap();
                    Used { address, layout, byte: old.byte }.check(size.min(old.layout.size()));
                    used.push(Used::new(address, layout, byte));
                }
                Step::Free(place) if !used.is_empty() => {
                    let place = place % used.len();
                    let mut old = used.swap_remove(place);
                    old.check(old.layout.size());
                    // SAFETY: It was in use with that layout.
                    unsafe { lists.dealloc(old.address, old.layout) };
                }
                Step::Reallocate(..) | Step::Free(_) => {}
            }
            for one in &mut used {
                one.check(one.layout.size());
            }
        }
        for one in used {
            // SAFETY: As above.
            unsafe { lists.dealloc(one.address, one.layout) };
        }
    }

    #[test]
    fn what_was_freed_serves_the_same_sizes_again(sizes in vec(sizes(), 1..100)) {
        let lists = lists();
        let mut taken = 0;
        for round in 0..3 {
            let layouts = sizes.iter().map(|size| Layout::from_size_align(*size, ALIGNMENT).unwrap());
            // SAFETY: No size is zero.
            let used: Vec<_> = layouts.map(|layout| (unsafe { lists.alloc(layout) }, layout)).collect();
            if round == 0 {
                taken = lists.others.bytes();
            }
            assert_eq!(lists.others.bytes(), taken, "round {round}");
            for (address, layout) in used {
                // SAFETY: It is in use with that layout.
                unsafe { lists.dealloc(address, layout) };
            }
        }
    }
}

#[test]
fn the_last_freed_piece_is_the_next() {
    let lists = lists();
    let layout = |size| Layout::from_size_align(size, 1).unwrap();
    // SAFETY: No size is zero, and each piece is freed with its layout.
    unsafe {
        let [one, other] = [lists.alloc(layout(STEP + 1)), lists.alloc(layout(2 * STEP))];
        lists.dealloc(one, layout(STEP + 1));
        lists.dealloc(other, layout(2 * STEP));
        assert_eq!(lists.alloc(layout(STEP + 5)), other);
        assert_eq!(lists.alloc(layout(STEP + 1)), one);
    }
}

#[test]
fn a_piece_that_is_large_enough_stays_where_it_is() {
    let lists = lists();
    let layout = |size| Layout::from_size_align(size, 1).unwrap();
    // SAFETY: No size is zero, and each piece is reallocated with its layout.
    unsafe {
        let piece = lists.alloc(layout(STEP + 1));
        assert_eq!(lists.realloc(piece, layout(STEP + 1), 2 * STEP), piece);
        assert_ne!(lists.realloc(piece, layout(2 * STEP), 2 * STEP + 1), piece);
        assert_eq!(lists.alloc(layout(STEP + 1)), piece, "it is free again");
    }
}

#[test]
fn what_is_large_or_aligned_to_more_is_returned() {
    let lists = lists();
    for layout in [
        Layout::from_size_align(STEP * LISTS + 1, 1).unwrap(),
        Layout::from_size_align(STEP, 2 * ALIGNMENT).unwrap(),
    ] {
        // SAFETY: The size is not zero, and it is freed with its layout.
        unsafe {
            let piece = lists.alloc(layout);
            assert_eq!(lists.others.bytes(), layout.size());
            lists.dealloc(piece, layout);
        }
        assert_eq!(lists.others.bytes(), 0);
    }
}
