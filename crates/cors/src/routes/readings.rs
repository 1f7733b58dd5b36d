//! The readings that servers may make of a path.

/// What some server undoes before it looks at a path. Servers differ in which of these they undo, and
/// in what order; so do chains of them.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// Decodes what is percent-encoded, except separators, and for what would begin a second decoding
    /// or a query.
    Decode = 1,
    /// Decodes `%2F` and `%5C`.
    DecodeSeparators = 2,
    /// Takes `\` for `/`.
    TurnBackslashes = 4,
    /// Cuts the parameters of each segment: `;` and what follows.
    CutParameters = 8,
    MergeSlashes = 16,
    /// Takes what is between `//` and the next slash for a host, as where a path is resolved as the
    /// reference of a URL.
    CutHost = 32,
    RemoveDots = 64,
    /// Drops the slash at the end that other steps left there; one that was sent is another path.
    CutLastSlash = 128,
    /// Spells each byte that may be percent-encoded in one way: in upper case, a `%` that encodes nothing
    /// as `%25`. No server does; it is there to compare.
    Spell = 256,
}

const STEPS: [Step; 8] = [
    Step::Decode,
    Step::DecodeSeparators,
    Step::TurnBackslashes,
    Step::CutParameters,
    Step::MergeSlashes,
    Step::CutHost,
    Step::RemoveDots,
    Step::CutLastSlash,
];

/// The steps that may change a path, as a sum; 0 for one that everybody reads as it is.
pub(crate) fn steps_for(path: &[u8]) -> u16 {
    let mut steps = 0;
    let mut last = 0;
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        steps |= match byte {
            b'%' => {
                let decoding = match read_escape(byte, after) {
                    Some((b'/' | b'\\', _)) => Step::DecodeSeparators,
                    Some((byte, _)) if byte.is_ascii_graphic() => Step::Decode,
                    _ => Step::Spell,
                };
                decoding as u16 | Step::Spell as u16
            }
            b';' => Step::CutParameters as u16,
            b'\\' => Step::TurnBackslashes as u16,
            b'/' if last == b'/' => Step::MergeSlashes as u16 | Step::CutHost as u16,
            b'.' if last == b'/' => Step::RemoveDots as u16,
            _ if byte.is_ascii_graphic() => 0,
            _ => Step::Spell as u16,
        };
        last = byte;
    }
    steps
}

/// The texts that a path becomes by any steps in any order, each once, the path as sent first; `None`
/// if there are more than a bounded work can look at.
pub(crate) fn readings(path: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut room = MAX_READ;
    let mut reading = Vec::with_capacity(path.len());
    undo(Step::Spell, path, &mut reading);
    let mut readings = vec![reading.clone()];
    let mut at = 0;
    while at < readings.len() {
        let mut steps = steps_for(readings.get(at)?);
        if !path.ends_with(b"/") && readings.get(at)?.ends_with(b"/") {
            steps |= Step::CutLastSlash as u16;
        }
        for step in STEPS {
            if steps & step as u16 == 0 {
                continue;
            }
            undo(step, readings.get(at)?, &mut reading);
            room = room.checked_sub(reading.len() + READING)?;
            if !readings.contains(&reading) {
                readings.push(reading.clone());
            }
        }
        at += 1;
    }
    Some(readings)
}

/// The path with everything undone: of a configured path. A request has all of its [`readings`] looked up.
pub(crate) fn normalize_path(path: &[u8]) -> Vec<u8> {
    let (mut path, mut undone) = (path.to_vec(), Vec::new());
    for step in STEPS {
        if step != Step::CutHost && step != Step::CutLastSlash {
            undo(step, &path, &mut undone);
            std::mem::swap(&mut path, &mut undone);
        }
    }
    path
}

/// Writes the path with one thing undone.
fn undo(step: Step, path: &[u8], undone: &mut Vec<u8>) {
    undone.clear();
    match step {
        Step::CutHost => undone.extend_from_slice(cut_host(path)),
        Step::RemoveDots => remove_dots(path, undone),
        Step::CutLastSlash => undone.extend_from_slice(match path {
            [first @ .., b'/'] if !first.is_empty() => first,
            _ => path,
        }),
        _ => rewrite(step, path, undone),
    }
}

