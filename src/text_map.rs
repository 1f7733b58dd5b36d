//! The one hash map of the module, from texts to numbers, and values by text on top of it: each further
//! type of map would be a kilobyte of the module.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Texts, each with a number.
#[derive(Debug, Default)]
pub struct TextMap(HashMap<Box<[u8]>, u64, BuildHasherDefault<Mixer>>);

impl TextMap {
    pub fn get(&self, text: &[u8]) -> Option<u64> {
        self.0.get(text).copied()
    }

    /// The number of the text; a new text gets this one.
    pub fn get_or_insert(&mut self, text: &[u8], number: u64) -> &mut u64 {
        self.0.entry(text.into()).or_insert(number)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.0.iter().map(|(text, number)| (&**text, *number))
    }
}

/// Values by text.
#[derive(Debug)]
pub struct ByText<T> {
    places: TextMap,
    values: Vec<T>,
}

impl<T> ByText<T> {
    pub fn get(&self, text: &[u8]) -> Option<&T> {
        let place = usize::try_from(self.places.get(text)?).ok()?;
        self.values.get(place)
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

impl<T> Default for ByText<T> {
    fn default() -> Self {
        Self {
            places: TextMap::default(),
            values: Vec::new(),
        }
    }
}

/// Takes eight bytes at a time. Only configuration inserts texts, so that no sender can make them
/// collide, and it needs no random numbers from the host.
#[derive(Default)]
pub struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(GOLDEN);
    }
}

/// An odd number without a pattern: 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((word, after)) = rest.split_first_chunk() {
            self.mix(u64::from_le_bytes(*word));
            rest = after;
        }
        let mut word = 0;
        for byte in rest {
            word = word << 8 | u64::from(*byte);
        }
        self.mix(word);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn finish(&self) -> u64 {
        // The map looks at the lowest and at the highest bits; products mix upwards alone.
        let hash = (self.0 ^ self.0 >> 32).wrapping_mul(GOLDEN);
        hash ^ hash >> 32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_keep_their_first_number() {
        let mut map = TextMap::default();
        assert_eq!(map.get(b"a"), None);
        assert_eq!(*map.get_or_insert(b"a", 1), 1);
        assert_eq!(*map.get_or_insert(b"a", 2), 1);
        *map.get_or_insert(b"b", 2) |= 4;
        assert_eq!((map.get(b"a"), map.get(b"b")), (Some(1), Some(6)));
        assert_eq!(map.iter().count(), 2);
    }

    #[test]
    fn values_are_found_by_their_text() {
        let mut map = ByText::default();
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

    /// Neither the lowest bits nor the highest ones of alike texts are alike.
    #[test]
    fn alike_texts_are_spread() {
        let hash = |text: String| {
            let mut mixer = Mixer::default();
            mixer.write(text.as_bytes());
            mixer.finish()
        };
        for form in [
            "https://app-{}.example.com",
            "https://{}.example",
            "/v1/{}",
            "{}",
        ] {
            let hashes: Vec<u64> = (0..4096)
                .map(|n: u32| hash(form.replace("{}", &n.to_string())))
                .collect();
            for shift in [0, 20, 52] {
                let parts: HashSet<u64> = hashes.iter().map(|hash| hash >> shift & 0xfff).collect();
                // By chance 63 % of the 4096 are met.
                assert!(parts.len() > 2400, "{form} at {shift}: {}", parts.len());
            }
        }
    }
}
