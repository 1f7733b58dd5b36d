//! Origins as requests carry them, and the patterns that a configuration lists.
//!
//! An exact pattern is looked up by the bytes of the header as they came. Any other is a scheme and a
//! *tail*: what ends every origin that the pattern matches. `https://*.example` has the tail
//! `.example`, `https://*:8443` has `:8443`, `http://localhost:*` has, before the port,
//! `://localhost`. An origin is matched by looking up its own tails, of which there are few, so that
//! the number of patterns does not matter; no byte is copied.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::header::{Class, span};
use crate::regex::OriginRegex;
use crate::text_map::TextMap;

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
        let rest = text.get(scheme_end..)?.strip_prefix(b"://")?;
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
    pub fn port(&self) -> Option<&'a [u8]> {
        self.text.get(self.host_end + 1..)
    }

    /// Whether it is what a browser's serialization yields: with a host, and without the scheme's
    /// default port. No pattern wider than an exact one lets anything else in.
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

/// What an entry of `allowOrigins` says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OriginPattern {
    /// `*`
    Any,
    /// `null`
    Null,
    Tuple(TuplePattern),
}

/// A pattern of tuple origins: `scheme://host[:port]`, with `*.` before or `*` for the host, and
/// `*` for the port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TuplePattern {
    scheme: String,
    /// The host in full, `*.example.com`, or `*`.
    host: String,
    port: PortPattern,
    /// Written with the scheme's default port, so that an `Origin` written with it matches too.
    default_port: bool,
    /// Written with a trailing slash, so that an `Origin` written with one matches too.
    slash: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum PortPattern {
    Any,
    Default,
    Exact(String),
}

impl OriginPattern {
    /// Reads an entry of `allowOrigins`, with remarks on what was written otherwise than it is read.
    pub fn parse(text: &str) -> Result<(Self, Vec<Remark>), OriginPatternError> {
        match text {
            "*" => return Ok((Self::Any, Vec::new())),
            "null" => return Ok((Self::Null, Vec::new())),
            _ => {}
        }
        let (pattern, remarks) = TuplePattern::parse(text)?;
        Ok((Self::Tuple(pattern), remarks))
    }

    /// Whether it matches one origin alone.
    pub fn is_exact(&self) -> bool {
        match self {
            Self::Any => false,
            Self::Null => true,
            Self::Tuple(pattern) => pattern.is_exact(),
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Null => f.write_str("null"),
            Self::Tuple(pattern) => pattern.fmt(f),
        }
    }
}

