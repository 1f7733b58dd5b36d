//! Code that the targets share. An input is text, so that a finding reads like a case: the configuration
//! on the first line, then the request's lines `name: value`, an empty line, the response's lines.

use cors::config::fields::{Field, PLUGIN_FIELDS, POLICY_FIELDS, RULE_FIELDS, find};
use cors::config::json::Json;
use cors::http::request::{Headers, HeadersMut, RequestContext};
use cors::origin::pattern::OriginPattern;
use cors::select::policy_set::PolicySet;
use cors::select::selection::Source;
use regex::Regex;
use url::Url;

pub mod undo;

/// A configuration, a request, and what the upstream answers.
#[derive(Clone)]
pub struct Exchange<'a> {
    pub configuration: &'a [u8],
    pub request: Message,
    pub response: Message,
}

/// The result of an exchange that a policy governs.
pub struct Outcome {
    /// `None`: the upstream was asked.
    pub status: Option<u16>,
    /// The headers that the client gets.
    pub headers: Message,
    pub body: String,
    pub source: Source,
}

impl<'a> Exchange<'a> {
    pub fn parse(data: &'a [u8]) -> Self {
        let mut lines = data.split(|byte| *byte == b'\n');
        Self {
            configuration: lines.next().unwrap_or_default(),
            request: Message::parse(lines.by_ref().take_while(|line| !line.is_empty())),
            response: Message::parse(lines),
        }
    }

    /// `None` if the configuration is rejected, or nothing is enforced.
    pub fn run(self) -> Option<Outcome> {
        let plugin = PolicySet::from_bytes(self.configuration).0?;
        self.run_under(&plugin)
    }

    /// The same with a configuration that was already read.
    pub fn run_under(mut self, plugin: &PolicySet) -> Option<Outcome> {
        let judgement = plugin.judge(&self.request);
        if !judgement.is_enforced() {
            return None;
        }
        let source = judgement.source();
        if let Some(reply) = judgement.reply() {
            let line = |(name, value): (&[u8], &[u8])| {
                (
                    String::from_utf8(name.to_vec()).expect("a name"),
                    value.to_vec(),
                )
            };
            return Some(Outcome {
                status: Some(reply.status),
                headers: Message(reply.headers.iter().map(line).collect()),
                body: reply.body,
                source,
            });
        }
        judgement.amend_request(&mut self.request);
        judgement.amend_response(&mut self.response);
        Some(Outcome {
            status: None,
            headers: self.response,
            body: String::new(),
            source,
        })
    }
}

/// Header lines; of several with one name, the first is shown. Properties of the host are lines too:
/// `xds.route_name: …`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Message(pub Vec<(String, Vec<u8>)>);

impl Message {
    fn parse<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let line = |line: &[u8]| {
            // After the first byte, because a pseudo-header's name begins with a colon.
            let colon = 1 + line.get(1..)?.iter().position(|byte| *byte == b':')?;
            let name = str::from_utf8(&line[..colon]).ok()?.to_ascii_lowercase();
            Some((name, line[colon + 1..].trim_ascii().to_vec()))
        };
        Self(lines.filter_map(line).collect())
    }

    /// The values of every line of this name.
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        let lines = self.0.iter().filter(|(other, _)| other == name);
        lines.map(|(_, value)| value.as_slice()).collect()
    }

    /// Whether `Vary` has this item, in any case.
    pub fn varies_on(&self, item: &str) -> bool {
        let values = self.values("vary").join(&b',');
        values
            .split(|byte| *byte == b',')
            .any(|own| own.trim_ascii().eq_ignore_ascii_case(item.as_bytes()))
    }

    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }
}

impl Headers for Message {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.values(name).first().map(|value| value.to_vec())
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let pair = |(name, value): &(String, Vec<u8>)| (name.clone().into_bytes(), value.clone());
        self.0.iter().map(pair).collect()
    }
}

impl HeadersMut for Message {
    fn add(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_owned(), value.to_vec()));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|other| other != name);
    }

    fn replace(&mut self, name: &str, value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }
}

impl RequestContext for Message {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.value(&path.join("."))
    }
}

/// A simple reading of a policy, with which the filter is compared.
pub struct Written(Json);

impl Written {
    /// The policy from this source, for this configuration and request.
    pub fn find(configuration: &[u8], request: &Message, source: &Source) -> Option<Self> {
        let root = Json::parse(configuration).unwrap_or(Json::Object(Vec::new()));
        let policies = field(&root, PLUGIN_FIELDS, "policies");
        let named = |name: &str| member(policies?, |key| key == name);
        let of_metadata = |level: &str| {
            let namespace = field(&root, PLUGIN_FIELDS, "routeMetadataNamespace")?;
            let namespace = string(namespace)?;
            let path = ["xds", level, "filter_metadata", namespace, "policy"];
            let text = request.property(&path)?;
            let name = str::from_utf8(&text).ok().and_then(named).cloned();
            name.or_else(|| serde_json::from_slice(&text).ok())
        };
        let policy = match source {
            // The host of this gives routes no separate configuration.
            Source::Ambiguous | Source::RouteConfiguration => None,
            Source::RouteMetadata => of_metadata("route_metadata"),
            Source::Rule(place) => {
                let Some(Json::List(rules)) = field(&root, PLUGIN_FIELDS, "rules") else {
                    return None;
                };
                let rule = rules.get(*place)?;
                let name = field(rule, RULE_FIELDS, "policyRef").and_then(string);
                let policy = field(rule, RULE_FIELDS, "policy");
                policy.or_else(|| named(name?)).cloned()
            }
            Source::TopLevel => Some(root.clone()),
            Source::VirtualHostMetadata => of_metadata("virtual_host_metadata"),
        };
        policy.map(Self)
    }

