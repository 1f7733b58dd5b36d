//! What a regular expression for origins really matches, decided on its automaton: nothing at all, names
//! that anybody can register, any origin, plain http. Each finding has an origin that proves it.
//!
//! Automata know characters, not lengths: whether a proof is an origin and matches is for the matcher of
//! the plugin to say.

use std::collections::{HashMap, HashSet, VecDeque};

use cors::origin::{Match, OriginRegex, OriginSet};
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, Look};

/// What is decided about one expression.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// No well-formed origin matches.
    MatchesNothing,
    /// Strangers can have a name that matches: one of their origins, and an expression that leaves them
    /// out and allows nothing that this one does not.
    LetsStrangersIn {
        origin: String,
        instead: Option<String>,
    },
    /// Any web origin matches.
    MatchesAny { origin: String },
    /// An origin matches that is neither web nor alone.
    MatchesScheme { origin: String },
    /// An origin of plain http matches that is not of this very machine.
    MatchesHttp { origin: String },
    /// The expression is too large, or of a syntax that only the plugin knows.
    Undecided,
}

impl Finding {
    /// The finding in words, if it is of interest to a policy with these credentials.
    pub fn text(&self, credentials: bool) -> Option<String> {
        Some(match self {
            Self::MatchesNothing => "matches no origin: an origin is scheme://host[:port] in lower case, as in https://app.example.com, and has to match as a whole".to_owned(),
            Self::LetsStrangersIn { origin, instead } => {
                let instead = instead.as_ref().map_or_else(
                    || "write the dots of the host as \\. and what may be before it as ([a-z0-9-]+\\.)*".to_owned(),
                    |instead| format!("write {}", cors::node::Node::String(instead.clone())),
                );
                format!("also matches {origin}, and anybody can register such a name; {instead}")
            }
            Self::MatchesAny { origin } if credentials => format!(
                "matches any origin, such as {origin}, with credentials: every site can act as the users; list the origins that are yours"
            ),
            Self::MatchesScheme { origin } if credentials => format!(
                "matches any host of a scheme, such as {origin}, with credentials: each of them can act as the users; list the origins that are yours"
            ),
            Self::MatchesHttp { origin } if credentials => format!(
                "matches plain http, such as {origin}, with credentials: who is on the network can act as its users; write https"
            ),
            Self::Undecided => "is too large to decide what it matches: not checked".to_owned(),
            Self::MatchesAny { .. } | Self::MatchesScheme { .. } | Self::MatchesHttp { .. } => return None,
        })
    }
}

/// The steps that deciding may still take, for all expressions of a run.
pub struct Work {
    left: usize,
}

impl Default for Work {
    fn default() -> Self {
        Self { left: MAX_WORK }
    }
}

/// Decides an expression; `None` if the plugin does not take it.
pub fn judge(source: &str, work: &mut Work) -> Option<Vec<Finding>> {
    let matcher = Matcher::new(source)?;
    let question = Question::new(source, &matcher, work);
    Some(
        match question.and_then(|mut question| question.findings(source)) {
            Ok(findings) => findings,
            Err(TooLarge) => vec![Finding::Undecided],
        },
    )
}

/// The matcher of the plugin, with this expression alone.
pub struct Matcher(OriginSet);

impl Matcher {
    pub fn new(source: &str) -> Option<Self> {
        let mut origins = OriginSet::default();
        origins.insert_regex(OriginRegex::parse(source).ok()?);
        Some(Self(origins))
    }

    pub fn is_match(&self, origin: &str) -> bool {
        matches!(self.0.find(origin.as_bytes()), Ok(Match::Regex(_)))
    }
}

#[derive(Debug)]
struct TooLarge;

type Dfa = dense::DFA<Vec<u32>>;

/// An expression under question.
struct Question<'q> {
    dfa: Dfa,
    matcher: &'q Matcher,
    work: &'q mut Work,
}

