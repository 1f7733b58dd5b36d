//! What a regular expression for origins really matches, decided on its automaton: nothing at all, names
//! that anybody can register, any origin, plain http. Each finding has an origin that proves it.
//!
//! Automata know characters, not lengths: whether a proof is an origin and matches is for the matcher of
//! the plugin to say.

use std::collections::HashSet;

use cors::config::json::Json;
use cors::diagnostic::Code as ModuleCode;
use cors::origin::regex::OriginRegex;
use cors::origin::set::{Match, OriginSet};

use crate::discover::automaton::{Dfa, TooLarge, Work, compile, literal, search};

use crate::output::code::{Code, Level};

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
    /// Its severity, and its code: the module's, where the module reports the same of other entries.
    pub fn code(&self) -> (Level, &'static str) {
        let of_module = |code: ModuleCode| (Level::Warning, code.name());
        let own = |code: Code| (code.level(), code.name());
        match self {
            Self::MatchesNothing => of_module(ModuleCode::RegexMatchesNothing),
            Self::LetsStrangersIn { .. } => of_module(ModuleCode::RegexAdmitsStrangers),
            Self::MatchesAny { .. } => of_module(ModuleCode::CredentialsWithAnyOrigin),
            Self::MatchesScheme { .. } => own(Code::CredentialsWithAnyHost),
            Self::MatchesHttp { .. } => of_module(ModuleCode::CredentialsWithPlainHttp),
            Self::Undecided => own(Code::RegexUndecided),
        }
    }

    /// The finding in words, with the remedy.
    pub fn text(&self) -> String {
        match self {
            Self::MatchesNothing => "matches no origin: an origin is scheme://host[:port] in lower case, as in https://app.example.com, and must match as a whole".to_owned(),
            Self::LetsStrangersIn { origin, instead } => {
                let instead = instead.as_ref().map_or_else(
                    || "end the host in a literal domain of yours, as in ([a-z0-9-]+\\.)*example\\.com".to_owned(),
                    |instead| format!("write {}", Json::String(instead.clone())),
                );
                format!("also matches {origin}, and anybody can register such a name; {instead}")
            }
            Self::MatchesAny { origin } => format!(
                "matches any origin, such as {origin}, with credentials: every site can act as the users; list the origins that are yours"
            ),
            Self::MatchesScheme { origin } => format!(
                "matches any host of a scheme, such as {origin}, with credentials: each of them can act as the users; list the origins that are yours"
            ),
            Self::MatchesHttp { origin } => format!(
                "matches plain http, such as {origin}, with credentials: anybody on the network can act as its users; write https"
            ),
            Self::Undecided => "is not decided here: look through what it matches".to_owned(),
        }
    }
}

/// Decides an expression of a policy with or without credentials; `None` if the plugin does not take it.
pub fn judge(source: &str, credentials: bool, work: &mut Work) -> Option<Vec<Finding>> {
    if work.is_used_up() {
        return Some(vec![Finding::Undecided]);
    }
    let matcher = Matcher::new(source)?;
    let question = Question::new(source, &matcher, work);
    Some(
        match question.and_then(|mut question| question.findings(source, credentials)) {
            Ok(findings) => findings,
            Err(TooLarge) => vec![Finding::Undecided],
        },
    )
}

/// An origin that an expression matches, if one is found.
pub fn example(source: &str, work: &mut Work) -> Option<String> {
    let matcher = Matcher::new(source)?;
    let mut question = Question::new(source, &matcher, work).ok()?;
    let forms = [WELL_FORMED, ANY_FORM].into_iter();
    let mut origins = forms.filter_map(|form| {
        let form = compile(form, question.work).ok()?;
        question.shortest(&form, None).ok()?
    });
    origins.find(|origin| matcher.is_match(origin))
}

/// The matcher of the plugin, with this expression alone.
pub struct Matcher(OriginSet);

