//! Which policy governs a request: rules by route name, host and path, found through an index.
//!
//! The index nests one map in the next: route names, hosts, paths. The most specific key that leads
//! to a rule wins, in this order, whatever the order of the rules in the configuration.

use std::borrow::Cow;

use crate::origin::{holds, is_domain, normalize_ipv6, split_port};
use crate::text_map::{ByText, TextMap};

/// Rules by what they match; a rule is its index in the configuration.
#[derive(Debug, Default)]
pub struct Rules {
    routes: Level<Level<Level<usize>>>,
    reads: Reads,
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

/// One key of a level: what an entry of `match` says.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Key {
    /// Not restricted.
    Any,
    Exact(String),
    /// Everything below: `.example.com` of `*.example.com`, `/api` of a path prefix,
    /// `httproute/ns/name` of a route name that ends in `/*`.
    Below(String),
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

    pub fn reads(&self) -> Reads {
        self.reads
    }

    /// Finds the rule for a request. `Err` if the path as sent and the path as normalised lead to
    /// different rules: then somebody tries to get around one of them.
    pub fn find(&self, target: &Target) -> Result<Option<usize>, Ambiguous> {
        let route_name = target.route_name.as_deref().map(String::from_utf8_lossy);
        let authority = target.authority.as_deref().map(String::from_utf8_lossy);
        let host = authority.as_deref().map(host_of);
        let path = target.path.as_deref().map(String::from_utf8_lossy);
        // Neither CONNECT nor `OPTIONS *` has a path.
        let path = path
            .as_deref()
            .map(path_of)
            .filter(|path| path.starts_with(['/', '\\', '%']));
        let find = |path: Option<&str>| self.lookup(route_name.as_deref(), host.as_deref(), path);
        let as_sent = find(path);
        match path.map(normalise_path) {
            Some(Cow::Owned(normalised)) => {
                let as_normalised = find(Some(&normalised));
                if as_normalised == as_sent {
                    Ok(as_sent)
                } else {
                    Err(Ambiguous {
                        as_sent,
                        as_normalised,
                    })
                }
            }
            Some(Cow::Borrowed(_)) | None => Ok(as_sent),
        }
    }

    fn lookup(
        &self,
        route_name: Option<&str>,
        host: Option<&str>,
        path: Option<&str>,
    ) -> Option<usize> {
        self.routes.find(route_name, route_name_starts, |hosts| {
            hosts.find(host, host_tails, |paths| {
                paths.find(path, path_starts, |rule| Some(*rule))
            })
        })
    }
}

/// The two readings of a path lead to different rules.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ambiguous {
    pub as_sent: Option<usize>,
    pub as_normalised: Option<usize>,
}

/// What the keys of one kind lead to.
#[derive(Debug)]
struct Level<T> {
    any: Option<T>,
    exact: ByText<T>,
    below: ByText<T>,
    /// The length of the longest key: what is longer is not looked up, so that a path of 60 KiB does
    /// not cost a hundred times its length.
    longest: usize,
}

impl<T> Default for Level<T> {
    fn default() -> Self {
        Self {
            any: None,
            exact: ByText::default(),
            below: ByText::default(),
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
        }
    }

