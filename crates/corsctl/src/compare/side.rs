//! One side of a comparison: a configuration as it is written, and the module's reading of it.

use cors::config::fields::{
    Field, MATCH_FIELDS, PLUGIN_FIELDS, POLICY_FIELDS, RULE_FIELDS, find_in, is_comment,
};
use cors::config::json::Json;
use cors::routes::host::{host_of, parse_host_pattern, parse_hostname};
use cors::routes::key::Key;
use cors::routes::path::parse_path_pattern;
use cors::routes::route_name::parse_route_name;
use cors::select::policy_set::PolicySet;
use cors::select::selection::Source;
use cors::simulate::exchange::{Incoming, Lines};

/// A configuration, and what the module makes of it.
pub struct Side<'n> {
    pub plugin: PolicySet,
    root: Option<&'n Json>,
    pub rules: Vec<Rule<'n>>,
}

pub struct Rule<'n> {
    pub name: Option<&'n str>,
    matched: Option<&'n Json>,
    policy: Option<&'n Json>,
    pub route_names: Vec<Key>,
    pub hosts: Vec<Key>,
    pub paths: Vec<Key>,
}

/// What a request is for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Target {
    pub host: String,
    pub path: String,
    pub route_name: Option<String>,
    /// The policy in the metadata of the route, by name.
    pub route_policy: Option<String>,
}

/// What governs a request.
#[derive(Clone, Debug)]
pub struct Governing<'n> {
    pub by: By,
    /// In the words of the module's log.
    pub label: String,
    pub policy: Option<&'n Json>,
    /// The names that the match of a rule binds, each with its text.
    pub bindings: Vec<(String, String)>,
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum By {
    Rule(usize),
    TopLevel,
    Metadata(String),
    Nothing,
}

impl<'n> Side<'n> {
    /// A configuration that the module takes.
    pub fn new(plugin: PolicySet, root: &'n Json) -> Self {
        // An empty one means a policy.
        let root = match root {
            Json::Object(pairs) if pairs.is_empty() => default_policy(),
            root => root,
        };
        let rules = items(root, "rules").map(|rule| Rule::new(rule, root));
        Self {
            rules: rules.collect(),
            plugin,
            root: Some(root),
        }
    }

    /// No configuration: nothing is governed.
    pub fn nothing() -> Self {
        Self {
            plugin: PolicySet::default(),
            root: None,
            rules: Vec::new(),
        }
    }

    /// The names of policies that route metadata may use.
    pub fn policy_names(&self) -> Vec<&'n str> {
        let policies = self.root.and_then(|root| field(root, "policies"));
        let pairs = entries(policies);
        pairs.map(|(name, _)| name).collect()
    }

    /// The parts of hosts that policies name of rules that bind one: a bound part may be one of them.
    pub fn parts_of_origins(&self) -> Vec<String> {
        let rules = self.rules.iter().filter(|rule| rule.binds());
        let origins = rules
            .flat_map(|rule| rule.policy)
            .flat_map(|policy| texts(policy, "allowOrigins"));
        let hosts = origins.filter_map(|origin| Some(origin.split_once("://")?.1));
        let parts = hosts.flat_map(|host| host.split(['.', ':', '/']));
        let is_part = |part: &&str| !part.is_empty() && !part.contains(['*', '{', '[']);
        parts.filter(is_part).map(str::to_owned).collect()
    }

    pub fn namespace(&self) -> Option<&'n str> {
        text(self.root?, "routeMetadataNamespace")
    }

    /// The names of hosts that policies list as their service's.
    pub fn policy_hosts(&self) -> Vec<Key> {
        let rules = self.rules.iter().filter_map(|rule| rule.policy);
        let named = entries(self.root.and_then(|root| field(root, "policies")));
        let named = named.map(|(_, policy)| policy);
        let policies = rules.chain(named).chain(self.root);
        let names = policies.flat_map(|policy| texts(policy, "hosts"));
        names.filter_map(|name| parse_hostname(name).ok()).collect()
    }

    /// What governs requests for a target.
    pub fn governing(&self, target: &Target) -> Governing<'n> {
        let request = Incoming {
            headers: Lines::from_iter([
                (":method", "GET"),
                (":authority", &target.host),
                (":path", &target.path),
            ]),
            route_name: target.route_name.clone(),
            route_policy: target.route_policy.clone(),
        };
        let judgement = self.plugin.judge(&request);
        let label = judgement.label().to_owned();
        let nothing = || Governing {
            by: By::Nothing,
            label: "no policy".to_owned(),
            policy: None,
            bindings: Vec::new(),
        };
        let rule_of = |index: usize| self.rules.get(index);
        match judgement.source() {
            _ if !judgement.is_governed() => nothing(),
            Source::Rule(index) => Governing {
                by: By::Rule(index),
                label,
                policy: rule_of(index).and_then(|rule| rule.policy),
                bindings: rule_of(index).map_or_else(Vec::new, |rule| rule.bindings(target)),
            },
            Source::TopLevel => Governing {
                by: By::TopLevel,
                label,
                policy: self.root,
                bindings: Vec::new(),
            },
            Source::RouteConfiguration | Source::RouteMetadata | Source::VirtualHostMetadata => {
                let name = target.route_policy.as_deref().unwrap_or_default();
                let policies = self.root.and_then(|root| field(root, "policies"));
                let policy = entries(policies).find(|(known, _)| *known == name);
                Governing {
                    by: By::Metadata(name.to_owned()),
                    label: format!("policies.{name}"),
                    policy: policy.map(|(_, policy)| policy),
                    bindings: Vec::new(),
                }
            }
            Source::Ambiguous => nothing(),
        }
    }

    /// The names by which a user may mean what governs.
    pub fn names(&self, by: &By) -> Vec<String> {
        match by {
            By::Rule(index) => {
                let name = self.rules.get(*index).and_then(|rule| rule.name);
                let place = format!("rules[{index}]");
                name.map(str::to_owned).into_iter().chain([place]).collect()
            }
            By::TopLevel => vec!["top-level".to_owned()],
            By::Metadata(name) => vec![name.clone(), format!("policies.{name}")],
            By::Nothing => vec!["none".to_owned()],
        }
    }

    /// Whether what governs on this side is that of the other, under the same name or match.
    pub fn is_same(&self, by: &By, other: &Side, others: &By) -> bool {
        let rule = |side: &Self, by: &By| match by {
            By::Rule(index) => side.rules.get(*index).map(|rule| (rule.name, rule.matched)),
            _ => None,
        };
        let others_rule = match others {
            By::Rule(index) => other
                .rules
                .get(*index)
                .map(|rule| (rule.name, rule.matched)),
            _ => None,
        };
        match (rule(self, by), others_rule) {
            (Some((Some(name), _)), Some((Some(other), _))) => name == other,
            (Some((None, one)), Some((None, other))) => one == other,
            (None, None) => by == others,
            _ => false,
        }
    }
}

