//! Writes keys as rules: those that differ in one part alone become one.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use cors::config::json::Json;

use crate::import::draft::{text, texts};
use crate::import::rules::clash::Held;
use crate::import::rules::keys::Key;
use crate::import::rules::policies::Policies;
use crate::import::rules::route::Path;

/// Writes the keys as a configuration in which each policy is written once.
pub fn configuration(held: Vec<Held>, policies: &Policies) -> Json {
    let mut top_level = None;
    // A rule that names exact paths and prefixes takes only what both match.
    let is_exact = |key: &Key| matches!(key.path, Path::Exact(_));
    let mut rules = Grouped::default();
    for Held {
        key, policy, route, ..
    } in held
    {
        if key.host.is_none() && key.route_name.is_none() && key.path == Path::Any {
            top_level = policy;
            continue;
        }
        let group = (
            policy,
            key.host.clone(),
            key.route_name.clone(),
            is_exact(key),
        );
        rules.add(group, &route.name, policy, vec![key.clone()]);
    }
    // Rules that differ in their hosts alone become one.
    let mut merged = Grouped::default();
    for rule in rules.rules {
        let paths: Vec<_> = rule.paths().into_iter().cloned().collect();
        let group = (rule.policy, rule.names(), paths);
        merged.add(group, &rule.name, rule.policy, rule.keys);
    }
    let mut rules: Vec<_> = merged.rules.into_iter().flat_map(Rule::split).collect();
    name_apart(&mut rules);

    let mut pairs = match top_level.and_then(|policy| policies.all.get(policy)) {
        Some(policy) => match policy.to_node() {
            Json::Object(pairs) => pairs,
            _ => Vec::new(),
        },
        None => Vec::new(),
    };
    let shared = shared_policies(&rules);
    if !shared.is_empty() {
        let named = shared.iter().filter_map(|(number, name)| {
            let policy = policies.all.get(*number)?;
            Some(((*name).to_owned(), policy.to_node()))
        });
        pairs.push(("policies".to_owned(), Json::Object(named.collect())));
    }
    if !rules.is_empty() {
        let names: HashMap<_, _> = shared.into_iter().collect();
        let rules = rules.iter().map(|rule| rule.to_node(&names, policies));
        pairs.push(("rules".to_owned(), Json::List(rules.collect())));
    }
    Json::Object(pairs)
}

/// One rule to write.
struct Rule {
    name: String,
    policy: Option<usize>,
    keys: Vec<Key>,
}

impl Rule {
    /// The same in rules that are no longer than a rule may be.
    fn split(self) -> Vec<Self> {
        let is_short = |length: usize| length <= MAX_NAMES;
        if is_short(self.keys.len()) {
            return vec![self];
        }
        let numbers = |keys: Vec<Option<String>>| -> HashMap<_, _> {
            let numbers = keys.into_iter().enumerate();
            numbers
                .map(|(number, key)| (key, number / MAX_NAMES))
                .collect()
        };
        let hosts = numbers(distinct(self.keys.iter().map(|key| key.host.clone())));
        let names = numbers(distinct(self.keys.iter().map(|key| key.route_name.clone())));
        let paths = self.paths().into_iter().cloned().enumerate();
        let paths: HashMap<_, _> = paths
            .map(|(number, path)| (path, number / MAX_NAMES))
            .collect();
        let mut parts = Grouped::default();
        for key in self.keys {
            let group = (
                hosts.get(&key.host).copied(),
                names.get(&key.route_name).copied(),
                paths.get(&key.path).copied(),
            );
            parts.add(group, &self.name, self.policy, vec![key]);
        }
        parts.rules
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

    fn to_node(&self, names: &HashMap<usize, &str>, policies: &Policies) -> Json {
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
                // Next to other paths, any path is what is below the root.
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
        let policy = match self.policy {
            Some(number) => match (names.get(&number), policies.all.get(number)) {
                (None, Some(policy)) => ("policy".to_owned(), policy.to_node()),
                (name, _) => (
                    "policyRef".to_owned(),
                    text(name.copied().unwrap_or_default()),
                ),
            },
            None => {
                let off = vec![("mode".to_owned(), text("off"))];
                ("policy".to_owned(), Json::Object(off))
            }
        };
        Json::Object(vec![
            ("name".to_owned(), text(&self.name)),
            ("match".to_owned(), Json::Object(matches)),
            policy,
        ])
    }
}

/// Rules by what those have in common that become one, in the order of their first keys.
struct Grouped<G> {
    rules: Vec<Rule>,
    groups: HashMap<G, usize>,
}

impl<G> Default for Grouped<G> {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            groups: HashMap::new(),
        }
    }
}

impl<G: Eq + Hash> Grouped<G> {
    fn add(&mut self, group: G, name: &str, policy: Option<usize>, keys: Vec<Key>) {
        let next = self.rules.len();
        let index = *self.groups.entry(group).or_insert(next);
        match self.rules.get_mut(index) {
            Some(rule) => rule.keys.extend(keys),
            None => self.rules.push(Rule {
                name: name.to_owned(),
                policy,
                keys,
            }),
        }
    }
}

/// Gives each rule its name, or the name with the first number that makes it unique.
fn name_apart(rules: &mut [Rule]) {
    let mut taken = HashSet::new();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for rule in rules {
        let count = counts.entry(rule.name.clone()).or_default();
        let name = loop {
            *count += 1;
            let name = match *count {
                1 => rule.name.clone(),
                number => format!("{}-{number}", rule.name),
            };
            if taken.insert(name.clone()) {
                break name;
            }
        };
        rule.name = name;
    }
}

/// The policies by the name of the first rule that has them; a single rule holds its policy itself.
fn shared_policies(rules: &[Rule]) -> Vec<(usize, &str)> {
    let policies = rules
        .iter()
        .filter_map(|rule| Some((rule.policy?, rule.name.as_str())));
    if policies.clone().count() < 2 {
        return Vec::new();
    }
    let mut seen = HashSet::new();
    policies
        .filter(|(number, _)| seen.insert(*number))
        .collect()
}

fn distinct<T: Clone + Eq + Hash>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(item.clone())).collect()
}

/// As many hosts, paths or names as one rule may have.
const MAX_NAMES: usize = 1_000;
