//! What one entry of a rule's match stands for in the index.

/// One key of a level: what an entry of `match` says.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Key {
    /// Not restricted.
    Any,
    Exact(String),
    /// Everything below: `.example.com` of `*.example.com`, `/api` of a path prefix,
    /// `httproute/ns/name` of a route name that ends in `/*`.
    Below(String),
}

pub(crate) fn positions(text: &[u8], wanted: u8) -> impl DoubleEndedIterator<Item = usize> {
    let places = text.iter().enumerate();
    places.filter_map(move |(at, byte)| (*byte == wanted).then_some(at))
}

/// Labels of a host, segments of a path, parts of a route name that are looked up at most; no
/// configured one has more.
pub(crate) const MAX_PARTS: usize = 128;
