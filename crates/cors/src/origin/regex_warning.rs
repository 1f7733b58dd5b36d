//! What few people mean by a regular expression over origins.

use crate::diagnostic::Code;
use crate::http::token::{Class, span};
use crate::origin::pattern::OriginPattern;
use crate::origin::regex::OriginRegex;
use crate::origin::shape::{Shape, can_hold_slash};
use crate::origin::{holds, split_port, split_scheme};

impl OriginRegex {
    /// What few people mean by such an expression. It is found by the text, and by origins that the
    /// expression should not match: not everything is.
    pub fn warning(&self, credentials: bool) -> Option<(Code, String)> {
        let Shape { start, end, .. } = &self.shape;
        let start = str::from_utf8(start).unwrap_or_default();
        let end = str::from_utf8(end).unwrap_or_default();
        let source = without_anchor(self.source.strip_prefix('^').unwrap_or(&self.source));
        let escapes = source.bytes().filter(|byte| *byte == b'\\').count();
        let is_literal = start.len() + escapes == source.len();
        if let Ok((pattern, _)) = OriginPattern::parse(if is_literal { start } else { source }) {
            let written = pattern.to_string();
            let is_meant = pattern != OriginPattern::Any;
            if is_meant && (!pattern.is_exact() || !self.admits(&written)) {
                let text = format!(
                    "matches no origin that it seems to name; write \"{written}\" in allowOrigins"
                );
                return Some((Code::RegexMissesOrigin, text));
            }
        }
        if !can_begin(start) || !can_end(end) || !can_hold_slash(source) {
            return Some((Code::RegexMatchesNothing, MATCHES_NOTHING.to_owned()));
        }
        if let Some(found) = self.look_alike(start, end) {
            let text = format!(
                "allows {found}, a name that anybody can have; let whole labels vary only, before an escaped dot and a domain of yours"
            );
            return Some((Code::RegexAdmitsStrangers, text));
        }
        (credentials && is_insecure(source))
            .then(|| (Code::CredentialsWithPlainHttp, PLAIN_HTTP.to_owned()))
    }

    /// An origin of somebody else that begins or ends as the expression does, if it is let in.
    pub(crate) fn look_alike(&self, start: &str, end: &str) -> Option<String> {
        let (scheme, host) = split_scheme(start).unwrap_or(("https", ""));
        let is_dot = |byte: &u8| *byte == b'.';
        let mut labels = end.as_bytes().rsplit(is_dot).map(<[u8]>::len);
        let is_short = labels.next() == Some(2) && labels.next().is_some_and(|length| length < 4);
        let dots = end.as_bytes().iter().copied().filter(is_dot).count();
        let port = self.port();
        let is_let_in = |host: &str, more: &str| {
            let origin = format!("{scheme}://{host}{more}{port}");
            self.admits(&origin).then_some(origin)
        };
        // The buyer of a domain chooses its first label: `evilexample.com`, `evilexample.co.uk`.
        if (dots == 1 || dots == 2 && is_short) && !end.starts_with('.') {
            is_let_in("evil", end)
        } else {
            None
        }
        .or_else(|| match host.strip_suffix('.') {
            _ if host.is_empty() => ANYBODYS.iter().find_map(|name| is_let_in(name, "")),
            Some(domain) => is_let_in(domain, ".evil").or_else(|| is_let_in(domain, ".evil.test")),
            None => is_let_in(host, ".evil.test"),
        })
    }
}

/// The expression for an origin with stars within its labels, each of which stands for one or more
/// of what labels are made of; among the numbers of an address, for digits. Not for one in the last
/// label, which would let in domains of anybody.
pub fn expand_stars(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let without_stars = text
        .chars()
        .map(|char| if char == '*' { '1' } else { char });
    let (pattern, _) = OriginPattern::parse(&without_stars.collect::<String>()).ok()?;
    let (scheme, rest) = split_scheme(&text)?;
    let (host, port) = split_port(rest.strip_suffix('/').unwrap_or(rest));
    let (before, last) = host.split_at_checked(host.bytes().rposition(|byte| byte == b'.')?)?;
    let is_address = host
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".*".contains(&byte));
    let is_open = holds(last, b"*") && !is_address || !holds(before, b"*") || holds(host, b"**");
    if !pattern.is_exact() || is_open {
        return None;
    }
    let label = if is_address { "[0-9]+" } else { "[a-z0-9_-]+" };
    let mut regex = String::new();
    for byte in host.bytes() {
        match byte {
            b'.' => regex.push_str("\\."),
            b'*' => regex.push_str(label),
            byte => regex.push(char::from(byte)),
        }
    }
    let port = match port {
        Some("*") => "(:[0-9]+)?".to_owned(),
        Some(port) => format!(":{port}"),
        None => String::new(),
    };
    let is_default = port.starts_with(':') && !pattern.to_string().ends_with(&port);
    let port = if is_default { "" } else { &port };
    Some(format!("{scheme}://{regex}{port}"))
}

/// Whether an origin can begin so.
fn can_begin(start: &str) -> bool {
    let length = span(start.as_bytes(), Class::SCHEME);
    let rest = start.get(length..).unwrap_or_default();
    let is_scheme = start.is_empty() || start.starts_with(|char: char| char.is_ascii_lowercase());
    is_scheme && ("://".starts_with(rest) || rest.strip_prefix("://").is_some_and(is_of_host))
}

/// Whether an origin can end so.
fn can_end(end: &str) -> bool {
    let slash = end.bytes().rposition(|byte| byte == b'/');
    let (before, host) = end
        .split_at_checked(slash.map_or(0, |slash| slash + 1))
        .unwrap_or_default();
    let is_scheme = "://".ends_with(before) || before.ends_with("://");
    is_scheme && (before.is_empty() || !host.is_empty()) && is_of_host(host)
}

fn is_of_host(text: &str) -> bool {
    let is_byte = |byte| b":[]".contains(byte);
    let bytes = text.as_bytes();
    bytes
        .iter()
        .all(|byte| span(&[*byte], Class::HOST) == 1 || is_byte(byte))
}

/// Whether it names the scheme http, or omits the `s`, except for this machine.
fn is_insecure(source: &str) -> bool {
    let is_plain = |window: &[u8]| match window {
        [b'h', b't', b't', b'p', b's', after] => b"?*{".contains(after),
        [b'h', b't', b't', b'p', ..] => true,
        _ => false,
    };
    let is_loopback = ["localhost", "127\\.", "\\[::1"]
        .iter()
        .any(|host| holds(source, host.as_bytes()));
    !is_loopback && source.as_bytes().windows(6).any(is_plain)
}

pub(crate) fn without_anchor(text: &str) -> &str {
    text.strip_suffix('$').unwrap_or(text)
}

const MATCHES_NOTHING: &str = "can match no Origin, which is scheme://host[:port] in lower case; write the whole of it, as in \"https://([a-z0-9-]+\\\\.)*example\\\\.com\"";

/// As of a pattern of plain http.
const PLAIN_HTTP: &str =
    "matches plain http with credentials: anybody on the network can act as its users; write https";

/// Hosts that a domain of one's own does not end.
const ANYBODYS: [&str; 6] = [
    "cors-probe.com",
    "cors-probe.net",
    "cors-probe.org",
    "cors-probe.io",
    "cors-probe.dev",
    "cors-probe.invalid",
];

/// What may follow a host: it is not part of the literal end.
pub(crate) const PORTS: [&str; 4] = ["(:[0-9]+)?", "(:\\d+)?", "(?::[0-9]+)?", "(?::\\d+)?"];
