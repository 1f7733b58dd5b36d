//! The hosts, paths and route names that the rules of two configurations tell apart: one of each.

use std::collections::{HashMap, HashSet};

use cors::routes::key::Key;

use crate::compare::side::{Rule, Side};

/// What a request is for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Target {
    pub host: String,
    pub path: String,
    pub route_name: Option<String>,
    /// The policy in the metadata of the route, by name.
    pub route_policy: Option<String>,
}

/// There are more than can be looked at.
#[derive(Debug)]
pub struct TooMany;

/// One target of each kind: whatever is asked for, all rules treat it as they treat one of these.
pub fn targets(old: &Side, new: &Side) -> Result<Vec<Target>, TooMany> {
    let sides = [Index::of(&old.rules), Index::of(&new.rules)];
    let rules = || old.rules.iter().chain(&new.rules);
    let mut hosts = Keys::new(Kind::Host);
    let own = old.policy_hosts().into_iter().chain(new.policy_hosts());
    hosts.add(rules().flat_map(|rule| rule.hosts.clone()).chain(own));
    let mut routes = Keys::new(Kind::RouteName);
    routes.add(rules().flat_map(|rule| rule.route_names.clone()));
    let mut targets = Vec::new();
    for route in routes.classes() {
        let route_name = match &route {
            Key::Any => None,
            key => Some(routes.member(key, |n| n.to_string())),
        };
        for host in hosts.classes() {
            let mut paths = Keys::new(Kind::Path);
            for side in &sides {
                paths.add(side.paths(&routes.chain(&route), &hosts.chain(&host)));
            }
            let host = match &host {
                Key::Any => hosts.stranger(),
                key => hosts.member(key, |n| format!("app{}", number(n))),
            };
            for path in paths.classes() {
                let path = match &path {
                    Key::Any => paths.outside(),
                    key => paths.member(key, |n| format!("item{}", number(n))),
                };
                if targets.len() == MAX_TARGETS {
                    return Err(TooMany);
                }
                targets.push(Target {
                    host: host.clone(),
                    path,
                    route_name: route_name.clone(),
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
    fn paths(&self, routes: &[Key], hosts: &[Key]) -> Vec<Key> {
        let mut found = Vec::new();
        for route in routes {
            for host in hosts {
                let paths = self.0.get(&(route, host)).map_or(&[][..], Vec::as_slice);
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
struct Keys {
    kind: Kind,
    exact: HashSet<String>,
    below: HashSet<String>,
    order: Vec<Key>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Host,
    Path,
    RouteName,
}

impl Keys {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            exact: HashSet::new(),
            below: HashSet::new(),
            order: Vec::new(),
        }
    }

    fn add(&mut self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            let is_new = match &key {
                // Sides have a sample in place of a name.
                Key::Any | Key::Bound { .. } => false,
                Key::Exact(text) => self.exact.insert(text.clone()),
                Key::Below(text) => self.below.insert(text.clone()),
            };
            if is_new {
                self.order.push(key);
            }
        }
    }

    /// The keys, each of which is the most specific one of some texts, and [`Key::Any`] for all others.
    fn classes(&self) -> Vec<Key> {
        self.order.iter().cloned().chain([Key::Any]).collect()
    }

    /// The keys that match the texts of a class, the most specific first.
    fn chain(&self, class: &Key) -> Vec<Key> {
        let mut chain = Vec::new();
        let text = match class {
            Key::Any | Key::Bound { .. } => return vec![Key::Any],
            Key::Exact(text) => {
                chain.push(class.clone());
                self.belows(text)
            }
            // A text of the class is one part longer.
            Key::Below(text) if self.kind == Kind::Host => self.belows(&format!("x{text}")),
            Key::Below(text) => self.belows(&format!("{text}/")),
        };
        chain.extend(text.into_iter().map(Key::Below));
        chain.push(Key::Any);
        chain
    }

    /// The keys for more than one text that match this one, longest first.
    fn belows(&self, text: &str) -> Vec<String> {
        let separator = if self.kind == Kind::Host { '.' } else { '/' };
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

    fn class_of(&self, text: &str) -> Key {
        if self.exact.contains(text) {
            return Key::Exact(text.to_owned());
        }
        let below = self.belows(text).into_iter().next();
        below.map_or(Key::Any, Key::Below)
    }

    /// A text of which the key is the most specific; `part` makes the part before or behind it.
    fn member(&self, key: &Key, part: impl Fn(usize) -> String) -> String {
        let (Key::Exact(text) | Key::Below(text)) = key else {
            return String::new();
        };
        if matches!(key, Key::Exact(_)) {
            return text.clone();
        }
        let whole = if text.is_empty() { "/" } else { text };
        if self.kind == Kind::Path && self.class_of(whole) == *key {
            return whole.to_owned();
        }
        let member = |n| match self.kind {
            Kind::Host => format!("{}{text}", part(n)),
            Kind::Path | Kind::RouteName => format!("{text}/{}", part(n)),
        };
        let mut members = (0..).map(member);
        let found = members.find(|member| self.class_of(member) == *key);
        found.unwrap_or_default()
    }

    /// A host that no key matches.
    fn stranger(&self) -> String {
        let usual = ["api.example.com", "service.internal"].map(str::to_owned);
        let others = (0..).map(|n| format!("service{n}"));
        let mut hosts = usual.into_iter().chain(others);
        let found = hosts.find(|host| self.class_of(host) == Key::Any);
        found.unwrap_or_default()
    }

    /// A path that no key matches.
    fn outside(&self) -> String {
        let others = (0..).map(|n| format!("/item{}", number(n)));
        let mut paths = ["/".to_owned()].into_iter().chain(others);
        // With a prefix for all there is none: then any path will do.
        let mut found = paths.by_ref().take(self.order.len() + 2);
        let found = found.find(|path| self.class_of(path) == Key::Any);
        found.unwrap_or_else(|| "/".to_owned())
    }
}

/// The first needs none.
fn number(n: usize) -> String {
    if n == 0 { String::new() } else { n.to_string() }
}

const MAX_TARGETS: usize = 100_000;
