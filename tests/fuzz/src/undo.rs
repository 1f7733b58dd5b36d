//! A model of how servers normalize the path of a request, separate from the filter: each server takes some
//! of the steps, in its own order, and another server may be behind it. The tests and the fuzz targets
//! compare the filter with it.

use std::collections::HashSet;
use std::fmt;

use cors::select::selection::Source;

/// The configuration of the laws.
pub const RULES: &str = r#"{"allowOrigins": ["*"], "rules": [
    {"match": {"pathPrefixes": ["/admin"]}, "policy": {"allowOrigins": ["https://admin.example"]}},
    {"match": {"pathPrefixes": ["/admin/public"]}, "policy": {"allowOrigins": ["*"]}},
    {"match": {"exactPaths": ["/one/secret.txt"]}, "policy": {"allowOrigins": ["https://admin.example"]}},
    {"match": {"exactPaths": ["/two/"]}, "policy": {"allowOrigins": ["https://admin.example"]}},
    {"match": {"pathPrefixes": ["/100%25/%C3%A9"]}, "policy": {"allowOrigins": ["https://admin.example"]}}]}"#;

/// Compares the rule that governs a path under `RULES` with the model: `Err` with a text that has another rule.
pub fn hold(target: &[u8], source: Source) -> Result<(), String> {
    if source == Source::Ambiguous {
        return Ok(());
    }
    let sent = match source {
        Source::Rule(place) => Some(place),
        _ => None,
    };
    match texts(&read(target)).iter().find(|text| rule(text) != sent) {
        Some(text) => Err(text.iter().map(Char::to_string).collect()),
        None => Ok(()),
    }
}

/// The rule of `RULES` for a path that is read as it is.
fn rule(text: &Text) -> Option<usize> {
    let exact = [("/one/secret.txt", 2), ("/two/", 3)];
    let prefixes = [("/admin/public", 1), ("/admin", 0), ("/100%25/%C3%A9", 4)];
    let found = exact.iter().find(|(path, _)| is_exactly(text, path));
    let found = found.or_else(|| prefixes.iter().find(|(prefix, _)| is_under(text, prefix)));
    found.map(|(_, rule)| *rule)
}

/// A character of a path, and whether it is still percent-encoded.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Char {
    byte: u8,
    is_encoded: bool,
}

type Text = Vec<Char>;

impl fmt::Display for Char {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_encoded {
            true => write!(f, "%{:02X}", self.byte),
            false => write!(f, "{}", self.byte.escape_ascii()),
        }
    }
}

/// Reads the path of a request target, before its query.
fn read(target: &[u8]) -> Text {
    let end = target.iter().position(|byte| b"?#".contains(byte));
    let path = &target[..end.unwrap_or(target.len())];
    let mut text = Text::new();
    let mut at = 0;
    while at < path.len() {
        let digits = path
            .get(at + 1..at + 3)
            .and_then(|two| str::from_utf8(two).ok());
        let digits = digits.filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits {
            Some(digits) if path[at] == b'%' => {
                let byte = u8::from_str_radix(digits, 16).expect("two digits");
                text.push(Char {
                    byte,
                    is_encoded: true,
                });
                at += 3;
            }
            _ => {
                text.push(plain(path[at]));
                at += 1;
            }
        }
    }
    text
}

/// Every text that some server uses, including the path as sent: each subset of the steps, in each
/// order.
fn texts(sent: &Text) -> HashSet<Text> {
    // A trailing slash makes another path, unless a server adds it.
    let steps = match sent.ends_with(&[SLASH]) {
        true => &STEPS[..STEPS.len() - 1],
        false => &STEPS[..],
    };
    let mut seen = HashSet::from([(sent.clone(), 0)]);
    let mut open = vec![(sent.clone(), 0_u32)];
    while let Some((text, done)) = open.pop() {
        for (at, step) in steps.iter().enumerate() {
            if done & 1 << at != 0 {
                continue;
            }
            let next = step(&text);
            // A step without effect is the same as no step.
            if next == text {
                continue;
            }
            let state = (next, done | 1 << at);
            if seen.insert(state.clone()) {
                open.push(state);
            }
        }
    }
    seen.into_iter().map(|(text, _)| text).collect()
}

