//! Keys: the combinations of host, path and route name that a route matches, and which of two is more
//! specific.

use std::cmp::Ordering;
use std::hash::Hash;

use crate::import::rules::route::{Path, Route};

/// A combination of what a rule matches; none is any.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Key {
    pub route_name: Option<String>,
    pub host: Option<String>,
    pub path: Path,
}

impl Key {
    pub fn covers(&self, other: &Self) -> bool {
        let names = self.route_name.is_none() || self.route_name == other.route_name;
        names
            && host_covers(self.host.as_deref(), other.host.as_deref())
            && self.path.covers(&other.path)
    }

    /// Whether some request matches both.
    pub fn meets(&self, other: &Self) -> bool {
        let names = match (&self.route_name, &other.route_name) {
            (Some(one), Some(another)) => one == another,
            _ => true,
        };
        let (one, another) = (self.host.as_deref(), other.host.as_deref());
        names
            && (self.path.covers(&other.path) || other.path.covers(&self.path))
            && (host_covers(one, another) || host_covers(another, one))
    }

    /// Orders keys as the plugin does: route name, then host, then path.
    pub fn compare(&self, other: &Self) -> Ordering {
        let rank = |key: &Self| {
            let host = key.host.as_deref().map_or((0, 0), |host| {
                (if host.starts_with("*.") { 1 } else { 2 }, host.len())
            });
            (key.route_name.is_some(), host, key.path.rank())
        };
        rank(self).cmp(&rank(other))
    }
}

impl Route {
    /// How many keys it has.
    pub fn count(&self) -> usize {
        let lengths = [self.hosts.len(), self.paths.len(), self.route_names.len()];
        let products = lengths.into_iter().map(|length| length.max(1));
        products.fold(1, usize::saturating_mul)
    }

    pub fn keys(&self) -> Vec<Key> {
        let hosts = or_any(&self.hosts);
        let lower = |host: &String| host.trim_end_matches('.').to_ascii_lowercase();
        let hosts: Vec<_> = hosts.iter().map(|host| host.as_ref().map(lower)).collect();
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

fn host_covers(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_none();
    };
    if one == other {
        return true;
    }
    let name = other.trim_start_matches('*');
    let below = one.strip_prefix('*');
    below.is_some_and(|end| name.len() > end.len() && name.ends_with(end))
}

fn or_any(names: &[String]) -> Vec<Option<String>> {
    if names.is_empty() {
        vec![None]
    } else {
        names.iter().cloned().map(Some).collect()
    }
}

pub const MAX_KEYS: usize = 10_000;
