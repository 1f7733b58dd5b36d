//! Wildcards under a [public suffix](https://publicsuffix.org/), where strangers have names.

use cors::config::json::Json;
use cors::origin::pattern::OriginPattern;

/// The public suffix under which an origin with a wildcard allows names of anybody.
pub fn public_suffix_under_wildcard(item: &Json) -> Option<String> {
    let Json::String(text) = item else {
        return None;
    };
    let (pattern, _) = OriginPattern::parse(text).ok()?;
    strangers_under(&pattern)
}

/// The same for a pattern that was read.
pub fn strangers_under(pattern: &OriginPattern) -> Option<String> {
    let OriginPattern::Tuple(pattern) = pattern else {
        return None;
    };
    let glob = pattern.glob();
    let domain = match &glob {
        Some(glob) => glob.below.strip_prefix('.')?,
        None => pattern.wildcard_domain()?,
    };
    // Names of providers can end in what is the customer's: `app-git-main-team.vercel.app`.
    let is_private = || psl::suffix(domain.as_bytes())?.typ();
    let ends = glob.is_some_and(|glob| !glob.after.is_empty());
    public_suffix(domain).filter(|_| !(ends && is_private() == Some(psl::Type::Private)))
}

/// The domain, if it is a public suffix.
pub fn public_suffix(domain: &str) -> Option<String> {
    let suffix = psl::suffix(domain.as_bytes())?;
    (suffix.is_known() && suffix.as_bytes() == domain.as_bytes()).then(|| domain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wildcard_right_below_a_public_suffix_is_found() {
        for (origin, suffix) in [
            ("https://*.co.uk", Some("co.uk")),
            ("https://*.github.io:*", Some("github.io")),
            ("https://*.com", Some("com")),
            ("https://*.example.co.uk", None),
            ("https://*.me.github.io", None),
            ("https://co.uk", None),
            ("https://app-*.vercel.app", Some("vercel.app")),
            ("https://app-*-team.vercel.app", None),
            ("https://*-team.vercel.app", None),
            ("https://*-team.co.uk", Some("co.uk")),
            ("https://pr-*.example.co.uk", None),
            ("https://pr-*.corp-example.test", None),
            // Of a private network: no list knows it.
            ("https://*.internal.corp-example", None),
            ("*", None),
            ("not an origin", None),
        ] {
            let found = public_suffix_under_wildcard(&Json::String(origin.to_owned()));
            assert_eq!(found.as_deref(), suffix, "{origin}");
        }
        assert_eq!(public_suffix_under_wildcard(&Json::Null), None);
    }
}