impl TuplePattern {
    fn parse(text: &str) -> Result<(Self, Vec<Remark>), OriginPatternError> {
        use OriginPatternError as E;

        if text.is_empty() {
            return Err(E::Empty);
        }
        if text
            .bytes()
            .any(|byte| byte.is_ascii_control() || byte == b' ')
        {
            return Err(E::Space);
        }
        if !text.is_ascii() {
            return Err(E::NotAscii);
        }
        if text.contains(',') {
            return Err(E::Comma);
        }
        let mut remarks = Vec::new();
        let lower = text.to_ascii_lowercase();
        if lower != text {
            remarks.push(Remark::UpperCase);
        }
        let (scheme, rest) = lower
            .split_once(':')
            .and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)))
            .ok_or_else(|| match lower.as_str() {
                other if holds(other, b"://") => E::Scheme,
                other if other.ends_with('*') && !other.contains('.') => E::Wildcard,
                _ => E::NoScheme,
            })?;
        if scheme.contains('*') {
            return Err(E::SchemeWildcard);
        }
        if !is_scheme(scheme) {
            return Err(E::Scheme);
        }
        let (authority, slash) = match rest.strip_suffix('/') {
            Some(authority) => (authority, true),
            None => (rest, false),
        };
        if authority.contains('?') {
            return Err(E::Query);
        }
        if authority.contains('#') {
            return Err(E::Fragment);
        }
        if authority.contains(['/', '\\']) {
            return Err(E::Path);
        }
        if authority.contains('@') {
            return Err(E::Userinfo);
        }
        if authority.len() > MAX_ORIGIN_LENGTH {
            return Err(E::TooLong);
        }
        let (host, port) = split_port(authority);
        let host = read_host_pattern(scheme, host, &mut remarks)?;
        let mut default_port = false;
        let port = match port {
            None => PortPattern::Default,
            Some(_) if host.is_empty() => return Err(E::Host),
            Some("*") => PortPattern::Any,
            Some(port) if !is_port(port.as_bytes()) => return Err(E::Port),
            Some(port) if default_port_of(scheme.as_bytes()) == Some(port) => {
                remarks.push(Remark::DefaultPort);
                default_port = true;
                PortPattern::Default
            }
            Some(port) => PortPattern::Exact(port.to_owned()),
        };
        if slash {
            remarks.push(Remark::TrailingSlash);
        }
        let scheme = scheme.to_owned();
        Ok((
            Self {
                scheme,
                host,
                port,
                default_port,
                slash,
            },
            remarks,
        ))
    }

    /// Whether any host of the scheme matches.
    pub fn is_any_host(&self) -> bool {
        self.host == "*"
    }

    /// The domain below which every host matches, if this is such a pattern.
    pub fn wildcard_domain(&self) -> Option<&str> {
        self.host.strip_prefix("*.")
    }

    /// Whether every page of the scheme has this origin, as with `file://`.
    pub fn is_without_host(&self) -> bool {
        self.host.is_empty()
    }

    /// Plain http to a host that is not this very machine: what travels can be read and changed.
    pub fn is_insecure(&self) -> bool {
        self.scheme == "http" && !is_loopback(&self.host)
    }

    fn is_exact(&self) -> bool {
        !self.host.starts_with('*') && self.port != PortPattern::Any
    }

    /// The other texts that an exact pattern matches, because it is written so.
    fn alternatives(&self) -> impl Iterator<Item = String> {
        let port = default_port_of(self.scheme.as_bytes()).filter(|_| self.default_port);
        let with_port = port.map(|port| format!("{self}:{port}"));
        let with_slash = self.slash.then(|| format!("{self}/"));
        with_port.into_iter().chain(with_slash)
    }

    /// What ends every origin that matches, without the port if any matches.
    fn tail(&self) -> String {
        let port = match &self.port {
            PortPattern::Exact(port) => format!(":{port}"),
            PortPattern::Any | PortPattern::Default => String::new(),
        };
        match self.host.strip_prefix('*') {
            Some(domain) => format!("{domain}{port}"),
            None => format!("://{}{port}", self.host),
        }
    }
}

impl fmt::Display for TuplePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match &self.port {
            PortPattern::Any => f.write_str(":*"),
            PortPattern::Default => Ok(()),
            PortPattern::Exact(port) => write!(f, ":{port}"),
        }
    }
}

/// What was read otherwise than it was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Remark {
    DefaultPort,
    Ipv6Form,
    TrailingSlash,
    UpperCase,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DefaultPort => "names the default port, which no browser sends",
            Self::Ipv6Form => "is not the form in which browsers write this address",
            Self::TrailingSlash => "ends in a slash, which no browser sends",
            Self::UpperCase => "has upper case, which no browser sends",
        })
    }
}

/// Why an entry of `allowOrigins` is no pattern; the text says what is wrong and what to write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OriginPatternError {
    Comma,
    Empty,
    Fragment,
    Host,
    Ipv6,
    NoScheme,
    NotAscii,
    Path,
    Port,
    Query,
    Scheme,
    SchemeWildcard,
    Space,
    TooLong,
    Userinfo,
    Wildcard,
}

impl fmt::Display for OriginPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comma => "has a comma; write one origin an entry",
            Self::Empty => "is empty; an origin is scheme://host[:port]",
            Self::Fragment => "has a fragment; an origin is scheme://host[:port]",
            Self::Host => "has no valid host; write a domain name, an IPv4 address or an IPv6 address in brackets",
            Self::Ipv6 => "has no valid IPv6 address; write it in brackets, as in http://[::1]:8080",
            Self::NoScheme => "has no scheme; write it in front, as in https://",
            Self::NotAscii => "is not ASCII; write the host in punycode (xn--…), as browsers send it",
            Self::Path => "has a path; an origin is scheme://host[:port]",
            Self::Port => "has no valid port; write 1 to 65535, or * for any port",
            Self::Query => "has a query; an origin is scheme://host[:port]",
            Self::Scheme => "has no valid scheme; write a letter, then letters, digits, +, - or .",
            Self::SchemeWildcard => "has a wildcard for the scheme; write one entry a scheme, as in https://*",
            Self::Space => "has a space or control character; an origin is scheme://host[:port]",
            Self::TooLong => "is longer than an origin can be",
            Self::Userinfo => "has a user name or password; an origin is scheme://host[:port]",
            Self::Wildcard => {
                "has a wildcard where none is allowed; list the origins, or all below a domain as in https://*.example.com"
            }
        })
    }
}

