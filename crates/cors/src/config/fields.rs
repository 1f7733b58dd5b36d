//! The fields of a configuration: the one table for reading it, for suggestions and for its schema.

use crate::config::choices::{
    Mode, PreflightStatus, Preset, UnmatchedPreflights, UnmatchedRequests, UpstreamCors,
};

/// A field of one of the objects of a configuration.
#[derive(Debug)]
pub struct Field {
    /// The name; its snake_case spelling is accepted too.
    pub name: &'static str,
    /// Other names in use for the same.
    pub aliases: &'static [&'static str],
    pub kind: Kind,
}

/// What a field holds.
#[derive(Debug)]
pub enum Kind {
    Boolean,
    /// Seconds, or a text with units.
    Duration,
    /// A list of texts, each of which is one of these.
    EachOneOf(&'static [&'static str]),
    /// A field of other gateways: `false`, which has no effect.
    Foreign,
    /// A list of grants.
    Grants,
    /// `match` of a rule.
    Match,
    /// One of these texts, in any case.
    OneOf(&'static [&'static str]),
    /// Policies by name.
    Policies,
    Policy,
    Rules,
    /// One of these numbers.
    Status(&'static [u16]),
    Text,
    /// A list of texts.
    Texts,
}

pub(crate) const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        aliases: &[],
        kind,
    }
}

/// The fields of a policy: at the top level, in `policies`, in a rule's `policy`, in route metadata. Those
/// of its grants come first.
pub const POLICY_FIELDS: &[Field] = &[
    field("allowCredentials", Kind::Boolean),
    field("allowHeaders", Kind::Texts),
    field("allowMethods", Kind::Texts),
    field("allowOriginRegexes", Kind::Texts),
    field("allowOrigins", Kind::Texts),
    field("allowPrivateNetwork", Kind::Boolean),
    field("exposeHeaders", Kind::Texts),
    field("maxAge", Kind::Duration),
    field("presets", Kind::EachOneOf(Preset::WORDS)),
    field("timingAllowOrigin", Kind::Boolean),
    field("autoOptions", Kind::Boolean),
    field("grants", Kind::Grants),
    field("hideCorsFromUpstream", Kind::Boolean),
    field("hosts", Kind::Texts),
    field("mode", Kind::OneOf(Mode::WORDS)),
    Field {
        name: "preflightStatus",
        aliases: &["optionsSuccessStatus"],
        kind: Kind::Status(PreflightStatus::NUMBERS),
    },
    field(
        "unmatchedPreflights",
        Kind::OneOf(UnmatchedPreflights::WORDS),
    ),
    field("unmatchedRequests", Kind::OneOf(UnmatchedRequests::WORDS)),
    field("upstreamCors", Kind::OneOf(UpstreamCors::WORDS)),
];

/// The fields of a grant: each of a policy's `grants` has them, and the policy itself.
pub const GRANT_FIELDS: &[Field] = POLICY_FIELDS.split_at(10).0;

/// Fields of other gateways: each is accepted as `false`, which is what happens here anyway.
pub const FOREIGN_FIELDS: &[Field] = &[field("optionsPassthrough", Kind::Foreign)];

/// The fields that only the top level has.
pub const PLUGIN_FIELDS: &[Field] = &[
    field("debug", Kind::Boolean),
    field("policies", Kind::Policies),
    field("routeMetadataNamespace", Kind::Text),
    field("rules", Kind::Rules),
    field("statPrefix", Kind::Text),
    field("strict", Kind::Boolean),
];

/// The fields of a rule.
pub const RULE_FIELDS: &[Field] = &[
    field("match", Kind::Match),
    field("name", Kind::Text),
    field("policy", Kind::Policy),
    field("policyRef", Kind::Text),
];

/// The fields of a rule's `match`.
pub const MATCH_FIELDS: &[Field] = &[
    field("exactPaths", Kind::Texts),
    field("hostnames", Kind::Texts),
    field("pathPrefixes", Kind::Texts),
    field("routeNames", Kind::Texts),
];

/// Whether a key is a comment.
pub fn is_comment(key: &str) -> bool {
    key.starts_with(['@', '$', '_', '#'])
}

