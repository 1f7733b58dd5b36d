//! All origins that a policy allows, found in a time that does not depend on their number.

use crate::byte_map::ByteMap;
use crate::origin::globs::Globs;
use crate::origin::pattern::{OriginPattern, PortPattern, TuplePattern};
use crate::origin::regex::OriginRegex;
use crate::origin::tenant::{Binding, Bound};
use crate::origin::{MAX_ORIGIN_LENGTH, Origin, TupleOrigin};

/// All origins that a policy allows.
#[derive(Debug, Default)]
pub struct OriginSet {
    any: bool,
    null: bool,
    /// Whole origins, also as they are listed with a slash or a default port behind.
    exact: ByteMap,
    /// Every scheme that a pattern with a tail names; it is a bit in the masks.
    schemes: Vec<String>,
    /// Tails with the port in them.
    tails: ByteMap,
    /// Tails of patterns that match any port.
    any_port_tails: ByteMap,
    depths: Depths,
    globs: Globs,
    /// The hosts of patterns with a name, with the port, and the masks of their schemes.
    tenants: Bound,
    /// Of those that match any port, without it.
    any_port_tenants: Bound,
    /// The name.
    tenant: String,
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
    /// too much, with what it can cost in other sets.
    #[must_use]
    pub fn insert_regex(&mut self, regex: OriginRegex, elsewhere: usize) -> bool {
        // Of those with which one origin must be compared, the last one finds all others.
        let work = self.work_with(&regex).saturating_add(regex.work());
        let is_bounded = work.saturating_add(elsewhere) <= MAX_WORK;
        if is_bounded {
            self.regexes.push(regex);
        }
        is_bounded
    }

