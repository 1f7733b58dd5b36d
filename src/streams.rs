//! The contexts of streams, by the numbers that the host gives them.

use std::mem;

/// A hash table with chains. Hosts count up, so that a number's last bits choose a chain evenly: the hash function
/// and the probing of a map of the standard library would gain nothing, and cost each stream some hundred instructions.
pub struct Streams<S> {
    /// A power of two of them, or none.
    chains: Vec<Link<S>>,
    len: usize,
}

type Link<S> = Option<Box<Node<S>>>;

struct Node<S> {
    id: u32,
    stream: S,
    next: Link<S>,
}

impl<S> Streams<S> {
    pub const fn new() -> Self {
        Self {
            chains: Vec::new(),
            len: 0,
        }
    }

    /// Adds a stream. The host gives no number to two streams at once; the later one would hide the earlier one.
    pub fn insert(&mut self, id: u32, stream: S) {
        if self.len == self.chains.len() {
            self.grow();
        }
        let mut node = Box::new(Node {
            id,
            stream,
            next: None,
        });
        if let Some(first) = self.chain(id) {
            node.next = first.take();
            *first = Some(node);
            self.len += 1;
        }
    }

    pub fn get(&mut self, id: u32) -> Option<&mut S> {
        let mut link = self.chain(id)?;
        while let Some(node) = link {
            if node.id == id {
                return Some(&mut node.stream);
            }
            link = &mut node.next;
        }
        None
    }

    /// Drops a stream; `false` if there is none of this number.
    pub fn remove(&mut self, id: u32) -> bool {
        let Some(mut link) = self.chain(id) else {
            return false;
        };
        loop {
            match link {
                None => return false,
                Some(node) if node.id == id => {
                    *link = node.next.take();
                    self.len -= 1;
                    return true;
                }
                Some(node) => link = &mut node.next,
            }
        }
    }

    fn chain(&mut self, id: u32) -> Option<&mut Link<S>> {
        let mask = self.chains.len().wrapping_sub(1);
        self.chains.get_mut(id as usize & mask)
    }

    #[cold]
    #[inline(never)] // Out of the way of most requests.
    fn grow(&mut self) {
        let mut chains = Vec::new();
        chains.resize_with((2 * self.chains.len()).max(16), || None);
        for mut link in mem::replace(&mut self.chains, chains) {
            while let Some(mut node) = link {
                link = node.next.take();
                if let Some(first) = self.chain(node.id) {
                    node.next = first.take();
                    *first = Some(node);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::Streams;

    proptest! {
        /// Many streams in few chains, and the largest number, too.
        #[test]
        fn behaves_as_a_map(steps in prop::collection::vec((0..3, prop_oneof![0..200_u32, Just(u32::MAX)]), 0..600)) {
            let mut streams = Streams::new();
            let mut map = BTreeMap::new();
            for (number, (step, id)) in steps.into_iter().enumerate() {
                match step {
                    0 if map.contains_key(&id) => {}
                    0 => {
                        streams.insert(id, number);
                        map.insert(id, number);
                    }
                    1 => prop_assert_eq!(streams.remove(id), map.remove(&id).is_some()),
                    _ => prop_assert_eq!(streams.get(id), map.get_mut(&id)),
                }
                prop_assert_eq!(streams.len, map.len());
            }
            for (id, mut number) in map {
                prop_assert_eq!(streams.get(id), Some(&mut number));
            }
        }
    }
}
