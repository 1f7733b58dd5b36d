//! Whose origins are proposed: an access log shows who asked, and never who may.

use cors::escape::Shown;
use cors::origin::is_domain;
use cors::origin::pattern::OriginPattern;
use cors::origin::set::OriginSet;

use crate::discover::public_suffix::{public_suffix, strangers_under};

/// A domain, or a pattern as `allowOrigins` has it.
#[derive(Debug)]
pub struct Trust {
    /// None if it is a pattern.
    pub domain: Option<String>,
    origins: OriginSet,
}

impl Trust {
    /// Reads what `--trust` says; the error is for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = |why: String| Err(format!("--trust {}: {why}", Shown(text)));
        if text.contains("://") {
            return match OriginPattern::parse(text) {
                Ok((OriginPattern::Tuple(pattern), _)) if pattern.is_any_host() => {
                    refuse("is every host of the scheme; name those that are yours".to_owned())
                }
                Ok((pattern, _)) => match strangers_under(&pattern) {
                    Some(suffix) => refuse(format!(
                        "under the public suffix {suffix} anybody can have a name; name yours, as in https://NAME.{suffix}"
                    )),
                    None => Self::new(text, None, &[pattern]),
                },
                Err(error) => refuse(error.to_string()),
            };
        }
        let domain = text.to_ascii_lowercase();
        if !(is_domain(&domain) && domain.contains('.')) {
            return refuse(
                "is not a domain or an origin, as in example.com or https://app.example.com"
                    .to_owned(),
            );
        }
        if let Some(suffix) = public_suffix(&domain) {
            return refuse(format!(
                "under the public suffix {suffix} anybody can have a name; name yours, as in NAME.{suffix}"
            ));
        }
        let patterns = [
            format!("https://{domain}:*"),
            format!("https://*.{domain}:*"),
        ];
        let patterns = patterns.iter().map(|pattern| OriginPattern::parse(pattern));
        let patterns: Result<Vec<_>, _> = patterns.collect();
        match patterns {
            Ok(patterns) => {
                let patterns: Vec<_> = patterns.into_iter().map(|(pattern, _)| pattern).collect();
                Self::new(text, Some(domain), &patterns)
            }
            Err(error) => refuse(error.to_string()),
        }
    }

    fn new(text: &str, domain: Option<String>, patterns: &[OriginPattern]) -> Result<Self, String> {
        let mut origins = OriginSet::default();
        if !patterns.iter().all(|pattern| origins.insert(pattern)) {
            return Err(format!("--trust {}: cannot be matched", Shown(text)));
        }
        Ok(Self { domain, origins })
    }

    pub fn covers(&self, origin: &str) -> bool {
        self.origins.find(origin.as_bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_covers_https_at_it_and_below() {
        let trust = Trust::parse("Example.com").expect("a domain");
        for (origin, is_covered) in [
            ("https://example.com", true),
            ("https://app.example.com", true),
            ("https://a.b.example.com:8443", true),
            ("http://app.example.com", false),
            ("https://evilexample.com", false),
            ("https://example.com.evil.example", false),
        ] {
            assert_eq!(trust.covers(origin), is_covered, "{origin}");
        }
    }

    #[test]
    fn an_origin_covers_itself() {
        let trust = Trust::parse("http://localhost:3000").expect("an origin");
        assert!(trust.covers("http://localhost:3000"));
        assert!(!trust.covers("http://localhost:3001"));
    }

    #[test]
    fn nobody_can_trust_strangers() {
        for text in [
            "com",
            "github.io",
            "co.uk",
            "*",
            "null",
            "https://*",
            "https://*.github.io",
            "a b",
            "",
            "*.example.com",
            "https://example.com/x",
        ] {
            let error = Trust::parse(text)
                .err()
                .unwrap_or_else(|| panic!("{text} is taken"));
            assert!(error.starts_with("--trust"), "{error}");
        }
        assert!(Trust::parse("team.github.io").is_ok());
        assert!(Trust::parse("corp.internal").is_ok());
    }
}