/// Whether a server that uses the text finds the resource of the path: bytes are compared, except those
/// that nothing decodes before.
fn is_exactly(text: &Text, path: &str) -> bool {
    text.iter()
        .map(meaning)
        .eq(read(path.as_bytes()).iter().map(meaning))
}

/// Whether it finds a resource at or below the path.
fn is_under(text: &Text, prefix: &str) -> bool {
    let prefix = read(prefix.trim_end_matches('/').as_bytes());
    let (Some(start), rest) = (text.get(..prefix.len()), text.get(prefix.len())) else {
        return false;
    };
    start.iter().map(meaning).eq(prefix.iter().map(meaning))
        && rest.is_none_or(|next| *next == SLASH)
}

/// A space may be encoded or not; a slash counts only if it is decoded.
fn meaning(char: &Char) -> Char {
    let is_encoded =
        char.is_encoded && char.byte.is_ascii_graphic() && !b"%?#".contains(&char.byte);
    Char {
        byte: char.byte,
        is_encoded,
    }
}

type Step = fn(&Text) -> Text;

const STEPS: [Step; 9] = [
    |text| decode(text, |_| true),
    |text| decode(text, |byte| !b"/\\".contains(&byte)),
    |text| decode(text, |byte| b"/\\".contains(&byte)),
    turn_backslashes,
    cut_parameters,
    merge_slashes,
    cut_host,
    remove_dots,
    cut_last_slash,
];

fn decode(text: &Text, which: fn(u8) -> bool) -> Text {
    let decode = |char: &Char| match which(char.byte) {
        true => plain(char.byte),
        false => *char,
    };
    text.iter().map(decode).collect()
}

fn turn_backslashes(text: &Text) -> Text {
    let turn = |char: &Char| if *char == plain(b'\\') { SLASH } else { *char };
    text.iter().map(turn).collect()
}

fn cut_parameters(text: &Text) -> Text {
    let cut = |segment: &[Char]| {
        segment
            .split(|char| *char == plain(b';'))
            .next()
            .unwrap_or_default()
            .to_vec()
    };
    segments(text).map(cut).collect::<Vec<_>>().join(&SLASH)
}

fn merge_slashes(text: &Text) -> Text {
    let mut merged = text.clone();
    merged.dedup_by(|next, last| *next == SLASH && *last == SLASH);
    merged
}

/// The path of the URL to which the text is a reference.
fn cut_host(text: &Text) -> Text {
    if !text.starts_with(&[SLASH, SLASH]) {
        return text.clone();
    }
    let host = text.iter().skip_while(|char| **char == SLASH);
    let path: Text = host.skip_while(|char| **char != SLASH).copied().collect();
    if path.is_empty() { vec![SLASH] } else { path }
}

fn remove_dots(text: &Text) -> Text {
    let dot = |segment: &[Char]| segment == [plain(b'.')];
    let two_dots = |segment: &[Char]| segment == [plain(b'.'); 2];
    if !text.starts_with(&[SLASH])
        || !segments(text).any(|segment| dot(segment) || two_dots(segment))
    {
        return text.clone();
    }
    let mut left: Vec<&[Char]> = Vec::new();
    for segment in segments(text).skip(1) {
        if two_dots(segment) {
            left.pop();
        } else if !dot(segment) {
            left.push(segment);
        }
    }
    let last = segments(text).last().unwrap_or_default();
    if left.is_empty() || dot(last) || two_dots(last) {
        left.push(&[]);
    }
    let mut removed = vec![SLASH];
    removed.extend(left.join(&SLASH));
    removed
}

fn cut_last_slash(text: &Text) -> Text {
    match text.split_last() {
        Some((&SLASH, rest)) if !rest.is_empty() => rest.to_vec(),
        _ => text.clone(),
    }
}

fn segments(text: &Text) -> impl Iterator<Item = &[Char]> {
    text.split(|char| *char == SLASH)
}

fn plain(byte: u8) -> Char {
    Char {
        byte,
        is_encoded: false,
    }
}

const SLASH: Char = Char {
    byte: b'/',
    is_encoded: false,
};
