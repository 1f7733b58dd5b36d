//! Origins as requests carry them, and the patterns that a configuration lists.
//!
//! An exact pattern is looked up by the bytes of the header as they came. Any other is a scheme and a
//! *tail*: what ends every origin that the pattern matches. `https://*.example` has the tail
//! `.example`, `https://*:8443` has `:8443`, `http://localhost:*` has, before the port,
//! `://localhost`. An origin is matched by looking up its own tails, of which there are few, so that
//! the number of patterns does not matter. Only what a label glob stands for is cut out of a copy, of the
//! first label.

mod globs;
pub mod pattern;
pub mod regex;
pub mod regex_warning;
pub mod set;
pub mod shape;
pub mod tenant;

use std::fmt::{self, Write};

use crate::http::token::{Class, span};

/// The longest origin that can be legal: a scheme of 64 bytes, `://`, a host of 253 bytes and `:65535`.
pub const MAX_ORIGIN_LENGTH: usize = 64 + 3 + 253 + 6;

/// The value of an `Origin` header, well-formed: just what a browser's
/// [serialization](https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin) yields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin<'a> {
    /// The serialization `null` of every opaque origin.
    Null,
    Tuple(TupleOrigin<'a>),
}

impl<'a> Origin<'a> {
    /// Reads the value of an `Origin` header; `None` if it is malformed.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        if value == b"null" {
            return Some(Self::Null);
        }
        TupleOrigin::parse(value).map(Self::Tuple)
    }
}

/// A [tuple origin](https://html.spec.whatwg.org/#concept-origin-tuple): scheme, host, port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TupleOrigin<'a> {
    text: &'a [u8],
    /// The index of `://` in the text.
    scheme_end: usize,
    /// The index of `:` before the port, or the length of the text.
    host_end: usize,
    /// How many dots the host has; none if it is not a domain.
    dots: usize,
}

impl<'a> TupleOrigin<'a> {
    /// Looks at each byte once: this runs for every request from an origin that is not listed.
    fn parse(text: &'a [u8]) -> Option<Self> {
        if text.len() > MAX_ORIGIN_LENGTH {
            return None;
        }
        let scheme_end = scheme_length(text)?;
        let [b':', b'/', b'/', rest @ ..] = text.get(scheme_end..)? else {
            return None;
        };
        let (host_length, dots) = match rest {
            [b'[', ..] => (ipv6_length(rest)?, 0),
            _ if is_of_web(text.get(..scheme_end)?) => domain_length(rest)?,
            _ => embedder_host_length(rest)?,
        };
        let is_end = match rest.get(host_length..)? {
            [] => true,
            [b':', port @ ..] => host_length > 0 && is_port(port),
            _ => false,
        };
        is_end.then_some(Self {
            text,
            scheme_end,
            host_end: scheme_end + 3 + host_length,
            dots,
        })
    }

    pub fn scheme(&self) -> &'a [u8] {
        self.text.get(..self.scheme_end).unwrap_or_default()
    }

    #[inline(always)] // A call costs more than the body.
    pub fn host(&self) -> &'a [u8] {
        self.text
            .get(self.scheme_end + 3..self.host_end)
            .unwrap_or_default()
    }

    /// Scheme and host.
    pub fn without_port(&self) -> &'a [u8] {
        self.text.get(..self.host_end).unwrap_or_default()
    }

    /// The port as written; a browser leaves the scheme's default port out.
    #[inline(always)] // A call costs more than the body.
    pub fn port(&self) -> Option<&'a [u8]> {
        self.text.get(self.host_end + 1..)
    }

    /// Whether it is what a browser's serialization yields: with a host, and without the scheme's
    /// default port. A wildcard pattern allows nothing else.
    #[inline(always)] // A call costs more than the body.
    pub fn is_serialized(&self) -> bool {
        !self.host().is_empty() && !self.port().is_some_and(|port| self.is_default_port(port))
    }

    /// The port, with the scheme's default port taken for none.
    pub fn port_unless_default(&self) -> Option<&'a [u8]> {
        self.port().filter(|port| !self.is_default_port(port))
    }

    pub fn is_default_port(&self, port: &[u8]) -> bool {
        default_port_of(self.scheme()).is_some_and(|default| default.as_bytes() == port)
    }

    /// The whole of it. A parsed origin is ASCII.
    pub fn as_str(&self) -> &'a str {
        std::str::from_utf8(self.text).unwrap_or_default()
    }
}

impl fmt::Display for TupleOrigin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The port that the scheme implies, for the schemes that have one in the
/// [URL standard](https://url.spec.whatwg.org/#default-port).
fn default_port_of(scheme: &[u8]) -> Option<&'static str> {
    match scheme {
        b"ftp" => Some("21"),
        b"http" | b"ws" => Some("80"),
        b"https" | b"wss" => Some("443"),
        _ => None,
    }
}

