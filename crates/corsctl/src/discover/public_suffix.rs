//! Wildcards over a [public suffix](https://publicsuffix.org/), below which strangers have names.

use cors::config::json::Node;
use cors::origin::pattern::OriginPattern;

pub fn public_suffix_under_wildcard(item: &Node) -> Option<String> {
    let Node::String(text) = item else {
        return None;
    };
    let Ok((OriginPattern::Tuple(pattern), _)) = OriginPattern::parse(text) else {
        return None;
    };
    let domain = pattern.wildcard_domain()?;
    let suffix = psl::suffix(domain.as_bytes())?;
    (suffix.is_known() && suffix.as_bytes() == domain.as_bytes()).then(|| domain.to_owned())
}