    /// Tries the keys that match the text, most specific first, until one leads to a rule.
    fn find<'a, I: Iterator<Item = &'a str>>(
        &self,
        text: Option<&'a str>,
        below: impl Fn(&'a str) -> I,
        found: impl Fn(&T) -> Option<usize>,
    ) -> Option<usize> {
        let fits = |part: &&str| part.len() <= self.longest;
        let exact = || {
            self.exact
                .get(text.filter(fits)?.as_bytes())
                .and_then(&found)
        };
        let within = || {
            if self.below.is_empty() {
                return None;
            }
            below(text?)
                .filter(fits)
                .find_map(|part| self.below.get(part.as_bytes()).and_then(&found))
        };
        let any = || self.any.as_ref().and_then(&found);
        exact().or_else(within).or_else(any)
    }
}

/// `a/b`, `a` of the route name `a/b/c`: longest first.
fn route_name_starts(name: &str) -> impl Iterator<Item = &str> {
    let ends: Vec<usize> = name
        .match_indices('/')
        .map(|(at, _)| at)
        .take(MAX_PARTS)
        .collect();
    ends.into_iter().rev().filter_map(|end| name.get(..end))
}

/// `.b.c`, `.c` of the host `a.b.c`: longest first. Of a host with more labels than a configured
/// one can have only the end is looked at.
fn host_tails(host: &str) -> impl Iterator<Item = &str> {
    let starts: Vec<usize> = host
        .rmatch_indices('.')
        .map(|(at, _)| at)
        .take(MAX_PARTS)
        .collect();
    starts
        .into_iter()
        .rev()
        .filter_map(|start| host.get(start..))
}

/// `/a/b`, `/a`, the empty one of the path `/a/b`: longest first, whole segments. Of a path with
/// more segments than a configured prefix can have only the start is looked at.
fn path_starts(path: &str) -> impl Iterator<Item = &str> {
    let starts: Vec<usize> = path
        .match_indices('/')
        .map(|(at, _)| at)
        .chain(std::iter::once(path.len()))
        .take(MAX_PARTS + 1)
        .collect();
    starts.into_iter().rev().filter_map(|end| path.get(..end))
}

/// The host of an authority: lower-case, without user name, port and one trailing dot, which may
/// stand behind the port too.
pub fn host_of(authority: &str) -> String {
    let without_dot = |text| str::strip_suffix(text, ".").unwrap_or(text);
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    let host = match split_port(without_dot(authority)) {
        (host, None) => host,
        (host, Some(_)) => without_dot(host),
    };
    let host = host.to_ascii_lowercase();
    normalize_ipv6(&host).unwrap_or(host)
}

/// The path of a request target: what stands before the query and the fragment.
fn path_of(target: &str) -> &str {
    let end = target.bytes().position(|byte| matches!(byte, b'?' | b'#'));
    end.and_then(|end| target.get(..end)).unwrap_or(target)
}

/// The path as an upstream may read it: visible characters decoded, but for those with which a
/// second decoding or a query would begin; `\` turned, parameters of segments cut off, slashes
/// merged, dot segments removed. Borrowed if that is the path as it stands.
pub fn normalise_path(path: &str) -> Cow<'_, str> {
    if !path.contains(['%', '\\', ';']) && !holds(path, b"//") && !holds(path, b"/.") {
        return Cow::Borrowed(path);
    }
    let decoded = decode(path);
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_in_folder = false;
    for segment in decoded.split('/') {
        ends_in_folder = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let mut normalised = String::with_capacity(decoded.len() + 1);
    for segment in &segments {
        normalised.push('/');
        normalised.push_str(segment);
    }
    if ends_in_folder {
        normalised.push('/');
    }
    if normalised == path {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(normalised)
    }
}

fn decode(path: &str) -> String {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path.chars();
    let mut in_parameter = false;
    while let Some(char) = rest.next() {
        match char {
            '/' | '\\' => {
                in_parameter = false;
                decoded.push('/');
            }
            _ if in_parameter => {}
            ';' => in_parameter = true,
            '%' => match rest.as_str().get(..2).and_then(read_escape) {
                Some(byte) => {
                    rest = rest.as_str().get(2..).unwrap_or_default().chars();
                    match byte {
                        b'\\' => decoded.push('/'),
                        b'%' | b'?' | b'#' => decoded.push_str(&format!("%{byte:02X}")),
                        _ if byte.is_ascii_graphic() => decoded.push(byte.into()),
                        _ => decoded.push_str(&format!("%{byte:02X}")),
                    }
                }
                None => decoded.push('%'),
            },
            _ => decoded.push(char),
        }
    }
    decoded
}

fn read_escape(digits: &str) -> Option<u8> {
    let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16)
        .ok()
        .filter(|_| is_hexadecimal)
}

/// Reads an entry of `hostnames`; the error says what to write.
pub fn parse_hostname(text: &str) -> Result<Key, &'static str> {
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_suffix('.').unwrap_or(&lower);
    let domain = name.strip_prefix("*.").unwrap_or(name);
    if text == "*" {
        return Err("matches every host; leave hostnames out instead");
    }
    if holds(text, b"://") {
        return Err("has a scheme; write the host name alone");
    }
    if split_port(name).1.is_some() && !name.starts_with('[') && name.matches(':').count() == 1 {
        return Err("has a port; write the host name alone, rules do not look at ports");
    }
    if name.starts_with('[') {
        return normalize_ipv6(name)
            .map(Key::Exact)
            .ok_or("is not an IPv6 address in brackets without port");
    }
    if domain.contains('*') {
        return Err("has a wildcard that is not the first label; write it as in *.example.com");
    }
    if !is_domain(domain) {
        return Err("is not a host name; write one as in api.example.com or *.example.com");
    }
    Ok(if domain == name {
        Key::Exact(name.to_owned())
    } else {
        Key::Below(format!(".{domain}"))
    })
}

