//! Header lines in the form in which the proxy-wasm ABI hands them over: their number, the lengths of
//! all names and values, then names and values, each followed by a zero.
//! <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#serialization>

/// A name and a value.
pub type Line<'a> = (&'static str, &'a [u8]);

/// The map without a line.
pub static NONE: &[u8] = &[0; 4];

/// The map of `vary: Origin` alone.
pub static VARY_ON_ORIGIN: &[u8] = b"\x01\0\0\0\x04\0\0\0\x06\0\0\0vary\0Origin\0";

/// Header lines that are serialized already, but for their number.
#[derive(Debug)]
pub struct Pairs {
    count: usize,
    lengths: Vec<u8>,
    texts: Vec<u8>,
}

impl Pairs {
    pub const fn new() -> Self {
        Self {
            count: 0,
            lengths: Vec::new(),
            texts: Vec::new(),
        }
    }

    pub fn push(&mut self, name: &str, value: &[u8]) {
        push_lengths(&mut self.lengths, name, value);
        push_texts(&mut self.texts, name, value);
        self.count += 1;
    }

    /// The whole of a header map: these lines, behind others.
    pub fn serialize_behind(&self, others: &[Option<Line>]) -> Vec<u8> {
        let (mut count, mut size) = (self.count, 4 + self.lengths.len() + self.texts.len());
        for (name, value) in others.iter().flatten() {
            count += 1;
            size += 8 + name.len() + 1 + value.len() + 1;
        }
        let mut map = Vec::with_capacity(size);
        map.extend_from_slice(&number(count));
        for (name, value) in others.iter().flatten() {
            push_lengths(&mut map, name, value);
        }
        map.extend_from_slice(&self.lengths);
        for (name, value) in others.iter().flatten() {
            push_texts(&mut map, name, value);
        }
        map.extend_from_slice(&self.texts);
        map
    }
}

impl Default for Pairs {
    fn default() -> Self {
        Self::new()
    }
}

/// A whole header map of these lines.
pub fn serialize(lines: &[Option<Line>]) -> Vec<u8> {
    Pairs::new().serialize_behind(lines)
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

fn push_lengths(lengths: &mut Vec<u8>, name: &str, value: &[u8]) {
    lengths.extend_from_slice(&number(name.len()));
    lengths.extend_from_slice(&number(value.len()));
}

fn push_texts(texts: &mut Vec<u8>, name: &str, value: &[u8]) {
    texts.extend_from_slice(name.as_bytes());
    texts.push(0);
    texts.extend_from_slice(value);
    texts.push(0);
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
        let mut ready = Pairs::new();
        ready.push("long-name", b"");
        ready.push("", b"\xff");
        let map = ready.serialize_behind(&[Some(("a", b"1")), None]);
        assert_eq!(map.capacity(), map.len(), "one allocation of just the size");
        let pairs = parse(&map).unwrap();
        assert_eq!(
            pairs,
            [
                (b"a".to_vec(), b"1".to_vec()),
                (b"long-name".to_vec(), b"".to_vec()),
                (b"".to_vec(), b"\xff".to_vec()),
            ]
        );
        for end in 0..map.len() {
            assert_eq!(parse(&map[..end]), None, "{end}");
        }
        assert_eq!(parse(&[0xff; 64]), None);
        assert_eq!(parse(&serialize(&[])), Some(Vec::new()));
    }

    #[test]
    fn ready_maps_are_as_serialized() {
        assert_eq!(NONE, serialize(&[None]));
        assert_eq!(VARY_ON_ORIGIN, serialize(&[Some(("vary", b"Origin"))]));
    }
}
