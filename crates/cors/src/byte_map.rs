//! The one hash map of the module, from texts to numbers, and values by text on top of it: each further
//! type of map would be a kilobyte of the module.

use hashbrown::HashTable;

/// Texts, each with a number.
#[derive(Debug, Default)]
pub struct ByteMap(HashTable<(Box<[u8]>, u64)>);

impl ByteMap {
    pub fn get(&self, text: &[u8]) -> Option<u64> {
        if self.0.is_empty() {
            return None;
        }
        let entry = self.0.find(hash(text), |(known, _)| is_same(known, text))?;
        Some(entry.1)
    }

    /// The number of the text; a new text gets this one.
    pub fn get_or_insert(&mut self, text: &[u8], number: u64) -> &mut u64 {
        let is_known = |(known, _): &(Box<[u8]>, u64)| is_same(known, text);
        let entry = self
            .0
            .entry(hash(text), is_known, |(known, _)| hash(known))
            .or_insert_with(|| (text.into(), number));
        &mut entry.into_mut().1
    }

    /// Gives the number of one text to another; the text that had it is removed.
    fn move_number(&mut self, from: u64, to: u64) {
        self.0.retain(|(_, number)| {
            let stays = *number != to;
            if *number == from {
                *number = to;
            }
            stays
        });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.0.iter().map(|(text, number)| (&**text, *number))
    }
}

/// Values by text.
#[derive(Debug)]
pub struct Indexed<T> {
    places: ByteMap,
    values: Vec<T>,
}

impl<T> Indexed<T> {
    pub fn get(&self, text: &[u8]) -> Option<&T> {
        let place = usize::try_from(self.places.get(text)?).ok()?;
        self.values.get(place)
    }

    pub fn get_mut(&mut self, text: &[u8]) -> Option<&mut T> {
        let place = usize::try_from(self.places.get(text)?).ok()?;
        self.values.get_mut(place)
    }

    /// The value of the text; a new text gets this one.
    pub fn get_or_insert(&mut self, text: &[u8], value: T) -> &mut T {
        let end = self.values.len();
        let place = *self.places.get_or_insert(text, end as u64);
        let place = usize::try_from(place).unwrap_or(end);
        if place == end {
            self.values.push(value);
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "every text has a place that was pushed"
        )]
        &mut self.values[place]
    }

    /// Removes the value at a place with its text; the last value takes that place.
    pub fn swap_remove(&mut self, place: usize) -> Option<T> {
        let last = self.values.len().checked_sub(1)?;
        if place > last {
            return None;
        }
        self.places.move_number(last as u64, place as u64);
        let value = self.values.pop()?;
        Some(match self.values.get_mut(place) {
            Some(removed) => std::mem::replace(removed, value),
            None => value,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(|(text, _)| text)
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.values.iter()
    }
}

impl<T> Default for Indexed<T> {
    fn default() -> Self {
        Self {
            places: ByteMap::default(),
            values: Vec::new(),
        }
    }
}

/// Only configuration inserts texts, so that no sender can make them collide, and it needs no random
/// numbers from the host.
fn hash(text: &[u8]) -> u64 {
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(GOLDEN);
    let (words, rest) = text.as_chunks();
    let mut hash = text.len() as u64;
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    let last = match text.last_chunk() {
        // Some of these bytes for the second time: that is less than a loop over the rest.
        Some(word) => u64::from_le_bytes(*word),
        None => rest
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    hash = mix(hash, last);
    // The table looks at the lowest and at the highest bits; products mix upwards alone.
    hash = (hash ^ hash >> 32).wrapping_mul(GOLDEN);
    hash ^ hash >> 32
}

/// Whether the texts are equal, eight bytes at a time: the comparison of the module's libc takes twenty
/// instructions for each byte.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    const WORD: usize = 8;
    if one.len() != other.len() {
        return false;
    }
    let ((words, rest), (other_words, other_rest)) = (one.as_chunks::<WORD>(), other.as_chunks());
    words
        .iter()
        .zip(other_words)
        .all(|(word, other)| word == other)
        && match (one.last_chunk::<WORD>(), other.last_chunk()) {
            (Some(last), Some(other)) => last == other,
            _ => rest
                .iter()
                .zip(other_rest)
                .all(|(byte, other)| byte == other),
        }
}

/// An odd number without a pattern: 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::HashSet;

    #[test]
    fn texts_keep_their_first_number() {
        let mut map = ByteMap::default();
        assert_eq!(map.get(b"a"), None);
        assert_eq!(*map.get_or_insert(b"a", 1), 1);
        assert_eq!(*map.get_or_insert(b"a", 2), 1);
        *map.get_or_insert(b"b", 2) |= 4;
        assert_eq!((map.get(b"a"), map.get(b"b")), (Some(1), Some(6)));
        assert_eq!(map.iter().count(), 2);
    }

    #[test]
    fn values_are_found_by_their_text() {
        let mut map = Indexed::default();
        assert!(map.is_empty());
        assert_eq!(*map.get_or_insert(b"a", 'a'), 'a');
        assert_eq!(*map.get_or_insert(b"b", 'b'), 'b');
        *map.get_or_insert(b"a", 'c') = 'd';
        assert!(!map.is_empty());
        let found = [b"a", b"b", b"c"].map(|text| map.get(text));
        assert_eq!(found, [Some(&'d'), Some(&'b'), None]);
        assert_eq!((map.len(), map.values().count()), (2, 2));
        assert!(map.texts().any(|text| text == b"b"));
    }

    #[test]
    fn a_removed_text_leaves_its_place_to_the_last() {
        let mut map = Indexed::default();
        for text in [b"a", b"b", b"c"] {
            map.get_or_insert(text, text);
        }
        assert_eq!(map.swap_remove(0), Some(b"a"));
        assert_eq!(map.swap_remove(2), None);
        for (text, value) in [(b"a", None), (b"b", Some(&b"b")), (b"c", Some(&b"c"))] {
            assert_eq!(map.get(text), value);
        }
        assert_eq!(map.swap_remove(1), Some(b"b"), "the last itself");
        assert_eq!((map.len(), map.texts().count()), (1, 1));
        assert_eq!(*map.get_or_insert(b"a", b"d"), b"d");
        assert_eq!(map.get(b"c"), Some(&b"c"));
    }

    #[test]
    fn texts_that_differ_in_one_byte_are_not_the_same() {
        for length in 0..30 {
            let text: Vec<u8> = (b'a'..).take(length).collect();
            assert!(is_same(&text, &text.clone()), "{length}");
            assert!(!is_same(&text, &[&text[..], b"a"].concat()), "{length}");
            for at in 0..length {
                let mut other = text.clone();
                other[at] = b'-';
                assert!(!is_same(&text, &other), "{at} of {length}");
            }
        }
    }

    /// Neither the lowest bits nor the highest ones of alike texts are alike.
    #[test]
    fn alike_texts_are_spread() {
        for form in [
            "https://app-{}.example.com",
            "https://{}.example",
            "/v1/{}",
            "{}",
        ] {
            let hashes: Vec<u64> = (0..4096)
                .map(|n: u32| hash(form.replace("{}", &n.to_string()).as_bytes()))
                .collect();
            for shift in [0, 20, 52] {
                let parts: HashSet<u64> = hashes.iter().map(|hash| hash >> shift & 0xfff).collect();
                // By chance 63 % of the 4096 are met.
                assert!(parts.len() > 2400, "{form} at {shift}: {}", parts.len());
            }
        }
    }
}
