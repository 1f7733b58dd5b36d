//! The text to paste in place of what is wrong. It allows what was meant, and no more than what was
//! written.

use crate::escape::Quoted;
use crate::origin::{OriginPattern, holds, is_loopback, split_port};

/// What to do about bytes that are not JSON, by what stands where the parser stopped; begins with
/// `; `, or is empty.
pub fn json(bytes: &[u8], line: usize, column: usize) -> &'static str {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    if looks_like_yaml(bytes) {
        return "; this looks like YAML: write JSON, as in {\"allowOrigins\": [\"https://app.example.com\"]}";
    }
    let line = lines.nth(line.saturating_sub(1)).unwrap_or_default();
    match line.get(column.saturating_sub(1)..).unwrap_or_default() {
        [b'/' | b'#', ..] => "; JSON has no comments: write them as fields that start with _",
        // A typographic quotation mark.
        [b'\'' | b'`', ..] | [0xe2, 0x80, 0x98..=0x9f, ..] => {
            "; write texts in straight double quotes"
        }
        [b'$' | b'<' | b'{', ..] => PLACEHOLDER,
        _ => "",
    }
}

/// Whether the first line is a list's item or begins with a bare key.
fn looks_like_yaml(bytes: &[u8]) -> bool {
    let mut lines = bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    lines.next().is_some_and(|line| {
        let is_key = line.first().is_some_and(u8::is_ascii_alphabetic)
            && (line.ends_with(b":") || line.windows(2).any(|pair| pair == b": "));
        is_key || line.starts_with(b"- ") || line.starts_with(b"---")
    })
}

/// What to write for a text in `allowOrigins` that is not a pattern; begins with `; `. None if only
/// its author can know.
pub fn origins(text: &str) -> Option<String> {
    let marks: [&[u8]; 4] = [b"${", b"$(", b"{{", b"<"];
    if marks.iter().any(|mark| holds(text, mark)) {
        return Some(PLACEHOLDER.to_owned());
    }
    if is_any(text) {
        return Some("; did you mean \"*\"?".to_owned());
    }
    if text.len() > MAX_PASTED {
        return None;
    }
    let mut entries = Vec::new();
    let parts = text.split(|char| matches!(char, ',' | ' ' | '\t' | '\n' | '\r'));
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    for part in &parts {
        let colon = part.as_bytes().windows(3).position(|part| part == b"://");
        let (scheme, rest) = match colon {
            Some(colon) => (part.get(..colon)?, part.get(colon + 3..)?),
            // Of several it is not certain that each is an origin.
            None if parts.len() > 1 => return None,
            None => ("", part.strip_prefix("//").unwrap_or(part)),
        };
        let schemes: &[&str] = match scheme {
            "*" | "http*" => &["http", "https"],
            _ => &[scheme],
        };
        // What stands before the path, without user name and password.
        let is_end = |byte| matches!(byte, b'/' | b'?' | b'#' | b'\\');
        let end = rest.bytes().position(is_end).unwrap_or(rest.len());
        let authority = rest.get(..end)?.rsplit('@').next()?;
        let (host, _) = split_port(authority);
        if matches!(host, "*" | "null" | "http" | "https") {
            return None;
        }
        for scheme in schemes {
            let scheme = match *scheme {
                "" if is_loopback(host.strip_prefix("*.").unwrap_or(host)) => "http",
                "" => "https",
                scheme => scheme,
            };
            let (pattern, _) = OriginPattern::parse(&format!("{scheme}://{authority}")).ok()?;
            entries.push(Quoted(&pattern.to_string()).to_string());
        }
    }
    (!entries.is_empty()).then(|| format!("; write {}", entries.join(", ")))
}

/// The list that a text stands for, where one is due.
pub fn list(text: &str, separator: Option<char>) -> Option<String> {
    let is_separator = |char| Some(char) == separator;
    let items: Vec<String> = text
        .split(is_separator)
        .map(|item| Quoted(item.trim_ascii()).to_string())
        .collect();
    (text.len() <= MAX_PASTED).then(|| format!("[{}]", items.join(", ")))
}

/// Whether a text is a word of other products for whatever there is.
pub fn is_any(text: &str) -> bool {
    text.eq_ignore_ascii_case("any") || text.eq_ignore_ascii_case("all")
}

const PLACEHOLDER: &str = "; this looks like a placeholder: expand it first";

/// A line of the log stays one that a person reads.
const MAX_PASTED: usize = 400;
