//! Regular expressions over origins: compiled for the whole match, looked at only where their
//! literal ends fit, and bounded in what they can cost together.

use regex_lite::{Regex, RegexBuilder};

use crate::header::{Class, span};
use crate::origin::{MAX_ORIGIN_LENGTH, Origin, OriginPattern, TupleOrigin, holds, split_port};

/// A regular expression that must match the whole of a well-formed tuple origin.
#[derive(Debug)]
pub struct OriginRegex {
    source: String,
    whole: Regex,
    shape: Shape,
}

impl OriginRegex {
    /// Compiles an entry of `allowOriginRegexes`; the error is the engine's, in words.
    pub fn parse(source: &str) -> Result<Self, String> {
        // Alone first: `a)|(?:b` is no expression, but would become one between the brackets.
        compile(source)?;
        // A comment in verbose mode would swallow the closing bracket; there a line end is no more
        // than white space.
        let whole = compile(&format!(r"\A(?:{source})\z"))
            .or_else(|_| compile(&format!("\\A(?:{source}\n)\\z")))?;
        let shape = Shape::of(source);
        if shape.states > MAX_STATES {
            return Err("it compiles to too many states".to_owned());
        }
        Ok(Self {
            source: source.to_owned(),
            whole,
            shape,
        })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it matches an origin of a host that nobody can have: then it matches any.
    pub fn is_any(&self) -> bool {
        ["https://cors-probe.invalid", "http://cors-probe.invalid"]
            .iter()
            .any(|probe| self.whole.is_match(probe))
    }

    /// What few people mean by such an expression. It is found by the text, and by origins that the
    /// expression should not match: not everything is.
    pub fn warning(&self, credentials: bool) -> Option<String> {
        let Shape { start, end, .. } = &self.shape;
        let start = str::from_utf8(start).unwrap_or_default();
        let end = str::from_utf8(end).unwrap_or_default();
        let source = without_anchor(self.source.strip_prefix('^').unwrap_or(&self.source));
        let escapes = source.bytes().filter(|byte| *byte == b'\\').count();
        let is_literal = start.len() + escapes == source.len();
        if let Ok((pattern, _)) = OriginPattern::parse(if is_literal { start } else { source }) {
            let written = pattern.to_string();
            let is_meant = pattern != OriginPattern::Any;
            if is_meant && (!pattern.is_exact() || !self.admits(&written)) {
                return Some(format!(
                    "matches no origin that it seems to name; write \"{written}\" in allowOrigins"
                ));
            }
        }
        if !can_begin(start) || !can_end(end) || !can_hold_slash(source) {
            return Some(MATCHES_NOTHING.to_owned());
        }
        if let Some(found) = self.look_alike(start, end) {
            return Some(format!(
                "lets {found} in, a name that anybody can have; let whole labels vary only, before an escaped dot and a domain of yours"
            ));
        }
        (credentials && is_insecure(source)).then(|| PLAIN_HTTP.to_owned())
    }

    /// Whether the text shows that no origin matches.
    pub fn matches_nothing(&self) -> bool {
        self.warning(false)
            .is_some_and(|warning| warning == MATCHES_NOTHING)
    }

    fn admits(&self, origin: &str) -> bool {
        match Origin::parse(origin.as_bytes()) {
            Some(Origin::Tuple(origin)) => origin.is_serialized() && self.is_match(&origin),
            _ => false,
        }
    }

    /// An origin of somebody else that begins or ends as the expression does, if it is let in.
    fn look_alike(&self, start: &str, end: &str) -> Option<String> {
        let (scheme, host) = start.split_once("://").unwrap_or(("https", ""));
        let mut labels = end.rsplit('.').map(str::len);
        let is_short = labels.next() == Some(2) && labels.next().is_some_and(|length| length < 4);
        let dots = end.bytes().filter(|byte| *byte == b'.').count();
        let port = self.port();
        let is_let_in = |host: &str, more: &str| {
            let origin = format!("{scheme}://{host}{more}{port}");
            self.admits(&origin).then_some(origin)
        };
        // Whoever buys a domain chooses its first label: `evilexample.com`, `evilexample.co.uk`.
        if (dots == 1 || dots == 2 && is_short) && !end.starts_with('.') {
            is_let_in("evil", end)
        } else {
            None
        }
        .or_else(|| match host.strip_suffix('.') {
            _ if host.is_empty() => ANYBODYS.iter().find_map(|name| is_let_in(name, "")),
            Some(domain) => is_let_in(domain, ".evil").or_else(|| is_let_in(domain, ".evil.test")),
            None => is_let_in(host, ".evil.test"),
        })
    }

    /// The literal port at the end, with its colon.
    fn port(&self) -> &str {
        let source = without_anchor(&self.source);
        match source.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                source.get(host.len()..).unwrap_or_default()
            }
            _ => "",
        }
    }

    /// Tries the literal ends first, which most origins of others do not have.
    pub fn is_match(&self, origin: &TupleOrigin) -> bool {
        origin.without_port().ends_with(&self.shape.end)
            && origin.as_str().as_bytes().starts_with(&self.shape.start)
            && self.whole.is_match(origin.as_str())
    }

    /// What it takes in memory, in states of its automaton.
    pub fn size(&self) -> usize {
        self.shape.states.saturating_add(SIZE_OF_ANY)
    }

    /// How many states one origin can visit at most, its bytes taken together.
    pub fn work(&self) -> usize {
        self.shape.work
    }

    /// Whether one origin can have the literal ends of both.
    pub fn can_meet(&self, other: &Self) -> bool {
        let (one, other) = (&self.shape, &other.shape);
        (one.start.starts_with(&other.start) || other.start.starts_with(&one.start))
            && (one.end.ends_with(&other.end) || other.end.ends_with(&one.end))
    }
}