/// Splits `scheme://rest`.
pub(crate) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    Some((scheme, rest.strip_prefix("//")?))
}

/// Splits `host:port` at the colon that is not within an IPv6 address.
pub fn split_port(authority: &str) -> (&str, Option<&str>) {
    let bytes = authority.as_bytes();
    let mut colon = None;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b':' if colon.is_none() => colon = Some(at),
            b']' => colon = None,
            _ => {}
        }
    }
    match colon {
        Some(colon) => (
            authority.get(..colon).unwrap_or_default(),
            authority.get(colon + 1..),
        ),
        None => (authority, None),
    }
}

/// The authority without user name and password.
pub(crate) fn without_userinfo(authority: &str) -> &str {
    let at = authority.bytes().rposition(|byte| byte == b'@');
    let after = at.and_then(|at| authority.get(at + 1..));
    after.unwrap_or(authority)
}

/// The length of the scheme at the start: [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-3.1),
/// lower case, at most 64 bytes.
#[inline(always)] // A call costs more than the body.
fn scheme_length(text: &[u8]) -> Option<usize> {
    if !text.first()?.is_ascii_lowercase() {
        return None;
    }
    let length = span(text, Class::SCHEME);
    (length <= 64).then_some(length)
}

fn is_scheme(scheme: &str) -> bool {
    scheme_length(scheme.as_bytes()) == Some(scheme.len())
}

/// Whether it is a port as browsers write it: 1 to 65535 without leading zero.
fn is_port(port: &[u8]) -> bool {
    decimal(port, u16::MAX).is_some_and(|port| port > 0)
}

/// A number as browsers write it: without leading zeros.
fn decimal(text: &[u8], most: u16) -> Option<u16> {
    let mut number = 0;
    for byte in text {
        if !byte.is_ascii_digit() || number > u32::from(most) {
            return None;
        }
        number = number * 10 + u32::from(byte - b'0');
    }
    let is_short = !text.is_empty() && (text == b"0" || !text.starts_with(b"0"));
    u16::try_from(number)
        .ok()
        .filter(|number| is_short && *number <= most)
}

/// The length of an IPv6 address in brackets at the start, if it is written as browsers write it.
fn ipv6_length(text: &[u8]) -> Option<usize> {
    let length = text.iter().position(|byte| *byte == b']')? + 1;
    let address = std::str::from_utf8(text.get(..length)?).ok()?;
    (normalize_ipv6(address)? == address).then_some(length)
}

/// The length of the host at the start of an origin whose scheme is not of the web, and the number
/// of its dots if it is a domain. An embedder registers any host, `.` or none included.
fn embedder_host_length(text: &[u8]) -> Option<(usize, usize)> {
    let length = span(text, Class::HOST);
    match domain_length(text) {
        Some((domain, dots)) if domain == length => Some((length, dots)),
        _ => (length <= 253).then_some((length, 0)),
    }
}

/// The length of the domain at the start, with one trailing dot if it has one, and the number of its
/// dots. Labels are what DNS knows, less than what a URL can hold.
fn domain_length(text: &[u8]) -> Option<(usize, usize)> {
    let (mut length, mut dots) = (0, 0);
    loop {
        let rest = text.get(length..)?;
        let label = span(rest, Class::LABEL);
        length += label;
        if label == 0 || label > 63 || rest.get(label) != Some(&b'.') {
            let without_dot = length - usize::from(label == 0 && dots > 0);
            return (label <= 63 && matches!(without_dot, 1..=253)).then_some((length, dots));
        }
        length += 1;
        dots += 1;
    }
}

/// Labels of letters, digits, `-` and `_`, with dots between them.
pub fn is_domain(domain: &str) -> bool {
    let length = domain_length(domain.as_bytes()).map(|(length, _)| length);
    length == Some(domain.len()) && !domain.ends_with('.')
}

/// Whether the text holds the part. The standard library's search for a text is a kilobyte of module; that for
/// a byte is there already.
pub fn holds(text: &str, part: &[u8]) -> bool {
    let Some((first, others)) = part.split_first() else {
        return true;
    };
    if others.is_empty() {
        return text.as_bytes().contains(first);
    }
    let mut bytes = text.as_bytes().iter();
    while bytes.any(|byte| byte == first) {
        if bytes.as_slice().starts_with(others) {
            return true;
        }
    }
    false
}

