//! Routes of another system as rules of this plugin.
//!
//! A rule here looks at host, path and route name, and the most specific one wins. So a route
//! becomes keys, one for each combination of its hosts and paths; a key whose policy would hold
//! without it too is left out, and a route without CORS below one that has it becomes a rule that is
//! off.

use std::cmp::Ordering;

use cors::node::Node;

use super::notes::{Level, Notes};
use super::policy::{Policy, text, texts};
use super::value::Place;

/// A route of the source.
#[derive(Clone, Debug)]
pub struct Route {
    pub name: String,
    pub place: Place,
    /// Empty: any host.
    pub hosts: Vec<String>,
    /// Empty: any path.
    pub paths: Vec<Path>,
    /// Empty: any route name.
    pub route_names: Vec<String>,
    /// What else the route looks at, and a rule here does not: "a method", "a header".
    pub condition: Option<&'static str>,
    /// None: no CORS.
    pub policy: Option<Policy>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Path {
    Any,
    Exact(String),
    /// Whole segments, without a slash at the end.
    Below(String),
}

/// Which of two routes that match wins.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Precedence {
    /// The first in the file.
    First,
    /// The more specific one, as here.
    Specific,
}

impl Route {
    /// Everything under one policy.
    pub fn everything(name: &str, place: Place, policy: Policy) -> Self {
        Self {
            name: name.to_owned(),
            place,
            hosts: Vec::new(),
            paths: Vec::new(),
            route_names: Vec::new(),
            condition: None,
            policy: Some(policy),
        }
    }

    fn keys(&self) -> Vec<Key> {
        let hosts = or_any(&self.hosts);
        let paths = if self.paths.is_empty() {
            vec![Path::Any]
        } else {
            self.paths.clone()
        };
        let mut keys = Vec::new();
        for route_name in or_any(&self.route_names) {
            for host in &hosts {
                let path = paths.iter().cloned();
                keys.extend(path.map(|path| Key {
                    route_name: route_name.clone(),
                    host: host.clone(),
                    path,
                }));
            }
        }
        keys
    }
}

impl Path {
    /// Everything below a prefix.
    pub fn below(prefix: &str) -> Self {
        match prefix.trim_end_matches('/') {
            "" => Self::Any,
            prefix => Self::Below(prefix.to_owned()),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Below(prefix), Self::Exact(path) | Self::Below(path)) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            _ => self == other,
        }
    }

    fn rank(&self) -> (u8, usize) {
        match self {
            Self::Any => (0, 0),
            Self::Below(prefix) => (1, prefix.len()),
            Self::Exact(path) => (2, path.len()),
        }
    }
}

/// Writes the routes as a configuration.
pub fn write(routes: &[Route], precedence: Precedence, notes: &mut Notes) -> Node {
    let mut held = hold(routes, precedence, notes);
    check_conditions(routes, precedence, &held, notes);
    let needed: Vec<bool> = held.iter().map(|one| is_needed(one, &held)).collect();
    let mut needed = needed.into_iter();
    held.retain(|_| needed.next().unwrap_or(true));
    configuration(held)
}

/// A combination of what a rule matches; none is any.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Key {
    route_name: Option<String>,
    host: Option<String>,
    path: Path,
}

impl Key {
    fn covers(&self, other: &Self) -> bool {
        let names = self.route_name.is_none() || self.route_name == other.route_name;
        names
            && host_covers(self.host.as_deref(), other.host.as_deref())
            && self.path.covers(&other.path)
    }

    /// Whether some request matches both.
    fn meets(&self, other: &Self) -> bool {
        let names = match (&self.route_name, &other.route_name) {
            (Some(one), Some(another)) => one == another,
            _ => true,
        };
        let (one, another) = (self.host.as_deref(), other.host.as_deref());
        let hosts = host_covers(one, another) || host_covers(another, one);
        names && hosts && (self.path.covers(&other.path) || other.path.covers(&self.path))
    }

    /// Orders keys as the plugin does: route name, then host, then path.
    fn compare(&self, other: &Self) -> Ordering {
        let rank = |key: &Self| {
            let host = key.host.as_deref().map_or((0, 0), |host| {
                (if host.starts_with("*.") { 1 } else { 2 }, host.len())
            });
            (key.route_name.is_some(), host, key.path.rank())
        };
        rank(self).cmp(&rank(other))
    }
}

fn host_covers(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_none();
    };
    let below = one.strip_prefix('*');
    let name = other.trim_start_matches('*');
    one == other || below.is_some_and(|end| name.len() > end.len() && name.ends_with(end))
}