/// What can be said of an expression by its text, never less than what is so.
#[derive(Debug, Default)]
struct Shape {
    /// What every match begins with.
    start: Vec<u8>,
    /// What every match ends with, but for a port.
    end: Vec<u8>,
    states: usize,
    work: usize,
}

impl Shape {
    fn of(source: &str) -> Self {
        let mut reader = Reader {
            source,
            at: 0,
            depth: 0,
            is_plain: true,
            has_ends: true,
            is_start: true,
            start: Vec::new(),
            end: Vec::new(),
            work: STATES_AROUND,
        };
        let is_verbose = reader.read_flags();
        let from = if reader.is_plain {
            1
        } else {
            MAX_ORIGIN_LENGTH
        };
        let (mut states, _) = reader.alternatives(from);
        if is_verbose {
            // Comments hide brackets: as if everything could be everywhere, but not repeated.
            let is_repeated = source.contains('{');
            states = if is_repeated {
                MAX_STATES + 1
            } else {
                2 * STATE * source.len()
            };
            reader.visit(states, MAX_ORIGIN_LENGTH);
        }
        if !(reader.is_plain && reader.has_ends) {
            reader.start.clear();
            reader.end.clear();
        }
        cut_port(&mut reader.end);
        Self {
            start: reader.start,
            end: reader.end,
            states,
            work: reader.work,
        }
    }
}

/// Reads an expression that the engine has accepted. At each state it counts the positions of an
/// origin at which the automaton can be in it: one behind literals, every one behind what repeats.
struct Reader<'s> {
    source: &'s str,
    at: usize,
    depth: usize,
    /// Without flags and without characters by number.
    is_plain: bool,
    /// Without alternatives outside of groups.
    has_ends: bool,
    /// Whether all so far are literals.
    is_start: bool,
    start: Vec<u8>,
    /// The literals before this place, outside of groups.
    end: Vec<u8>,
    work: usize,
}

impl<'s> Reader<'s> {
    /// Looks for what changes the meaning of the rest; returns whether the verbose mode is on
    /// somewhere.
    fn read_flags(&mut self) -> bool {
        let mut is_verbose = false;
        let mut is_in_flags = false;
        for pair in self.source.as_bytes().windows(3) {
            match pair {
                [b'(', b'?', b':' | b'<' | b'P'] => {}
                [b'(', b'?', flag] => {
                    self.is_plain = false;
                    is_in_flags = true;
                    is_verbose |= *flag == b'x';
                }
                [b')' | b':', ..] => is_in_flags = false,
                [_, _, b'x'] if is_in_flags => is_verbose = true,
                [b'\\', escaped, _] | [_, b'\\', escaped] if b"xuUbB".contains(escaped) => {
                    self.is_plain = false;
                }
                _ => {}
            }
        }
        is_verbose
    }