    /// How many states one origin can visit at most that has the literal ends of an expression.
    pub fn work_with(&self, regex: &OriginRegex) -> usize {
        let others = self.regexes.iter().filter(|other| other.can_meet(regex));
        others.fold(0, |sum, other| sum.saturating_add(other.work()))
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
        let tenants = [&self.tenants, &self.any_port_tenants];
        let tenants = tenants.map(|tenants| tenants.count(count));
        let tenants = tenants.iter().sum::<usize>();
        tuples
            + tenants
            + self.globs.len()
            + self.regexes.len()
            + usize::from(self.any)
            + usize::from(self.null)
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

    /// The name that stands for a label of some patterns; empty if none has one.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Finds the pattern that allows the value of an `Origin` header, where nothing binds a name.
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

    /// Finds the pattern that allows the value of an `Origin` header.
    pub fn find_for(&self, value: &[u8], tenant: Binding) -> Result<Match, Mismatch> {
        let found = self.find(value);
        if found == Err(Mismatch::Origin)
            && let Some(Origin::Tuple(origin)) = Origin::parse(value)
            && origin.is_serialized()
            && let Some(found) = self.find_tenant(&origin, tenant)
        {
            return Ok(found);
        }
        found
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
            (
                Match::Glob {
                    before,
                    after,
                    any_port,
                },
                Some(origin),
            ) => {
                let (label, below) = split_label(&origin, any_port).unwrap_or_default();
                let text = |part: Option<&[u8]>| {
                    String::from_utf8_lossy(part.unwrap_or_default()).into_owned()
                };
                let end = label.len().saturating_sub(usize::from(after));
                format!(
                    "{}://{}*{}{}{}",
                    text(Some(origin.scheme())),
                    text(label.get(..usize::from(before))),
                    text(label.get(end..)),
                    text(Some(below)),
                    if any_port { ":*" } else { "" }
                )
            }
            (
                Match::Tenant {
                    start,
                    end,
                    any_port,
                },
                Some(origin),
            ) => {
                let host = end_of(&origin, any_port);
                let text = |part| origin.as_str().get(part).unwrap_or_default();
                let port = if any_port { ":*" } else { "" };
                format!(
                    "{}{{{}}}{}{port}",
                    text(0..usize::from(start)),
                    self.tenant,
                    text(usize::from(end)..host)
                )
            }
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
            (_, _) => String::from_utf8_lossy(value).into_owned(),
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
        if let Some(named) = pattern.tenant() {
            let (tenants, port) = match &pattern.port {
                PortPattern::Any => (&mut self.any_port_tenants, String::new()),
                PortPattern::Default => (&mut self.tenants, String::new()),
                PortPattern::Exact(port) => (&mut self.tenants, format!(":{port}")),
            };
            let after = format!("{}{port}", named.after);
            *tenants.get_or_insert(b'.', named.before, &after, 0) |= mask;
            named.name.clone_into(&mut self.tenant);
            return true;
        }
        if let Some(glob) = pattern.glob() {
            self.globs.insert(glob, &pattern.port, mask);
            return true;
        }
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
        let mut found = self.find_tail(origin);
        if found.is_none() && !self.globs.is_empty() {
            found = self.find_glob(origin);
        }
        found.or_else(|| {
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

    /// Looks up the host with each label that the name can stand for.
    fn find_tenant(&self, origin: &TupleOrigin, tenant: Binding) -> Option<Match> {
        if self.tenant.is_empty() || matches!(tenant, Binding::None) {
            return None;
        }
        let mask = self.mask_of(origin.scheme())?;
        let begin = origin.scheme_end + 3;
        for (any_port, tenants) in [(false, &self.tenants), (true, &self.any_port_tenants)] {
            let text = origin.text.get(begin..end_of(origin, any_port))?;
            let mut from = 0;
            while let Some((schemes, part)) = tenants.next(text, &mut from) {
                let is_meant = match tenant {
                    Binding::Any => true,
                    Binding::None => false,
                    Binding::Text(bound) => text.get(part.clone()) == Some(bound),
                };
                if is_meant && schemes & mask != 0 {
                    // No origin is longer than 326 bytes.
                    return Some(Match::Tenant {
                        start: u16::try_from(begin + part.start).ok()?,
                        end: u16::try_from(begin + part.end).ok()?,
                        any_port,
                    });
                }
            }
        }
        None
    }

    #[inline(never)] // Out of the way of most policies.
    fn find_glob(&self, origin: &TupleOrigin) -> Option<Match> {
        let mask = self.mask_of(origin.scheme())?;
        [false, true].into_iter().find_map(|any_port| {
            let (label, below) = split_label(origin, any_port)?;
            let (before, after) = self.globs.find(label, below, any_port, mask)?;
            Some(Match::Glob {
                before,
                after,
                any_port,
            })
        })
    }

    #[inline(always)] // A call costs more than the body.
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

    #[inline(always)] // A call costs more than the body.
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
    /// How many literals of the first label are before the star and after it.
    Glob {
        before: u8,
        after: u8,
        any_port: bool,
    },
    Null,
    /// The index of the regular expression.
    Regex(usize),
    /// The pattern's tail starts there in the origin.
    Tail {
        start: usize,
        any_port: bool,
    },
    /// Where the label is that the name stands for.
    Tenant {
        start: u16,
        end: u16,
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
pub(super) fn add(texts: &mut ByteMap, text: &str, mask: u64) {
    *texts.get_or_insert(text.as_bytes(), 0) |= mask;
}

/// Where the host ends, or the port.
fn end_of(origin: &TupleOrigin, any_port: bool) -> usize {
    if any_port {
        origin.host_end
    } else {
        origin.text.len()
    }
}

/// The first label of the host, and what follows it: without the port if any port matches.
fn split_label<'o>(origin: &TupleOrigin<'o>, any_port: bool) -> Option<(&'o [u8], &'o [u8])> {
    let end = end_of(origin, any_port);
    let dot = origin.host().iter().position(|byte| *byte == b'.')?;
    origin
        .text
        .get(origin.scheme_end + 3..end)?
        .split_at_checked(dot)
}

#[inline(always)] // A call costs more than the body.
pub(super) fn has(texts: &ByteMap, text: &[u8], mask: u64) -> bool {
    texts.get(text).is_some_and(|schemes| schemes & mask != 0)
}

/// How many patterns there are.
pub(super) fn count(texts: &ByteMap) -> usize {
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

/// How many states of regular expressions one origin can visit at most.
const MAX_WORK: usize = 320_000;