/// Reads an entry of `exactPaths` or `pathPrefixes` and leaves it as it is; the error says what to
/// write.
pub fn parse_path(text: &str) -> Result<&str, String> {
    if !text.starts_with('/') {
        return Err("does not start with /; write it in front".to_owned());
    }
    if text.contains(['?', '#']) {
        return Err("has a query or fragment; rules look at the path alone".to_owned());
    }
    if text.contains('*') {
        return Err("has a wildcard; a path prefix covers everything below it".to_owned());
    }
    if text
        .bytes()
        .any(|byte| byte.is_ascii_control() || byte == b' ' || !byte.is_ascii())
    {
        return Err("has a byte that no path holds; percent-encode it".to_owned());
    }
    if text.len() > MAX_PATH {
        return Err(format!("has more than {MAX_PATH} bytes"));
    }
    if text.matches('/').count() > MAX_PARTS {
        return Err(format!("has more than {MAX_PARTS} segments"));
    }
    match normalise_path(text) {
        Cow::Borrowed(path) => Ok(path),
        Cow::Owned(normalised) => Err(format!(
            "is not normalised and would never decide alone; write \"{normalised}\""
        )),
    }
}

/// The key of a path prefix: `/api/` covers what `/api` covers, `/` everything.
pub fn prefix_key(path: &str) -> Key {
    Key::Below(path.strip_suffix('/').unwrap_or(path).to_owned())
}

/// Whether the path is below one of the keys of path prefixes, by whole segments.
pub fn is_under(path: &str, prefixes: &TextMap) -> bool {
    path_starts(path).any(|start| prefixes.get(start.as_bytes()).is_some())
}

/// Reads an entry of `routeNames`.
pub fn parse_route_name(text: &str) -> Result<Key, &'static str> {
    match text.strip_suffix("/*") {
        _ if text.is_empty() => {
            Err("is empty; write the name of a route, as in httproute/shop/api/*")
        }
        Some("") => Err("matches every route; leave routeNames out instead"),
        Some(start) if start.contains('*') => {
            Err("has more than one wildcard; only a final /* is one")
        }
        Some(start) if start.matches('/').count() >= MAX_PARTS => Err("has too many parts"),
        Some(start) => Ok(Key::Below(start.to_owned())),
        None if text.contains('*') => Err(
            "has a wildcard that is not a final /*; write the whole name, or one that ends in /*",
        ),
        None => Ok(Key::Exact(text.to_owned())),
    }
}

/// Labels of a host, segments of a path, parts of a route name that are looked up at most; no
/// configured one has more.
const MAX_PARTS: usize = 128;
const MAX_PATH: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

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
        rules.find(&Target {
            route_name: some(route_name),
            authority: some(authority),
            path: some(path),
        })
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
    fn a_path_that_reads_two_ways_is_ambiguous() {
        let rules = rules(&[("", "", "/admin"), ("", "", "/")]);
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
        ] {
            let found = find(&rules, "", "a.example", path);
            assert!(found.is_err(), "{path}: {found:?}");
        }
        assert_eq!(find(&rules, "", "", "/adm%C3%A9in"), Ok(Some(1)));
        assert_eq!(find(&rules, "", "", "/%2561dmin"), Ok(Some(1)));
        assert_eq!(find(&rules, "", "", "*"), Ok(None));
    }

    #[test]
    fn paths_are_normalised() {
        for (path, normalised) in [
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("/", "/"),
            ("/a//b", "/a/b"),
            ("/a/./b/.", "/a/b/"),
            ("/a/../../b", "/b"),
            ("/%7Ea%41", "/~aA"),
            ("/a%20b%3F", "/a%20b%3F"),
            ("/%c3%a9%3f%23%25", "/%C3%A9%3F%23%25"),
            ("/users%3Aadmin", "/users:admin"),
            ("/%40fs", "/@fs"),
            ("/a;v=1/b;w", "/a/b"),
            ("/a%3Bv", "/a;v"),
            ("/%+1", "/%+1"),
            ("/%", "/%"),
            ("/%4", "/%4"),
            ("/%\u{e9}1", "/%\u{e9}1"),
            ("\\a", "/a"),
        ] {
            assert_eq!(normalise_path(path), normalised, "{path}");
        }
    }

    #[test]
    fn two_rules_with_one_match_are_told() {
        let mut rules = Rules::default();
        let any = [Key::Any];
        let hosts = [Key::Exact("a".to_owned()), Key::Exact("b".to_owned())];
        assert_eq!(rules.insert(0, &any, &hosts, &any), Ok(()));
        assert_eq!(rules.insert(1, &any, &hosts[1..], &any), Err(0));
    }
}