    /// Returns the states, and the positions behind them, of those from so many positions.
    fn alternatives(&mut self, from: usize) -> (usize, usize) {
        let (mut states, mut positions) = (0_usize, 0);
        loop {
            let (more, behind) = self.sequence(from);
            states = states.saturating_add(more);
            positions = MAX_ORIGIN_LENGTH.min(positions + behind);
            if self.next() != b'|' {
                return (states, positions);
            }
            states = states.saturating_add(2 * LINK);
            self.visit(2 * LINK, from);
            self.has_ends &= self.depth > 0;
        }
    }

    fn sequence(&mut self, from: usize) -> (usize, usize) {
        let (mut states, mut positions) = (0_usize, from);
        let mut row = Row::default();
        while !matches!(self.peek(), b'|' | b')' | END) {
            let (begin, before) = (self.at, self.work);
            let is_port = self.depth == 0 && PORTS.contains(&without_anchor(self.rest()));
            let (inner, behind) = self.atom(positions);
            let atom = self.source.get(begin..self.at).unwrap_or_default();
            let Some((least, most)) = self.repetition() else {
                states = states.saturating_add(inner);
                if let Some(byte) = literal(atom) {
                    self.work = before;
                    row.push(byte);
                    self.push(byte);
                } else if !matches!(atom, "^" | "$") {
                    self.visit(1, row.finish(positions));
                    self.close();
                }
                positions = behind;
                continue;
            };
            let once = self.work - before;
            self.work = before;
            self.visit(1, row.finish(positions));
            if !is_port {
                self.close();
            }
            let entered = positions;
            let copies = if most == usize::MAX { least } else { most }.max(1);
            let repeated = inner
                .saturating_add(LINK)
                .saturating_mul(copies)
                .saturating_add(LINK);
            states = states.saturating_add(repeated);
            if most == 1 {
                positions = behind + entered;
                self.visit(once, 1);
                self.visit(2 * LINK, entered);
            } else if most != usize::MAX && behind == entered {
                let ends = copies - least.min(copies) + 1;
                positions = ends.saturating_mul(entered);
                self.visit(once, copies);
                self.visit(copies.saturating_mul(2 * LINK), entered);
            } else {
                positions = MAX_ORIGIN_LENGTH;
                self.visit(repeated, MAX_ORIGIN_LENGTH);
            }
            // `[a-z]+\.` ends at the first dot, wherever it began.
            if self.is_left_by_next(atom) {
                positions = entered;
            }
            positions = positions.min(MAX_ORIGIN_LENGTH);
        }
        self.visit(1, row.finish(positions));
        (states, positions)
    }

    /// Reads one character, class, escape, anchor or group.
    fn atom(&mut self, from: usize) -> (usize, usize) {
        let mut states = STATE;
        match self.next() {
            b'(' => return self.group(from),
            // Ranges are looked at one by one.
            b'[' => states += self.class() / 4,
            b'\\' => self.at += 1,
            _ => {}
        }
        self.visit(states, from);
        (states, from)
    }

    fn group(&mut self, from: usize) -> (usize, usize) {
        if self.peek() == b'?' {
            loop {
                match self.next() {
                    b':' | b'>' => break,
                    // Flags alone.
                    b')' | END => return (0, from),
                    _ => {}
                }
            }
        }
        self.depth += 1;
        let (states, behind) = self.alternatives(from);
        self.depth -= 1;
        self.visit(2 * LINK, behind);
        (states.saturating_add(2 * LINK), behind)
    }

