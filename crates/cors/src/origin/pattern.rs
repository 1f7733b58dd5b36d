//! Origin patterns, as configuration lists them.

use std::fmt;

use crate::diagnostic::Code;
use crate::origin::tenant::Named;
use crate::origin::{
    MAX_ORIGIN_LENGTH, default_port_of, embedder_host_length, holds, is_domain, is_of_web, is_port,
    is_scheme, normalize_ipv6, parse_ipv4, split_port, split_scheme,
};

/// What an entry of `allowOrigins` says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OriginPattern {
    /// `*`
    Any,
    /// `null`
    Null,
    Tuple(TuplePattern),
}

/// A pattern of tuple origins: `scheme://host[:port]`, with `*.` before or `*` for the host or for a part of
/// its first label, and `*` for the port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TuplePattern {
    pub(crate) scheme: String,
    /// The host in full, `*.example.com`, `pr-*.example.com`, or `*`.
    pub(crate) host: String,
    pub(crate) port: PortPattern,
    /// Written with the scheme's default port, so that an `Origin` written with it matches too.
    default_port: bool,
    /// Written with a trailing slash, so that an `Origin` written with one matches too.
    slash: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum PortPattern {
    Any,
    Default,
    Exact(String),
}

impl OriginPattern {
    /// Reads an entry of `allowOrigins`, with remarks on what was written otherwise than it is read.
    pub fn parse(text: &str) -> Result<(Self, Vec<Remark>), OriginPatternError> {
        match text {
            "*" => return Ok((Self::Any, Vec::new())),
            "null" => return Ok((Self::Null, Vec::new())),
            _ => {}
        }
        let (pattern, remarks) = TuplePattern::parse(text)?;
        Ok((Self::Tuple(pattern), remarks))
    }

    /// Whether it matches one origin alone.
    pub fn is_exact(&self) -> bool {
        match self {
            Self::Any => false,
            Self::Null => true,
            Self::Tuple(pattern) => pattern.is_exact(),
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Null => f.write_str("null"),
            Self::Tuple(pattern) => pattern.fmt(f),
        }
    }
}

impl TuplePattern {
    fn parse(text: &str) -> Result<(Self, Vec<Remark>), OriginPatternError> {
        use OriginPatternError as E;

        if text.is_empty() {
            return Err(E::Empty);
        }
        if text
            .bytes()
            .any(|byte| byte.is_ascii_control() || byte == b' ')
        {
            return Err(E::Space);
        }
        if !text.is_ascii() {
            return Err(E::NotAscii);
        }
        if holds(text, b",") {
            return Err(E::Comma);
        }
        let mut remarks = Vec::new();
        let lower = text.to_ascii_lowercase();
        if has_upper_case(text) {
            remarks.push(Remark::UpperCase);
        }
        let (scheme, rest) = split_scheme(&lower).ok_or_else(|| match lower.as_str() {
            other if holds(other, b"://") => E::Scheme,
            other if other.ends_with('*') && !holds(other, b".") => E::Wildcard,
            _ => E::NoScheme,
        })?;
        if holds(scheme, b"*") {
            return Err(E::SchemeWildcard);
        }
        if !is_scheme(scheme) {
            return Err(E::Scheme);
        }
        let (authority, slash) = match rest.strip_suffix('/') {
            Some(authority) => (authority, true),
            None => (rest, false),
        };
        let faults = [
            (b"?", E::Query),
            (b"#", E::Fragment),
            (b"/", E::Path),
            (b"\\", E::Path),
            (b"@", E::Userinfo),
        ];
        for (byte, error) in faults {
            if holds(authority, byte) {
                return Err(error);
            }
        }
        if authority.len() > MAX_ORIGIN_LENGTH {
            return Err(E::TooLong);
        }
        let (host, port) = split_port(authority);
        let host = read_host_pattern(scheme, host, &mut remarks)?;
        let mut default_port = false;
        let port = match port {
            None => PortPattern::Default,
            Some(_) if host.is_empty() => return Err(E::Host),
            Some("*") => PortPattern::Any,
            Some(port) if !is_port(port.as_bytes()) => return Err(E::Port),
            Some(port) if default_port_of(scheme.as_bytes()) == Some(port) => {
                remarks.push(Remark::DefaultPort);
                default_port = true;
                PortPattern::Default
            }
            Some(port) => PortPattern::Exact(port.to_owned()),
        };
        if slash {
            remarks.push(Remark::TrailingSlash);
        }
        let scheme = scheme.to_owned();
        Ok((
            Self {
                scheme,
                host,
                port,
                default_port,
                slash,
            },
            remarks,
        ))
    }

    /// Whether any host of the scheme matches.
    pub fn is_any_host(&self) -> bool {
        self.host == "*"
    }

    /// The domain below which every host matches, if this is such a pattern.
    pub fn wildcard_domain(&self) -> Option<&str> {
        self.host.strip_prefix("*.")
    }