/// Finds the field that a key names, in camelCase or snake_case.
pub fn find<'f>(fields: impl IntoIterator<Item = &'f Field>, key: &str) -> Option<&'f Field> {
    let camel = to_camel_case(key);
    fields
        .into_iter()
        .find(|field| field.name == camel || field.aliases.contains(&camel.as_str()))
}

/// Finds the field that a key names in one of these tables.
pub fn find_in(tables: &[&'static [Field]], key: &str) -> Option<&'static Field> {
    tables.iter().find_map(|table| find(*table, key))
}

/// The name that somebody who wrote the text most likely meant.
pub fn suggest<'n>(names: impl IntoIterator<Item = &'n str>, text: &str) -> Option<&'n str> {
    let near = nearest(&mut names.into_iter(), text);
    near.map(|(_, name)| name)
}

/// The nearest name, if it is near, and its distance. Behind a trait object: one copy of this,
/// whatever the names are of, keeps the module small.
pub(crate) fn nearest<'n>(
    names: &mut dyn Iterator<Item = &'n str>,
    text: &str,
) -> Option<(usize, &'n str)> {
    let text = to_camel_case(text).to_ascii_lowercase();
    names
        .map(|name| (distance(&name.to_ascii_lowercase(), &text), name))
        .min()
        .filter(|(distance, name)| {
            // Of short names one letter alone is a slip: `on` is not `off`.
            let short = name.len() < 5;
            *distance <= if short { 1 } else { 2.max(name.len() / 3) }
        })
}

/// `allow_origins` as `allowOrigins`; anything that is not snake_case stays.
fn to_camel_case(key: &str) -> String {
    let is_snake_case = !key.starts_with('_')
        && !key.ends_with('_')
        && !key.as_bytes().windows(2).any(|pair| pair == b"__")
        && !key.bytes().any(|byte| byte.is_ascii_uppercase());
    if !is_snake_case {
        return key.to_owned();
    }
    let mut camel = String::with_capacity(key.len());
    for (index, part) in key.split('_').enumerate() {
        let mut chars = part.chars();
        match chars.next() {
            Some(first) if index > 0 => {
                camel.push(first.to_ascii_uppercase());
                camel.push_str(chars.as_str());
            }
            _ => camel.push_str(part),
        }
    }
    camel
}

/// The [Levenshtein distance](https://en.wikipedia.org/wiki/Levenshtein_distance), of the first 64
/// bytes.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let other = other.as_bytes().get(..64).unwrap_or(other.as_bytes());
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, byte) in one.bytes().take(64).enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, other_byte) in row.iter_mut().skip(1).zip(other) {
            let above = *cell;
            let replaced = diagonal + usize::from(byte != *other_byte);
            left = replaced.min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_both_spellings() {
        for key in ["allowOrigins", "allow_origins"] {
            assert_eq!(find(POLICY_FIELDS, key).unwrap().name, "allowOrigins");
        }
        assert_eq!(
            find(POLICY_FIELDS, "options_success_status").unwrap().name,
            "preflightStatus"
        );
        for key in [
            "AllowOrigins",
            "allow__origins",
            "allow_origins_",
            "allow_Origins",
            "alloworigins",
        ] {
            assert!(find(POLICY_FIELDS, key).is_none(), "{key}");
        }
    }

    #[test]
    fn distances_are_levenshtein_s() {
        for (one, other, edits) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("abcdef", "f", 5),
        ] {
            assert_eq!(distance(one, other), edits, "{one} {other}");
        }
    }

    #[test]
    fn likely_names_are_suggested() {
        let suggest = |text| suggest(POLICY_FIELDS.iter().map(|field| field.name), text);
        for (text, name) in [
            ("allowOrigin", Some("allowOrigins")),
            ("allowedOrigins", Some("allowOrigins")),
            ("AllowOrigins", Some("allowOrigins")),
            ("max_ages", Some("maxAge")),
            ("alow_credentials", Some("allowCredentials")),
            // Five letters off, which a name of sixteen allows.
            ("credentials", Some("allowCredentials")),
            ("timeout", None),
            ("", None),
        ] {
            assert_eq!(suggest(text), name, "{text}");
        }
    }
}
