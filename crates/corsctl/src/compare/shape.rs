//! The shape of an origin pattern that is not exact: scheme, host, port. And all origins there are, as
//! regular expressions for automata.

use cors::origin::split_port;
use regex_syntax::escape;

/// The parts of a pattern.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shape {
    scheme: String,
    host: Host,
    port: Port,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Host {
    Any,
    /// `.example.com` of `*.example.com`.
    Below(String),
    /// `pr-`, `-team.example.com` of `pr-*-team.example.com`: one label has both ends.
    Label(String, String),
    Exact(String),
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Port {
    Any,
    Default,
    Exact(String),
}

impl Shape {
    /// Reads a pattern as [`OriginPattern`](cors::origin::pattern::OriginPattern) writes it.
    pub fn of(pattern: &str) -> Option<Self> {
        let (scheme, authority) = pattern.split_once("://")?;
        let (host, port) = split_port(authority);
        Some(Self {
            scheme: scheme.to_owned(),
            host: match (host, host.split_once('*')) {
                ("*", _) => Host::Any,
                (_, None) => Host::Exact(host.to_owned()),
                (_, Some(("", below))) if below.starts_with('.') => Host::Below(below.to_owned()),
                (_, Some((start, end))) => Host::Label(start.to_owned(), end.to_owned()),
            },
            port: match port {
                None => Port::Default,
                Some("*") => Port::Any,
                Some(port) => Port::Exact(port.to_owned()),
            },
        })
    }

    /// Whether every origin of the other pattern is one of this.
    pub fn covers(&self, other: &Self) -> bool {
        let covers_host = match (&self.host, &other.host) {
            (Host::Any, _) => true,
            (Host::Below(above), Host::Below(domain) | Host::Label(_, domain)) => {
                domain.ends_with(above.as_str())
            }
            (one, other) => one == other,
        };
        self.scheme == other.scheme
            && covers_host
            && (self.port == Port::Any || self.port == other.port)
    }

    /// Whether some origin may be of both; `false` is certain.
    pub fn may_meet(&self, other: &Self) -> bool {
        let ends_alike = |one: &str, other: &str| one.ends_with(other) || other.ends_with(one);
        let may_host = match (&self.host, &other.host) {
            (Host::Any, _) | (_, Host::Any) => true,
            (Host::Exact(one), Host::Exact(other)) => one == other,
            (Host::Exact(host), Host::Below(end) | Host::Label(_, end))
            | (Host::Below(end) | Host::Label(_, end), Host::Exact(host)) => host.ends_with(end),
            (
                Host::Below(one) | Host::Label(_, one),
                Host::Below(other) | Host::Label(_, other),
            ) => ends_alike(one, other),
        };
        let may_port = self.port == Port::Any || other.port == Port::Any || self.port == other.port;
        self.scheme == other.scheme && may_host && may_port
    }

    /// The expression of all its origins, well-formed ones of a default port apart.
    pub fn regex(&self) -> String {
        let is_of_web = matches!(self.scheme.as_str(), "http" | "https");
        let host = match &self.host {
            Host::Any if is_of_web => format!("({DOMAIN}|{ADDRESS})"),
            Host::Any => format!("([a-z0-9._-]+|{ADDRESS})"),
            Host::Below(end) => format!("({LABEL}\\.)*{LABEL}{}", escape(end)),
            Host::Label(start, end) => format!("{}{LABEL}{}", escape(start), escape(end)),
            Host::Exact(host) => escape(host),
        };
        let port = match &self.port {
            Port::Any => format!("(:{PORT})?"),
            Port::Default => String::new(),
            Port::Exact(port) => format!(":{port}"),
        };
        format!("{}://{host}{port}", escape(&self.scheme))
    }

    /// Origins of the pattern, the plainest first.
    pub fn examples(&self) -> Vec<String> {
        let hosts = match &self.host {
            Host::Any => NAMES.map(str::to_owned).to_vec(),
            Host::Below(end) => LABELS.map(|label| format!("{label}{end}")).to_vec(),
            Host::Label(start, end) => LABELS
                .map(|label| format!("{start}{}{end}", label.replace('.', "-")))
                .to_vec(),
            Host::Exact(host) => vec![host.clone()],
        };
        let ports: &[&str] = match &self.port {
            Port::Any => &["", ":8443", ":3000", ":50123"],
            Port::Default => &[""],
            Port::Exact(port) => &[port],
        };
        let colon = if matches!(self.port, Port::Exact(_)) {
            ":"
        } else {
            ""
        };
        let scheme = &self.scheme;
        let of_port = |port: &&str| {
            let port = *port;
            let of_host = move |host: &String| format!("{scheme}://{host}{colon}{port}");
            hosts.iter().map(of_host).collect::<Vec<_>>()
        };
        ports.iter().flat_map(of_port).collect()
    }
}

/// All well-formed origins, apart from lengths: of the addresses of IPv6 also some that are not written
/// as browsers write them.
pub fn all_origins() -> String {
    all_with(ADDRESS)
}

/// Well-formed origins only: of the addresses of IPv6 some.
pub fn plain_origins() -> String {
    all_with(PLAIN_ADDRESS)
}

/// The origins that are written with the default port of their scheme, which no browser sends.
pub const WITH_DEFAULT_PORT: &str = "(https|wss)://.*:443|(http|ws)://.*:80|ftp://.*:21";

fn all_with(address: &str) -> String {
    // Any scheme but http and https.
    const REST: &str = "[a-z0-9+.-]*";
    let other = format!(
        "([a-gi-z]{REST}|h|h[a-su-z0-9+.-]{REST}|ht|ht[a-su-z0-9+.-]{REST}|htt|htt[a-oq-z0-9+.-]{REST}|http[a-rt-z0-9+.-]{REST}|https[a-z0-9+.-]{REST})"
    );
    format!("(https?://({DOMAIN}|{address})|{other}://([a-z0-9._-]+|{address}))(:{PORT})?")
}

const LABEL: &str = "[a-z0-9_-]+";
const DOMAIN: &str = "[a-z0-9_-]+(\\.[a-z0-9_-]+)*\\.?";
const ADDRESS: &str = "\\[[0-9a-f:.]+\\]";
const PLAIN_ADDRESS: &str =
    "\\[(::[1-9a-f][0-9a-f]{0,3}|[1-9a-f][0-9a-f]{0,3}(:[1-9a-f][0-9a-f]{0,3}){7})\\]";
const PORT: &str =
    "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
/// Names that few lists hold, and many open patterns.
const NAMES: [&str; 3] = ["evil.example", "any-name.evil.example", "any-name"];
const LABELS: [&str; 3] = ["any-name", "a", "any.name"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_covers_and_what_meets() {
        for (one, other, covers, may_meet) in [
            (
                "https://*.example.com",
                "https://*.a.example.com",
                true,
                true,
            ),
            (
                "https://*.a.example.com",
                "https://*.example.com",
                false,
                true,
            ),
            (
                "https://*.example.com",
                "https://*.example.com:*",
                false,
                true,
            ),
            ("https://*", "https://*.example.com", true, true),
            ("https://*:*", "https://localhost:*", true, true),
            (
                "https://*.example.com",
                "http://*.example.com",
                false,
                false,
            ),
            (
                "https://*.example.com",
                "https://*.example.org",
                false,
                false,
            ),
            (
                "https://*.example.com",
                "https://*.evilexample.com",
                false,
                false,
            ),
            (
                "https://*.example.com",
                "https://pr-*.example.com",
                true,
                true,
            ),
            (
                "https://pr-*.example.com",
                "https://*.example.com",
                false,
                true,
            ),
        ] {
            let (one, other) = (Shape::of(one).unwrap(), Shape::of(other).unwrap());
            assert_eq!(one.covers(&other), covers, "{one:?} {other:?}");
            assert_eq!(one.may_meet(&other), may_meet, "{one:?} {other:?}");
        }
    }
}