impl Matcher {
    pub fn new(source: &str) -> Option<Self> {
        let mut origins = OriginSet::default();
        let is_taken = origins.insert_regex(OriginRegex::parse(source).ok()?, 0);
        is_taken.then_some(Self(origins))
    }

    pub fn is_match(&self, origin: &str) -> bool {
        matches!(self.0.find(origin.as_bytes()), Ok(Match::Regex(_)))
    }
}

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

    fn findings(&mut self, source: &str, credentials: bool) -> Result<Vec<Finding>, TooLarge> {
        let well_formed = compile(WELL_FORMED, self.work)?;
        let Some(first) = self.shortest(&well_formed, None)? else {
            return self.without_domain();
        };
        if !self.matcher.is_match(&first) {
            return Err(TooLarge);
        }
        let mut findings = Vec::new();
        if !self.matches_any()? {
            findings.extend(self.strangers(source)?);
        } else if credentials {
            let origin = PROBES.iter().find(|origin| self.matcher.is_match(origin));
            findings.extend(origin.map(|origin| Finding::MatchesAny {
                origin: (*origin).to_owned(),
            }));
        }
        if credentials {
            let http = self.plain_http()?;
            findings.extend(http.map(|origin| Finding::MatchesHttp { origin }));
            let other = self.any_of_a_scheme()?;
            findings.extend(other.map(|origin| Finding::MatchesScheme { origin }));
        }
        Ok(findings)
    }

    /// What there is to say if no origin with a domain matches: one with an IPv6 address may, or one of an
    /// embedder.
    fn without_domain(&mut self) -> Result<Vec<Finding>, TooLarge> {
        let any = compile(ANY_FORM, self.work)?;
        let domain = compile(WEB_DOMAIN, self.work)?;
        match search(
            &[(&any, true), (&domain, false), (&self.dfa, true)],
            self.work,
        )? {
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
            "https?://([a-z0-9_-]+\\.)+({})\\.?(:[1-9][0-9]{{0,4}})?",
            words.suffixes.join("|")
        );
        let web = compile(&web, self.work)?;
        let mut known = words.domains.clone();
        let mut strangers: Vec<String> = Vec::new();
        for _ in 0..MAX_NAMES {
            let Some(origin) = self.shortest(&web, Some(&of_domains(&known, &words.ends)))? else {
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
            "http://([a-z0-9_-]+\\.)*[a-z0-9_-]+\\.?(:[1-9][0-9]{0,4})?",
            self.work,
        )?;
        let loopback = compile(
            "http://(([a-z0-9_-]+\\.)*localhost\\.?|127\\.[0-9.]+)(:[0-9]{1,5})?",
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
        let other = compile("[a-z][a-z0-9+.-]*://[a-z0-9-]+\\.?", self.work)?;
        for _ in 0..FEW_NAMES {
            let known_dfa = compile(&known.join("|"), self.work)?;
            let found = search(
                &[(&other, true), (&known_dfa, false), (&self.dfa, true)],
                self.work,
            )?;
            let Some(origin) = found.filter(|origin| self.matcher.is_match(origin)) else {
                return Ok(None);
            };
            known.push(format!("{}\\.?", literal(without_final_dot(&origin))));
            first.get_or_insert(origin);
        }
        Ok(first)
    }

    /// The shortest origin of a form that matches, apart from what another expression matches.
    fn shortest(&mut self, form: &Dfa, except: Option<&str>) -> Result<Option<String>, TooLarge> {
        let except = except
            .map(|except| compile(except, self.work))
            .transpose()?;
        match &except {
            Some(except) => search(
                &[(form, true), (except, false), (&self.dfa, true)],
                self.work,
            ),
            None => search(&[(form, true), (&self.dfa, true)], self.work),
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
    /// Ends of names under a public suffix of one owner, who gives out names with such an end to one
    /// customer: `-team.vercel.app`.
    ends: Vec<String>,
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
            ends: Vec::new(),
            suffixes: SUFFIXES.map(str::to_owned).to_vec(),
        };
        for name in plain.split(|char| !is_of_name(char)) {
            let whole = name.to_ascii_lowercase();
            let name = whole.trim_matches(['.', '-']);
            words.all.extend(name.split('.').map(str::to_owned));
            if let Some(domain) = psl::domain(name.as_bytes())
                && let Ok(text) = std::str::from_utf8(domain.as_bytes())
                && domain.suffix().is_known()
            {
                if text == name && whole.starts_with('-') {
                    let is_private = domain.suffix().typ() == Some(psl::Type::Private);
                    words.ends.extend(is_private.then(|| format!("-{text}")));
                } else {
                    words.domains.push(text.to_owned());
                }
            }
            let end = name.rsplit('.').next().unwrap_or(name);
            if psl::suffix(end.as_bytes()).is_some_and(|suffix| suffix.is_known()) {
                words.suffixes.push(end.to_owned());
            }
        }
        for list in [&mut words.domains, &mut words.ends, &mut words.suffixes] {
            list.sort();
            list.dedup();
            list.truncate(MAX_NAMES);
        }
        words
    }
}

/// The expression for the origins of these domains, of all below them, and of names with these ends.
fn of_domains(domains: &[String], ends: &[String]) -> String {
    let literals = |texts: &[String]| {
        let literals: Vec<String> = texts.iter().map(|text| literal(text)).collect();
        literals.join("|")
    };
    // `[^ -~]` is not a character of an origin.
    match (domains, ends) {
        ([], []) => "[^ -~]".to_owned(),
        (_, []) => format!("[a-z]+://(.*\\.)?({})\\.?(:.*)?", literals(domains)),
        ([], _) => format!("[a-z]+://.*({})\\.?(:.*)?", literals(ends)),
        _ => format!(
            "[a-z]+://((.*\\.)?({})|.*({}))\\.?(:.*)?",
            literals(domains),
            literals(ends)
        ),
    }
}

/// The host without its final dot, with which it is the same name.
fn host_of(origin: &str) -> &str {
    let host = origin.split("://").nth(1).unwrap_or(origin);
    without_final_dot(host.split(':').next().unwrap_or(host))
}

fn without_final_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Origins with a domain.
const WELL_FORMED: &str = "[a-z][a-z0-9+.-]*://[a-z0-9_-]+(\\.[a-z0-9_-]+)*\\.?(:[1-9][0-9]{0,4})?";
/// All origins of the web with a domain, well-formed or not.
const WEB_DOMAIN: &str = "https?://[a-z0-9._:-]*";
/// More than all that is well-formed, apart from the web's domains: what has no match here has none at all.
const ANY_FORM: &str = "[a-z][a-z0-9+.-]*://[a-z0-9._:\\[\\]-]*";
/// What proves that any origin matches.
const PROBES: [&str; 2] = ["https://evil.com", "https://evil.test"];
/// Suffixes under which names can be had everywhere.
const SUFFIXES: [&str; 6] = ["app", "com", "dev", "io", "net", "org"];
/// As many names are enumerated in an expression, as in `(a|b)\.com`, before it is open to all.
const FEW_NAMES: usize = 10;
const MAX_NAMES: usize = 40;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn described(source: &str) -> String {
        let findings = judge(source, true, &mut Work::default()).expect(source);
        let described: Vec<String> = findings
            .iter()
            .map(|finding| match finding {
                Finding::MatchesNothing => "nothing".to_owned(),
                Finding::LetsStrangersIn { origin, instead } => {
                    format!("strangers {origin} {}", instead.as_deref().unwrap_or("-"))
                }
                Finding::MatchesAny { origin } => format!("any {origin}"),
                Finding::MatchesScheme { origin } => format!("scheme {origin}"),
                Finding::MatchesHttp { origin } => format!("http {origin}"),
                Finding::Undecided => "undecided".to_owned(),
            })
            .collect();
        described.join(", ")
    }

    #[test]
    fn expressions_are_judged_by_what_they_match() {
        const BELOW: &str = "([a-z0-9-]+\\.)*example\\.com";
        for (source, expected) in [
            (
                r"https://.*example\.com",
                format!("strangers https://evilexample.com https://{BELOW}"),
            ),
            (
                r"https://[^/]*example\.com",
                format!("strangers https://evilexample.com https://{BELOW}"),
            ),
            (
                r"^https://.*example\.com(:\d+)?$",
                format!("strangers https://evilexample.com https://{BELOW}(:[0-9]+)?"),
            ),
            (
                r"https://app.example.com",
                "strangers https://appaexample.com -".to_owned(),
            ),
            (
                r"https://example\.com.*",
                "strangers https://example.com.evil.com -".to_owned(),
            ),
            (
                r"https://.*\.com",
                "strangers https://evil.com -".to_owned(),
            ),
            (
                r"https?://.*:8443",
                "strangers http://a.io:8443 -, http http://a:8443".to_owned(),
            ),
            (
                r"https://[0-9]+example\.com",
                "strangers https://0example.com -".to_owned(),
            ),
            (
                r"https://[a-z]+\.vercel\.app",
                "strangers https://a.vercel.app -".to_owned(),
            ),
            (r"https://.+", "any https://evil.com".to_owned()),
            (
                r"chrome-extension://.*",
                "scheme chrome-extension://a".to_owned(),
            ),
            (
                r"chrome-extension://[a-p]{32}",
                format!("scheme chrome-extension://{}", "a".repeat(32)),
            ),
            (
                r"https?://.*\.example\.com",
                "http http://a.example.com".to_owned(),
            ),
            // A host may end with a dot.
            (
                r".*\.",
                "strangers http://a.io. -, http http://a., scheme a://a.".to_owned(),
            ),
            (
                r"https://.*example\.com\.",
                "strangers https://aexample.com. -".to_owned(),
            ),
            (r"http://[^.]+\.", "http http://a.".to_owned()),
            (r"app://.*\.", "scheme app://a.".to_owned()),
            (r"example\.com$", "nothing".to_owned()),
            (r"/https:\/\/.*\.example\.com/", "nothing".to_owned()),
            ("null", "nothing".to_owned()),
            ("", "nothing".to_owned()),
            ("HTTPS://APP", "nothing".to_owned()),
            ("https://*", "nothing".to_owned()),
            (r"https://app\.example\.com/", "nothing".to_owned()),
        ] {
            assert_eq!(described(source), expected, "{source}");
        }
    }

    #[test]
    fn what_is_meant_is_not_reported() {
        for source in [
            r"https://.*\.example\.com",
            r"https://app\.example\.com",
            r"https://([a-z0-9-]+\.)?example\.com(:\d+)?",
            r"(?i)HTTPS://APP\.example\.com",
            r"https://(app|web)\.example\.(com|org)",
            r"https://(a|b|c|d|e|f|g|h|i|j|k|l)\.com",
            r"https://(.*\.example\.com|foo\.(dev|test)\.io)",
            r"https://[a-z]+\.internal",
            r"https://pr-[0-9]+\.example\.co\.uk",
            r"https://[a-z0-9-]+-team\.vercel\.app",
            r"https://[a-z0-9-]+-team\.vercel\.app\.?",
            r"https://([a-z0-9-]+-team\.vercel\.app|administration\.example\.com)\.?",
            r"https://.*\.example\.com\.?",
            r"https://[a-f]\.com\.?",
            r"https://.*\.example\.com\.",
            r"app://(a|b|c|d|e|f)\.?",
            r"http://localhost(:\d+)?",
            r"http://localhost\.",
            r"http://127\.0\.0\.1:[0-9]+",
            r"https://\[::1\](:\d+)?",
        ] {
            assert_eq!(described(source), "", "{source}");
        }
    }

    #[test]
    fn work_is_bounded() {
        let mut work = Work::default();
        let expressions = (0..1_000).map(|n| format!("https://.*example{n}\\.com"));
        let undecided = expressions
            .filter_map(|source| judge(&source, true, &mut work))
            .filter(|findings| *findings == [Finding::Undecided]);
        assert!(undecided.count() > 100);
        assert!(work.is_used_up());
    }

    const PARTS: [&str; 33] = [
        "https",
        "http",
        "https?",
        "[a-z]+",
        "app",
        "://",
        "://",
        "://",
        ".*",
        ".+",
        "[^/]*",
        "[^.]+",
        "evil",
        "example",
        r"\.",
        r"\.",
        ".",
        "com",
        "org",
        r"(:\d+)?",
        ":8443",
        "(a|b)",
        r"([a-z0-9-]+\.)*",
        "^",
        "$",
        "[0-9]{1,3}",
        r"\[::1\]",
        "null",
        "/",
        "(?i)",
        r"\b",
        "localhost",
        "|",
    ];

    const ORIGIN_PARTS: [&str; 16] = [
        "https://",
        "http://",
        "app://",
        "a",
        "evil",
        "app",
        "example",
        ".com",
        ".org",
        ".",
        "-",
        "1",
        "localhost",
        ":8443",
        "[::1]",
        "null",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn findings_are_true(
            parts in vec(select(PARTS.to_vec()), 1..10),
            samples in vec(vec(select(ORIGIN_PARTS.to_vec()), 1..7), 200),
        ) {
            let source = parts.concat();
            let Some(matcher) = Matcher::new(&source) else {
                return Ok(());
            };
            let samples: Vec<String> = samples
                .into_iter()
                .map(|parts| parts.concat())
                .chain((0..FEW_NAMES).map(|n| format!("https://stranger{n}.com")))
                .chain((0..FEW_NAMES).map(|n| format!("https://stranger{n}.com.")))
                .chain((0..FEW_NAMES).map(|n| format!("https://stranger{n}.example.com")))
                .collect();
            let matched = || samples.iter().filter(|sample| matcher.is_match(sample));
            let findings = judge(&source, true, &mut Work::default()).expect("an expression");
            for finding in &findings {
                match finding {
                    Finding::MatchesNothing => {
                        prop_assert_eq!(matched().next(), None, "{}", source);
                        prop_assert_eq!(findings.len(), 1);
                    }
                    Finding::LetsStrangersIn { origin, instead } => {
                        prop_assert!(matcher.is_match(origin), "{} {}", source, origin);
                        if let Some(instead) = instead {
                            let narrower = Matcher::new(instead).expect("an expression");
                            let mut wider = samples.iter().filter(|sample| narrower.is_match(sample));
                            prop_assert!(wider.all(|sample| matcher.is_match(sample)), "{source} {instead}");
                            prop_assert_eq!(described(instead), "");
                        }
                    }
                    Finding::MatchesAny { origin }
                    | Finding::MatchesScheme { origin }
                    | Finding::MatchesHttp { origin } => {
                        prop_assert!(matcher.is_match(origin), "{} {}", source, origin);
                    }
                    Finding::Undecided => {}
                }
            }
            let is_reported = |is_kind: fn(&Finding) -> bool| {
                findings.iter().any(|finding| is_kind(finding) || *finding == Finding::Undecided)
            };
            let strangers = matched().filter(|sample| {
                sample.starts_with("https://stranger") && !sample.contains(".example.")
            });
            if strangers.count() >= FEW_NAMES {
                let is_open = |finding: &Finding| matches!(finding, Finding::LetsStrangersIn { .. } | Finding::MatchesAny { .. });
                prop_assert!(is_reported(is_open), "{source}: {findings:?}");
            }
            let is_http = |sample: &&String| sample.starts_with("http://") && !sample.contains("localhost") && !sample.contains('[');
            if matched().any(|sample| is_http(&sample)) {
                prop_assert!(is_reported(|finding| matches!(finding, Finding::MatchesHttp { .. })), "{source}: {findings:?}");
            }
        }
    }
}