    /// The first grant that allows an origin: the policy itself, or one of `grants`.
    pub fn grant_for(&self, origin: &str, tenants: &[String]) -> Option<Self> {
        let entries = match field(&self.0, POLICY_FIELDS, "grants") {
            Some(Json::List(entries)) => entries.as_slice(),
            _ => &[],
        };
        let own = std::iter::once(&self.0);
        let mut grants = own.chain(entries).map(|node| Self(node.clone()));
        grants.find(|grant| {
            let is_open = grant.allows_any() && !grant.allows_credentials();
            is_open || grant.allows(origin, tenants)
        })
    }

    /// Whether any origin is allowed, so that the answer may be `*`.
    pub fn allows_any(&self) -> bool {
        let is_absent = matches!(&self.0, Json::Object(pairs) if pairs.is_empty());
        is_absent || self.lists("presets", "open") || self.lists("allowOrigins", "*")
    }

    pub fn allows(&self, origin: &str, tenants: &[String]) -> bool {
        if origin == "null" {
            return self.lists("allowOrigins", "null");
        }
        let matches = |pattern: &str| {
            // A line end closes a comment of verbose mode.
            let whole = Regex::new(&format!(r"\A(?:{pattern})\z"));
            let whole = whole.or_else(|_| Regex::new(&format!("\\A(?:{pattern}\n)\\z")));
            is_serialized(origin) && whole.is_ok_and(|whole| whole.is_match(origin))
        };
        self.allows_any() && is_serialized(origin)
            || self
                .strings("allowOrigins")
                .iter()
                .any(|listed| covers_for(listed, origin, tenants))
            || self
                .strings("allowOriginRegexes")
                .iter()
                .any(|source| matches(source))
    }

    pub fn allows_credentials(&self) -> bool {
        field(&self.0, POLICY_FIELDS, "allowCredentials") == Some(&Json::Bool(true))
    }

    /// Whether a preflight's answer may name a request header. Presets add further names.
    pub fn allows_header(&self, name: &str, is_asked: bool) -> bool {
        let covers = |listed: &&str| match listed.strip_suffix('*') {
            Some(start) => {
                let rest = name.strip_prefix(&start.to_ascii_lowercase());
                is_asked && (start.is_empty() || rest.is_some_and(|rest| !rest.is_empty()))
            }
            None => *listed == name,
        };
        self.strings("allowHeaders").iter().any(covers) || !self.strings("presets").is_empty()
    }

    /// `hosts`, if it is set.
    pub fn hosts(&self) -> Option<Vec<&str>> {
        field(&self.0, POLICY_FIELDS, "hosts")?;
        Some(self.strings("hosts"))
    }

    fn lists(&self, name: &str, text: &str) -> bool {
        self.strings(name).contains(&text)
    }

    fn strings(&self, name: &str) -> Vec<&str> {
        match field(&self.0, POLICY_FIELDS, name) {
            Some(Json::List(items)) => items.iter().filter_map(string).collect(),
            _ => Vec::new(),
        }
    }
}

/// The texts that a name in braces can stand for: labels of the host, and segments of the path as it was
/// sent.
pub fn tenants(request: &Message) -> Vec<String> {
    let text =
        |name| String::from_utf8_lossy(&request.value(name).unwrap_or_default()).into_owned();
    let host = cors::routes::host::host_of(&text(":authority"));
    let path = text(":path");
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let parts = host.split('.').chain(path.split('/'));
    parts.map(str::to_owned).collect()
}

/// The same for an entry that may have a name in braces, which stands for one of these texts.
fn covers_for(listed: &str, origin: &str, tenants: &[String]) -> bool {
    let named = listed.split_once('{').and_then(|(before, rest)| {
        let (_, after) = rest.split_once('}')?;
        Some((before, after))
    });
    let Some((before, after)) = named else {
        return covers(listed, origin);
    };
    let is_label = |text: &&String| {
        let is_byte = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        (1..=63).contains(&text.len()) && text.bytes().all(is_byte)
    };
    let mut labels = tenants.iter().filter(is_label);
    labels.any(|label| covers(&format!("{before}{label}{after}"), origin) && is_serialized(origin))
}

