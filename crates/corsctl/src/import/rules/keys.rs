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

/// As many keys as one import may have.
pub const MAX_KEYS: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of a host, a path (`/a` exactly, `/a*` with what is below, `*`) and a route name.
    fn key(host: &str, path: &str, name: &str) -> Key {
        let some = |text: &str| (text != "*").then(|| text.to_owned());
        Key {
            route_name: some(name),
            host: some(host),
            path: match path.strip_suffix('*') {
                Some(prefix) => Path::below(prefix),
                None => Path::Exact(path.to_owned()),
            },
        }
    }

    #[test]
    fn a_key_covers_what_is_within_it() {
        for (host, path, is_covered) in [
            ("a.b.example", "/a/b", true),
            ("a.b.example", "/a", true),
            ("*.b.example", "/a*", true),
            ("b.example", "/a", false),
            ("a.b.example", "/ab", false),
            ("a.b.example", "*", false),
            ("*", "/a", false),
        ] {
            let other = key(host, path, "*");
            let is_it = key("*.b.example", "/a*", "*").covers(&other);
            assert_eq!(is_it, is_covered, "{other:?}");
        }
        let named = key("*", "*", "main");
        assert!(key("*", "*", "*").covers(&named));
        assert!(!named.covers(&key("*", "*", "*")));
        assert!(!named.covers(&key("*", "*", "other")));
    }

    #[test]
    fn keys_meet_if_some_request_matches_both() {
        let one = key("*.b.example", "/a", "*");
        assert!(one.meets(&key("a.b.example", "*", "main")));
        assert!(!one.meets(&key("a.b.example", "/b*", "*")));
        assert!(!one.meets(&key("b.example", "*", "*")));
        assert!(!key("*", "*", "main").meets(&key("*", "*", "other")));
    }

    #[test]
    fn route_name_then_host_then_path_make_a_key_more_specific() {
        let ordered = [
            key("*", "*", "*"),
            key("*", "/a*", "*"),
            key("*", "/a/b*", "*"),
            key("*", "/a", "*"),
            key("*.example", "*", "*"),
            key("*.a.example", "*", "*"),
            key("a.example", "*", "*"),
            key("a.example", "/a", "*"),
            key("*", "*", "main"),
        ];
        for pair in ordered.windows(2) {
            assert_eq!(pair[0].compare(&pair[1]), Ordering::Less, "{pair:?}");
        }
    }

    #[test]
    fn a_route_has_a_key_for_each_host_and_path() {
        let mut route = Route::everything(
            "r",
            Default::default(),
            crate::import::draft::Policy::new(Default::default(), 200),
        );
        assert_eq!(route.keys(), [key("*", "*", "*")]);
        route.hosts = vec!["A.example.".to_owned(), "b.example".to_owned()];
        route.paths = vec![Path::Any, Path::Exact("/x".to_owned())];
        let keys = [
            key("a.example", "*", "*"),
            key("a.example", "/x", "*"),
            key("b.example", "*", "*"),
            key("b.example", "/x", "*"),
        ];
        assert_eq!(route.keys(), keys);
        assert_eq!(route.count(), keys.len());
    }
}
