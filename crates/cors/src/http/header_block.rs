//! Header lines, held in the form in which the proxy-wasm ABI hands them over: their number, the lengths
//! of all names and values, then names and values, each followed by a zero.
//! <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#serialization>

use std::borrow::Cow;

/// A name and a value; lines with an empty value are skipped.
pub type Line<'a> = (&'static str, &'a [u8]);

/// The header lines of a message. Values are bytes as they came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeaderBlock(Cow<'static, [u8]>);

impl HeaderBlock {
    /// Those of the lines that have a value.
    pub fn new(lines: &[Line]) -> Self {
        Self(Cow::Owned(serialize(lines)))
    }

    /// The lines that [`serialized`] wrote when the program was built.
    pub(crate) const fn fixed(map: &'static [u8]) -> Self {
        Self(Cow::Borrowed(map))
    }

    /// The names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        split(&self.0).into_iter().flatten().flatten()
    }

    /// The header map that a proxy-wasm host takes.
    pub fn as_host_map(&self) -> &[u8] {
        &self.0
    }
}

/// Header lines, except the value of the first.
#[derive(Debug)]
pub struct HeaderTemplate {
    before: Vec<u8>,
    behind: Vec<u8>,
}

impl HeaderTemplate {
    /// The lines after one of this name.
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

    /// All lines, the first with this value.
    pub fn fill(&self, value: &[u8]) -> HeaderBlock {
        let mut map = Vec::with_capacity(self.before.len() + value.len() + self.behind.len());
        map.extend_from_slice(&self.before);
        // Behind the number of lines and the length of the first name.
        if let Some(length) = map.get_mut(8..12) {
            length.copy_from_slice(&number(value.len()));
        }
        map.extend_from_slice(value);
        map.extend_from_slice(&self.behind);
        HeaderBlock(Cow::Owned(map))
    }
}

/// The lines of a header map of a proxy-wasm host; `None` for bytes that are not one.
pub fn parse(map: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let found = split(map)?;
    let mut lines = Vec::with_capacity(found.size_hint().0);
    for line in found {
        let (name, value) = line?;
        lines.push((name.to_vec(), value.to_vec()));
    }
    Some(lines)
}

/// How many bytes the lines take when serialized.
pub(crate) const fn serialized_size(lines: &[(&str, &str)]) -> usize {
    let mut size = 4;
    let mut rest = lines;
    while let [(name, value), others @ ..] = rest {
        size += 8 + name.len() + 1 + value.len() + 1;
        rest = others;
    }
    size
}

/// The lines serialized, for a [`HeaderBlock::fixed`]. For constants: it panics on a wrong size.
#[expect(clippy::indexing_slicing, reason = "a fault does not compile")]
pub(crate) const fn serialized<const SIZE: usize>(lines: &[(&str, &str)]) -> [u8; SIZE] {
    const fn put<const SIZE: usize>(map: &mut [u8; SIZE], at: usize, bytes: &[u8]) -> usize {
        let mut index = 0;
        while index < bytes.len() {
            map[at + index] = bytes[index];
            index += 1;
        }
        at + index
    }
    let mut map = [0; SIZE];
    let mut at = put(&mut map, 0, &number(lines.len()));
    let mut rest = lines;
    while let [(name, value), others @ ..] = rest {
        at = put(&mut map, at, &number(name.len()));
        at = put(&mut map, at, &number(value.len()));
        rest = others;
    }
    rest = lines;
    while let [(name, value), others @ ..] = rest {
        at = 1 + put(&mut map, at, name.as_bytes());
        at = 1 + put(&mut map, at, value.as_bytes());
        rest = others;
    }
    assert!(at == SIZE, "the size of the lines");
    map
}

fn serialize(lines: &[Line]) -> Vec<u8> {
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

/// The lines of a header map, `None` for each that is cut off.
fn split(map: &[u8]) -> Option<impl Iterator<Item = Option<(&[u8], &[u8])>>> {
    let (count, rest) = map.split_at_checked(4)?;
    let count = usize::try_from(u32::from_le_bytes(count.try_into().ok()?)).ok()?;
    let (lengths, mut rest) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut take = move |length: &[u8]| {
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        let (taken, after) = rest.split_at_checked(length)?;
        rest = after.get(1..)?;
        Some(taken)
    };
    Some(lengths.chunks_exact(8).map(move |lengths| {
        let (name, value) = lengths.split_at_checked(4)?;
        Some((take(name)?, take(value)?))
    }))
}

/// No header map of a host is longer than the numbers of the ABI reach.
#[expect(clippy::cast_possible_truncation, reason = "memory has 32 bits")]
const fn number(number: usize) -> [u8; 4] {
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
            let gap = HeaderTemplate::new("name", others);
            for value in [&b"v"[..], &[b'v'; 300]] {
                let map = gap.fill(value);
                assert_eq!(
                    map,
                    HeaderBlock::new(&[&[("name", value)], others].concat())
                );
                let Cow::Owned(map) = map.0 else {
                    panic!("its own bytes");
                };
                assert_eq!(map.capacity(), map.len(), "one allocation of just the size");
            }
        }
    }

    #[test]
    fn a_fixed_block_is_as_serialized() {
        const LINES: &[(&str, &str)] = &[("a", "1"), ("long", "22")];
        static FIXED: [u8; serialized_size(LINES)] = serialized(LINES);
        let fixed = HeaderBlock::fixed(&FIXED);
        assert_eq!(fixed, HeaderBlock::new(&[("a", b"1"), ("long", b"22")]));
        let lines: Vec<_> = fixed.iter().collect();
        assert_eq!(lines, [(&b"a"[..], &b"1"[..]), (b"long", b"22")]);
    }
}