fn rewrite(step: Step, path: &[u8], written: &mut Vec<u8>) {
    let does = |what| step == what;
    let mut inside_parameter = false;
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let (byte, is_encoded) = match read_escape(first, after) {
            Some((byte, after)) => {
                rest = after;
                let decoded = match byte {
                    b'/' | b'\\' => does(Step::DecodeSeparators),
                    b'?' | b'#' => false,
                    _ => does(Step::Decode),
                };
                (byte, !decoded)
            }
            None => (first, false),
        };
        let is_encoded = is_encoded || byte == b'%' || !byte.is_ascii_graphic();
        match byte {
            b'/' if !is_encoded => {
                inside_parameter = false;
                if !(does(Step::MergeSlashes) && written.last() == Some(&b'/')) {
                    written.push(b'/');
                }
            }
            _ if inside_parameter => {}
            _ if is_encoded => {
                written.extend([b'%', hexadecimal(byte >> 4), hexadecimal(byte & 15)]);
            }
            b';' if does(Step::CutParameters) => inside_parameter = true,
            b'\\' if does(Step::TurnBackslashes) => written.push(b'/'),
            _ => written.push(byte),
        }
    }
}

fn cut_host(path: &[u8]) -> &[u8] {
    let mut rest = path;
    if path.starts_with(b"//") {
        while let Some(host) = rest.strip_prefix(b"/") {
            rest = host;
        }
        while let [first, after @ ..] = rest
            && *first != b'/'
        {
            rest = after;
        }
    }
    if rest.is_empty() { b"/" } else { rest }
}

fn remove_dots(path: &[u8], written: &mut Vec<u8>) {
    let mut ends_in_dots = false;
    let path = path.strip_prefix(b"/").unwrap_or(path);
    for segment in path.split(|byte| *byte == b'/') {
        ends_in_dots = matches!(segment, b"." | b"..");
        if !ends_in_dots {
            written.push(b'/');
            written.extend_from_slice(segment);
        } else if segment == b".." {
            while !matches!(written.pop(), None | Some(b'/')) {}
        }
    }
    if written.is_empty() || ends_in_dots {
        written.push(b'/');
    }
}

fn read_escape(first: u8, after: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    match after {
        [high, low, rest @ ..] if first == b'%' => {
            Some(((digit(*high)? * 16 + digit(*low)?) as u8, rest))
        }
        _ => None,
    }
}

fn hexadecimal(digit: u8) -> u8 {
    match digit {
        0..10 => b'0' + digit,
        _ => b'A' - 10 + digit,
    }
}

/// The bytes that are written at most to read a path in every way: room for one other reading of the
/// longest path, and for some hundred of a short one.
const MAX_READ: usize = 64 * 1024;

/// What a reading costs besides its bytes, in bytes.
const READING: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized() {
        for (path, normalized) in [
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("/", "/"),
            ("/a//b", "/a/b"),
            ("/a/./b/.", "/a/b/"),
            ("/a/../../b", "/b"),
            ("/a/..//b", "/b"),
            ("/%7Ea%41", "/~aA"),
            ("/a%20b%3F", "/a%20b%3F"),
            ("/%c3%a9%3f%23%25", "/%C3%A9%3F%23%25"),
            ("/users%3Aadmin", "/users:admin"),
            ("/%40fs", "/@fs"),
            ("/a;v=1/b;w", "/a/b"),
            ("/a%3Bv", "/a"),
            ("/%+1", "/%25+1"),
            ("/%", "/%25"),
            ("/%4", "/%254"),
            ("/\u{e9}", "/%C3%A9"),
            ("\\a", "/a"),
        ] {
            let found = String::from_utf8(normalize_path(path.as_bytes())).unwrap();
            assert_eq!(found, normalized, "{path}");
            let again = normalize_path(found.as_bytes());
            assert_eq!(again, found.as_bytes(), "{path}");
        }
    }
}