impl<'q> Question<'q> {
    fn new(source: &str, matcher: &'q Matcher, work: &'q mut Work) -> Result<Self, TooLarge> {
        let dfa = compile(source, work)?;
        Ok(Self { dfa, matcher, work })
    }

    fn findings(&mut self, source: &str) -> Result<Vec<Finding>, TooLarge> {
        let Some(first) = self.shortest(WELL_FORMED, None)? else {
            return self.nothing_else();
        };
        if !self.matcher.is_match(&first) {
            return Err(TooLarge);
        }
        let mut findings = Vec::new();
        if self.matches_any()? {
            let origin = PROBES.iter().find(|origin| self.matcher.is_match(origin));
            findings.extend(origin.map(|origin| Finding::MatchesAny {
                origin: (*origin).to_owned(),
            }));
        } else {
            findings.extend(self.strangers(source)?);
        }
        if let Some(origin) = self.plain_http()? {
            findings.push(Finding::MatchesHttp { origin });
        }
        if let Some(origin) = self.any_of_a_scheme()? {
            findings.push(Finding::MatchesScheme { origin });
        }
        Ok(findings)
    }

    /// What there is to say if no origin with a domain matches.
    fn nothing_else(&mut self) -> Result<Vec<Finding>, TooLarge> {
        match self.shortest(ANY_FORM, None)? {
            None => Ok(vec![Finding::MatchesNothing]),
            Some(origin) if self.matcher.is_match(&origin) => Ok(Vec::new()),
            Some(_) => Err(TooLarge),
        }
    }

    /// Whether every web origin of a usual form matches, with https or with both.
    fn matches_any(&mut self) -> Result<bool, TooLarge> {
        let usual = compile("https://[a-z]+\\.[a-z]{2,}", self.work)?;
        let found = search(&[(&usual, true), (&self.dfa, false)], self.work)?;
        Ok(found.is_none())
    }

    /// Finds a name that matches and that anybody can register.
    ///
    /// Names that the expression spells out are not counted, nor a few that it puts together.
    fn strangers(&mut self, source: &str) -> Result<Option<Finding>, TooLarge> {
        let words = Words::of(source);
        let web = format!(
            "https?://([a-z0-9_-]+\\.)+({})(:[0-9]{{1,5}})?",
            words.suffixes.join("|")
        );
        let mut known = words.domains.clone();
        let mut strangers: Vec<String> = Vec::new();
        for _ in 0..MAX_NAMES {
            let Some(origin) = self.shortest(&web, Some(&known))? else {
                return Ok(None);
            };
            let host = host_of(&origin);
            let domain = psl::domain_str(host).unwrap_or(host);
            let label = domain.split('.').next().unwrap_or(domain);
            let is_registrable = psl::domain_str(host).is_some();
            if is_registrable && !words.all.contains(label) && self.matcher.is_match(&origin) {
                strangers.push(origin.clone());
            }
            if strangers.len() == FEW_NAMES {
                let origin = self.plainest(&words, strangers.swap_remove(0));
                let instead = self.instead(&words)?;
                return Ok(Some(Finding::LetsStrangersIn { origin, instead }));
            }
            known.push(domain.to_owned());
        }
        Ok(None)
    }

    /// The most telling of the names that strangers can have.
    fn plainest(&self, words: &Words, found: String) -> String {
        let names = words.domains.iter().flat_map(|domain| {
            ["https", "http"].into_iter().flat_map(move |scheme| {
                [
                    format!("{scheme}://evil{domain}"),
                    format!("{scheme}://{domain}.evil.com"),
                    format!("{scheme}://evil.com"),
                ]
            })
        });
        let mut names = names.chain(["https://evil.com".to_owned()]);
        names
            .find(|name| self.matcher.is_match(name))
            .unwrap_or(found)
    }