/// All origins that a policy allows.
#[derive(Debug, Default)]
pub struct OriginSet {
    any: bool,
    null: bool,
    /// Whole origins, also as they are listed with a slash or a default port behind.
    exact: TextMap,
    /// Every scheme that a pattern with a tail names; it is a bit in the masks.
    schemes: Vec<String>,
    /// Tails with the port in them.
    tails: TextMap,
    /// Tails of patterns that match any port.
    any_port_tails: TextMap,
    depths: Depths,
    regexes: Vec<OriginRegex>,
}

impl OriginSet {
    /// Adds a pattern. Returns `false`, and adds nothing, if it would be the 65th scheme of patterns
    /// with a wildcard.
    #[must_use]
    pub fn insert(&mut self, pattern: &OriginPattern) -> bool {
        match pattern {
            OriginPattern::Any => self.any = true,
            OriginPattern::Null => self.null = true,
            OriginPattern::Tuple(pattern) => return self.insert_tuple(pattern),
        }
        true
    }

    /// Adds a regular expression. Returns `false`, and adds nothing, if one origin could then cost
    /// too much.
    #[must_use]
    pub fn insert_regex(&mut self, regex: OriginRegex) -> bool {
        // Of those that one origin can have to be held against, the last one finds all others.
        let others = self.regexes.iter().filter(|other| other.can_meet(&regex));
        let work = others.fold(regex.work(), |sum, other| sum.saturating_add(other.work()));
        let is_bounded = work <= MAX_WORK;
        if is_bounded {
            self.regexes.push(regex);
        }
        is_bounded
    }

