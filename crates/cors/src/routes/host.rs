//! The host of a request as rules see it.

use crate::origin::tenant::Named;
use crate::origin::{holds, is_domain, normalize_ipv6, split_port, without_userinfo};
use crate::routes::key::{Key, MAX_PARTS, positions};
use crate::routes::rules::{Rules, Target};

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
        self.0.find(&target, &mut None) == Ok(Some(0))
    }
}

/// `.b.c`, `.c` of the host `a.b.c`: longest first. Of a host with more labels than a configured
/// one can have only the end is looked at.
pub(crate) fn host_tails(host: &[u8]) -> impl ExactSizeIterator<Item = &[u8]> {
    let starts: Vec<usize> = positions(host, b'.').rev().take(MAX_PARTS).collect();
    starts
        .into_iter()
        .rev()
        .map(|start| host.get(start..).unwrap_or_default())
}

/// The host of an authority: lower-case, without user name, port and one trailing dot, which may also
/// follow the port.
pub fn host_of(authority: &str) -> String {
    let without_dot = |text| str::strip_suffix(text, ".").unwrap_or(text);
    let host = match split_port(without_dot(without_userinfo(authority))) {
        (host, None) => host,
        (host, Some(_)) => without_dot(host),
    };
    let host = host.to_ascii_lowercase();
    normalize_ipv6(&host).unwrap_or(host)
}

/// Reads an entry of `hostnames`, in which a name in braces, in any case, can stand for a label.
pub fn parse_host_pattern(text: &str) -> Result<Key, &'static str> {
    let Some(named) = Named::split(text, '.')? else {
        return parse_hostname(text);
    };
    let Key::Exact(host) = parse_hostname(&named.with("a"))? else {
        return Err("has a wildcard and a name in braces; write one of them");
    };
    let (before, after) = host
        .split_at_checked(named.before.len())
        .unwrap_or_default();
    Ok(Key::Bound {
        separator: b'.',
        before: before.to_owned(),
        name: named.name.to_ascii_lowercase(),
        after: after.strip_prefix('a').unwrap_or_default().to_owned(),
        is_prefix: false,
    })
}

/// Reads the name of a host; the error says what to write.
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
    if holds(domain, b"*") {
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