    /// Reads the rest of a class; returns its length.
    fn class(&mut self) -> usize {
        let begin = self.at;
        if self.peek() == b'^' {
            self.at += 1;
        }
        // A bracket at the start is one of the class.
        self.at += 1;
        loop {
            match self.next() {
                b']' | END => return self.at - begin,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
    }

    /// Reads how often the atom repeats, if it does: at least, and at most.
    fn repetition(&mut self) -> Option<(usize, usize)> {
        let bounds = match self.peek() {
            b'?' => (0, 1),
            b'*' | b'+' => (0, usize::MAX),
            b'{' => self.bounds(),
            _ => return None,
        };
        self.at += 1;
        if self.peek() == b'?' {
            self.at += 1;
        }
        Some(bounds)
    }

    /// Reads `{2`, `{2,` or `{2,3`.
    fn bounds(&mut self) -> (usize, usize) {
        let (mut least, mut number) = (None, None);
        loop {
            self.at += 1;
            match self.peek() {
                digit @ b'0'..=b'9' => {
                    let tens = number.unwrap_or(0_usize).saturating_mul(10);
                    number = Some(tens.saturating_add(usize::from(digit - b'0')));
                }
                b',' => least = Some(number.take().unwrap_or(0)),
                b'}' | END => break,
                _ => {}
            }
        }
        let most = number.unwrap_or(usize::MAX);
        (least.unwrap_or(most), most)
    }

    /// Whether the atom is one character, and none that has to come next.
    fn is_left_by_next(&self, atom: &str) -> bool {
        let rest = self.rest();
        let length = 1 + usize::from(rest.starts_with('\\'));
        let is_repeated = matches!(rest.as_bytes().get(length), Some(b'?' | b'*' | b'+' | b'{'));
        let next = rest.get(..length).filter(|next| literal(next).is_some());
        !is_repeated
            && self.is_plain
            && !atom.starts_with('(')
            && next.is_some_and(|next| {
                let next = next.strip_prefix('\\').unwrap_or(next);
                compile(atom).is_ok_and(|atom| !atom.is_match(next))
            })
    }

    fn visit(&mut self, states: usize, positions: usize) {
        self.work = self.work.saturating_add(states.saturating_mul(positions));
    }

    /// A literal outside of groups belongs to the ends.
    fn push(&mut self, literal: u8) {
        if self.depth == 0 {
            self.end.push(literal);
            if self.is_start {
                self.start.push(literal);
            }
        }
    }

    fn close(&mut self) {
        if self.depth == 0 {
            self.end.clear();
        }
        self.is_start = false;
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> u8 {
        self.source.as_bytes().get(self.at).copied().unwrap_or(END)
    }

    fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.at += 1;
        byte
    }
}

/// The expression for an origin with stars within its labels, each of which stands for one or more
/// of what labels are made of; among the numbers of an address, for digits. Not for one in the last
/// label, which would let in domains of anybody.
pub fn expand_stars(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (pattern, _) = OriginPattern::parse(&text.replace('*', "1")).ok()?;
    let (scheme, rest) = text.split_once("://")?;
    let (host, port) = split_port(rest.strip_suffix('/').unwrap_or(rest));
    let (before, last) = host.rsplit_once('.')?;
    let is_address = host
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".*".contains(&byte));
    let is_open = holds(last, b"*") && !is_address || !holds(before, b"*") || holds(host, b"**");
    if !pattern.is_exact() || is_open {
        return None;
    }
    let label = if is_address { "[0-9]+" } else { "[a-z0-9_-]+" };
    let host = host.replace('.', "\\.").replace('*', label);
    // Without the default port.
    let read = pattern.to_string();
    let port = match (port, read.rsplit_once(':')) {
        (Some("*"), _) => "(:[0-9]+)?".to_owned(),
        (Some(port), Some((_, read))) if read == port => format!(":{port}"),
        _ => String::new(),
    };
    Some(format!("{scheme}://{host}{port}"))
}

/// Whether an origin can begin so.
fn can_begin(start: &str) -> bool {
    let length = span(start.as_bytes(), Class::SCHEME);
    let rest = start.get(length..).unwrap_or_default();
    let is_scheme = start.is_empty() || start.starts_with(|char: char| char.is_ascii_lowercase());
    is_scheme && ("://".starts_with(rest) || rest.strip_prefix("://").is_some_and(is_of_host))
}

/// Whether an origin can end so.
fn can_end(end: &str) -> bool {
    match end.rsplit_once('/') {
        None => is_of_host(end),
        Some((before, host)) => {
            let is_scheme = before.is_empty() || before == "/" || before.ends_with(":/");
            is_scheme && !host.is_empty() && is_of_host(host)
        }
    }
}

fn is_of_host(text: &str) -> bool {
    let is_byte = |byte| b":[]".contains(byte);
    let bytes = text.as_bytes();
    bytes
        .iter()
        .all(|byte| span(&[*byte], Class::HOST) == 1 || is_byte(byte))
}

/// Whether something in the expression can match a slash, which every origin has.
fn can_hold_slash(source: &str) -> bool {
    let mut previous = 0;
    source.bytes().any(|byte| {
        let is_escaped = previous == b'\\';
        let can = byte == b'/'
            || byte == b'.' && !is_escaped
            || byte == b'^' && previous == b'['
            || byte == b'-' && previous.is_ascii_punctuation()
            || is_escaped && b"DSWxuU".contains(&byte);
        previous = if is_escaped { 0 } else { byte };
        can
    })
}

/// Whether it names the scheme http, or leaves its `s` out, but for this very machine.
fn is_insecure(source: &str) -> bool {
    let is_plain = |after: &str| {
        let rest = after.strip_prefix('s');
        rest.is_none_or(|rest| rest.starts_with(['?', '*', '{']))
    };
    let is_loopback = ["localhost", "127\\.", "\\[::1"]
        .iter()
        .any(|host| source.contains(host));
    !is_loopback && source.split("http").skip(1).any(is_plain)
}

/// Literals in a row. Each but the first is reached only where those before it stand: at one byte
/// of an origin by no more ways than the row has its first literal.
#[derive(Default)]
struct Row {
    first: u8,
    firsts: usize,
    length: usize,
}

impl Row {
    fn push(&mut self, literal: u8) {
        if self.length == 0 {
            self.first = literal;
        }
        self.firsts += usize::from(literal == self.first);
        self.length += 1;
    }

