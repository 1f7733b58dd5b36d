//! What a regular expression can cost on one origin, and the literal text that it begins and ends with.

use crate::origin::regex::compile;
use crate::origin::regex_warning::{PORTS, without_anchor};
use crate::origin::{MAX_ORIGIN_LENGTH, holds};

/// What can be said of an expression by its text, never less than what is so.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// What every match begins with.
    pub(crate) start: Vec<u8>,
    /// The common end of all matches, except a port.
    pub(crate) end: Vec<u8>,
    pub(crate) states: usize,
    pub(crate) work: usize,
}

impl Shape {
    pub(crate) fn of(source: &str) -> Self {
        let verbose = source.strip_prefix("(?x)").map(without_comments);
        let source = verbose.as_deref().unwrap_or(source);
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
            // Turned on or off elsewhere, so that comments can hide brackets: as if everything could be everywhere, but not repeated.
            let is_repeated = holds(source, b"{");
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
            let reached = row.reached(positions);
            let (inner, behind) = self.atom(reached);
            let atom = self.source.get(begin..self.at).unwrap_or_default();
            let Some((least, most)) = self.repetition() else {
                states = states.saturating_add(inner);
                if let Some(byte) = literal(atom) {
                    self.work = before;
                    row.push(byte);
                    self.push(byte);
                } else if !matches!(atom, "^" | "$") {
                    self.visit(1, row.finish(positions));
                    positions = behind;
                    self.close();
                }
                continue;
            };
            let once = self.work - before;
            self.work = before;
            self.visit(1, row.finish(positions));
            if !is_port {
                self.close();
            }
            let entered = reached;
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
        let behind = row.reached(positions);
        self.visit(1, row.finish(positions));
        (states, behind)
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

/// An expression of verbose mode without what does not count there.
fn without_comments(source: &str) -> String {
    let mut text = String::new();
    let mut chars = source.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                text.push(char);
                text.extend(chars.next());
            }
            '#' => while !matches!(chars.next(), Some('\n') | None) {},
            _ if char.is_whitespace() => {}
            _ => text.push(char),
        }
    }
    text
}

/// Whether something in the expression can match a slash, which every origin has.
pub(crate) fn can_hold_slash(source: &str) -> bool {
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

/// Literals in a row. Each but the first is reached only where those before it are: at one byte
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

    /// The positions behind the row from so many positions: as it starts again only at its first literal,
    /// few of them are as near to each other as the row is long.
    fn reached(&self, positions: usize) -> usize {
        match self.length {
            0 => positions,
            length => positions.min(self.firsts * MAX_ORIGIN_LENGTH.div_ceil(length)),
        }
    }

    /// Ends the row; returns the visits of its states from so many positions.
    fn finish(&mut self, positions: usize) -> usize {
        let Self { firsts, length, .. } = std::mem::take(self);
        let further = length.saturating_sub(1) * positions;
        let first = positions * usize::from(length > 0);
        STATE * further.min(firsts * MAX_ORIGIN_LENGTH) + FIRST * first
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

/// Bounds one expression.
pub(crate) const MAX_STATES: usize = 1_000 * STATE;

/// The cost of every expression in addition to its states, in states.
pub(crate) const SIZE_OF_ANY: usize = 64 * STATE;

/// What a state costs that takes a byte, and one that only leads on.
pub(crate) const STATE: usize = 8;

const LINK: usize = 3;

/// What the first literal of a row costs, which most bytes do not match.
const FIRST: usize = 4;

/// Both anchors, the group of the whole match, and the match.
const STATES_AROUND: usize = 6 * LINK;

/// Behind the last byte: none of a text.
const END: u8 = 0xff;