/// Whether an entry of `allowOrigins` covers an origin: by regular expression, while the filter looks up
/// tails.
pub fn covers(listed: &str, origin: &str) -> bool {
    if listed == "null" {
        return origin == "null";
    }
    let Ok((pattern, _)) = OriginPattern::parse(listed) else {
        return false;
    };
    let exact = pattern.to_string();
    if !exact.contains('*') {
        let has_slash = listed.ends_with('/') && !listed.ends_with("://");
        let port = format!(":{}", default_port(&exact));
        let has_port = port != ":" && listed.trim_end_matches('/').ends_with(&port);
        let is_other = |other: String, is_listed| is_listed && origin == other;
        return origin == exact
            || is_other(format!("{exact}/"), has_slash)
            || is_other(format!("{exact}{port}"), has_port);
    }
    if let Some((scheme, host)) = exact.split_once("://")
        && let Some((label, below)) = host.split_once('.')
        && let Some((before, after)) = label.split_once('*')
        && label != "*"
    {
        let below = regex::escape(below).replace(r":\*", "(:[0-9]+)?");
        let (before, after) = (regex::escape(before), regex::escape(after));
        let label = format!("{before}[a-z0-9_-]+{after}");
        let whole = Regex::new(&format!(r"\A{scheme}://({label})\.{below}\z"));
        let label = whole.ok().and_then(|whole| whole.captures(origin));
        return is_serialized(origin) && label.is_some_and(|found| found[1].len() <= 63);
    }
    let pattern = regex::escape(&exact)
        .replace(r"://\*\.", r"://([^:/.\[]+\.)+")
        .replace(r"://\*", r"://([^:/\[]+|\[[^]/]+\])")
        .replace(r":\*", "(:[0-9]+)?");
    is_serialized(origin)
        && Regex::new(&format!(r"\A{pattern}\z")).is_ok_and(|whole| whole.is_match(origin))
}

/// Whether the text is a tuple origin as browsers serialize it: only these may be allowed by a wildcard
/// pattern. By regular expression, and by the URL standard's own code for hosts and ports, which have more
/// than one spelling.
pub fn is_serialized(origin: &str) -> bool {
    let form =
        r"\A[a-z][a-z0-9+.-]{0,63}://([a-z0-9._-]{1,254}|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?\z";
    if !Regex::new(form).expect("an expression").is_match(origin) {
        return false;
    }
    let (_, rest) = origin.split_once("://").expect("a scheme");
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !rest.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let is_same_address = |host: &str| {
        let url = Url::parse(&format!("http://{host}")).ok();
        url.is_some_and(|url| url.host_str() == Some(host))
    };
    (!host.starts_with('[') || is_same_address(host))
        && port.is_none_or(|port| port.parse::<u16>().is_ok() && port != default_port(origin))
}

/// The default port of the origin's scheme; empty if it has none.
fn default_port(origin: &str) -> String {
    let (scheme, _) = origin.split_once("://").expect("a scheme");
    let url = Url::parse(&format!("{scheme}://a")).expect("a URL");
    let port = url.port_or_known_default();
    port.map_or_else(String::new, |port| port.to_string())
}

/// A tree as a serialized `google.protobuf.Struct`; `None` if it is not an object.
pub fn to_struct(node: &Json) -> Option<Vec<u8>> {
    let Json::Object(pairs) = node else {
        return None;
    };
    let mut bytes = Vec::new();
    for (key, value) in pairs {
        let mut entry = Vec::new();
        push(&mut entry, 1, key.as_bytes());
        push(&mut entry, 2, &to_value(value)?);
        push(&mut bytes, 1, &entry);
    }
    Some(bytes)
}

fn to_value(node: &Json) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match node {
        Json::Bool(value) => bytes.extend([4 << 3, u8::from(*value)]),
        Json::List(items) => {
            let mut list = Vec::new();
            for item in items {
                push(&mut list, 1, &to_value(item)?);
            }
            push(&mut bytes, 6, &list);
        }
        Json::Null => bytes.extend([1 << 3, 0]),
        Json::Number(value) => {
            bytes.push(2 << 3 | 1);
            bytes.extend(value.to_le_bytes());
        }
        Json::Object(_) => push(&mut bytes, 5, &to_struct(node)?),
        Json::String(text) => push(&mut bytes, 3, text.as_bytes()),
    }
    Some(bytes)
}

fn push(bytes: &mut Vec<u8>, number: u8, payload: &[u8]) {
    bytes.push(number << 3 | 2);
    let mut length = payload.len();
    while length > 0x7f {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(payload);
}

fn field<'n>(node: &'n Json, table: &'static [Field], name: &str) -> Option<&'n Json> {
    member(node, |key| {
        find(table, key).is_some_and(|field| field.name == name)
    })
}

fn member(node: &Json, is: impl Fn(&str) -> bool) -> Option<&Json> {
    let Json::Object(pairs) = node else {
        return None;
    };
    pairs
        .iter()
        .find(|(key, _)| is(key))
        .map(|(_, value)| value)
}

fn string(node: &Json) -> Option<&str> {
    match node {
        Json::String(text) => Some(text),
        _ => None,
    }
}
