//! Tokens and the classes of bytes that HTTP and URLs are made of.

/// Whether the bytes are a [token](https://www.rfc-editor.org/rfc/rfc9110#name-tokens): the form of
/// a method and of a header name.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && span(bytes, Class::TOKEN) == bytes.len()
}

/// A set of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Class(u8);

impl Class {
    /// Of a host name: labels and dots.
    pub const HOST: Self = Self(8);
    /// Of a label of a host name.
    pub const LABEL: Self = Self(1);
    /// Of a scheme, lower case.
    pub const SCHEME: Self = Self(2);
    /// Of a [token](https://www.rfc-editor.org/rfc/rfc9110#name-tokens).
    pub const TOKEN: Self = Self(4);
}

/// How many bytes at the start are in the set: one look-up each, where a comparison with each range
/// would cost three times as much in a module optimised for size.
pub fn span(bytes: &[u8], class: Class) -> usize {
    let is_in = |byte: &u8| {
        CLASSES
            .get(usize::from(*byte))
            .is_some_and(|classes| classes & class.0 != 0)
    };
    bytes
        .iter()
        .position(|byte| !is_in(byte))
        .unwrap_or(bytes.len())
}

/// The sets that each byte is in.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "at compile time")]
        let found = &mut classes[byte as usize];
        if matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') {
            *found |= Class::LABEL.0 | Class::HOST.0;
        }
        if byte == b'.' {
            *found |= Class::HOST.0;
        }
        if matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.') {
            *found |= Class::SCHEME.0;
        }
        let is_symbol = matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        );
        if byte.is_ascii_alphanumeric() || is_symbol {
            *found |= Class::TOKEN.0;
        }
        byte += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        for good in ["GET", "x-a", "!#$%&'*+-.^_`|~"] {
            assert!(is_token(good.as_bytes()), "{good}");
        }
        for bad in ["", "a b", "a,b", "a:b", "é", "\"a\"", "a\0"] {
            assert!(!is_token(bad.as_bytes()), "{bad}");
        }
    }
}
