//! The rules of a plugin and the index over them.

use std::sync::Arc;

use crate::escape::Escaped;
use crate::policy::Policy;
use crate::routes::key::Key;
use crate::routes::rules::{Binds, Rules};

/// Policies for some hosts, paths or routes.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
    /// A rule is its place in the list.
    pub(crate) index: Rules,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub place: usize,
    /// Its place and its name, ready for explanations and access logs.
    pub label: String,
    pub policy: Arc<Policy>,
}

/// What a rule matches: every combination of the three kinds.
#[derive(Debug, Default)]
pub(crate) struct Match {
    pub route_names: Vec<Key>,
    pub hosts: Vec<Key>,
    pub paths: Vec<Key>,
}

impl Match {
    /// Whether every host and every path binds the name.
    pub fn binds(&self, name: &str) -> [bool; 2] {
        let bind =
            |keys: &[Key]| !keys.is_empty() && keys.iter().all(|key| key.name() == Some(name));
        [bind(&self.hosts), bind(&self.paths)]
    }
}

impl RuleSet {
    /// Adds a rule. Returns the place of another that matches some of the same.
    pub(crate) fn add(
        &mut self,
        name: Option<&str>,
        policy: Arc<Policy>,
        matched: &Match,
    ) -> Result<(), usize> {
        let place = self.rules.len();
        let label = match name {
            None => format!("rules[{place}]"),
            Some(name) => format!("rules[{place}] {}", Escaped(name.as_bytes())),
        };
        match matched.binds(&policy.fields.tenant) {
            [true, _] => self.index.bind(place, Binds::Host),
            [_, true] => self.index.bind(place, Binds::Path),
            _ => {}
        }
        self.rules.push(Arc::new(Rule {
            place,
            label,
            policy,
        }));
        self.index
            .insert(place, &matched.route_names, &matched.hosts, &matched.paths)
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Arc<Rule>> {
        self.rules.get(place)
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(crate) fn policies(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.rules.iter().map(|rule| &rule.policy)
    }
}
