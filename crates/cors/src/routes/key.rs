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
    /// One part of these can be any, which the name is bound to.
    Bound {
        separator: u8,
        before: String,
        name: String,
        after: String,
        /// Everything below is meant too.
        is_prefix: bool,
    },
}

impl Key {
    /// The name that it binds.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Bound { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The text as it is written, except wildcards.
    pub fn text(&self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Exact(text) | Self::Below(text) => text.clone(),
            Self::Bound {
                before,
                name,
                after,
                ..
            } => format!("{before}{{{name}}}{after}"),
        }
    }
}

pub(crate) fn positions(text: &[u8], wanted: u8) -> impl DoubleEndedIterator<Item = usize> {
    let places = text.iter().enumerate();
    places.filter_map(move |(at, byte)| (*byte == wanted).then_some(at))
}

/// Labels of a host, segments of a path, parts of a route name that are looked up at most; no
/// configured one has more.
pub(crate) const MAX_PARTS: usize = 128;
