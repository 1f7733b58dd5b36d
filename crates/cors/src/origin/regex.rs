//! Regular expressions that match a whole origin.

use regex_lite::{Regex, RegexBuilder};

use crate::diagnostic::Code;
use crate::origin::regex_warning::without_anchor;
use crate::origin::shape::{MAX_STATES, SIZE_OF_ANY, Shape};
use crate::origin::{Origin, TupleOrigin};

/// A regular expression that must match the whole of a well-formed tuple origin.
#[derive(Debug)]
pub struct OriginRegex {
    pub(crate) source: String,
    whole: Regex,
    pub(crate) shape: Shape,
}

impl OriginRegex {
    /// Compiles an entry of `allowOriginRegexes`; the error is the engine's, in words.
    pub fn parse(source: &str) -> Result<Self, String> {
        // Alone first: `a)|(?:b` is not a valid expression, but would become one between the brackets.
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

    /// Whether the text shows that no origin matches.
    pub fn matches_nothing(&self) -> bool {
        self.warning(false)
            .is_some_and(|(code, _)| code == Code::RegexMatchesNothing)
    }

    pub(crate) fn admits(&self, origin: &str) -> bool {
        match Origin::parse(origin.as_bytes()) {
            Some(Origin::Tuple(origin)) => origin.is_serialized() && self.is_match(&origin),
            _ => false,
        }
    }

    /// The literal port at the end, with its colon.
    pub(crate) fn port(&self) -> &str {
        let source = without_anchor(&self.source);
        let digits = source.bytes().rev().take_while(u8::is_ascii_digit).count();
        let port = source.get(source.len().saturating_sub(digits + 1)..);
        port.filter(|port| port.starts_with(':'))
            .unwrap_or_default()
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

pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_BYTES)
        .build()
        .map_err(|error| error.to_string())
}

/// Bounds the work of compiling; what is accepted is bounded further, by counts that are the same
/// on every machine.
const MAX_BYTES: usize = 16 * 1024 * size_of::<usize>();

/// How large all regular expressions of a configuration can be, and those of route metadata: a
/// thousand of 136 states.
pub const MAX_REGEX_SIZE: usize = 1_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    use crate::origin::MAX_ORIGIN_LENGTH;
    use crate::origin::regex_warning::expand_stars;
    use crate::origin::shape::STATE;

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
            regex
                .warning(true)
                .map_or_else(String::new, |(_, text)| text)
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
            (r"https://.*example\.com", "allows https://evilexample.com"),
            (
                r"https://(.*)example\.com(:\d+)?",
                "allows https://evilexample.com",
            ),
            (
                r"^https?://[^/]*example\.com$",
                "allows https://evilexample.com",
            ),
            (
                r"https://[a-z0-9.-]+-example\.co\.uk",
                "allows https://evil-example.co.uk",
            ),
            (
                r"https://.*example\.com:8443",
                "allows https://evilexample.com:8443",
            ),
            (r"https://.*\.com", "allows https://cors-probe.com"),
            (r"https?://.*:8443", "allows https://cors-probe.com:8443"),
            (
                r"chrome-extension://.*",
                "allows chrome-extension://cors-probe.com",
            ),
            (
                r"https://app\.example\.com.*",
                "allows https://app.example.com.evil.test",
            ),
            (
                r"https://app\.example\..+",
                "allows https://app.example.evil",
            ),
            (r"https://example\.[a-z]+", "allows https://example.evil"),
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
        // Behind a row of literals there are few places, unless it can overlap itself.
        assert!(work(r".*brand-1000\.[a-z]{9}") < work(r".*b[a-z]{9}") / 2);
        assert!(work(r".*aaaaaaaaaaa[a-z]{9}") > work(r".*brand-1000\.[a-z]{9}"));
        for (one, more) in [
            ("(?:[^x]?[^y]?){5}!", "(?:[^x]?[^y]?){50}!"),
            (".*", ".*.*"),
            ("(?i)a", "(?i)ab"),
            ("(?ix)a.*", "(?ix)a.* # ("),
            ("(a.*|b)", "(a.*|b.*)"),
            ("[a-z]{9}", "[a-z]{90}"),
            ("([a-z]+-){2}", "([a-z]+-){20}"),
        ] {
            assert!(work(one) < work(more), "{one} {more}");
        }
        assert_eq!(work("(?x) a.*\t# (.*){9}\n  [b ]"), work("a.*[b]"));
        assert_eq!(work(r"(?x)a\#\ b.*"), work(r"a\#\ b.*"));
        assert!(OriginRegex::parse("(?ix)[a-z]{2}").is_err());
        assert!(OriginRegex::parse("[a-z]{900}").is_err());
        assert!(OriginRegex::parse("((a{0}){99}){99}").is_err());
    }
}