    /// Ends the row; returns the visits of its states from so many positions.
    fn finish(&mut self, positions: usize) -> usize {
        let Self { firsts, length, .. } = std::mem::take(self);
        let further = length.saturating_sub(1) * positions;
        let first = positions * usize::from(length > 0);
        STATE * further.min(firsts * MAX_ORIGIN_LENGTH) + 2 * first
    }
}

/// The byte that an atom stands for, if it is one.
fn literal(atom: &str) -> Option<u8> {
    match atom.as_bytes() {
        [b'\\', byte] if byte.is_ascii_punctuation() && !matches!(byte, b'<' | b'>') => Some(*byte),
        [byte] if byte.is_ascii_graphic() && !br".^$()[{|*+?\".contains(byte) => Some(*byte),
        _ => None,
    }
}

/// Cuts a literal port off. Digits alone can be the end of any port.
fn cut_port(end: &mut Vec<u8>) {
    let digits = end
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let rest = end.len() - digits;
    match rest.checked_sub(1).and_then(|last| end.get(last)) {
        Some(b':') => end.truncate(rest - 1),
        None => end.clear(),
        _ => {}
    }
}

fn without_anchor(text: &str) -> &str {
    text.strip_suffix('$').unwrap_or(text)
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_BYTES)
        .build()
        .map_err(|error| error.to_string())
}

/// Bounds the work of compiling; what is accepted is bounded further, by counts that are the same
/// on every machine.
const MAX_BYTES: usize = 16 * 1024 * size_of::<usize>();

const MATCHES_NOTHING: &str = "can match no Origin, which is scheme://host[:port] in lower case; write the whole of it, as in \"https://([a-z0-9-]+\\\\.)*example\\\\.com\"";

/// As of a pattern of plain http.
const PLAIN_HTTP: &str =
    "matches plain http with credentials: who is on the network can act as its users; write https";

/// Hosts that a domain of one's own does not end.
const ANYBODYS: [&str; 6] = [
    "cors-probe.com",
    "cors-probe.net",
    "cors-probe.org",
    "cors-probe.io",
    "cors-probe.dev",
    "cors-probe.invalid",
];

/// How large all regular expressions of a configuration can be, and those of route metadata: a
/// thousand of 136 states.
pub const MAX_REGEX_SIZE: usize = 1_600_000;

/// What may follow a host: it is not part of the literal end.
const PORTS: [&str; 4] = ["(:[0-9]+)?", "(:\\d+)?", "(?::[0-9]+)?", "(?::\\d+)?"];

/// Bounds one expression.
const MAX_STATES: usize = 1_000 * STATE;

/// What every expression takes beside its states, in states.
const SIZE_OF_ANY: usize = 64 * STATE;

/// What a state costs that takes a byte, and one that only leads on.
const STATE: usize = 8;
const LINK: usize = 3;

/// Both anchors, the group of the whole match, and the match.
const STATES_AROUND: usize = 6 * LINK;

