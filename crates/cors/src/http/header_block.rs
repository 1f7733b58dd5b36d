//! Header lines in the form in which the proxy-wasm ABI hands them over: their number, the lengths of
//! all names and values, then names and values, each followed by a zero.
//! <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#serialization>

/// A name and a value; lines with an empty value are skipped.
pub type Line<'a> = (&'static str, &'a [u8]);

/// A whole header map of those of the lines that have a value.
pub fn serialize(lines: &[Line]) -> Vec<u8> {
    let lines = || lines.iter().filter(|(_, value)| !value.is_empty());
    let (mut count, mut size) = (0, 4);
    for (name, value) in lines() {
        count += 1;
        size += 8 + name.len() + 1 + value.len() + 1;
    }
    let mut map = Vec::with_capacity(size);
    map.extend_from_slice(&number(count));
    for (name, value) in lines() {
        map.extend_from_slice(&number(name.len()));
        map.extend_from_slice(&number(value.len()));
    }
    for (name, value) in lines() {
        for text in [name.as_bytes(), value] {
            map.extend_from_slice(text);
            map.push(0);
        }
    }
    map
}

/// A whole header map, except the value of its first line.
#[derive(Debug)]
pub struct Gap {
    before: Vec<u8>,
    behind: Vec<u8>,
}

impl Gap {
    /// The map of these lines behind one of this name.
    pub fn new(name: &'static str, others: &[Line]) -> Self {
        let placeholder = b"*";
        let mut before = serialize(&[&[(name, &placeholder[..])], others].concat());
        let count = 1 + others.iter().filter(|(_, value)| !value.is_empty()).count();
        let mut behind = before.split_off(4 + 8 * count + name.len() + 1);
        behind.drain(..placeholder.len());
        // A policy keeps it: without the room that the whole map had.
        before.shrink_to_fit();
        Self { before, behind }
    }

    /// The whole map.
    pub fn fill(&self, value: &[u8]) -> Vec<u8> {
        let mut map = Vec::with_capacity(self.before.len() + value.len() + self.behind.len());
        map.extend_from_slice(&self.before);
        // Behind the number of lines and the length of the first name.
        if let Some(length) = map.get_mut(8..12) {
            length.copy_from_slice(&number(value.len()));
        }
        map.extend_from_slice(value);
        map.extend_from_slice(&self.behind);
        map
    }
}

/// Reads a whole header map; `None` for bytes that are none.
pub fn parse(map: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (count, rest) = map.split_at_checked(4)?;
    let count = usize::try_from(u32::from_le_bytes(count.try_into().ok()?)).ok()?;
    let (lengths, mut rest) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut take = |length: &[u8]| {
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        let (taken, after) = rest.split_at_checked(length)?;
        rest = after.get(1..)?;
        Some(taken.to_vec())
    };
    lengths
        .chunks_exact(8)
        .map(|lengths| {
            let (name, value) = lengths.split_at_checked(4)?;
            Some((take(name)?, take(value)?))
        })
        .collect()
}

/// No header map of a host is longer than the numbers of the ABI reach.
#[expect(clippy::cast_possible_truncation, reason = "memory has 32 bits")]
fn number(number: usize) -> [u8; 4] {
    (number as u32).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_survive_the_abi() {
        let map = serialize(&[("a", b"1"), ("none", b""), ("long", b"22"), ("", b"\xff")]);
        assert_eq!(map.capacity(), map.len(), "one allocation of just the size");
        let pairs = parse(&map).unwrap();
        assert_eq!(
            pairs,
            [
                (b"a".to_vec(), b"1".to_vec()),
                (b"long".to_vec(), b"22".to_vec()),
                (b"".to_vec(), b"\xff".to_vec()),
            ]
        );
        for end in 0..map.len() {
            assert_eq!(parse(&map[..end]), None, "{end}");
        }
        assert_eq!(parse(&[0xff; 64]), None);
        let empty = b"\x01\0\0\0\x01\0\0\0\0\0\0\0a\0\0";
        assert_eq!(parse(empty), Some(vec![(b"a".to_vec(), Vec::new())]));
        assert_eq!(parse(&serialize(&[])), Some(Vec::new()));
    }

    #[test]
    fn a_filled_gap_is_as_serialized() {
        let (none, other): (Line, Line) = (("none", b""), ("b", b"2"));
        for others in [&[][..], &[none, other], &[other; 3]] {
            let gap = Gap::new("name", others);
            for value in [&b"v"[..], &[b'v'; 300]] {
                let map = gap.fill(value);
                assert_eq!(map, serialize(&[&[("name", value)], others].concat()));
                assert_eq!(map.capacity(), map.len(), "one allocation of just the size");
            }
        }
    }
}