    /// Whether `*` is listed.
    pub fn is_any(&self) -> bool {
        self.any
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        let tuples = [&self.exact, &self.tails, &self.any_port_tails]
            .map(count)
            .iter()
            .sum::<usize>();
        tuples + self.regexes.len() + usize::from(self.any) + usize::from(self.null)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn regex_count(&self) -> usize {
        self.regexes.len()
    }

    /// What the regular expressions take in memory, in states of their automata.
    pub fn regex_size(&self) -> usize {
        self.regexes.iter().map(OriginRegex::size).sum()
    }

    /// Finds the pattern that allows the value of an `Origin` header.
    pub fn find(&self, value: &[u8]) -> Result<Match, Mismatch> {
        if value.len() > MAX_ORIGIN_LENGTH + 1 {
            return Err(Mismatch::Malformed);
        }
        // What is listed is well-formed, or has the slash with which kgateway's documentation lists
        // and sends it, or the default port that some clients send.
        if self.exact.get(value).is_some() {
            return Ok(Match::Exact);
        }
        match Origin::parse(value) {
            Some(Origin::Null) if self.null => Ok(Match::Null),
            // Any origin does not mean the opaque one: every sandboxed page has it.
            Some(Origin::Null) => Err(Mismatch::Null),
            Some(Origin::Tuple(origin)) if !origin.is_serialized() => Err(Mismatch::Origin),
            Some(Origin::Tuple(_)) if self.any => Ok(Match::Any),
            Some(Origin::Tuple(origin)) => self.find_tuple(&origin).ok_or(Mismatch::Origin),
            None => Err(Mismatch::Malformed),
        }
    }

    /// The pattern behind a match, as it can be written in a configuration.
    pub fn describe(&self, value: &[u8], found: Match) -> String {
        let tuple = match Origin::parse(value) {
            Some(Origin::Tuple(origin)) => Some(origin),
            _ => None,
        };
        match (found, tuple) {
            (Match::Any, _) => "*".to_owned(),
            (Match::Null, _) => "null".to_owned(),
            (Match::Regex(index), _) => self
                .regexes
                .get(index)
                .map(|regex| format!("/{}/", regex.source()))
                .unwrap_or_default(),
            (Match::Tail { start, any_port }, Some(origin)) => {
                let end = if any_port {
                    origin.host_end
                } else {
                    origin.text.len()
                };
                let tail = origin.as_str().get(start..end).unwrap_or_default();
                let wildcard = if start == origin.scheme_end {
                    ""
                } else {
                    "://*"
                };
                let port = if any_port { ":*" } else { "" };
                let scheme = String::from_utf8_lossy(origin.scheme());
                format!("{scheme}{wildcard}{tail}{port}")
            }
            (Match::Exact | Match::Tail { .. }, _) => String::from_utf8_lossy(value).into_owned(),
        }
    }

    fn insert_tuple(&mut self, pattern: &TuplePattern) -> bool {
        if pattern.is_exact() {
            for origin in pattern.alternatives() {
                add(&mut self.exact, &origin, ALTERNATIVE);
            }
            add(&mut self.exact, &pattern.to_string(), EXACT);
            return true;
        }
        let Some(mask) = self.scheme_mask(&pattern.scheme) else {
            return false;
        };
        let tail = pattern.tail();
        if pattern.host.starts_with("*.") {
            self.depths.include(&tail);
        }
        let tails = match pattern.port {
            PortPattern::Any => &mut self.any_port_tails,
            PortPattern::Default | PortPattern::Exact(_) => &mut self.tails,
        };
        add(tails, &tail, mask);
        true
    }

    fn scheme_mask(&mut self, scheme: &str) -> Option<u64> {
        let index = match self.schemes.iter().position(|known| known == scheme) {
            Some(index) => index,
            None => {
                self.schemes.push(scheme.to_owned());
                self.schemes.len() - 1
            }
        };
        1_u64.checked_shl(u32::try_from(index).ok()?)
    }

    fn find_tuple(&self, origin: &TupleOrigin) -> Option<Match> {
        self.find_tail(origin).or_else(|| {
            self.regexes
                .iter()
                .position(|regex| regex.is_match(origin))
                .map(Match::Regex)
        })
    }

    /// Looks up the tails of the origin, longest first: the whole host, after each label, behind
    /// the host. Plain loops: in a module optimised for size, chained iterators cost twice as much.
    fn find_tail(&self, origin: &TupleOrigin) -> Option<Match> {
        let mask = self.mask_of(origin.scheme())?;
        // A whole host without its port: with one it would be exact.
        let found = self.find_any_port_at(origin, origin.scheme_end, mask);
        if found.is_some() {
            return found;
        }
        if self.depths.least <= origin.dots {
            let mut dots = origin.dots;
            for (at, byte) in origin.host().iter().enumerate() {
                if *byte != b'.' {
                    continue;
                }
                if (self.depths.least..=self.depths.most).contains(&dots) {
                    let found = self.find_tail_at(origin, origin.scheme_end + 3 + at, mask);
                    if found.is_some() {
                        return found;
                    }
                }
                dots -= 1;
            }
        }
        self.find_tail_at(origin, origin.host_end, mask)
    }

    fn find_tail_at(&self, origin: &TupleOrigin, start: usize, mask: u64) -> Option<Match> {
        if has(&self.tails, origin.text.get(start..)?, mask) {
            return Some(Match::Tail {
                start,
                any_port: false,
            });
        }
        self.find_any_port_at(origin, start, mask)
    }

    fn find_any_port_at(&self, origin: &TupleOrigin, start: usize, mask: u64) -> Option<Match> {
        let tail = origin.text.get(start..origin.host_end)?;
        has(&self.any_port_tails, tail, mask).then_some(Match::Tail {
            start,
            any_port: true,
        })
    }

    fn mask_of(&self, scheme: &[u8]) -> Option<u64> {
        let mut mask = 1;
        for known in &self.schemes {
            if known.as_bytes() == scheme {
                return Some(mask);
            }
            mask <<= 1;
        }
        None
    }
}

/// Which kind of pattern allowed an origin; [`OriginSet::describe`] writes it out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Match {
    Any,
    Exact,
    Null,
    /// The index of the regular expression.
    Regex(usize),
    /// The pattern's tail starts there in the origin.
    Tail {
        start: usize,
        any_port: bool,
    },
}

/// Why no pattern allows the value of an `Origin` header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mismatch {
    Malformed,
    Null,
    Origin,
}

/// Adds a whole origin or a tail, with the mask of a scheme.
fn add(texts: &mut TextMap, text: &str, mask: u64) {
    *texts.get_or_insert(text.as_bytes(), 0) |= mask;
}

fn has(texts: &TextMap, text: &[u8], mask: u64) -> bool {
    texts.get(text).is_some_and(|schemes| schemes & mask != 0)
}

/// How many patterns there are.
fn count(texts: &TextMap) -> usize {
    texts
        .iter()
        .map(|(_, mask)| mask.count_ones() as usize)
        .sum()
}