/// Behind the last byte: none of a text.
const END: u8 = 0xff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_every_match_are_known() {
        for (source, start, end) in [
            (r"https://[a-z]+\.example\.com", "https://", ".example.com"),
            (
                r"^https?://app\.example\.com(:\d+)?$",
                "http",
                "://app.example.com",
            ),
            (
                r"https://app\.example\.com:8443",
                "https://app.example.com:8443",
                "https://app.example.com",
            ),
            (r"https://a\.example|https://b\.example", "", ""),
            (r"(?i)https://a\.example", "", ""),
            (r"https://a\x2eexample", "", ""),
            (r"https://ab*", "https://a", ""),
            (r"https://a.c:[0-9]{4}", "https://a", ""),
            (r"https://.*80", "https://", ""),
            (r"https://.*[.]x-80", "https://", "x-80"),
            (r"[]a]b", "", "b"),
            (r"(a|b)c", "", "c"),
        ] {
            let shape = Shape::of(source);
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            assert_eq!(
                (text(&shape.start), text(&shape.end)),
                (start.into(), end.into()),
                "{source}"
            );
        }
    }

    #[test]
    fn what_few_people_mean_is_reported() {
        let warning = |source: &str| {
            let regex = OriginRegex::parse(source).unwrap();
            regex.warning(true).unwrap_or_default()
        };
        for (source, text) in [
            // Nothing matches.
            ("", "can match no Origin"),
            (r"example\.com$", "can match no Origin"),
            (r"app\.example\.com(:\d+)?", "can match no Origin"),
            (r"/https:\/\/.*\.example\.com/", "can match no Origin"),
            (r"https://[a-z]+\.example\.com/", "can match no Origin"),
            (r"https://[a-z]+\.Example\.com", "can match no Origin"),
            (r"https://[a-z]+\.example\.com/path", "can match no Origin"),
            (r"HTTPS://[a-z]+\.example\.com", "can match no Origin"),
            (r"\*", "can match no Origin"),
            (r"\*\.example\.com", "can match no Origin"),
            ("null", "write \"null\" in allowOrigins"),
            ("file://", "write \"file://\" in allowOrigins"),
            (
                r"HTTPS://APP\.EXAMPLE\.COM",
                "write \"https://app.example.com\" in",
            ),
            (
                r"https://app\.example\.com:443",
                "write \"https://app.example.com\" in",
            ),
            (
                r"^https://app\.example\.com/$",
                "write \"https://app.example.com\" in",
            ),
            ("https://*", "write \"https://*\" in allowOrigins"),
            ("http://*.example.com", "write \"http://*.example.com\" in"),
            // Look-alikes.
            (r"https://.*example\.com", "lets https://evilexample.com in"),
            (
                r"https://(.*)example\.com(:\d+)?",
                "lets https://evilexample.com in",
            ),
            (
                r"^https?://[^/]*example\.com$",
                "lets https://evilexample.com in",
            ),
            (
                r"https://[a-z0-9.-]+-example\.co\.uk",
                "lets https://evil-example.co.uk in",
            ),
            (
                r"https://.*example\.com:8443",
                "lets https://evilexample.com:8443 in",
            ),
            (r"https://.*\.com", "lets https://cors-probe.com in"),
            (r"https?://.*:8443", "lets https://cors-probe.com:8443 in"),
            (
                r"chrome-extension://.*",
                "lets chrome-extension://cors-probe.com in",
            ),
            (
                r"https://app\.example\.com.*",
                "lets https://app.example.com.evil.test in",
            ),
            (
                r"https://app\.example\..+",
                "lets https://app.example.evil in",
            ),
            (r"https://example\.[a-z]+", "lets https://example.evil in"),
            // Plain http.
            (r"https?://[a-z]+\.example\.com", "matches plain http"),
            (r"http(s)?://app\.example\.com", "matches plain http"),
            (r"(http|https)://app\.example\.com", "matches plain http"),
            (r"http://pr-\d+\.example\.com", "matches plain http"),
        ] {
            let found = warning(source);
            assert!(found.contains(text), "{source}: {found}");
        }
        for source in [
            r"https://([a-z0-9-]+\.)*example\.com",
            r"https://.*\.example\.com",
            r"^https://.+\.example\.com$",
            r"https://[^/]+\.example\.com(:[0-9]+)?",
            r"https://(.*\.)?example\.com",
            r"https://([a-z]+\.)?example\.(com|de)",
            r"https://(app|www)\.example\.com",
            r"https://app\.example\.com",
            r"https://app\.example\.com(:\d+)?",
            r"(?i)https://[a-z-]+\.example\.com",
            r"https://pr-[0-9]+-app\.example\.com",
            r"https://[a-z0-9_-]+-team\.vercel\.app",
            r"https://deploy-preview-\d+--site\.netlify\.app",
            r"https://[a-z0-9-]+\.preview\.example",
            r"https://[a-z0-9]{1,63}\.internal",
            r"https?://localhost(:\d+)?",
            r"http://127\.0\.0\.1:\d{4,5}",
            r"http://\[::1\]:[0-9]+",
            r"https?://(localhost|127\.0\.0\.1)(:[0-9]+)?",
            r"https://10\.0\.\d{1,3}\.\d{1,3}",
            r"chrome-extension://[a-p]{32}",
            r"moz-extension://[0-9a-f-]{36}",
            r"(capacitor|ionic)://localhost",
            r"app://\.",
            r"https:\/\/[a-z]+\.example\.com",
            r"https[:]//[a-z]+\.example\.com",
            r"https://a\.example|https://b\.example",
            r"https://\S+\.example\.com",
            r"h[t]{2}ps:[!-~]+\.example\.com",
        ] {
            assert_eq!(warning(source), "", "{source}");
        }
        let regex = OriginRegex::parse(r"http://app\.example\.com").unwrap();
        assert_eq!(regex.warning(false), None);
    }

    #[test]
    fn stars_within_labels_become_an_expression_for_just_that() {
        for (text, allowed, refused) in [
            (
                "https://*-team.vercel.app",
                "https://a-b_1-team.vercel.app",
                "https://a.b-team.vercel.app",
            ),
            (
                "https://*-team.vercel.app",
                "https://a-team.vercel.app",
                "https://-team.vercel.app",
            ),
            (
                "https://app-*.example.com",
                "https://app-7.example.com",
                "https://app-7.evil.test",
            ),
            (
                "https://App-*.example.com:443/",
                "https://app-7.example.com",
                "https://app-7.example.com:8443",
            ),
            (
                "https://a.*.b.example:8443",
                "https://a.x.b.example:8443",
                "https://a.x.y.b.example:8443",
            ),
            (
                "https://pr-*.b.example:*",
                "https://pr-1.b.example:3000",
                "https://pr-1.b.example.evil.test",
            ),
            (
                "http://192.168.*.*:3000",
                "http://192.168.1.20:3000",
                "http://192.168.evil.com:3000",
            ),
        ] {
            let regex = OriginRegex::parse(&expand_stars(text).unwrap()).unwrap();
            assert!(regex.admits(allowed), "{text}");
            assert!(!regex.admits(refused), "{text}");
            assert_eq!(regex.warning(false), None, "{text}");
        }
        for text in [
            "https://example.*",
            "https://a.b*",
            "https://**.a.example",
            "http*",
            "https://a.example",
        ] {
            assert_eq!(expand_stars(text), None, "{text}");
        }
    }

    #[test]
    fn work_grows_with_what_repeats() {
        let work = |source: &str| Shape::of(source).work;
        let everywhere = STATE * MAX_ORIGIN_LENGTH;
        // At one place each.
        assert!(work(r"https://app\.example\.com") < everywhere);
        assert!(work(r"https://[a-z]{3}-[0-9]{2}\.example\.com") < everywhere);
        // One run of letters is left at one place.
        assert!(work(r"https://[a-z]+\.example\.com") < 3 * everywhere);
        assert!(work(r"https://[a-z.]+\.example\.com") > 3 * everywhere);
        assert!(work(r"https://[a-z]+\.?example\.com") > 3 * everywhere);
        for (one, more) in [
            ("(?:[^x]?[^y]?){5}!", "(?:[^x]?[^y]?){50}!"),
            (".*", ".*.*"),
            ("(?i)a", "(?i)ab"),
            ("(?x)a.*", "(?x)a.* # ("),
            ("(a.*|b)", "(a.*|b.*)"),
            ("[a-z]{9}", "[a-z]{90}"),
            ("([a-z]+-){2}", "([a-z]+-){20}"),
        ] {
            assert!(work(one) < work(more), "{one} {more}");
        }
        assert!(OriginRegex::parse("(?x)[a-z]{2}").is_err());
        assert!(OriginRegex::parse("[a-z]{900}").is_err());
        assert!(OriginRegex::parse("((a{0}){99}){99}").is_err());
    }
}