    /// An expression for the domain that this one spells out and what is below it.
    fn instead(&mut self, words: &Words) -> Result<Option<String>, TooLarge> {
        let [domain] = words.domains.as_slice() else {
            return Ok(None);
        };
        let domain = domain.replace('.', "\\.");
        for (before, port) in [
            ("([a-z0-9-]+\\.)*", "(:[0-9]+)?"),
            ("([a-z0-9-]+\\.)*", ""),
            ("([a-z0-9-]+\\.)+", "(:[0-9]+)?"),
            ("([a-z0-9-]+\\.)+", ""),
        ] {
            let instead = format!("https://{before}{domain}{port}");
            let narrower = compile(&instead, self.work)?;
            if search(&[(&narrower, true), (&self.dfa, false)], self.work)?.is_none() {
                return Ok(Some(instead));
            }
        }
        Ok(None)
    }

    fn plain_http(&mut self) -> Result<Option<String>, TooLarge> {
        let http = compile(
            "http://([a-z0-9_-]+\\.)*[a-z0-9_-]+(:[0-9]{1,5})?",
            self.work,
        )?;
        let loopback = compile(
            "http://(([a-z0-9_-]+\\.)*localhost|127\\.[0-9.]+)(:[0-9]{1,5})?",
            self.work,
        )?;
        let found = search(
            &[(&http, true), (&loopback, false), (&self.dfa, true)],
            self.work,
        )?;
        Ok(found.filter(|origin| self.matcher.is_match(origin)))
    }

    /// Finds an origin of a scheme other than http and https, of which many hosts match.
    fn any_of_a_scheme(&mut self) -> Result<Option<String>, TooLarge> {
        let mut known = vec!["https?://.*".to_owned()];
        let mut first = None;
        for _ in 0..FEW_NAMES {
            let known_dfa = compile(&known.join("|"), self.work)?;
            let other = compile("[a-z][a-z0-9+.-]*://[a-z0-9-]+", self.work)?;
            let found = search(
                &[(&other, true), (&known_dfa, false), (&self.dfa, true)],
                self.work,
            )?;
            let Some(origin) = found.filter(|origin| self.matcher.is_match(origin)) else {
                return Ok(None);
            };
            known.push(literal(&origin));
            first.get_or_insert(origin);
        }
        Ok(first)
    }

    /// The shortest origin of a form that matches, apart from those of these domains.
    fn shortest(
        &mut self,
        form: &str,
        domains: Option<&[String]>,
    ) -> Result<Option<String>, TooLarge> {
        let form = compile(form, self.work)?;
        let domains = domains.filter(|domains| !domains.is_empty());
        let below = domains.map(|domains| {
            let domains: Vec<String> = domains.iter().map(|domain| literal(domain)).collect();
            format!("[a-z]+://(.*\\.)?({})(:.*)?", domains.join("|"))
        });
        let below = below.map(|below| compile(&below, self.work)).transpose()?;
        match &below {
            Some(below) => search(
                &[(&form, true), (below, false), (&self.dfa, true)],
                self.work,
            ),
            None => search(&[(&form, true), (&self.dfa, true)], self.work),
        }
    }
}

/// What an expression spells out.
#[derive(Debug)]
struct Words {
    /// Words between all other characters.
    all: HashSet<String>,
    /// Domains that can be registered.
    domains: Vec<String>,
    /// The ends of names that strangers may have: usual ones and those that are spelt out.
    suffixes: Vec<String>,
}

impl Words {
    fn of(source: &str) -> Self {
        let plain = source.replace("\\.", ".").replace("\\-", "-");
        let is_of_name = |char: char| char.is_ascii_alphanumeric() || "-.".contains(char);
        let mut words = Self {
            all: HashSet::new(),
            domains: Vec::new(),
            suffixes: SUFFIXES.map(str::to_owned).to_vec(),
        };
        for name in plain.split(|char| !is_of_name(char)) {
            let name = name.to_ascii_lowercase();
            let name = name.trim_matches(['.', '-']);
            words.all.extend(name.split('.').map(str::to_owned));
            if let Some(domain) = psl::domain_str(name)
                && psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known())
            {
                words.domains.push(domain.to_owned());
            }
            let end = name.rsplit('.').next().unwrap_or(name);
            if psl::suffix(end.as_bytes()).is_some_and(|suffix| suffix.is_known()) {
                words.suffixes.push(end.to_owned());
            }
        }
        for list in [&mut words.domains, &mut words.suffixes] {
            list.sort();
            list.dedup();
            list.truncate(MAX_NAMES);
        }
        words
    }
}