/// Whether origins of the scheme have the host of a web page.
fn is_of_web(scheme: &[u8]) -> bool {
    // Byte by byte: the comparison of the module's libc takes twenty instructions for each.
    matches!(
        scheme,
        [b'h', b't', b't', b'p'] | [b'h', b't', b't', b'p', b's']
    )
}

/// An IPv6 address in brackets as browsers write it; `None` for anything else.
pub fn normalize_ipv6(host: &str) -> Option<String> {
    let address = host.strip_prefix('[')?.strip_suffix(']')?;
    parse_ipv6(address.as_bytes()).map(|pieces| serialize_ipv6(&pieces))
}

// The standard library's addresses would work, except for the form of mapped ones; they are 5 KB of module.

/// Reads an [IPv6 address](https://url.spec.whatwg.org/#concept-ipv6-parser).
fn parse_ipv6(text: &[u8]) -> Option<[u16; 8]> {
    let mut pieces = [0; 8];
    let mut count = 0;
    // Before which piece the zeros are left out.
    let mut gap = None;
    let mut rest = text;
    if let Some(after) = rest.strip_prefix(b"::") {
        gap = Some(0);
        rest = after;
    }
    while !rest.is_empty() {
        let colon = rest.iter().position(|byte| *byte == b':');
        let (piece, after) = rest.split_at_checked(colon.unwrap_or(rest.len()))?;
        if colon.is_none()
            && let Some(octets) = parse_ipv4(piece)
        {
            for pair in octets.chunks_exact(2) {
                *pieces.get_mut(count)? =
                    pair.iter().fold(0, |high, low| high << 8 | u16::from(*low));
                count += 1;
            }
            break;
        }
        *pieces.get_mut(count)? = parse_hex(piece)?;
        count += 1;
        rest = match after {
            [b':', b':', after @ ..] if gap.is_none() => {
                gap = Some(count);
                after
            }
            [b':', after @ ..] if !after.is_empty() => after,
            [] => after,
            _ => return None,
        };
    }
    let zeros = pieces.len() - count;
    let gap = gap
        .filter(|_| zeros > 0)
        .or_else(|| (zeros == 0).then_some(count))?;
    Some(std::array::from_fn(|at| {
        let read = match at {
            _ if at < gap => Some(at),
            _ if at < gap + zeros => None,
            _ => Some(at - zeros),
        };
        read.and_then(|at| pieces.get(at)).copied().unwrap_or(0)
    }))
}

fn parse_hex(text: &[u8]) -> Option<u16> {
    if text.is_empty() || text.len() > 4 {
        return None;
    }
    text.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | u16::try_from(digit).ok()?)
    })
}

/// Reads an IPv4 address in the form in which browsers write it: four numbers.
pub(crate) fn parse_ipv4(text: &[u8]) -> Option<[u8; 4]> {
    let mut octets = [0; 4];
    let mut numbers = text.split(|byte| *byte == b'.');
    for octet in &mut octets {
        let number = decimal(numbers.next()?, u16::from(u8::MAX))?;
        *octet = u8::try_from(number).ok()?;
    }
    numbers.next().is_none().then_some(octets)
}

