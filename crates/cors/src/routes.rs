//! Which policy governs a request: rules by route name, host and path, found through an index.
//!
//! The index nests one map in the next: route names, hosts, paths. The most specific key that leads
//! to a rule wins, in this order, whatever the order of the rules in the configuration.

use crate::origin::{holds, is_domain, normalize_ipv6, split_port};
use crate::text_map::{ByText, TextMap};

/// Rules by what they match; a rule is its index in the configuration.
#[derive(Debug, Default)]
pub struct Rules {
    routes: Level<Level<Level<usize>>>,
    reads: Reads,
    /// One more than the largest rule.
    count: usize,
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

    pub fn reads(&self) -> Reads {
        self.reads
    }

    /// Finds the rule for a request. `Err` if the readings of its path lead to different rules: then
    /// somebody tries to get around one of them.
    pub fn find(&self, target: &Target) -> Result<Option<usize>, Ambiguous> {
        let authority = target.authority.as_deref().map(String::from_utf8_lossy);
        let host = authority.as_deref().map(host_of);
        // Neither CONNECT nor `OPTIONS *` has a path.
        let path = target
            .path
            .as_deref()
            .map(path_of)
            .filter(|path| matches!(path.first(), Some(b'/' | b'\\' | b'%')));
        let find = |path| self.lookup(target.route_name.as_deref(), host.as_deref(), path);
        let Some(path) = path.filter(|path| steps_for(path) != 0) else {
            return Ok(find(path));
        };
        let mut rules = Vec::new();
        match readings(path) {
            Some(readings) => {
                for reading in &readings {
                    let rule = find(Some(reading));
                    if !rules.contains(&rule) {
                        rules.push(rule);
                    }
                }
            }
            None => {
                rules.extend((0..self.count).map(Some));
                rules.push(None);
            }
        }
        match rules.as_slice() {
            [rule] => Ok(*rule),
            _ => Err(Ambiguous { rules }),
        }
    }

    fn lookup(
        &self,
        route_name: Option<&[u8]>,
        host: Option<&str>,
        path: Option<&[u8]>,
    ) -> Option<usize> {
        self.routes.find(route_name, route_name_starts, |hosts| {
            hosts.find(host.map(str::as_bytes), host_tails, |paths| {
                paths.find(path, path_starts, |rule| Some(*rule))
            })
        })
    }
}

/// The host names that a service goes by: `hosts` of a policy.
#[derive(Debug, Default)]
pub struct Hosts(Rules);

impl Hosts {
    pub fn new(names: &[Key]) -> Self {
        let mut rules = Rules::default();
        // The one rule cannot be in its own way.
        let _ = rules.insert(0, &[Key::Any], names, &[Key::Any]);
        Self(rules)
    }

    /// Whether the host of a request's authority is one of them.
    pub fn hold(&self, authority: Option<Vec<u8>>) -> bool {
        let target = Target {
            authority,
            ..Target::default()
        };
        self.0.find(&target) == Ok(Some(0))
    }
}

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
    fn find<'a, I: Iterator<Item = &'a [u8]>>(
        &self,
        text: Option<&'a [u8]>,
        below: impl Fn(&'a [u8]) -> I,
        found: impl Fn(&T) -> Option<usize>,
    ) -> Option<usize> {
        let fits = |part: &&[u8]| part.len() <= self.longest;
        let exact = || self.exact.get(text.filter(fits)?).and_then(&found);
        let within = || {
            if self.below.is_empty() {
                return None;
            }
            below(text?)
                .filter(fits)
                .find_map(|part| self.below.get(part).and_then(&found))
        };
        let any = || self.any.as_ref().and_then(&found);
        exact().or_else(within).or_else(any)
    }
}

/// `a/b`, `a` of the route name `a/b/c`: longest first.
fn route_name_starts(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends: Vec<usize> = positions(name, b'/').take(MAX_PARTS).collect();
    ends.into_iter().rev().filter_map(|end| name.get(..end))
}

/// `.b.c`, `.c` of the host `a.b.c`: longest first. Of a host with more labels than a configured
/// one can have only the end is looked at.
fn host_tails(host: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts: Vec<usize> = positions(host, b'.').rev().take(MAX_PARTS).collect();
    starts
        .into_iter()
        .rev()
        .filter_map(|start| host.get(start..))
}

/// `/a/b`, `/a`, the empty one of the path `/a/b`: longest first, whole segments. Of a path with
/// more segments than a configured prefix can have only the start is looked at.
fn path_starts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts: Vec<usize> = positions(path, b'/')
        .chain(std::iter::once(path.len()))
        .take(MAX_PARTS + 1)
        .collect();
    starts.into_iter().rev().filter_map(|end| path.get(..end))
}