fn host_of(origin: &str) -> &str {
    let host = origin.split("://").nth(1).unwrap_or(origin);
    host.split(':').next().unwrap_or(host)
}

/// The expression that matches this text alone.
fn literal(text: &str) -> String {
    text.replace('.', "\\.").replace('+', "\\+")
}

/// The automaton of all texts that match as a whole.
fn compile(source: &str, work: &mut Work) -> Result<Dfa, TooLarge> {
    let parsed = ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(source);
    let hir = parsed.map_err(|_| TooLarge)?;
    let whole = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
    let built = NFA::compiler()
        .configure(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(MAX_SIZE)),
        )
        .build_from_hir(&whole)
        .ok()
        .and_then(|nfa| {
            dense::Builder::new()
                .configure(
                    dense::Config::new()
                        .accelerate(false)
                        .match_kind(MatchKind::All)
                        .start_kind(StartKind::Anchored)
                        .dfa_size_limit(Some(MAX_SIZE))
                        .determinize_size_limit(Some(MAX_SIZE)),
                )
                .build_from_nfa(&nfa)
                .ok()
        });
    // As much work as a step of the search for each byte, or what a hopeless attempt takes.
    let cost = built
        .as_ref()
        .map_or(MAX_SIZE, |dfa| dfa.memory_usage() / 4);
    work.take(cost)?;
    built.ok_or(TooLarge)
}

impl Work {
    fn take(&mut self, steps: usize) -> Result<(), TooLarge> {
        self.left = self.left.saturating_sub(steps);
        if self.left == 0 {
            Err(TooLarge)
        } else {
            Ok(())
        }
    }
}

/// Finds the shortest text that each automaton accepts, or refuses where that is asked for.
fn search(automata: &[(&Dfa, bool)], work: &mut Work) -> Result<Option<String>, TooLarge> {
    let config = start::Config::new().anchored(Anchored::Yes);
    let start = automata
        .iter()
        .map(|(dfa, _)| dfa.start_state(&config).map_err(|_| TooLarge))
        .collect::<Result<Vec<StateID>, TooLarge>>()?;
    let letters = letters(automata);
    let is_found = |states: &[StateID]| {
        let mut automata = automata.iter().zip(states);
        automata.all(|((dfa, accepts), state)| {
            dfa.is_match_state(dfa.next_eoi_state(*state)) == *accepts
        })
    };
    let is_hopeless = |states: &[StateID]| {
        let mut automata = automata.iter().zip(states);
        automata.any(|((dfa, accepts), state)| *accepts && dfa.is_dead_state(*state))
    };
    // Where each state was reached from, and by which letter.
    let mut seen: HashMap<Vec<StateID>, usize> = HashMap::from([(start.clone(), 0)]);
    let mut steps: Vec<(usize, u8)> = vec![(0, 0)];
    let mut queue = VecDeque::from([(start, 0)]);
    while let Some((states, at)) = queue.pop_front() {
        if is_found(&states) {
            return Ok(Some(text_of(&steps, at)));
        }
        work.take(letters.len())?;
        for letter in &letters {
            let next: Vec<StateID> = automata
                .iter()
                .zip(&states)
                .map(|((dfa, _), state)| dfa.next_state(*state, *letter))
                .collect();
            if !is_hopeless(&next) && !seen.contains_key(&next) {
                seen.insert(next.clone(), steps.len());
                queue.push_back((next, steps.len()));
                steps.push((at, *letter));
            }
        }
    }
    Ok(None)
}

