//! Which policy governs a request: rules by route name, host and path, found through an index.
//!
//! The index nests one map in the next: route names, hosts, paths. The most specific key that leads
//! to a rule wins, in this order, whatever the order of the rules in the configuration.

use crate::byte_map::{ByteMap, Indexed};
use crate::origin::tenant::{Bound, Tenant};
use crate::routes::host::{host_of, host_tails};
use crate::routes::key::Key;
use crate::routes::path::{path_of, path_starts};
use crate::routes::readings::{readings, steps_for};
use crate::routes::route_name::route_name_starts;

/// Rules by what they match; a rule is its index in the configuration.
#[derive(Debug, Default)]
pub struct Rules {
    routes: Level<Level<Level<usize>>>,
    reads: Reads,
    /// One more than the largest rule.
    count: usize,
    /// Whose policies look at what their match binds, and where that is.
    binds: ByteMap,
}

/// Where a rule's match binds the name that its policy looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Binds {
    Host = 1,
    Path = 2,
}

/// What the host has to be asked for, because some rule looks at it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Reads {
    pub route_name: bool,
    pub host: bool,
    pub path: bool,
}

/// The part of a request that rules look at, as read from the host: only what [`Reads`] asks for.
#[derive(Debug, Default)]
pub struct Target {
    pub route_name: Option<Vec<u8>>,
    pub authority: Option<Vec<u8>>,
    pub path: Option<Vec<u8>>,
}

impl Rules {
    /// Adds the rule under each combination of the keys. Returns the index of a rule that has one
    /// of them already.
    pub fn insert(
        &mut self,
        rule: usize,
        route_names: &[Key],
        hosts: &[Key],
        paths: &[Key],
    ) -> Result<(), usize> {
        self.count = self.count.max(rule + 1);
        let restricts = |keys: &[Key]| keys.iter().any(|key| *key != Key::Any);
        self.reads.route_name |= restricts(route_names);
        self.reads.host |= restricts(hosts);
        self.reads.path |= restricts(paths);
        for route_name in route_names {
            let routes = self.routes.entry(route_name);
            for host in hosts {
                let hosts = routes.entry(host);
                for path in paths {
                    match hosts.entry_or(path, rule) {
                        taken if *taken == rule => {}
                        taken => return Err(*taken),
                    }
                }
            }
        }
        Ok(())
    }

    /// Says where the match of a rule binds the name that its policy looks at.
    pub fn bind(&mut self, rule: usize, binds: Binds) {
        let rule = (rule as u64).to_le_bytes();
        self.binds.get_or_insert(&rule, binds as u64);
    }

    pub fn reads(&self) -> Reads {
        self.reads
    }

    /// Finds the rule for a request, and what it binds. `Err` if the readings of its path lead to different
    /// rules, or bind different texts: then somebody tries to get around one of them.
    pub fn find(
        &self,
        target: &Target,
        tenant: &mut Option<Tenant>,
    ) -> Result<Option<usize>, Ambiguous> {
        let authority = target.authority.as_deref().map(String::from_utf8_lossy);
        let host = authority.as_deref().map(host_of);
        // Neither CONNECT nor `OPTIONS *` has a path.
        let path = target
            .path
            .as_deref()
            .map(path_of)
            .filter(|path| matches!(path.first(), Some(b'/' | b'\\' | b'%')));
        let find = |path| self.lookup(target.route_name.as_deref(), host.as_deref(), path);
        let bind = |found: &Option<Found>, path: Option<&[u8]>, tenant: &mut Option<Tenant>| {
            *tenant = found.and_then(|found| self.bound(found, host.as_deref(), path));
        };
        let Some(path) = path.filter(|path| steps_for(path) != 0) else {
            let found = find(path);
            if !self.binds.is_empty() {
                bind(&found, path, tenant);
            }
            return Ok(found.map(|found| found.rule));
        };
        let mut rules = Vec::new();
        let mut binds_one = true;
        match readings(path) {
            Some(readings) => {
                for reading in &readings {
                    let found = find(Some(reading));
                    let rule = found.map(|found| found.rule);
                    let is_first = rules.is_empty();
                    if !rules.contains(&rule) {
                        rules.push(rule);
                    }
                    if self.binds.is_empty() {
                        continue;
                    }
                    let mut bound = None;
                    bind(&found, Some(reading), &mut bound);
                    if is_first {
                        *tenant = bound;
                    }
                    let text =
                        |tenant: &Option<Tenant>| tenant.map(|tenant| tenant.text().to_vec());
                    binds_one &= text(&bound) == text(tenant);
                }
            }
            None => {
                rules.extend((0..self.count).map(Some));
                rules.push(None);
            }
        }
        match rules.as_slice() {
            [rule] if binds_one => Ok(*rule),
            _ => Err(Ambiguous { rules }),
        }
    }

