//! The text to paste in place of what is wrong. It allows what was meant, and no more than what was
//! written.

use crate::escape::Quoted;
use crate::origin::pattern::{OriginPattern, is_loopback};
use crate::origin::{holds, split_port, without_userinfo};

/// The remedy for bytes that are not JSON, by the text at the place where the parser stopped; begins with
/// `; `, or is empty.
pub fn json(bytes: &[u8], line: usize, column: usize) -> &'static str {
    let mut rest = bytes;
    for _ in 1..line {
        let end = rest.iter().position(|byte| *byte == b'\n');
        rest = end.and_then(|end| rest.get(end + 1..)).unwrap_or_default();
    }
    let at = rest.get(column.saturating_sub(1)..).unwrap_or_default();
    match at.first() {
        _ if looks_like_yaml(bytes) => {
            "; this looks like YAML: write JSON, as in {\"allowOrigins\": [\"https://app.example.com\"]}"
        }
        Some(b'/' | b'#') => "; JSON has no comments: write them as fields that start with _",
        // The first byte of typographic ones.
        Some(b'\'' | b'`' | 0xe2) => "; write texts in straight double quotes",
        Some(b'$' | b'<' | b'{') => PLACEHOLDER,
        _ => "",
    }
}

/// Whether the first line that is not a comment is a list's item or begins with a bare key.
fn looks_like_yaml(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let Some(line) = lines.find(|line| !matches!(line.first(), None | Some(b'#'))) else {
        return false;
    };
    match line {
        [b'-', b' ' | b'-', ..] => true,
        [first, ..] => {
            let colon = line.iter().position(|byte| *byte == b':');
            let after = colon.and_then(|colon| line.get(colon + 1..));
            first.is_ascii_alphabetic() && matches!(after, Some([] | [b' ', ..]))
        }
        [] => false,
    }
}

/// What to write for a text in `allowOrigins` that is not a pattern; begins with `; `. None if only
/// its author can know.
pub fn origins(text: &str) -> Option<String> {
    if text.len() > MAX_PASTED {
        return None;
    }
    let marks: [&[u8]; 4] = [b"${", b"$(", b"{{", b"<"];
    if marks.iter().any(|mark| holds(text, mark)) {
        return Some(PLACEHOLDER.to_owned());
    }
    if is_any(text) {
        return Some("; did you mean \"*\"?".to_owned());
    }
    let text = text.trim_matches(is_separator);
    let mut remedy = String::new();
    for part in text.split(is_separator) {
        if part.is_empty() {
            continue;
        }
        let colon = part.as_bytes().windows(3).position(|part| part == b"://");
        let (scheme, rest) = match colon {
            Some(colon) => (part.get(..colon)?, part.get(colon + 3..)?),
            // Of several it is not certain that each is an origin.
            None if part.len() < text.len() => return None,
            None => ("", part.strip_prefix("//").unwrap_or(part)),
        };
        // The part before the path, without user name and password.
        let is_end = |byte| matches!(byte, b'/' | b'?' | b'#' | b'\\');
        let end = rest.bytes().position(is_end).unwrap_or(rest.len());
        let authority = without_userinfo(rest.get(..end)?);
        let (host, _) = split_port(authority);
        if matches!(host, "*" | "null" | "http" | "https") {
            return None;
        }
        let schemes: &[&str] = match scheme {
            "*" | "http*" => &["http", "https"],
            "" if is_loopback(host.strip_prefix("*.").unwrap_or(host)) => &["http"],
            "" => &["https"],
            _ => &[scheme],
        };
        for scheme in schemes {
            let (pattern, _) = OriginPattern::parse(&format!("{scheme}://{authority}")).ok()?;
            let before = if remedy.is_empty() { "; write" } else { "," };
            remedy.push_str(&format!("{before} \"{pattern}\""));
        }
    }
    (!remedy.is_empty()).then_some(remedy)
}

fn is_separator(char: char) -> bool {
    matches!(char, ',' | ' ' | '\t' | '\n' | '\r')
}

/// The list that a text stands for, where one is due.
pub fn list(text: &str) -> Option<String> {
    if text.len() > MAX_PASTED {
        return None;
    }
    let mut list = String::from("[");
    for item in text.split(',') {
        let before = if list.len() > 1 { ", " } else { "" };
        list.push_str(&format!("{before}{}", Quoted(item.trim_ascii())));
    }
    Some(list + "]")
}

/// Whether a text is a word of other products for whatever there is.
pub fn is_any(text: &str) -> bool {
    text.eq_ignore_ascii_case("any") || text.eq_ignore_ascii_case("all")
}

const PLACEHOLDER: &str = "; this looks like a placeholder: expand it first";

/// A line of the log stays one that a person reads.
const MAX_PASTED: usize = 400;