/// One character of an origin for each that all automata treat alike, the plainest first.
fn letters(automata: &[(&Dfa, bool)]) -> Vec<u8> {
    let mut classes = HashSet::new();
    CHARACTERS
        .bytes()
        .filter(|byte| {
            let class: Vec<u8> = automata
                .iter()
                .map(|(dfa, _)| dfa.byte_classes().get(*byte))
                .collect();
            classes.insert(class)
        })
        .collect()
}

fn text_of(steps: &[(usize, u8)], end: usize) -> String {
    let mut text = Vec::new();
    let mut at = end;
    while at > 0 {
        let Some((before, letter)) = steps.get(at) else {
            break;
        };
        text.push(char::from(*letter));
        at = *before;
    }
    text.iter().rev().collect()
}

/// All characters of well-formed origins.
const CHARACTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789-._:/[]+";
/// Origins with a domain.
const WELL_FORMED: &str = "[a-z][a-z0-9+.-]*://[a-z0-9_-]+(\\.[a-z0-9_-]+)*\\.?(:[0-9]{1,5})?";
/// More than all that is well-formed: what has no match here has none at all.
const ANY_FORM: &str = "[a-z][a-z0-9+.-]*://[a-z0-9._:\\[\\]-]*";
/// What proves that any origin matches.
const PROBES: [&str; 2] = ["https://evil.com", "https://evil.test"];
/// Suffixes under which names can be had everywhere.
const SUFFIXES: [&str; 6] = ["app", "com", "dev", "io", "net", "org"];
/// As many names are enumerated in an expression, as in `(a|b)\.com`, before it is open to all.
const FEW_NAMES: usize = 10;
const MAX_NAMES: usize = 40;
/// The bytes of an automaton.
const MAX_SIZE: usize = 512 * 1024;
/// Some tenths of a second in all.
const MAX_WORK: usize = 20_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(source: &str) -> Vec<Finding> {
        judge(source, &mut Work::default()).expect(source)
    }

    fn told(source: &str) -> Vec<String> {
        let findings = findings(source);
        findings
            .iter()
            .filter_map(|finding| finding.text(true))
            .collect()
    }

    #[test]
    fn show() {
        for source in [
            "https://.*example\\.com",
            "https://.*\\.example\\.com",
            "https://[^/]*example\\.com",
            "https://.+example\\.com",
            "https://app.example.com",
            "https://app\\.example\\.com",
            "https://example\\.com.*",
            "https?://.*\\.example\\.com(:\\d+)?",
            "https://([a-z0-9-]+\\.)?example\\.com",
            "https://.*\\.com",
            "https?://.*:8443",
            "chrome-extension://.*",
            ".*",
            "https://.*",
            "example\\.com$",
            "/https:\\/\\/.*\\.example\\.com/",
            "null",
            "",
            "HTTPS://APP",
            "(?i)HTTPS://APP\\.example\\.com",
            "https://*",
            "file://",
            "https://(app|web)\\.example\\.(com|org)",
            "https://[a-z]+\\.internal",
            "http://localhost(:\\d+)?",
            "https://pr-[0-9]+\\.example\\.co\\.uk",
            "https://[a-z0-9-]+example\\.co\\.uk",
            "http://*.example.com",
            "https://\\[::1\\](:\\d+)?",
            "(?:[^x]?[^y]?){135}!",
            "https://[a-z]+\\.vercel\\.app",
            "https://([a-z]+)-team\\.vercel\\.app",
            "https://(.+\\.)?(foo|bar)\\.com",
            "https://(a|b|c|d|e|f|g|h|i|j|k|l)\\.com",
        ] {
            let start = std::time::Instant::now();
            let mut work = Work::default();
            let findings = judge(source, &mut work);
            println!(
                "{source}\n   {findings:?} {} {:?}",
                MAX_WORK - work.left,
                start.elapsed()
            );
        }
    }
}
