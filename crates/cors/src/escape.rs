//! Text from outside, for a person's eyes: keys, names, values and patterns on one line that shows
//! what it holds and cannot be taken for another.

use std::fmt::{self, Write};

/// Bytes from the network for a person's eyes: quoted, escaped, cut at 100 bytes. All of it is ASCII:
/// it may be the body of a reply, whose type names no charset.
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..MAX_SHOWN).unwrap_or(self.0);
        let more = if shown.len() < self.0.len() {
            "..."
        } else {
            ""
        };
        write!(f, "\"{}\"{more}", shown.escape_ascii())
    }
}

const MAX_SHOWN: usize = 100;

/// The unchanged text, except for characters that control a terminal or a log: `\u001b`.
///
/// The escapes are JSON's, so that what is shown can be pasted.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, false)
    }
}

/// A text as a string of JSON.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        write(f, self.0, true)?;
        f.write_str("\"")
    }
}

/// A key of a configuration within a path: quoted, unless its letters are plain.
#[derive(Clone, Copy, Debug)]
pub struct PathKey<'a>(pub &'a str);

impl fmt::Display for PathKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-$@#".contains(&byte);
        if !self.0.is_empty() && self.0.bytes().all(is_plain) {
            f.write_str(self.0)
        } else {
            Quoted(self.0).fmt(f)
        }
    }
}

fn write(f: &mut fmt::Formatter<'_>, text: &str, is_quoted: bool) -> fmt::Result {
    for char in text.chars() {
        match char {
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '"' | '\\' if is_quoted => write!(f, "\\{char}")?,
            char if is_unsafe(char) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    write!(f, "\\u{unit:04x}")?;
                }
            }
            char => f.write_char(char)?,
        }
    }
    Ok(())
}

/// Whether a character does something other than show itself: it ends the line, commands the
/// terminal, turns the direction of writing, or is not seen.
pub fn is_unsafe(char: char) -> bool {
    matches!(char,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_bytes_are_ascii() {
        let long = Escaped(&[0xff; 101]).to_string();
        assert_eq!(long, format!("\"{}\"...", r"\xff".repeat(100)));
        assert_eq!(Escaped(b"a\"\n").to_string(), r#""a\"\n""#);
    }

    #[test]
    fn what_is_shown_does_nothing() {
        let text = "a\u{1b}[31m\n\u{9b}\u{7f}\u{202e}\u{2028}\u{e0041}\"\\é";
        let shown = r#"a\u001b[31m\n\u009b\u007f\u202e\u2028\udb40\udc41"\é"#;
        assert_eq!(Shown(text).to_string(), shown);
    }

    #[test]
    fn what_is_quoted_is_json() {
        for char in '\0'..=char::MAX {
            let text = format!("a{char}b");
            let quoted = Quoted(&text).to_string();
            assert!(!quoted.contains(is_unsafe));
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }
    }

    #[test]
    fn keys_are_quoted_unless_plain() {
        for (key, shown) in [
            ("maxAge", "maxAge"),
            ("x-a_b", "x-a_b"),
            ("", "\"\""),
            ("a.b", "\"a.b\""),
            ("a b", "\"a b\""),
            ("a\"b", r#""a\"b""#),
            ("é", "\"é\""),
        ] {
            assert_eq!(PathKey(key).to_string(), shown);
        }
    }
}
