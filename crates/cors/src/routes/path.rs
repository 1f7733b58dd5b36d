//! The path of a request as rules see it.

use crate::byte_map::ByteMap;
use crate::origin::holds;
use crate::origin::tenant::Named;
use crate::routes::key::{Key, MAX_PARTS, positions};
use crate::routes::readings::normalize_path;

/// `/a/b`, `/a`, the empty one of the path `/a/b`: longest first, whole segments. Of a path with
/// more segments than a configured prefix can have only the start is looked at.
pub(crate) fn path_starts(path: &[u8]) -> impl ExactSizeIterator<Item = &[u8]> {
    let starts: Vec<usize> = positions(path, b'/')
        .chain(std::iter::once(path.len()))
        .take(MAX_PARTS + 1)
        .collect();
    starts
        .into_iter()
        .rev()
        .map(|end| path.get(..end).unwrap_or_default())
}

/// The path of a request target: the part before the query and the fragment.
pub(crate) fn path_of(target: &[u8]) -> &[u8] {
    let end = |byte: &u8| matches!(byte, b'?' | b'#');
    target.split(end).next().unwrap_or_default()
}

/// Reads an entry of `exactPaths` or `pathPrefixes`, in which a name in braces, in any case, can stand for a
/// segment.
pub fn parse_path_pattern(text: &str, is_prefix: bool) -> Result<Key, String> {
    let Some(named) = Named::split(text, '/')? else {
        let path = parse_path(text)?;
        return Ok(if is_prefix {
            prefix_key(path)
        } else {
            Key::Exact(path.to_owned())
        });
    };
    parse_path(&named.with("a"))?;
    let slash = named.after.strip_suffix('/').filter(|_| is_prefix);
    Ok(Key::Bound {
        separator: b'/',
        before: named.before.to_owned(),
        name: named.name.to_ascii_lowercase(),
        after: slash.unwrap_or(named.after).to_owned(),
        is_prefix,
    })
}

/// Reads a path and leaves it as it is; the error says what to
/// write.
pub fn parse_path(text: &str) -> Result<&str, String> {
    if !text.starts_with('/') {
        return Err("does not start with /; write it in front".to_owned());
    }
    if holds(text, b"?") || holds(text, b"#") {
        return Err("has a query or fragment; rules look at the path alone".to_owned());
    }
    if holds(text, b"*") {
        return Err("has a wildcard; a path prefix covers everything below it".to_owned());
    }
    if text
        .bytes()
        .any(|byte| byte.is_ascii_control() || byte == b' ' || !byte.is_ascii())
    {
        return Err("has a byte that no path holds; percent-encode it".to_owned());
    }
    if text.len() > MAX_PATH {
        return Err(format!("has more than {MAX_PATH} bytes"));
    }
    if text.matches('/').count() > MAX_PARTS {
        return Err(format!("has more than {MAX_PARTS} segments"));
    }
    let normalized = normalize_path(text.as_bytes());
    if normalized == text.as_bytes() {
        return Ok(text);
    }
    Err(format!(
        "is not normalized and would never decide alone; write \"{}\"",
        String::from_utf8_lossy(&normalized)
    ))
}

/// The key of a path prefix: `/api/` covers what `/api` covers, `/` everything.
pub fn prefix_key(path: &str) -> Key {
    Key::Below(path.strip_suffix('/').unwrap_or(path).to_owned())
}

/// Whether the path is below one of the keys of path prefixes, by whole segments.
pub fn is_under(path: &str, prefixes: &ByteMap) -> bool {
    path_starts(path.as_bytes()).any(|start| prefixes.get(start).is_some())
}

const MAX_PATH: usize = 4 * 1024;