    /// The host around the name of a tenant, if it has one.
    pub fn tenant(&self) -> Option<Named<'_>> {
        Named::split(&self.host, '.').ok().flatten()
    }

    /// The parts of a label glob, if this is one.
    pub fn glob(&self) -> Option<Glob<'_>> {
        Glob::of(&self.host)
    }

    /// Whether every page of the scheme has this origin, as with `file://`.
    pub fn is_without_host(&self) -> bool {
        self.host.is_empty()
    }

    /// Plain http to a host that is not this very machine: what travels can be read and changed.
    pub fn is_insecure(&self) -> bool {
        self.scheme == "http" && !is_loopback(&self.host)
    }

    pub(crate) fn is_exact(&self) -> bool {
        !holds(&self.host, b"*") && !holds(&self.host, b"{") && self.port != PortPattern::Any
    }

    /// The other texts that an exact pattern matches, because it is written so.
    pub(crate) fn alternatives(&self) -> impl Iterator<Item = String> {
        let port = default_port_of(self.scheme.as_bytes()).filter(|_| self.default_port);
        let with_port = port.map(|port| format!("{self}:{port}"));
        let with_slash = self.slash.then(|| format!("{self}/"));
        with_port.into_iter().chain(with_slash)
    }

    /// What ends every origin that matches, without the port if any matches.
    pub(crate) fn tail(&self) -> String {
        let port = match &self.port {
            PortPattern::Exact(port) => format!(":{port}"),
            PortPattern::Any | PortPattern::Default => String::new(),
        };
        match self.host.strip_prefix('*') {
            Some(domain) => format!("{domain}{port}"),
            None => format!("://{}{port}", self.host),
        }
    }
}

impl fmt::Display for TuplePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Each part by itself: a hundred thousand origins are written when a configuration is read.
        f.write_str(&self.scheme)?;
        f.write_str("://")?;
        f.write_str(&self.host)?;
        match &self.port {
            PortPattern::Any => f.write_str(":*"),
            PortPattern::Default => Ok(()),
            PortPattern::Exact(port) => {
                f.write_str(":")?;
                f.write_str(port)
            }
        }
    }
}

/// A host in whose first label `*` stands for one or more letters, digits, `-` and `_`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Glob<'p> {
    /// The literals of the label before the star and after it.
    pub before: &'p str,
    pub after: &'p str,
    /// The rest of the host, with its dot.
    pub below: &'p str,
}

impl<'p> Glob<'p> {
    fn of(host: &'p str) -> Option<Self> {
        let dot = host.bytes().position(|byte| byte == b'.')?;
        let (label, below) = host.split_at_checked(dot)?;
        let (before, after) = label.split_once('*')?;
        let is_whole = before.is_empty() && after.is_empty();
        let is_single = !holds(after, b"*") && !holds(below, b"*");
        (!is_whole && is_single).then_some(Self {
            before,
            after,
            below,
        })
    }

    /// Whether a stranger can register such a name: `*example.com` is most often written for
    /// `*.example.com`.
    fn is_slip(&self) -> bool {
        let is_alone = self.below.bytes().filter(|byte| *byte == b'.').count() == 1;
        let starts = self.after.bytes().next();
        is_alone
            && self.before.is_empty()
            && starts.is_some_and(|byte| byte.is_ascii_alphanumeric())
    }
}

/// What was read otherwise than it was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Remark {
    DefaultPort,
    Ipv6Form,
    TrailingSlash,
    UpperCase,
}

impl Remark {
    pub fn code(self) -> Code {
        match self {
            Self::DefaultPort => Code::OriginDefaultPort,
            Self::Ipv6Form => Code::OriginIpv6Form,
            Self::TrailingSlash => Code::OriginTrailingSlash,
            Self::UpperCase => Code::OriginUpperCase,
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DefaultPort => "names the default port, which no browser sends",
            Self::Ipv6Form => "is not the form in which browsers write this address",
            Self::TrailingSlash => "ends in a slash, which no browser sends",
            Self::UpperCase => "has upper case, which no browser sends",
        })
    }
}

/// Why an entry of `allowOrigins` is not a valid pattern; the text says what is wrong and what to write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OriginPatternError {
    Comma,
    Empty,
    Fragment,
    Host,
    Ipv6,
    NoScheme,
    NotAscii,
    Path,
    Port,
    Query,
    Scheme,
    SchemeWildcard,
    Space,
    /// What is wrong with the braces.
    Tenant(&'static str),
    TooLong,
    Userinfo,
    Wildcard,
    WildcardWithoutDot,
}

impl OriginPatternError {
    pub fn code(self) -> Code {
        match self {
            Self::Comma => Code::OriginHasComma,
            Self::Empty => Code::OriginEmpty,
            Self::Fragment => Code::OriginHasFragment,
            Self::Host => Code::OriginHostInvalid,
            Self::Ipv6 => Code::OriginIpv6Invalid,
            Self::NoScheme => Code::OriginWithoutScheme,
            Self::NotAscii => Code::OriginNotAscii,
            Self::Path => Code::OriginHasPath,
            Self::Port => Code::OriginPortInvalid,
            Self::Query => Code::OriginHasQuery,
            Self::Scheme => Code::OriginSchemeInvalid,
            Self::SchemeWildcard => Code::OriginSchemeWildcard,
            Self::Space => Code::OriginHasSpace,
            Self::Tenant(_) => Code::OriginTenantInvalid,
            Self::TooLong => Code::OriginTooLong,
            Self::Userinfo => Code::OriginHasUserinfo,
            Self::Wildcard => Code::OriginWildcardMisplaced,
            Self::WildcardWithoutDot => Code::OriginWildcardWithoutDot,
        }
    }
}