    fn lookup(
        &self,
        route_name: Option<&[u8]>,
        host: Option<&str>,
        path: Option<&[u8]>,
    ) -> Option<Found> {
        self.routes.find(route_name, route_name_starts, |hosts, _| {
            hosts.find(host.map(str::as_bytes), host_tails, |paths, label| {
                paths.find(path, path_starts, |rule, segment| {
                    Some(Found {
                        rule: *rule,
                        label,
                        segment,
                    })
                })
            })
        })
    }

    /// What the match of a rule binds the name to that its policy looks at.
    fn bound(&self, found: Found, host: Option<&str>, path: Option<&[u8]>) -> Option<Tenant> {
        let binds = self.binds.get(&(found.rule as u64).to_le_bytes())?;
        let (text, (start, end)) = if binds == Binds::Host as u64 {
            (host?.as_bytes(), found.label)
        } else {
            (path?, found.segment)
        };
        // Of a longer text, which no origin has, any two are alike.
        Tenant::new(text.get(start..end)?)
    }
}

/// A rule, and where its match binds a label of the host and a segment of the path.
#[derive(Clone, Copy)]
struct Found {
    rule: usize,
    label: Span,
    segment: Span,
}

/// Start and end.
type Span = (usize, usize);

/// The readings of a path lead to different rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ambiguous {
    /// All of these rules, each once; that of the path as sent is the first unless there are too
    /// many readings to look at: then it is every rule. `None` stands for no rule.
    pub rules: Vec<Option<usize>>,
}

/// What the keys of one kind lead to.
#[derive(Debug)]
struct Level<T> {
    any: Option<T>,
    exact: Indexed<T>,
    below: Indexed<T>,
    /// Keys that bind a part, each with the place of what it leads to.
    bound: Bound,
    bound_below: Bound,
    behind_bound: Vec<T>,
    /// The length of the longest key: what is longer is not looked up, so that a path of 60 KiB does
    /// not cost a hundred times its length.
    longest: usize,
}

impl<T> Default for Level<T> {
    fn default() -> Self {
        Self {
            any: None,
            exact: Indexed::default(),
            below: Indexed::default(),
            bound: Bound::default(),
            bound_below: Bound::default(),
            behind_bound: Vec::new(),
            longest: 0,
        }
    }
}

impl<T> Level<T> {
    fn entry(&mut self, key: &Key) -> &mut T
    where
        T: Default,
    {
        self.entry_or(key, T::default())
    }

