//! Finds the keys that share requests with a key.

use std::collections::HashMap;

use crate::import::rules::keys::Key;
use crate::import::rules::route::Path;

/// Finds the keys that share requests with a key, or might: those with a host and a path that are the
/// same, above or below.
#[derive(Default)]
pub struct Related<'k> {
    names: HashMap<Option<&'k str>, Hosts<'k>>,
}

#[derive(Default)]
struct Hosts<'k> {
    at: HashMap<HostKey<'k>, Paths<'k>>,
    below: HashMap<HostKey<'k>, Vec<HostKey<'k>>>,
}

#[derive(Default)]
struct Paths<'k> {
    at: HashMap<PathKey<'k>, Vec<usize>>,
    below: HashMap<PathKey<'k>, Vec<usize>>,
}

/// Whether it is a wildcard, and the name, or its end with the dot.
type HostKey<'k> = (bool, &'k str);
/// The rank of a path, and the path.
type PathKey<'k> = (u8, &'k str);

impl<'k> Related<'k> {
    pub fn add(&mut self, key: &'k Key, number: usize) {
        let hosts = self.names.entry(key.route_name.as_deref()).or_default();
        let host = host_key(key.host.as_deref());
        let paths = hosts.at.entry(host).or_insert_with(|| {
            for above in hosts_above(host) {
                hosts.below.entry(above).or_default().push(host);
            }
            Paths::default()
        });
        let path = path_key(&key.path);
        paths.at.entry(path).or_default().push(number);
        for above in paths_above(path) {
            paths.below.entry(above).or_default().push(number);
        }
    }

    /// The numbers in their order.
    pub fn to(&self, key: &Key) -> Vec<usize> {
        let host = host_key(key.host.as_deref());
        let path = path_key(&key.path);
        let hosts_above = hosts_above(host);
        let paths_above = paths_above(path);
        let mut numbers = Vec::new();
        let mut add = |hosts: &Hosts| {
            let below = hosts.below.get(&host).into_iter().flatten();
            for host in hosts_above.iter().chain(below).chain([&host]) {
                let Some(paths) = hosts.at.get(host) else {
                    continue;
                };
                let at = paths_above.iter().chain([&path]);
                let found = at.filter_map(|path| paths.at.get(path));
                for found in found.chain(paths.below.get(&path)) {
                    numbers.extend(found);
                }
            }
        };
        if key.route_name.is_none() {
            self.names.values().for_each(add);
        } else {
            let names = [key.route_name.as_deref(), None];
            let found = names.iter().filter_map(|name| self.names.get(name));
            found.for_each(&mut add);
        }
        numbers.sort_unstable();
        numbers
    }
}

fn host_key(host: Option<&str>) -> HostKey<'_> {
    match host {
        None => (true, ""),
        Some(host) => match host.strip_prefix('*') {
            Some(end) => (true, end),
            None => (false, host),
        },
    }
}

/// The wildcards that cover a host, and any.
fn hosts_above((is_wildcard, name): HostKey) -> Vec<HostKey> {
    let dots = name.match_indices('.').filter(|(at, _)| *at > 0);
    let mut above: Vec<_> = dots
        .filter_map(|(at, _)| Some((true, name.get(at..)?)))
        .collect();
    if !(is_wildcard && name.is_empty()) {
        above.push((true, ""));
    }
    above
}

fn path_key(path: &Path) -> PathKey<'_> {
    let text = match path {
        Path::Any => "",
        Path::Below(text) | Path::Exact(text) => text,
    };
    (path.rank().0, text)
}

/// The prefixes that cover a path, and any.
fn paths_above((rank, path): PathKey) -> Vec<PathKey> {
    if rank == 0 {
        return Vec::new();
    }
    let slashes = path.match_indices('/').filter(|(at, _)| *at > 0);
    let prefixes = slashes.filter_map(|(at, _)| Some((1, path.get(..at)?)));
    let own = (rank == 2).then_some((1, path));
    prefixes.chain(own).chain([(0, "")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys of every shape, with hosts and paths that are the same, above, below and next to each other.
    fn keys() -> Vec<Key> {
        let hosts = [
            "*.example",
            "*.a.example",
            "a.example",
            "b.a.example",
            "xa.example",
        ];
        let hosts = hosts.map(|host| Some(host.to_owned()));
        let paths = ["/", "/a", "/a/b", "/ab"];
        let paths = paths
            .iter()
            .flat_map(|path| [Path::below(path), Path::Exact((*path).to_owned())]);
        let paths: Vec<Path> = paths.collect();
        let names = [None, Some("main".to_owned()), Some("other".to_owned())];
        let mut keys = Vec::new();
        for host in hosts.iter().chain([&None]) {
            for path in &paths {
                keys.extend(names.iter().map(|route_name| Key {
                    route_name: route_name.clone(),
                    host: host.clone(),
                    path: path.clone(),
                }));
            }
        }
        keys
    }

    #[test]
    fn every_key_that_shares_requests_is_found_once() {
        let keys = keys();
        let mut related = Related::default();
        for (number, key) in keys.iter().enumerate() {
            related.add(key, number);
        }
        for key in &keys {
            let found = related.to(key);
            assert!(
                found.is_sorted_by(|one, other| one < other),
                "{key:?}: {found:?}"
            );
            let meeting = keys
                .iter()
                .enumerate()
                .filter(|(_, other)| other.meets(key));
            let meeting: Vec<usize> = meeting.map(|(number, _)| number).collect();
            assert_eq!(found, meeting, "{key:?}");
        }
    }
}