/// A key and the route that holds it.
struct Held<'r> {
    key: Key,
    policy: Option<&'r Policy>,
    route: &'r Route,
}

/// The keys of the routes without further conditions; of two routes with one key the source's
/// precedence decides.
fn hold<'r>(routes: &'r [Route], precedence: Precedence, notes: &mut Notes) -> Vec<Held<'r>> {
    let mut held: Vec<Held> = Vec::new();
    for route in routes.iter().filter(|route| route.condition.is_none()) {
        for key in route.keys() {
            let before = held.iter().find(|before| match precedence {
                Precedence::First => {
                    before.key.host == key.host
                        && before.key.route_name == key.route_name
                        && before.key.path.covers(&key.path)
                }
                Precedence::Specific => before.key == key,
            });
            let policy = route.policy.as_ref();
            match before {
                None => held.push(Held { key, policy, route }),
                Some(before) if before.policy == policy => {}
                Some(before)
                    if precedence == Precedence::First || before.route.name == route.name =>
                {
                    let told = format!(
                        "is never reached: {} comes first and matches the same",
                        before.route.place
                    );
                    notes.push(Level::Changed, &route.place, told);
                }
                Some(before) => {
                    let told = format!(
                        "matches what {} ({}) matches, under another policy; a plugin has one policy for one host and path",
                        before.route.name, before.route.place
                    );
                    notes.error(&route.place, told);
                }
            }
        }
    }
    held
}

/// A route that looks at more than host and path can be left to the rules only if they give its
/// requests its policy, the others included.
fn check_conditions(routes: &[Route], precedence: Precedence, held: &[Held], notes: &mut Notes) {
    for (index, route) in routes.iter().enumerate() {
        let Some(condition) = route.condition else {
            continue;
        };
        let policy = route.policy.as_ref();
        let alike = |key: &Key| {
            let others = held.iter().filter(|one| one.key.meets(key));
            let covered = held.iter().any(|one| one.key.covers(key));
            others.clone().all(|one| one.policy == policy) && (covered || policy.is_none())
        };
        let is_reached = |key: &Key| {
            let place = |one: &&Held| {
                routes
                    .iter()
                    .position(|other| std::ptr::eq(other, one.route))
            };
            let mut before = held.iter().filter(|one| place(one) < Some(index));
            let covered = before.any(|one| one.key.covers(key) && one.key.host == key.host);
            precedence == Precedence::Specific || !covered
        };
        if !route
            .keys()
            .iter()
            .all(|key| alike(key) || !is_reached(key))
        {
            let told = format!(
                "matches by {condition}, and a rule looks at host, path and route name alone: its requests would share the policy of others; give all routes of this host and path one policy, or split them by host or path"
            );
            notes.error(&route.place, told);
        }
    }
}

/// Whether some request would have another policy without this key.
fn is_needed(one: &Held, held: &[Held]) -> bool {
    let key = &one.key;
    let others = || held.iter().filter(|other| other.key != *key);
    let over = others().filter(|other| other.key.covers(key));
    let parent = over.max_by(|one, other| one.key.compare(&other.key));
    let mut nearer = others().filter(|other| {
        let is_above = parent.is_none_or(|parent| other.key.compare(&parent.key).is_gt());
        is_above && other.key.compare(key).is_lt() && other.key.meets(key)
    });
    parent.and_then(|parent| parent.policy) != one.policy
        || nearer.any(|other| other.policy != one.policy)
}

/// One rule to write.
struct Rule<'r> {
    name: String,
    policy: Option<&'r Policy>,
    keys: Vec<Key>,
}

