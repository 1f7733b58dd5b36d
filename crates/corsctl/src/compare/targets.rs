//! The hosts, paths and route names that the rules of two configurations tell apart: one of each.

use std::collections::{HashMap, HashSet};

use cors::routes::key::Key;

use crate::compare::side::{Rule, Side, Target, bind};

/// There are more than can be looked at.
#[derive(Debug)]
pub struct TooMany;

/// One target of each kind: whatever is asked for, all rules treat it as they treat one of these.
pub fn targets(old: &Side, new: &Side) -> Result<Vec<Target>, TooMany> {
    let sides = [Index::of(&old.rules), Index::of(&new.rules)];
    let rules = || old.rules.iter().chain(&new.rules);
    let parts = old.parts_of_origins().into_iter();
    let parts: Vec<String> = parts
        .chain(new.parts_of_origins())
        .take(MAX_PARTS)
        .collect();
    let mut hosts = Keys::new(Kind::Host, &parts);
    let own = old.policy_hosts().into_iter().chain(new.policy_hosts());
    hosts.add(rules().flat_map(|rule| rule.hosts.clone()).chain(own));
    let mut routes = Keys::new(Kind::RouteName, &parts);
    routes.add(rules().flat_map(|rule| rule.route_names.clone()));
    if hosts.bound.len() > MAX_BOUND {
        return Err(TooMany);
    }
    let (hosts, routes) = (hosts.members(), routes.members());
    let mut targets = Vec::new();
    for route in &routes {
        for host in &hosts {
            let mut paths = Keys::new(Kind::Path, &parts);
            for side in &sides {
                paths.add(side.paths(&route.keys, &host.keys));
            }
            if paths.bound.len() > MAX_BOUND {
                return Err(TooMany);
            }
            for path in paths.members() {
                if targets.len() == MAX_TARGETS {
                    return Err(TooMany);
                }
                targets.push(Target {
                    host: host.text.clone(),
                    path: path.text,
                    route_name: (!route.text.is_empty()).then(|| route.text.clone()),
                    route_policy: None,
                });
            }
        }
    }
    Ok(targets)
}

/// The path keys of rules by their keys for route name and host.
struct Index<'s>(HashMap<(&'s Key, &'s Key), Vec<&'s Key>>);

impl<'s> Index<'s> {
    fn of(rules: &'s [Rule]) -> Self {
        let mut index: HashMap<_, Vec<_>> = HashMap::new();
        for rule in rules {
            for route in &rule.route_names {
                for host in &rule.hosts {
                    index.entry((route, host)).or_default().extend(&rule.paths);
                }
            }
        }
        Self(index)
    }

    /// The path keys that may decide for requests of these route names and hosts, from the most specific
    /// on: what comes behind a rule for any path is never looked at.
    fn paths(&self, routes: &[Vec<Key>], hosts: &[Vec<Key>]) -> Vec<Key> {
        let mut found = Vec::new();
        for route in routes.iter().flatten() {
            for hosts in hosts {
                let paths = hosts.iter().filter_map(|host| self.0.get(&(route, host)));
                let paths: Vec<&Key> = paths.flatten().copied().collect();
                found.extend(paths.iter().map(|path| (*path).clone()));
                if paths.iter().any(|path| **path == Key::Any) {
                    return found;
                }
            }
        }
        found
    }
}

/// The keys of one kind.
struct Keys<'p> {
    kind: Kind,
    exact: HashSet<String>,
    below: HashSet<String>,
    bound: Vec<Key>,
    /// In the order in which they are written.
    order: Vec<Key>,
    /// What bound parts may be.
    parts: &'p [String],
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Host,
    Path,
    RouteName,
}

/// A text, and the keys that match it: from the most specific on, those of one rank together.
struct Member {
    text: String,
    keys: Vec<Vec<Key>>,
}

impl<'p> Keys<'p> {
    fn new(kind: Kind, parts: &'p [String]) -> Self {
        Self {
            kind,
            exact: HashSet::new(),
            below: HashSet::new(),
            bound: Vec::new(),
            order: Vec::new(),
            parts,
        }
    }