impl fmt::Display for OriginPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comma => "has a comma; write one origin an entry",
            Self::Empty => "is empty; an origin is scheme://host[:port]",
            Self::Fragment => "has a fragment; an origin is scheme://host[:port]",
            Self::Host => "has no valid host; write a domain name, an IPv4 address or an IPv6 address in brackets",
            Self::Ipv6 => "has no valid IPv6 address; write it in brackets, as in http://[::1]:8080",
            Self::NoScheme => "has no scheme; write it in front, as in https://",
            Self::NotAscii => "is not ASCII; write the host in punycode (xn--…), as browsers send it",
            Self::Path => "has a path; an origin is scheme://host[:port]",
            Self::Port => "has no valid port; write 1 to 65535, or * for any port",
            Self::Query => "has a query; an origin is scheme://host[:port]",
            Self::Scheme => "has no valid scheme; write a letter, then letters, digits, +, - or .",
            Self::SchemeWildcard => "has a wildcard for the scheme; write one entry a scheme, as in https://*",
            Self::Space => "has a space or control character; an origin is scheme://host[:port]",
            Self::Tenant(fault) => fault,
            Self::TooLong => "is longer than an origin can be",
            Self::Userinfo => "has a user name or password; an origin is scheme://host[:port]",
            Self::Wildcard => {
                "has a wildcard where none is allowed; list the origins, all below a domain as in https://*.example.com, or some as in https://pr-*.example.com"
            }
            Self::WildcardWithoutDot => {
                "allows names that anybody can register, because no dot follows the *"
            }
        })
    }
}

/// Whether a letter that is not part of a name in braces is in upper case.
fn has_upper_case(text: &str) -> bool {
    let mut is_name = false;
    text.bytes().any(|byte| {
        is_name = match byte {
            b'{' => true,
            b'}' => false,
            _ => is_name,
        };
        !is_name && byte.is_ascii_uppercase()
    })
}

pub fn is_loopback(host: &str) -> bool {
    let is_loopback_v4 = || parse_ipv4(host.as_bytes()).is_some_and(|[network, ..]| network == 127);
    host == "localhost" || host.ends_with(".localhost") || host == "[::1]" || is_loopback_v4()
}

fn read_host_pattern(
    scheme: &str,
    host: &str,
    remarks: &mut Vec<Remark>,
) -> Result<String, OriginPatternError> {
    if host.starts_with('[') || holds(host, b"]") {
        let serialized = normalize_ipv6(host).ok_or(OriginPatternError::Ipv6)?;
        if serialized != host {
            remarks.push(Remark::Ipv6Form);
        }
        return Ok(serialized);
    }
    if let Some(named) = Named::split(host, '.').map_err(OriginPatternError::Tenant)? {
        if named.after.is_empty() {
            return Err(OriginPatternError::Tenant(
                "has a name in braces for the last label; write it below a domain, as in https://{tenant}.example.com",
            ));
        }
        let host = read_host_pattern(scheme, &named.with("a"), remarks)?;
        if holds(&host, b"*") {
            return Err(OriginPatternError::Tenant(
                "has a wildcard and a name in braces; write one of them",
            ));
        }
        return Ok(named.with(&format!("{{{}}}", named.name)));
    }
    let is_embedders = !is_of_web(scheme.as_bytes())
        && embedder_host_length(host.as_bytes()).is_some_and(|(length, _)| length == host.len());
    if host == "*" || is_embedders {
        return Ok(host.to_owned());
    }
    let glob = Glob::of(host);
    if glob.is_some_and(|glob| glob.is_slip()) {
        return Err(OriginPatternError::WildcardWithoutDot);
    }
    // The shortest of the labels that a glob stands for.
    let shortest = glob.map(|glob| format!("{}a{}{}", glob.before, glob.after, glob.below));
    let domain = match &shortest {
        Some(shortest) => shortest,
        None => host.strip_prefix("*.").unwrap_or(host),
    };
    if holds(domain, b"*") {
        return Err(OriginPatternError::Wildcard);
    }
    if holds(domain, b":") {
        return Err(OriginPatternError::Ipv6);
    }
    // Browsers take a host whose last label is a number for an IPv4 address, or for an error.
    let name = domain.strip_suffix('.').unwrap_or(domain);
    let mut last_label = name.bytes().rev().take_while(|byte| *byte != b'.');
    let numeric = last_label.all(|byte| byte.is_ascii_digit());
    let is_address = parse_ipv4(name.as_bytes()).is_some();
    if !is_domain(name) || (numeric && !(is_address && name == host)) {
        return Err(OriginPatternError::Host);
    }
    Ok(host.to_owned())
}