fn configuration(held: Vec<Held>) -> Node {
    let mut top_level = None;
    let mut rules: Vec<Rule> = Vec::new();
    for Held { key, policy, route } in held {
        if key.host.is_none() && key.route_name.is_none() && key.path == Path::Any {
            top_level = policy;
            continue;
        }
        match rules.iter_mut().find(|rule| rule.takes(&key, policy)) {
            Some(rule) => rule.keys.push(key),
            None => rules.push(Rule {
                name: route.name.clone(),
                policy,
                keys: vec![key],
            }),
        }
    }
    // Rules that differ in their hosts alone become one.
    let mut merged: Vec<Rule> = Vec::new();
    for rule in rules {
        let alike = merged.iter_mut().find(|other| {
            other.policy == rule.policy
                && other.names() == rule.names()
                && other.paths() == rule.paths()
        });
        match alike {
            Some(other) => other.keys.extend(rule.keys),
            None => merged.push(rule),
        }
    }
    let mut pairs = match top_level.map(Policy::to_node) {
        Some(Node::Object(pairs)) => pairs,
        _ => Vec::new(),
    };
    let mut names = Vec::new();
    for rule in &mut merged {
        rule.name = unique(&rule.name, &names);
        names.push(rule.name.clone());
    }
    let shared = shared_policies(&merged);
    if !shared.is_empty() {
        let policies = shared.iter();
        let policies = policies.map(|(name, policy)| (name.clone(), policy.to_node()));
        pairs.push(("policies".to_owned(), Node::Object(policies.collect())));
    }
    if !merged.is_empty() {
        let rules = merged.iter().map(|rule| rule.to_node(&shared));
        pairs.push(("rules".to_owned(), Node::List(rules.collect())));
    }
    Node::Object(pairs)
}

/// The policies by the name of the first rule that has them; a single rule holds its policy itself.
fn shared_policies<'r>(rules: &[Rule<'r>]) -> Vec<(String, &'r Policy)> {
    let mut shared: Vec<(String, &Policy)> = Vec::new();
    let policies = rules
        .iter()
        .filter_map(|rule| Some((&rule.name, rule.policy?)));
    if policies.clone().count() < 2 {
        return shared;
    }
    for (name, policy) in policies {
        if !shared.iter().any(|(_, other)| *other == policy) {
            shared.push((name.clone(), policy));
        }
    }
    shared
}

impl Rule<'_> {
    /// Whether the key fits into the rule. A rule that names exact paths and prefixes takes only what
    /// both match.
    fn takes(&self, key: &Key, policy: Option<&Policy>) -> bool {
        let is_exact = |key: &Key| matches!(key.path, Path::Exact(_));
        self.policy == policy
            && self.keys.first().is_some_and(|first| {
                first.host == key.host
                    && first.route_name == key.route_name
                    && is_exact(first) == is_exact(key)
            })
    }

    fn hosts(&self) -> Vec<String> {
        distinct(self.keys.iter().filter_map(|key| key.host.clone()))
    }

    fn names(&self) -> Vec<String> {
        distinct(self.keys.iter().filter_map(|key| key.route_name.clone()))
    }

    fn paths(&self) -> Vec<&Path> {
        distinct(self.keys.iter().map(|key| &key.path))
    }

    fn to_node(&self, shared: &[(String, &Policy)]) -> Node {
        let mut matches = Vec::new();
        let mut set = |name: &str, list: Vec<String>| {
            if !list.is_empty() {
                matches.push((name.to_owned(), texts(&list)));
            }
        };
        let (mut exact, mut below) = (Vec::new(), Vec::new());
        let paths = self.paths();
        for path in &paths {
            match path {
                // Beside other paths, any path is what is below the root.
                Path::Any if paths.len() > 1 => below.push("/".to_owned()),
                Path::Any => {}
                Path::Below(prefix) => below.push(prefix.clone()),
                Path::Exact(path) => exact.push(path.clone()),
            }
        }
        set("hostnames", self.hosts());
        set("exactPaths", exact);
        set("pathPrefixes", below);
        set("routeNames", self.names());
        let reference = shared
            .iter()
            .find(|(_, policy)| Some(*policy) == self.policy)
            .map(|(name, _)| name);
        let policy = match (reference, self.policy) {
            (Some(name), _) => ("policyRef".to_owned(), text(name)),
            (None, Some(policy)) => ("policy".to_owned(), policy.to_node()),
            (None, None) => {
                let off = vec![("mode".to_owned(), text("off"))];
                ("policy".to_owned(), Node::Object(off))
            }
        };
        Node::Object(vec![
            ("name".to_owned(), text(&self.name)),
            ("match".to_owned(), Node::Object(matches)),
            policy,
        ])
    }
}

fn or_any(names: &[String]) -> Vec<Option<String>> {
    if names.is_empty() {
        vec![None]
    } else {
        names.iter().cloned().map(Some).collect()
    }
}

fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}

/// The name, or the name with the first number that makes it one of its own.
fn unique(name: &str, taken: &[String]) -> String {
    let numbered = |number: usize| match number {
        1 => name.to_owned(),
        _ => format!("{name}-{number}"),
    };
    let free = (1..).map(numbered).find(|name| !taken.contains(name));
    free.unwrap_or_default()
}