    fn add(&mut self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            let is_new = match &key {
                Key::Any => false,
                Key::Exact(text) => self.exact.insert(text.clone()),
                Key::Below(text) => self.below.insert(text.clone()),
                Key::Bound { .. } if self.bound.contains(&key) => false,
                Key::Bound { .. } => {
                    self.bound.push(key.clone());
                    true
                }
            };
            if is_new {
                self.order.push(key);
            }
        }
    }

    /// One text of each kind that the keys tell apart.
    fn members(&self) -> Vec<Member> {
        let mut known = HashSet::new();
        let mut members = Vec::new();
        let bound = self.order.iter().flat_map(|key| self.bound_texts(key));
        let plain = self.order.iter().flat_map(|key| self.texts(key));
        let plain = plain.chain([self.outside()]);
        // Each text of a bound key may be bound to something else.
        for (text, is_bound) in plain
            .map(|text| (text, false))
            .chain(bound.map(|text| (text, true)))
        {
            let keys = self.matching(&text);
            let kind = (keys.clone(), is_bound.then(|| text.clone()));
            if known.insert(kind) {
                members.push(Member { text, keys });
            }
        }
        members
    }

    /// The keys that match a text, by rank.
    fn matching(&self, text: &str) -> Vec<Vec<Key>> {
        let exact = self
            .exact
            .contains(text)
            .then(|| vec![Key::Exact(text.to_owned())]);
        let bound = self.bound.iter().filter(|key| bind(key, text).is_some());
        let bound: Vec<Key> = bound.cloned().collect();
        let below = self
            .belows(text)
            .into_iter()
            .map(|text| vec![Key::Below(text)]);
        let ranks = exact
            .into_iter()
            .chain([bound])
            .chain(below)
            .chain([vec![Key::Any]]);
        ranks.filter(|keys| !keys.is_empty()).collect()
    }

    /// The keys for more than one text that match this one, longest first.
    fn belows(&self, text: &str) -> Vec<String> {
        let separator = self.separator();
        let places = text.match_indices(separator).map(|(at, _)| at);
        let parts: Vec<&str> = if self.kind == Kind::Host {
            places.filter_map(|at| text.get(at..)).collect()
        } else {
            // A path prefix covers itself; a route name has to go on.
            let whole = (self.kind == Kind::Path).then_some(text.len());
            let ends: Vec<usize> = places.chain(whole).collect();
            let ends = ends.into_iter().rev();
            ends.filter_map(|end| text.get(..end)).collect()
        };
        let known = parts.into_iter().filter(|part| self.below.contains(*part));
        known.map(str::to_owned).collect()
    }

    /// Texts of a key that no more specific key for several texts matches.
    fn texts(&self, key: &Key) -> Vec<String> {
        let text = match key {
            Key::Exact(text) => return vec![text.clone()],
            Key::Below(text) => text,
            Key::Any | Key::Bound { .. } => return Vec::new(),
        };
        let is_of_key = |member: &String| {
            !self.exact.contains(member) && self.belows(member).first() == Some(text)
        };
        let mut texts = Vec::new();
        if self.kind == Kind::Path {
            let whole = if text.is_empty() { "/" } else { text };
            texts.extend([whole.to_owned()].into_iter().filter(is_of_key));
        }
        // One part more, and two: a bound part is one.
        let two: &[usize] = if self.bound.is_empty() { &[1] } else { &[1, 2] };
        for count in two {
            let member = |n| self.below_text(text, n, *count);
            texts.extend((0..).map(member).find(is_of_key));
        }
        texts
    }

    fn below_text(&self, text: &str, n: usize, count: usize) -> String {
        let part = self.part(n);
        let separator = self.separator();
        let parts = vec![part.as_str(); count].join(&separator.to_string());
        match self.kind {
            Kind::Host => format!("{parts}{text}"),
            Kind::Path | Kind::RouteName => format!("{text}/{parts}"),
        }
    }

    /// Texts of a key that binds a part: of any part, of those that origins name, and of those that other
    /// such keys name.
    fn bound_texts(&self, key: &Key) -> Vec<String> {
        let Key::Bound {
            before,
            after,
            is_prefix,
            ..
        } = key
        else {
            return Vec::new();
        };
        let is_of_key = |text: &String| !self.exact.contains(text);
        let with = |part: &str| format!("{before}{part}{after}");
        let mut texts: Vec<String> = (0..)
            .map(|n| with(&self.part(n)))
            .find(is_of_key)
            .into_iter()
            .collect();
        if *is_prefix {
            let below = |n| format!("{}/{}", with(&self.part(n)), self.part(n));
            texts.extend((0..).map(below).find(is_of_key));
        }
        texts.extend(self.parts.iter().map(|part| with(part)));
        texts.extend(
            self.bound
                .iter()
                .filter_map(|other| self.of_both(key, other)),
        );
        texts
    }

    /// A text that both keys match, if their literal parts allow one.
    fn of_both(&self, one: &Key, other: &Key) -> Option<String> {
        let parts = |key: &Key| -> Option<Vec<String>> {
            let Key::Bound { before, after, .. } = key else {
                return None;
            };
            let text = format!("{before}*{after}");
            Some(text.split(self.separator()).map(str::to_owned).collect())
        };
        let (one, other) = (parts(one)?, parts(other)?);
        let unify = |(one, other): (&String, &String)| match (one.as_str(), other.as_str()) {
            ("*", "*") => Some(self.part(0)),
            ("*", part) | (part, "*") => Some(part.to_owned()),
            (one, other) => (one == other).then(|| one.to_owned()),
        };
        let parts: Option<Vec<String>> = one.iter().zip(&other).map(unify).collect();
        (one.len() == other.len()).then_some(())?;
        Some(parts?.join(&self.separator().to_string()))
    }

    /// A text that no key matches, if there is one.
    fn outside(&self) -> String {
        let is_outside = |text: &String| self.matching(text).len() == 1;
        match self.kind {
            Kind::RouteName => String::new(),
            Kind::Host => {
                let usual = ["api.example.com", "service.internal"].map(str::to_owned);
                let others = (0..).map(|n| format!("service{n}"));
                let found = usual.into_iter().chain(others).find(is_outside);
                found.unwrap_or_default()
            }
            Kind::Path => {
                let others = (0..).map(|n| format!("/{}", self.part(n)));
                let paths = ["/".to_owned()].into_iter().chain(others);
                // With a prefix for all there is none: then any path will do.
                let found = paths.take(self.order.len() + 2).find(is_outside);
                found.unwrap_or_else(|| "/".to_owned())
            }
        }
    }

    fn separator(&self) -> char {
        if self.kind == Kind::Host { '.' } else { '/' }
    }

    /// A part of a text, different for each number.
    fn part(&self, n: usize) -> String {
        let word = match self.kind {
            Kind::Host => "app",
            Kind::Path => "item",
            Kind::RouteName => return n.to_string(),
        };
        // The first needs none.
        let number = if n == 0 { String::new() } else { n.to_string() };
        format!("{word}{number}")
    }
}

/// Of keys that bind a part each is compared with each.
const MAX_BOUND: usize = 300;
const MAX_PARTS: usize = 20;
const MAX_TARGETS: usize = 100_000;