/// The mask of a whole origin, which holds its scheme.
const EXACT: u64 = 1;
/// The mask of a further text that an exact pattern matches.
const ALTERNATIVE: u64 = 0;

/// How many dots the tails of subdomain patterns hold, so that an origin of a hundred labels is
/// not looked up a hundred times.
#[derive(Debug)]
struct Depths {
    least: usize,
    most: usize,
}

impl Depths {
    fn include(&mut self, tail: &str) {
        let dots = tail.matches('.').count();
        self.least = self.least.min(dots);
        self.most = self.most.max(dots);
    }
}

impl Default for Depths {
    fn default() -> Self {
        Self {
            least: usize::MAX,
            most: 0,
        }
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

/// The length of the scheme at the start: [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-3.1),
/// lower case, at most 64 bytes.
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
    let mut number = 0;
    for byte in port {
        if !byte.is_ascii_digit() || number > u32::from(u16::MAX) {
            return false;
        }
        number = number * 10 + u32::from(byte - b'0');
    }
    !port.is_empty() && !port.starts_with(b"0") && number <= u32::from(u16::MAX)
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
            return (label <= 63 && (1..=253).contains(&without_dot)).then_some((length, dots));
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

/// Whether the text holds the part. A plain loop: the standard library's search is a kilobyte of module.
pub fn holds(text: &str, part: &[u8]) -> bool {
    text.as_bytes()
        .windows(part.len())
        .any(|window| window == part)
}

/// Whether origins of the scheme have the host of a web page.
fn is_of_web(scheme: &[u8]) -> bool {
    matches!(scheme, b"http" | b"https")
}

fn bracketed(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

pub fn is_loopback(host: &str) -> bool {
    let is_loopback_v4 = || {
        host.parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
    };
    host == "localhost" || host.ends_with(".localhost") || host == "[::1]" || is_loopback_v4()
}

fn read_host_pattern(
    scheme: &str,
    host: &str,
    remarks: &mut Vec<Remark>,
) -> Result<String, OriginPatternError> {
    if host.starts_with('[') || host.contains(']') {
        let serialized = normalize_ipv6(host).ok_or(OriginPatternError::Ipv6)?;
        if serialized != host {
            remarks.push(Remark::Ipv6Form);
        }
        return Ok(serialized);
    }
    let is_embedders = !is_of_web(scheme.as_bytes())
        && embedder_host_length(host.as_bytes()).is_some_and(|(length, _)| length == host.len());
    if host == "*" || is_embedders {
        return Ok(host.to_owned());
    }
    let domain = host.strip_prefix("*.").unwrap_or(host);
    if domain.contains('*') {
        return Err(OriginPatternError::Wildcard);
    }
    if domain.contains(':') {
        return Err(OriginPatternError::Ipv6);
    }
    // Browsers take a host whose last label is a number for an IPv4 address, or for an error.
    let name = domain.strip_suffix('.').unwrap_or(domain);
    let numeric = name
        .rsplit('.')
        .next()
        .is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    let is_address = name.parse::<Ipv4Addr>().is_ok();
    if !is_domain(name) || (numeric && !(is_address && name == host)) {
        return Err(OriginPatternError::Host);
    }
    Ok(host.to_owned())
}

/// The [IPv6 serializer](https://url.spec.whatwg.org/#concept-ipv6-serializer): no dotted IPv4 part,
/// which is where the standard library's differs.
fn serialize_ipv6(address: Ipv6Addr) -> String {
    match address.to_ipv4_mapped() {
        Some(_) => {
            let [.., high, low] = address.segments();
            format!("[::ffff:{high:x}:{low:x}]")
        }
        None => format!("[{address}]"),
    }
}

/// An IPv6 address in brackets as browsers write it; `None` for what is no such address.
pub fn normalize_ipv6(host: &str) -> Option<String> {
    bracketed(host)?.parse().ok().map(serialize_ipv6)
}

/// How many states of regular expressions one origin can visit at most.
const MAX_WORK: usize = 320_000;

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_domain_below_a_wildcard_is_told() {
        let domain = |text: &str| match OriginPattern::parse(text).unwrap().0 {
            OriginPattern::Tuple(pattern) => pattern.wildcard_domain().map(str::to_owned),
            _ => None,
        };
        assert_eq!(domain("https://*.a.example").as_deref(), Some("a.example"));
        assert_eq!(domain("https://a.example"), None);
        assert_eq!(domain("https://*"), None);
    }
}