fn positions(text: &[u8], wanted: u8) -> impl DoubleEndedIterator<Item = usize> {
    let places = text.iter().enumerate();
    places.filter_map(move |(at, byte)| (*byte == wanted).then_some(at))
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
fn path_of(target: &[u8]) -> &[u8] {
    let end = |byte: &u8| matches!(byte, b'?' | b'#');
    target.split(end).next().unwrap_or_default()
}

/// What some server undoes before it looks at a path. Servers differ in which of these they undo, and
/// in what order; so do chains of them.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// Decodes what is percent-encoded, but for separators, and for what would begin a second decoding
    /// or a query.
    Decode = 1,
    /// Decodes `%2F` and `%5C`.
    DecodeSeparators = 2,
    /// Takes `\` for `/`.
    TurnBackslashes = 4,
    /// Cuts the parameters of each segment: `;` and what follows.
    CutParameters = 8,
    MergeSlashes = 16,
    /// Takes what is between `//` and the next slash for a host, as where a path is resolved as the
    /// reference of a URL.
    CutHost = 32,
    RemoveDots = 64,
    /// Drops the slash at the end that other steps left there; one that was sent is another path.
    CutLastSlash = 128,
    /// Spells each byte that may be percent-encoded in one way: in upper case, a `%` that encodes nothing
    /// as `%25`. No server does; it is there to compare.
    Spell = 256,
}

const STEPS: [Step; 8] = [
    Step::Decode,
    Step::DecodeSeparators,
    Step::TurnBackslashes,
    Step::CutParameters,
    Step::MergeSlashes,
    Step::CutHost,
    Step::RemoveDots,
    Step::CutLastSlash,
];

/// The steps that may change a path, as a sum; 0 for one that everybody reads as it is.
fn steps_for(path: &[u8]) -> u16 {
    let mut steps = 0;
    let mut last = 0;
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        steps |= match byte {
            b'%' => {
                let decoding = match read_escape(byte, after) {
                    Some((b'/' | b'\\', _)) => Step::DecodeSeparators,
                    Some((byte, _)) if byte.is_ascii_graphic() => Step::Decode,
                    _ => Step::Spell,
                };
                decoding as u16 | Step::Spell as u16
            }
            b';' => Step::CutParameters as u16,
            b'\\' => Step::TurnBackslashes as u16,
            b'/' if last == b'/' => Step::MergeSlashes as u16 | Step::CutHost as u16,
            b'.' if last == b'/' => Step::RemoveDots as u16,
            _ if byte.is_ascii_graphic() => 0,
            _ => Step::Spell as u16,
        };
        last = byte;
    }
    steps
}

/// The texts that a path becomes by any steps in any order, each once, the path as sent first; `None`
/// if there are more than a bounded work can look at.
fn readings(path: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut room = MAX_READ;
    let mut reading = Vec::with_capacity(path.len());
    undo(Step::Spell, path, &mut reading);
    let mut readings = vec![reading.clone()];
    let mut at = 0;
    while at < readings.len() {
        let mut steps = steps_for(readings.get(at)?);
        if !path.ends_with(b"/") && readings.get(at)?.ends_with(b"/") {
            steps |= Step::CutLastSlash as u16;
        }
        for step in STEPS {
            if steps & step as u16 == 0 {
                continue;
            }
            undo(step, readings.get(at)?, &mut reading);
            room = room.checked_sub(reading.len() + READING)?;
            if !readings.contains(&reading) {
                readings.push(reading.clone());
            }
        }
        at += 1;
    }
    Some(readings)
}

/// The path with everything undone.
fn normalise_path(path: &[u8]) -> Vec<u8> {
    let (mut path, mut undone) = (path.to_vec(), Vec::new());
    for step in STEPS {
        if step != Step::CutHost && step != Step::CutLastSlash {
            undo(step, &path, &mut undone);
            std::mem::swap(&mut path, &mut undone);
        }
    }
    path
}

/// Writes the path with one thing undone.
fn undo(step: Step, path: &[u8], undone: &mut Vec<u8>) {
    undone.clear();
    match step {
        Step::CutHost => undone.extend_from_slice(cut_host(path)),
        Step::RemoveDots => remove_dots(path, undone),
        Step::CutLastSlash => undone.extend_from_slice(match path {
            [first @ .., b'/'] if !first.is_empty() => first,
            _ => path,
        }),
        _ => rewrite(step, path, undone),
    }
}