    fn entry_or(&mut self, key: &Key, default: T) -> &mut T {
        if let Key::Exact(text) | Key::Below(text) = key {
            self.longest = self.longest.max(text.len());
        }
        match key {
            Key::Any => self.any.get_or_insert(default),
            Key::Exact(text) => self.exact.get_or_insert(text.as_bytes(), default),
            Key::Below(text) => self.below.get_or_insert(text.as_bytes(), default),
            Key::Bound {
                separator,
                before,
                after,
                is_prefix,
                ..
            } => {
                let bound = if *is_prefix {
                    &mut self.bound_below
                } else {
                    &mut self.bound
                };
                let end = self.behind_bound.len();
                let place = *bound.get_or_insert(*separator, before, after, end as u64);
                let place = usize::try_from(place).unwrap_or(end);
                if place == end {
                    self.behind_bound.push(default);
                }
                #[expect(
                    clippy::indexing_slicing,
                    reason = "every key has a place that was pushed"
                )]
                &mut self.behind_bound[place]
            }
        }
    }

    /// Tries the keys that match the text, most specific first, until one leads to a rule.
    fn find<'a, I: ExactSizeIterator<Item = &'a [u8]>>(
        &self,
        text: Option<&'a [u8]>,
        below: impl Fn(&'a [u8]) -> I,
        found: impl Fn(&T, Span) -> Option<Found>,
    ) -> Option<Found> {
        let fits = |part: &&[u8]| part.len() <= self.longest;
        let plain = |value| found(value, Span::default());
        let binding = |bound: &Bound, text: &[u8]| {
            let mut from = 0;
            loop {
                let (place, part) = bound.next(text, &mut from)?;
                let value = self.behind_bound.get(usize::try_from(place).ok()?)?;
                let found = found(value, (part.start, part.end));
                if found.is_some() {
                    return found;
                }
            }
        };
        let exact = || self.exact.get(text.filter(fits)?).and_then(plain);
        let bound = || binding(&self.bound, text?);
        let within = || {
            if self.below.is_empty() && self.bound_below.is_empty() {
                return None;
            }
            let mut parts = below(text?);
            loop {
                let count = parts.len();
                let part = parts.next()?;
                let found = if fits(&part) {
                    self.below.get(part).and_then(plain)
                } else {
                    None
                };
                if found.is_some() {
                    return found;
                }
                if self.bound_below.has(count) {
                    let found = binding(&self.bound_below, part);
                    if found.is_some() {
                        return found;
                    }
                }
            }
        };
        let any = || self.any.as_ref().and_then(plain);
        exact().or_else(bound).or_else(within).or_else(any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::routes::host::parse_hostname;
    use crate::routes::key::MAX_PARTS;
    use crate::routes::path::{parse_path, prefix_key};
    use crate::routes::route_name::parse_route_name;

    fn rules(matches: &[(&str, &str, &str)]) -> Rules {
        let mut rules = Rules::default();
        for (index, (route_name, host, path)) in matches.iter().enumerate() {
            let or_any = |key: Option<Key>| vec![key.unwrap_or(Key::Any)];
            let route_name =
                (!route_name.is_empty()).then(|| parse_route_name(route_name).unwrap());
            let host = (!host.is_empty()).then(|| parse_hostname(host).unwrap());
            let path = match path.strip_prefix('=') {
                Some(exact) => Some(Key::Exact(parse_path(exact).unwrap().to_owned())),
                None => (!path.is_empty()).then(|| prefix_key(parse_path(path).unwrap())),
            };
            rules
                .insert(index, &or_any(route_name), &or_any(host), &or_any(path))
                .unwrap();
        }
        rules
    }

    fn find(
        rules: &Rules,
        route_name: &str,
        authority: &str,
        path: &str,
    ) -> Result<Option<usize>, Ambiguous> {
        let some = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        let target = Target {
            route_name: some(route_name),
            authority: some(authority),
            path: some(path),
        };
        rules.find(&target, &mut None)
    }

    #[test]
    fn the_most_specific_rule_wins() {
        let rules = rules(&[
            ("", "*.example", ""),
            ("", "*.a.example", ""),
            ("", "x.a.example", ""),
            ("", "x.a.example", "/api"),
            ("", "x.a.example", "/api/v1"),
            ("", "x.a.example", "=/api/v1"),
            ("httproute/ns/name/*", "", ""),
            ("httproute/ns/name/rule/0", "", ""),
            ("", "", "/only-path"),
        ]);
        for (route_name, host, path, rule) in [
            ("", "b.example", "/", Some(0)),
            ("", "example", "/", None),
            ("", "b.a.example", "/", Some(1)),
            ("", "X.A.example.:8443", "/", Some(2)),
            ("", "x.a.example:8443.", "/apis", Some(2)),
            ("", "x.a.example", "/api?/api/v1", Some(3)),
            ("", "x.a.example", "/api/", Some(3)),
            ("", "x.a.example", "/api/v1", Some(5)),
            ("", "x.a.example", "/api/v1/", Some(4)),
            ("httproute/ns/name/rule/1", "x.a.example", "/api", Some(6)),
            ("httproute/ns/name/rule/0", "x.a.example", "/api", Some(7)),
            ("httproute/ns/names", "elsewhere", "/", None),
            ("", "elsewhere", "/only-path/x", Some(8)),
            ("", "b.example", "/only-path/x", Some(0)),
        ] {
            assert_eq!(
                find(&rules, route_name, host, path),
                Ok(rule),
                "{route_name} {host} {path}"
            );
        }
    }

    #[test]
    fn the_longest_keys_there_can_be_are_found() {
        let path = "/a".repeat(MAX_PARTS);
        let name = format!("{}a", "a/".repeat(MAX_PARTS - 1));
        let host = format!("*.{}a", "a.".repeat(126));
        let rules = rules(&[
            ("", "", &path),
            (&format!("{name}/*"), "", ""),
            ("", &host, ""),
        ]);
        let below = |key: &str| format!("{key}/b/c");
        assert_eq!(find(&rules, "", "x", &below(&path)), Ok(Some(0)));
        assert_eq!(find(&rules, &below(&name), "x", "/"), Ok(Some(1)));
        assert_eq!(find(&rules, "", &host.replace('*', "b"), "/"), Ok(Some(2)));
        assert!(parse_path(&below(&path)).is_err());
        assert!(parse_route_name(&format!("{name}/a/*")).is_err());
    }

    #[test]
    fn a_path_whose_readings_differ_is_ambiguous() {
        let rules = rules(&[("", "", "/admin"), ("", "", "/"), ("", "", "=/secret")]);
        for path in [
            "//admin",
            "/%61dmin",
            "/pub/../admin",
            "/admin%2Fx",
            "/pub/%2e%2E/admin",
            "/\\admin",
            "/.//admin/x",
            "/%5Cadmin",
            "/%2Fadmin",
            "/x/..%2fadmin",
            "/admin;x",
            "/pub/..;/admin",
            "/;/admin",
            "/admin;%2f/x",
            // Parameters are cut before, after, or not at all.
            "/x;%2f..%2fadmin%2fsecret.txt",
            "/;%2fadmin",
            "/x%3b%2f..%2fadmin",
            // Dot segments that are there once something else is undone, and stay.
            "/%61dmin/..;/x",
            "//admin/..;/x",
            "/admin%2f..",
            "/%61dmin/..%2fx",
            "/%61dmin/x%5c..%5c..",
            "/%61dmin/..%5c",
            // Dot segments are removed before the rest is decoded.
            "/pub/..;/%61dmin/..%2f..",
            // Slashes stay encoded.
            "/pub/%2e%2e;/%61dmin/..%2f..",
            // What begins with two slashes names a host.
            "//x/admin/secret.txt",
            "/\\x/admin",
            "/%2fx%2fadmin",
            "///x/admin",
            // Nor need a dot segment leave a slash.
            "/secret/x%2f..",
            "/secret%2f.",
            "/secret%2fx%2f..%2f",
            // More readings than are looked at.
            &format!("/{}", "..;/%2f%5c.//\\;%3b/..%2f".repeat(100)),
        ] {
            let found = find(&rules, "", "a.example", path);
            assert!(found.is_err(), "{path}: {found:?}");
        }
        assert_eq!(find(&rules, "", "", "*"), Ok(None));
    }

    #[test]
    fn everyday_spellings_are_not_ambiguous() {
        let rules = rules(&[
            ("", "", "/admin"),
            ("", "", "/"),
            ("", "", "/%C3%A9"),
            ("", "", "=/100%25"),
        ]);
        for (path, rule) in [
            ("/a%20b", 1),
            ("/v1/users/x;y=1", 1),
            ("/v1/users;y=1/x", 1),
            ("/admin/x;y=1", 0),
            ("/files/a%2Fb", 1),
            ("/admin/a%2fb", 0),
            ("/%C3%A9/x", 2),
            ("/%c3%a9/x", 2),
            ("/\u{e9}/x", 2),
            ("/adm%C3%A9in", 1),
            ("/100%25", 3),
            ("/100%", 3),
            ("/%2561dmin", 1),
            ("/%41dmin", 1),
            ("/a%3Bb%3Dc", 1),
            ("/.well-known/x", 1),
            ("/a/.b/..c", 1),
            ("/c%23?/admin", 1),
            ("/users/%40me/a%3Ab", 1),
            ("/a//b", 1),
            ("/a/./b/../c", 1),
            ("/proxy/https://b.example//c;d/%41", 1),
            ("/proxy/https%3A%2F%2Fb.example%2Fc%3Fd", 1),
            ("/c:%5Cwindows", 1),
            ("/100%25/", 1),
            (&format!("/{}", "%E3%81%82".repeat(6000)), 1),
            (&format!("/{}", "a%2Fb;c/".repeat(1000)), 1),
        ] {
            assert_eq!(find(&rules, "", "", path), Ok(Some(rule)), "{path}");
        }
    }

    #[test]
    fn two_rules_with_one_match_are_reported() {
        let mut rules = Rules::default();
        let any = [Key::Any];
        let hosts = [Key::Exact("a".to_owned()), Key::Exact("b".to_owned())];
        assert_eq!(rules.insert(0, &any, &hosts, &any), Ok(()));
        assert_eq!(rules.insert(1, &any, &hosts[1..], &any), Err(0));
    }
}
