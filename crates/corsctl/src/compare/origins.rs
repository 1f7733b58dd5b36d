//! The origins that a policy allows, by what is written: its patterns, and the set that the module makes
//! of them.

use std::collections::HashSet;

use cors::config::json::Json;
use cors::origin::pattern::OriginPattern;
use cors::origin::regex::OriginRegex;
use cors::origin::set::OriginSet;
use regex_syntax::escape;

use crate::compare::shape::{Shape, all_origins};
use crate::compare::side::{field, texts};

/// The origins of a policy, by grant: the first grant that allows an origin holds for it.
#[derive(Default)]
pub struct Grants {
    pub grants: Vec<Origins>,
}

/// The origins of one grant.
#[derive(Default)]
pub struct Origins {
    pub patterns: Vec<Pattern>,
    set: OriginSet,
    written: HashSet<String>,
}

/// One pattern or regular expression.
pub struct Pattern {
    /// The field that it is written in.
    pub field: &'static str,
    /// As the module writes it.
    pub written: String,
    /// As it is listed, if that has a name in braces.
    pub listed: String,
    pub kind: Kind,
    set: OriginSet,
}

pub enum Kind {
    Any,
    /// One origin alone.
    Exact,
    Regex,
    Shape(Shape),
}

impl Grants {
    /// The grants of a policy; none if it allows nothing because of its `mode`, or if there is none.
    pub fn of(policy: Option<&Json>, bindings: &[(String, String)]) -> Self {
        let Some(policy) = policy else {
            return Self::default();
        };
        let mode = match field(policy, "mode") {
            Some(Json::String(mode)) => mode.to_ascii_lowercase(),
            _ => String::new(),
        };
        if matches!(mode.as_str(), "off" | "shadow") {
            return Self::default();
        }
        let origins = |grant| Origins::of(grant, bindings);
        let first = origins(policy);
        let further = match field(policy, "grants") {
            Some(Json::List(grants)) => grants.as_slice(),
            _ => &[],
        };
        let grants = std::iter::once(first).chain(further.iter().map(origins));
        Self {
            grants: grants.collect(),
        }
    }

    /// The grant that holds for an origin.
    pub fn grant_for(&self, origin: &str) -> Option<usize> {
        self.grants.iter().position(|grant| grant.contain(origin))
    }

    pub fn contain(&self, origin: &str) -> bool {
        self.grant_for(origin).is_some()
    }

    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.grants.iter().flat_map(|grant| &grant.patterns)
    }

    /// Whether one of the patterns is written in the same words.
    pub fn has(&self, pattern: &Pattern) -> bool {
        let mut grants = self.grants.iter();
        grants.any(|grant| grant.written.contains(&pattern.written))
    }
}

impl Origins {
    fn of(grant: &Json, bindings: &[(String, String)]) -> Self {
        let mut origins = Self::default();
        // The only preset that allows origins.
        if texts(grant, "presets").any(|preset| preset == "open") {
            origins.add("presets", "*", None);
        }
        for text in texts(grant, "allowOrigins") {
            // A name in braces stands for what the match of the rule binds it to, byte for byte.
            let bound = bindings
                .iter()
                .fold(text.to_owned(), |text, (name, value)| {
                    let is_lower = !value.bytes().any(|byte| byte.is_ascii_uppercase());
                    match text.split_once('{') {
                        Some((before, rest)) if is_lower => match rest.split_once('}') {
                            Some((own, after)) if own.eq_ignore_ascii_case(name) => {
                                format!("{before}{value}{after}")
                            }
                            _ => text,
                        },
                        _ => text,
                    }
                });
            if !bound.contains('{') {
                let listed = (bound != text).then_some(text);
                origins.add("allowOrigins", &bound, listed);
            }
        }
        for source in texts(grant, "allowOriginRegexes") {
            let mut set = OriginSet::default();
            if let (Ok(one), Ok(other)) = (OriginRegex::parse(source), OriginRegex::parse(source)) {
                // The module has taken it: its bound holds here too.
                let _ = origins.set.insert_regex(one, 0);
                let _ = set.insert_regex(other, 0);
            }
            origins.push(Pattern {
                field: "allowOriginRegexes",
                written: source.to_owned(),
                listed: source.to_owned(),
                kind: Kind::Regex,
                set,
            });
        }
        origins
    }