fn rewrite(step: Step, path: &[u8], written: &mut Vec<u8>) {
    let does = |what| step == what;
    let mut in_parameter = false;
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let (byte, is_encoded) = match read_escape(first, after) {
            Some((byte, after)) => {
                rest = after;
                let decoded = match byte {
                    b'/' | b'\\' => does(Step::DecodeSeparators),
                    b'?' | b'#' => false,
                    _ => does(Step::Decode),
                };
                (byte, !decoded)
            }
            None => (first, false),
        };
        let is_encoded = is_encoded || byte == b'%' || !byte.is_ascii_graphic();
        match byte {
            b'/' if !is_encoded => {
                in_parameter = false;
                if !(does(Step::MergeSlashes) && written.last() == Some(&b'/')) {
                    written.push(b'/');
                }
            }
            _ if in_parameter => {}
            _ if is_encoded => {
                written.extend([b'%', hexadecimal(byte >> 4), hexadecimal(byte & 15)]);
            }
            b';' if does(Step::CutParameters) => in_parameter = true,
            b'\\' if does(Step::TurnBackslashes) => written.push(b'/'),
            _ => written.push(byte),
        }
    }
}

fn cut_host(path: &[u8]) -> &[u8] {
    let mut rest = path;
    if path.starts_with(b"//") {
        while let Some(host) = rest.strip_prefix(b"/") {
            rest = host;
        }
        while let [first, after @ ..] = rest
            && *first != b'/'
        {
            rest = after;
        }
    }
    if rest.is_empty() { b"/" } else { rest }
}

fn remove_dots(path: &[u8], written: &mut Vec<u8>) {
    let mut ends_in_dots = false;
    let path = path.strip_prefix(b"/").unwrap_or(path);
    for segment in path.split(|byte| *byte == b'/') {
        ends_in_dots = matches!(segment, b"." | b"..");
        if !ends_in_dots {
            written.push(b'/');
            written.extend_from_slice(segment);
        } else if segment == b".." {
            while !matches!(written.pop(), None | Some(b'/')) {}
        }
    }
    if written.is_empty() || ends_in_dots {
        written.push(b'/');
    }
}

fn read_escape(first: u8, after: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    match after {
        [high, low, rest @ ..] if first == b'%' => {
            Some(((digit(*high)? * 16 + digit(*low)?) as u8, rest))
        }
        _ => None,
    }
}

fn hexadecimal(digit: u8) -> u8 {
    match digit {
        0..10 => b'0' + digit,
        _ => b'A' - 10 + digit,
    }
}

/// Reads an entry of `hostnames`; the error says what to write.
pub fn parse_hostname(text: &str) -> Result<Key, &'static str> {
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_suffix('.').unwrap_or(&lower);
    let domain = name.strip_prefix("*.").unwrap_or(name);
    if text == "*" {
        return Err("matches every host; leave the list out");
    }
    if holds(text, b"://") {
        return Err("has a scheme; write the host name alone");
    }
    if split_port(name).1.is_some() && !name.starts_with('[') && name.matches(':').count() == 1 {
        return Err("has a port; write the host name alone, which covers every port");
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
    let normalised = normalise_path(text.as_bytes());
    if normalised == text.as_bytes() {
        return Ok(text);
    }
    Err(format!(
        "is not normalised and would never decide alone; write \"{}\"",
        String::from_utf8_lossy(&normalised)
    ))
}

/// The key of a path prefix: `/api/` covers what `/api` covers, `/` everything.
pub fn prefix_key(path: &str) -> Key {
    Key::Below(path.strip_suffix('/').unwrap_or(path).to_owned())
}

/// Whether the path is below one of the keys of path prefixes, by whole segments.
pub fn is_under(path: &str, prefixes: &TextMap) -> bool {
    path_starts(path.as_bytes()).any(|start| prefixes.get(start).is_some())
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
/// The bytes that are written at most to read a path in every way: room for one other reading of the
/// longest path, and for some hundred of a short one.
const MAX_READ: usize = 64 * 1024;
/// What a reading costs besides its bytes, in bytes.
const READING: usize = 128;

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
    fn paths_are_normalised() {
        for (path, normalised) in [
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("/", "/"),
            ("/a//b", "/a/b"),
            ("/a/./b/.", "/a/b/"),
            ("/a/../../b", "/b"),
            ("/a/..//b", "/b"),
            ("/%7Ea%41", "/~aA"),
            ("/a%20b%3F", "/a%20b%3F"),
            ("/%c3%a9%3f%23%25", "/%C3%A9%3F%23%25"),
            ("/users%3Aadmin", "/users:admin"),
            ("/%40fs", "/@fs"),
            ("/a;v=1/b;w", "/a/b"),
            ("/a%3Bv", "/a"),
            ("/%+1", "/%25+1"),
            ("/%", "/%25"),
            ("/%4", "/%254"),
            ("/\u{e9}", "/%C3%A9"),
            ("\\a", "/a"),
        ] {
            let found = String::from_utf8(normalise_path(path.as_bytes())).unwrap();
            assert_eq!(found, normalised, "{path}");
            let again = normalise_path(found.as_bytes());
            assert_eq!(again, found.as_bytes(), "{path}");
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
