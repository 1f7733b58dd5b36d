//! Route names as rules see them.

use crate::origin::holds;
use crate::routes::key::{Key, MAX_PARTS, positions};

/// `a/b`, `a` of the route name `a/b/c`: longest first.
pub(crate) fn route_name_starts(name: &[u8]) -> impl ExactSizeIterator<Item = &[u8]> {
    let ends: Vec<usize> = positions(name, b'/').take(MAX_PARTS).collect();
    ends.into_iter()
        .rev()
        .map(|end| name.get(..end).unwrap_or_default())
}

/// Reads an entry of `routeNames`.
pub fn parse_route_name(text: &str) -> Result<Key, &'static str> {
    match text.strip_suffix("/*") {
        _ if text.is_empty() => {
            Err("is empty; write the name of a route, as in httproute/shop/api/*")
        }
        Some("") => Err("matches every route; leave routeNames out instead"),
        Some(start) if holds(start, b"*") => {
            Err("has more than one wildcard; only a final /* is one")
        }
        Some(start) if start.matches('/').count() >= MAX_PARTS => Err("has too many parts"),
        Some(start) => Ok(Key::Below(start.to_owned())),
        None if holds(text, b"*") => Err(
            "has a wildcard that is not a final /*; write the whole name, or one that ends in /*",
        ),
        None => Ok(Key::Exact(text.to_owned())),
    }
}