impl<'n> Rule<'n> {
    fn bindings(&self, target: &Target) -> Vec<(String, String)> {
        let host = host_of(&target.host);
        let hosts = self.hosts.iter().map(|key| (key, bind(key, &host)));
        let paths = self.paths.iter().map(|key| (key, bind(key, &target.path)));
        let bound = hosts.chain(paths);
        bound
            .filter_map(|(key, text)| Some((key.name()?.to_owned(), text?.to_owned())))
            .collect()
    }

    fn binds(&self) -> bool {
        let mut keys = self.hosts.iter().chain(&self.paths);
        keys.any(|key| key.name().is_some())
    }

    fn new(rule: &'n Json, root: &'n Json) -> Self {
        let matched = field(rule, "match");
        let keys = |name: &'static str, key: &dyn Fn(&str) -> Option<Key>| -> Vec<Key> {
            let texts = matched.into_iter().flat_map(|matched| texts(matched, name));
            texts.filter_map(key).collect()
        };
        let exact = keys("exactPaths", &|text| parse_path_pattern(text, false).ok());
        let prefixes = keys("pathPrefixes", &|text| parse_path_pattern(text, true).ok());
        let or_any = |keys: Vec<Key>| {
            if keys.is_empty() {
                vec![Key::Any]
            } else {
                keys
            }
        };
        let named = || {
            let name = text(rule, "policyRef")?;
            let mut policies = entries(field(root, "policies"));
            policies.find_map(|(known, policy)| (known == name).then_some(policy))
        };
        Self {
            name: text(rule, "name"),
            matched,
            policy: field(rule, "policy").or_else(named),
            route_names: or_any(keys("routeNames", &|text| parse_route_name(text).ok())),
            hosts: or_any(keys("hostnames", &|text| parse_host_pattern(text).ok())),
            // A rule with both means the exact ones.
            paths: or_any(if exact.is_empty() { prefixes } else { exact }),
        }
    }
}

/// The value of a field, in whatever spelling.
pub fn field<'n>(object: &'n Json, name: &str) -> Option<&'n Json> {
    let mut pairs = entries(Some(object));
    pairs.find_map(|(key, value)| {
        let found = find_in(TABLES, key)?;
        (found.name == name).then_some(value)
    })
}

/// The fields of an object, without comments.
pub fn entries(object: Option<&Json>) -> impl Iterator<Item = (&str, &Json)> {
    let pairs = match object {
        Some(Json::Object(pairs)) => pairs.as_slice(),
        _ => &[],
    };
    let pairs = pairs.iter().filter(|(key, _)| !is_comment(key));
    pairs.map(|(key, value)| (key.as_str(), value))
}

/// The texts of a list.
pub fn texts<'n>(object: &'n Json, name: &str) -> impl Iterator<Item = &'n str> {
    items(object, name).filter_map(|item| match item {
        Json::String(text) => Some(text.as_str()),
        _ => None,
    })
}

/// The name of a field, in the first spelling.
pub fn name_of(key: &str) -> &str {
    find_in(TABLES, key).map_or(key, |field| field.name)
}

fn items<'n>(object: &'n Json, name: &str) -> impl Iterator<Item = &'n Json> {
    let items = match field(object, name) {
        Some(Json::List(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter()
}

fn text<'n>(object: &'n Json, name: &str) -> Option<&'n str> {
    match field(object, name) {
        Some(Json::String(text)) => Some(text),
        _ => None,
    }
}

/// What an empty configuration means.
fn default_policy() -> &'static Json {
    static POLICY: std::sync::OnceLock<Json> = std::sync::OnceLock::new();
    POLICY.get_or_init(|| {
        let open = Json::List(vec![Json::String("open".to_owned())]);
        Json::Object(vec![("presets".to_owned(), open)])
    })
}

const TABLES: &[&[Field]] = &[POLICY_FIELDS, PLUGIN_FIELDS, RULE_FIELDS, MATCH_FIELDS];

/// What a key binds in a text that it matches.
pub fn bind<'t>(key: &Key, text: &'t str) -> Option<&'t str> {
    let Key::Bound {
        separator,
        before,
        after,
        is_prefix,
        ..
    } = key
    else {
        return None;
    };
    let separator = char::from(*separator);
    let rest = text.strip_prefix(before.as_str())?;
    let end = rest.find(separator).unwrap_or(rest.len());
    let (part, rest) = rest.split_at(end);
    let below = rest.strip_prefix(after.as_str())?;
    let is_whole = below.is_empty() || *is_prefix && below.starts_with(separator);
    (is_whole && !part.is_empty()).then_some(part)
}