/// The [IPv6 serializer](https://url.spec.whatwg.org/#concept-ipv6-serializer), with brackets.
fn serialize_ipv6(pieces: &[u16; 8]) -> String {
    // The first of the longest runs of zeros is left out, unless it is a single one.
    let (mut run, mut longest, mut end) = (0, 1, 0);
    for (at, piece) in pieces.iter().enumerate() {
        run = if *piece == 0 { run + 1 } else { 0 };
        if run > longest {
            (longest, end) = (run, at + 1);
        }
    }
    let start = end.saturating_sub(longest);
    let mut text = "[".to_owned();
    for (at, piece) in pieces.iter().enumerate() {
        if (start..end).contains(&at) {
            if at == start {
                text.push_str("::");
            }
            continue;
        }
        if at > 0 && at != end {
            text.push(':');
        }
        let _ = write!(text, "{piece:x}");
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::origin::pattern::OriginPattern;
    use crate::origin::set::{Match, Mismatch, OriginSet};

    #[test]
    fn a_domain_has_253_bytes_and_a_trailing_dot_at_most() {
        let domain = |length: usize| {
            let mut domain = "abc.".repeat(length / 4);
            domain.push_str(&"d".repeat(length % 4));
            domain
        };
        let length = |text: &str| domain_length(text.as_bytes()).map(|(length, _)| length);
        assert_eq!(length(&domain(253)), Some(253));
        assert_eq!(length(&format!("{}.", domain(253))), Some(254));
        assert_eq!(length(&format!("{}:80", domain(253))), Some(253));
        assert_eq!(length(&format!("{}d", domain(253))), None);
        assert_eq!(domain_length(b"a.b.:80"), Some((4, 2)));
        for text in ["", ".", ".a", "A", ":80"] {
            assert_eq!(length(text), None, "{text}");
        }
    }

    #[test]
    fn the_longest_origin_is_found_with_a_slash_too() {
        let host = format!("{}a", "abc.".repeat(63));
        let longest = format!("{}://{host}:65535", "s".repeat(64));
        assert_eq!(longest.len(), MAX_ORIGIN_LENGTH);
        let mut origins = OriginSet::default();
        let pattern = OriginPattern::parse(&format!("{longest}/")).unwrap().0;
        assert!(origins.insert(&pattern));
        for value in [longest.clone(), format!("{longest}/")] {
            assert_eq!(origins.find(value.as_bytes()), Ok(Match::Exact));
        }
        let longer = format!("{longest}//");
        assert_eq!(origins.find(longer.as_bytes()), Err(Mismatch::Malformed));
    }

    #[test]
    fn a_label_and_a_scheme_have_limits() {
        let label = "a".repeat(63);
        assert!(is_domain(&label));
        assert!(!is_domain(&format!("{label}a")));
        let scheme = "s".repeat(64);
        assert!(is_scheme(&scheme));
        assert!(!is_scheme(&format!("{scheme}s")));
    }

    #[test]
    fn ports_are_numbers_as_browsers_write_them() {
        for port in ["1", "80", "65535"] {
            assert!(is_port(port.as_bytes()), "{port}");
        }
        for port in [
            "",
            "0",
            "00",
            "080",
            "65536",
            "99999999999999999999",
            "8a",
            "-1",
        ] {
            assert!(!is_port(port.as_bytes()), "{port}");
        }
    }

    #[test]
    fn an_ipv6_address_has_one_text() {
        let mut origins = OriginSet::default();
        assert!(origins.insert(&OriginPattern::parse("https://*").unwrap().0));
        for (address, is_allowed) in [
            ("[::ffff:102:304]", true),
            ("[::ffff:1.2.3.4]", false),
            ("[0:0:0:0:0:0:0:1]", false),
            ("[::0001]", false),
            ("[::A]", false),
        ] {
            let found = origins.find(format!("https://{address}").as_bytes());
            assert_eq!(found.is_ok(), is_allowed, "{address}");
        }
    }

    #[test]
    fn addresses_are_read_and_written_as_the_standard_library_does() {
        use std::net::{Ipv4Addr, Ipv6Addr};

        let written = |address: Ipv6Addr| match address.to_ipv4_mapped() {
            Some(_) => {
                let [.., high, low] = address.segments();
                format!("[::ffff:{high:x}:{low:x}]")
            }
            None => format!("[{address}]"),
        };
        let mut random = 1_u64;
        let mut below = |limit: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(random >> 33).unwrap() % limit
        };
        let mut read = 0;
        for _ in 0..300_000 {
            let pieces = [
                ":", ":", ":", "::", "0", "0", "1", "ab", "F", "00f", "12345", "1.2.3.4", "256",
                ".", "g",
            ];
            let text: String = (0..below(18))
                .map(|_| pieces[below(pieces.len())])
                .collect();
            let theirs = text.parse::<Ipv6Addr>().ok();
            assert_eq!(
                normalize_ipv6(&format!("[{text}]")),
                theirs.map(written),
                "{text}"
            );
            read += usize::from(theirs.is_some());
            let pieces = ["0", "1", "25", "255", "256", "01", "", ".", "x"];
            let text: Vec<_> = (0..3 + below(3))
                .map(|_| pieces[below(pieces.len())])
                .collect();
            let text = text.join(".");
            let theirs = text
                .parse::<Ipv4Addr>()
                .ok()
                .map(|address| address.octets());
            assert_eq!(parse_ipv4(text.as_bytes()), theirs, "{text}");
        }
        assert!(read > 1_000, "{read}");
        for _ in 0..100_000 {
            let pieces: [u16; 8] = std::array::from_fn(|_| {
                u16::try_from(below(0x1_0000)).unwrap() >> (4 * below(5)).min(15)
            });
            assert_eq!(serialize_ipv6(&pieces), written(Ipv6Addr::from(pieces)));
        }
    }

    #[test]
    fn the_domain_below_a_wildcard_is_reported() {
        let domain = |text: &str| match OriginPattern::parse(text).unwrap().0 {
            OriginPattern::Tuple(pattern) => pattern.wildcard_domain().map(str::to_owned),
            _ => None,
        };
        assert_eq!(domain("https://*.a.example").as_deref(), Some("a.example"));
        assert_eq!(domain("https://a.example"), None);
        assert_eq!(domain("https://*"), None);
    }
}