    fn add(&mut self, field: &'static str, text: &str, listed: Option<&str>) {
        let Ok((pattern, _)) = OriginPattern::parse(text) else {
            return;
        };
        let _ = self.set.insert(&pattern);
        let kind = match &pattern {
            OriginPattern::Any => Kind::Any,
            _ if pattern.is_exact() => Kind::Exact,
            _ => match Shape::of(&pattern.to_string()) {
                Some(shape) => Kind::Shape(shape),
                None => return,
            },
        };
        let is_exact = matches!(kind, Kind::Exact);
        let mut set = OriginSet::default();
        if !is_exact {
            let _ = set.insert(&pattern);
        }
        let written = pattern.to_string();
        // As it is listed it may allow a further text: with a slash, or with the default port.
        let lower = text.to_ascii_lowercase();
        let further = (is_exact && lower != written && self.set.find(lower.as_bytes()).is_ok())
            .then_some(lower);
        for written in std::iter::once(written).chain(further) {
            self.push(Pattern {
                field,
                listed: listed.unwrap_or(&written).to_owned(),
                written,
                kind: match &kind {
                    Kind::Any => Kind::Any,
                    Kind::Shape(shape) => Kind::Shape(shape.clone()),
                    Kind::Exact | Kind::Regex => Kind::Exact,
                },
                set: std::mem::take(&mut set),
            });
        }
    }

    fn push(&mut self, pattern: Pattern) {
        if self.written.insert(pattern.written.clone()) {
            self.patterns.push(pattern);
        }
    }

    fn contain(&self, origin: &str) -> bool {
        self.set.find(origin.as_bytes()).is_ok()
    }
}

impl Pattern {
    pub fn is_exact(&self) -> bool {
        matches!(self.kind, Kind::Exact)
    }

    pub fn contains(&self, origin: &str) -> bool {
        match self.kind {
            Kind::Exact => self.written == origin,
            _ => self.set.find(origin.as_bytes()).is_ok(),
        }
    }

    /// Whether every origin of the other pattern is certainly one of this.
    pub fn covers(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Any, _) => true,
            (_, Kind::Exact) => self.contains(&other.written),
            (Kind::Shape(one), Kind::Shape(other)) => one.covers(other),
            _ => self.written == other.written,
        }
    }

    /// Whether some origin may be of both; `false` is certain.
    pub fn may_meet(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Exact, _) => other.contains(&self.written),
            (_, Kind::Exact) => self.contains(&other.written),
            (Kind::Shape(one), Kind::Shape(other)) => one.may_meet(other),
            _ => true,
        }
    }

    /// Origins of the pattern that are known without a search.
    pub fn examples(&self) -> Vec<String> {
        match &self.kind {
            Kind::Any => STRANGERS.map(str::to_owned).to_vec(),
            Kind::Exact => vec![self.written.clone()],
            Kind::Regex => Vec::new(),
            Kind::Shape(shape) => shape.examples(),
        }
    }

    /// The expression of all its origins.
    pub fn regex(&self) -> String {
        match &self.kind {
            Kind::Any => all_origins(),
            Kind::Exact => escape(&self.written),
            Kind::Regex => self.written.clone(),
            Kind::Shape(shape) => shape.regex(),
        }
    }
}

/// Origins that few policies list.
pub const STRANGERS: [&str; 5] = [
    "https://evil.example",
    "http://evil.example",
    "https://evil.example:8443",
    "https://any-name",
    "app://evil.example",
];
