//! Routes of another system as rules of this plugin.
//!
//! A rule here looks at host, path and route name, and the most specific one wins. So a route
//! becomes keys, one for each combination of its hosts and paths; a key whose policy would hold
//! without it too is left out, and a route without CORS below one that has it becomes a rule that is
//! off.
//!
//! Whatever order the source has, the rules are written only if they give each request the policy of
//! the route that took it there: what would need another order is refused.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use cors::config::json::Node;
use cors::routes::host::parse_hostname;
use cors::routes::path::parse_path;
use cors::routes::route_name::parse_route_name;

use super::matching::METHOD;
use super::notes::{Level, Notes};
use super::policy::{Policy, text, texts};
use super::value::Place;

/// A route of the source.
#[derive(Clone, Debug)]
pub struct Route {
    pub name: String,
    pub place: Place,
    /// Empty: any host.
    pub hosts: Vec<String>,
    /// Empty: any path.
    pub paths: Vec<Path>,
    /// Empty: any route name.
    pub route_names: Vec<String>,
    /// What else the route looks at, and a rule here does not: "a method", "a header".
    pub condition: Option<&'static str>,
    /// None: no CORS.
    pub policy: Option<Policy>,
    pub scope: Scope,
}

/// Which routes a route competes with, and which of them it comes before.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scope {
    /// What serves it: listeners, gateways, entry points, each below what it is a part of, as in
    /// `gateway/listener`. The empty text stands for any of them, and none for those of the others.
    pub gates: Vec<String>,
    /// The resource within which routes are in order; those of another have no order with them.
    pub owner: String,
    /// Where routes have a priority, those of the same one have no order.
    pub priority: Option<usize>,
    /// Behind every route of its host that is not so, whatever resource it is of.
    pub is_last: bool,
    /// How the system chooses between its routes.
    pub precedence: Precedence,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Path {
    Any,
    Exact(String),
    /// Whole segments, without a slash at the end.
    Below(String),
}

/// Which of two routes that match wins.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Precedence {
    /// The first.
    First,
    /// The first of those with the most specific host.
    FirstOfHost,
    /// The more specific one, as here.
    #[default]
    Specific,
}

impl Route {
    /// Everything under one policy.
    pub fn everything(name: &str, place: Place, policy: Policy) -> Self {
        Self {
            name: name.to_owned(),
            place,
            hosts: Vec::new(),
            paths: Vec::new(),
            route_names: Vec::new(),
            condition: None,
            policy: Some(policy),
            scope: Scope::default(),
        }
    }

    /// Of the document with this index, which is served apart from the others.
    pub fn of_document(mut self, index: usize) -> Self {
        self.scope.gates = vec![index.to_string()];
        self
    }

    /// Tells of hosts, paths and route names that no rule can have.
    pub fn check(&self, notes: &mut Notes) {
        let mut check = |text: &str, problem: Option<String>| {
            if let Some(problem) = problem {
                notes.error(&self.place, format!("\"{text}\" {problem}"));
            }
        };
        for host in &self.hosts {
            check(host, parse_hostname(host).err().map(str::to_owned));
        }
        for name in &self.route_names {
            check(name, parse_route_name(name).err().map(str::to_owned));
        }
        for path in &self.paths {
            if let Path::Exact(path) | Path::Below(path) = path {
                check(path, parse_path(path).err());
            }
        }
    }

    /// How many keys it has.
    fn count(&self) -> usize {
        let lengths = [self.hosts.len(), self.paths.len(), self.route_names.len()];
        let products = lengths.into_iter().map(|length| length.max(1));
        products.fold(1, usize::saturating_mul)
    }

    fn keys(&self) -> Vec<Key> {
        let hosts = or_any(&self.hosts);
        let lower = |host: &String| host.trim_end_matches('.').to_ascii_lowercase();
        let hosts: Vec<_> = hosts.iter().map(|host| host.as_ref().map(lower)).collect();
        let paths = if self.paths.is_empty() {
            vec![Path::Any]
        } else {
            self.paths.clone()
        };
        let mut keys = Vec::new();
        for route_name in or_any(&self.route_names) {
            for host in &hosts {
                let path = paths.iter().cloned();
                keys.extend(path.map(|path| Key {
                    route_name: route_name.clone(),
                    host: host.clone(),
                    path,
                }));
            }
        }
        keys
    }
}

impl Path {
    /// Everything below a prefix.
    pub fn below(prefix: &str) -> Self {
        match prefix.trim_end_matches('/') {
            "" => Self::Any,
            prefix => Self::Below(prefix.to_owned()),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Below(prefix), Self::Exact(path) | Self::Below(path)) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            (Self::Exact(path), Self::Exact(other)) => path == other,
            _ => false,
        }
    }

    fn rank(&self) -> (u8, usize) {
        match self {
            Self::Any => (0, 0),
            Self::Below(prefix) => (1, prefix.len()),
            Self::Exact(path) => (2, path.len()),
        }
    }
}

impl Scope {
    /// Whether something may serve both.
    fn overlaps(&self, other: &Self) -> bool {
        let is_within = |one: &str, another: &str| {
            let rest = one.strip_prefix(another);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || another.is_empty())
        };
        let overlaps = |one: &String| {
            let mut others = other.gates.iter();
            others.any(|other| is_within(one, other) || is_within(other, one))
        };
        self.gates.is_empty() || other.gates.is_empty() || self.gates.iter().any(overlaps)
    }

    /// Whether the same serve both, as far as it is known.
    fn is_beside(&self, other: &Self) -> bool {
        self.gates == other.gates || self.gates.is_empty() || other.gates.is_empty()
    }

    /// Whether the source says which of the two comes first.
    fn has_order_with(&self, other: &Self) -> bool {
        let is_tie = self.priority.is_some() && self.priority == other.priority;
        self.precedence == other.precedence && self.owner == other.owner && !is_tie
    }
}

/// Writes the routes as a configuration.
pub fn write(routes: &[Route], notes: &mut Notes) -> Node {
    let routes = served_with_cors(routes, notes);
    let count: usize = routes.iter().map(|route| route.count()).sum();
    if count > MAX_KEYS {
        let text = format!(
            "has {count} combinations of host, path and route name; the limit is {MAX_KEYS}: import it in parts"
        );
        notes.error(&Place::default(), text);
        return Node::Object(Vec::new());
    }
    let policies = Policies::of(&routes);
    let keys: Vec<_> = routes.iter().map(|route| route.keys()).collect();
    let conditions = conditions(&routes, &keys, &policies, notes);
    let (mut held, related) = hold(&routes, &keys, &conditions, &policies, notes);
    check_conditions(
        &routes,
        &keys,
        &conditions,
        &policies,
        &held,
        &related,
        notes,
    );
    if notes.has_errors() {
        return Node::Object(Vec::new());
    }
    let needed: Vec<bool> = held
        .iter()
        .map(|one| is_needed(one, &held, &related))
        .collect();
    let mut needed = needed.into_iter();
    held.retain(|_| needed.next().unwrap_or(true));
    configuration(held, &policies)
}

/// Leaves out the routes of gates that have no CORS at all: there the plugin need not be.
fn served_with_cors<'r>(routes: &'r [Route], notes: &mut Notes) -> Vec<&'r Route> {
    let with_policy = routes.iter().filter(|route| route.policy.is_some());
    let mut seen = HashSet::new();
    let gates: Vec<_> = with_policy
        .map(|route| &route.scope)
        .filter(|scope| seen.insert(&scope.gates))
        .collect();
    let (with, without): (Vec<_>, Vec<_>) = routes.iter().partition(|route| {
        route.policy.is_some() || gates.iter().any(|scope| scope.overlaps(&route.scope))
    });
    let mut told = HashSet::new();
    for route in without {
        if told.insert(&route.scope.gates) {
            let text = "has no CORS policy, and neither has any other route of its listener or gateway, so all of these are skipped; do not load the plugin there";
            notes.push(Level::Wider, &route.place, text);
        }
    }
    with
}

/// The policies by numbers: equal ones have the same.
struct Policies<'r> {
    all: Vec<&'r Policy>,
    /// The number of each route's policy.
    of_routes: Vec<Option<usize>>,
}

impl<'r> Policies<'r> {
    fn of(routes: &[&'r Route]) -> Self {
        let mut numbers = HashMap::new();
        let (mut all, mut of_routes) = (Vec::new(), Vec::new());
        for route in routes {
            of_routes.push(route.policy.as_ref().map(|policy| {
                let number = numbers.entry(policy.to_node().to_string());
                *number.or_insert_with(|| {
                    all.push(policy);
                    all.len() - 1
                })
            }));
        }
        Self { all, of_routes }
    }
}

/// A combination of what a rule matches; none is any.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Key {
    route_name: Option<String>,
    host: Option<String>,
    path: Path,
}

impl Key {
    fn covers(&self, other: &Self) -> bool {
        let names = self.route_name.is_none() || self.route_name == other.route_name;
        names
            && host_covers(self.host.as_deref(), other.host.as_deref())
            && self.path.covers(&other.path)
    }

    /// Whether some request matches both.
    fn meets(&self, other: &Self) -> bool {
        let names = match (&self.route_name, &other.route_name) {
            (Some(one), Some(another)) => one == another,
            _ => true,
        };
        let (one, another) = (self.host.as_deref(), other.host.as_deref());
        names
            && (self.path.covers(&other.path) || other.path.covers(&self.path))
            && (host_covers(one, another) || host_covers(another, one))
    }

    /// Orders keys as the plugin does: route name, then host, then path.
    fn compare(&self, other: &Self) -> Ordering {
        let rank = |key: &Self| {
            let host = key.host.as_deref().map_or((0, 0), |host| {
                (if host.starts_with("*.") { 1 } else { 2 }, host.len())
            });
            (key.route_name.is_some(), host, key.path.rank())
        };
        rank(self).cmp(&rank(other))
    }
}

fn host_covers(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_none();
    };
    if one == other {
        return true;
    }
    let name = other.trim_start_matches('*');
    let below = one.strip_prefix('*');
    below.is_some_and(|end| name.len() > end.len() && name.ends_with(end))
}

/// A key and the route that holds it.
struct Held<'r> {
    key: &'r Key,
    /// The policy's number.
    policy: Option<usize>,
    route: &'r Route,
    /// The route's place in the order of all.
    index: usize,
}

impl Held<'_> {
    /// Whether it takes every request of a later one.
    fn hides(&self, other: &Self) -> bool {
        let (key, other_key) = (self.key, other.key);
        let takes_all = match other.route.scope.precedence {
            Precedence::First => key.covers(other_key),
            Precedence::FirstOfHost => {
                key.host == other_key.host && key.path.covers(&other_key.path)
            }
            Precedence::Specific => key == other_key,
        };
        let (scope, other) = (&self.route.scope, &other.route.scope);
        takes_all && scope.is_beside(other) && scope.has_order_with(other)
    }

    /// Why the rules cannot say which of the two policies a request has that both match, this one
    /// coming first and not hiding the other; none if they can.
    fn clash(&self, other: &Self) -> Option<Clash> {
        if !self.key.meets(other.key) {
            return None;
        }
        let (scope, other_scope) = (&self.route.scope, &other.route.scope);
        if !scope.is_beside(other_scope) {
            return Some(Clash::Apart);
        }
        let has_order = scope.has_order_with(other_scope);
        // Of two systems both give way to the more specific host, and to nothing else that is known.
        let precedence = if scope.precedence == other_scope.precedence {
            scope.precedence
        } else {
            Precedence::FirstOfHost
        };
        let is_alike = match precedence {
            Precedence::First => !has_order,
            Precedence::FirstOfHost => {
                let is_known = has_order || scope.is_last != other_scope.is_last;
                !is_known && self.key.host == other.key.host
            }
            Precedence::Specific => self.key == other.key,
        };
        if is_alike {
            return Some(Clash::Alike);
        }
        let is_more_specific = self.key.compare(other.key).is_gt();
        (precedence == Precedence::First && !is_more_specific).then_some(Clash::Order)
    }
}

/// Why two routes cannot become rules of one plugin.
enum Clash {
    /// Nothing says which comes first.
    Alike,
    /// They are served apart.
    Apart,
    /// The first would have to come first though the second is more specific.
    Order,
}

/// What each route looks at beside host, path and route name. A route that matches by a method keeps no
/// condition if nothing else with another policy takes its requests by other methods.
fn conditions(
    routes: &[&Route],
    keys: &[Vec<Key>],
    policies: &Policies,
    notes: &mut Notes,
) -> Vec<Option<&'static str>> {
    let mut conditions: Vec<_> = routes.iter().map(|route| route.condition).collect();
    let is_of_method = |route: &Route| {
        let is_specific = route.scope.precedence == Precedence::Specific;
        is_specific && route.condition == Some(METHOD) && route.policy.is_some()
    };
    if !routes.iter().any(|route| is_of_method(route)) {
        return conditions;
    }
    let all: Vec<_> = keys
        .iter()
        .enumerate()
        .flat_map(|(index, keys)| keys.iter().map(move |key| (index, key)))
        .collect();
    let mut related = Related::default();
    for (number, (_, key)) in all.iter().enumerate() {
        related.add(key, number);
    }
    for ((route, own), (condition, policy)) in routes
        .iter()
        .zip(keys)
        .zip(conditions.iter_mut().zip(&policies.of_routes))
    {
        let over = |key: &Key| {
            let others = related.to(key).into_iter();
            let others = others.filter_map(|number| all.get(number));
            let over = others.filter(|(_, other)| other.covers(key));
            over.map(|(index, _)| *index).collect::<Vec<_>>()
        };
        let is_plain = |index: &usize| {
            let route = routes.get(*index);
            route.is_some_and(|route| route.condition.is_none())
        };
        let is_free = |key: &Key| {
            let policies = over(key)
                .into_iter()
                .map(|index| policies.of_routes.get(index));
            policies.into_iter().all(|other| other == Some(policy))
        };
        let is_covered = |key: &Key| over(key).iter().any(is_plain);
        let is_method = is_of_method(route) && !own.iter().all(is_covered);
        if is_method && own.iter().all(is_free) {
            *condition = None;
            let text = "matches by a method, and no rule looks at methods: its policy holds for every method of its paths";
            notes.push(Level::Wider, &route.place, text);
        }
    }
    conditions
}

/// The keys of the routes without further conditions; of two routes with one key the source's
/// precedence decides.
fn hold<'r>(
    routes: &[&'r Route],
    keys: &'r [Vec<Key>],
    conditions: &[Option<&str>],
    policies: &Policies,
    notes: &mut Notes,
) -> (Vec<Held<'r>>, Related<'r>) {
    let mut held: Vec<Held> = Vec::new();
    let mut related = Related::default();
    let of_routes = keys.iter().zip(&policies.of_routes).zip(conditions);
    for (index, (route, ((keys, policy), condition))) in routes.iter().zip(of_routes).enumerate() {
        if condition.is_some() {
            continue;
        }
        for key in keys {
            let one = Held {
                key,
                policy: *policy,
                route,
                index,
            };
            let others: Vec<_> = related
                .to(key)
                .into_iter()
                .filter_map(|number| held.get(number))
                .collect();
            if let Some(first) = others.iter().find(|first| first.hides(&one)) {
                if first.policy != one.policy {
                    let first = &first.route.place;
                    let told =
                        format!("is never reached: {first} comes first and matches the same");
                    notes.push(Level::Changed, &route.place, told);
                }
                continue;
            }
            let others = others.iter().filter(|other| other.policy != one.policy);
            let mut clashes = others.filter_map(|other| Some((other, other.clash(&one)?)));
            if let Some((other, clash)) = clashes.next() {
                let (name, place) = (&other.route.name, &other.route.place);
                let told = match clash {
                    Clash::Alike => format!(
                        "matches what {name} ({place}) matches, under another policy; a plugin has one policy for one host and path"
                    ),
                    Clash::Apart => format!(
                        "matches what {name} ({place}) matches, under another policy, and is served apart from it; import them apart"
                    ),
                    Clash::Order => format!(
                        "comes behind {name} ({place}), which matches some of the same under another policy; here the more specific of the two comes first, and that is this one: split them by host or path"
                    ),
                };
                notes.error(&route.place, told);
            }
            related.add(key, held.len());
            held.push(one);
        }
    }
    (held, related)
}

/// A route that looks at more than host and path can be left to the rules only if they give its
/// requests its policy, the others included.
fn check_conditions(
    routes: &[&Route],
    keys: &[Vec<Key>],
    conditions: &[Option<&str>],
    policies: &Policies,
    held: &[Held],
    related: &Related,
    notes: &mut Notes,
) {
    let of_routes = keys.iter().zip(&policies.of_routes).zip(conditions);
    for (index, (route, ((keys, policy), condition))) in routes.iter().zip(of_routes).enumerate() {
        let Some(condition) = condition else {
            continue;
        };
        let is_said = |key: &Key| {
            let one = Held {
                key,
                policy: *policy,
                route,
                index,
            };
            let others: Vec<_> = related
                .to(key)
                .into_iter()
                .filter_map(|number| held.get(number))
                .collect();
            let mut before = others.iter().filter(|other| other.index < index);
            let is_reached = route.scope.precedence == Precedence::Specific
                || !before.any(|first| first.hides(&one));
            let mut meeting = others.iter().filter(|other| other.key.meets(key));
            let is_covered = others.iter().any(|other| other.key.covers(key));
            !is_reached
                || meeting.all(|other| other.policy == *policy) && (is_covered || policy.is_none())
        };
        if !keys.iter().all(is_said) {
            let told = format!(
                "matches by {condition}, and a rule looks at host, path and route name alone: its requests would share the policy of others; give all routes of this host and path one policy, or split them by host or path"
            );
            notes.error(&route.place, told);
        }
    }
}

/// Whether some request would have another policy without this key.
fn is_needed(one: &Held, held: &[Held], related: &Related) -> bool {
    let key = one.key;
    let others = related
        .to(key)
        .into_iter()
        .filter_map(|number| held.get(number));
    let others: Vec<_> = others.filter(|other| other.key != key).collect();
    let over = others.iter().filter(|other| other.key.covers(key));
    let parent = over.max_by(|one, other| one.key.compare(other.key));
    let mut nearer = others.iter().filter(|other| {
        let is_above = parent.is_none_or(|parent| other.key.compare(parent.key).is_gt());
        is_above && other.key.compare(key).is_lt() && other.key.meets(key)
    });
    parent.and_then(|parent| parent.policy) != one.policy
        || nearer.any(|other| other.policy != one.policy)
}

/// Finds the keys that share requests with a key, or might: those with a host and a path that are the
/// same, above or below.
#[derive(Default)]
struct Related<'k> {
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
    fn add(&mut self, key: &'k Key, number: usize) {
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
    fn to(&self, key: &Key) -> Vec<usize> {
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

/// One rule to write.
struct Rule {
    name: String,
    policy: Option<usize>,
    keys: Vec<Key>,
}

fn configuration(held: Vec<Held>, policies: &Policies) -> Node {
    let mut top_level = None;
    // A rule that names exact paths and prefixes takes only what both match.
    let is_exact = |key: &Key| matches!(key.path, Path::Exact(_));
    let mut rules = Grouped::default();
    for Held {
        key, policy, route, ..
    } in held
    {
        if key.host.is_none() && key.route_name.is_none() && key.path == Path::Any {
            top_level = policy;
            continue;
        }
        let group = (
            policy,
            key.host.clone(),
            key.route_name.clone(),
            is_exact(key),
        );
        rules.add(group, &route.name, policy, vec![key.clone()]);
    }
    // Rules that differ in their hosts alone become one.
    let mut merged = Grouped::default();
    for rule in rules.rules {
        let paths: Vec<_> = rule.paths().into_iter().cloned().collect();
        let group = (rule.policy, rule.names(), paths);
        merged.add(group, &rule.name, rule.policy, rule.keys);
    }
    let mut rules: Vec<_> = merged.rules.into_iter().flat_map(Rule::split).collect();
    name_apart(&mut rules);

    let mut pairs = match top_level.and_then(|policy| policies.all.get(policy)) {
        Some(policy) => match policy.to_node() {
            Node::Object(pairs) => pairs,
            _ => Vec::new(),
        },
        None => Vec::new(),
    };
    let shared = shared_policies(&rules);
    if !shared.is_empty() {
        let named = shared.iter().filter_map(|(number, name)| {
            let policy = policies.all.get(*number)?;
            Some(((*name).to_owned(), policy.to_node()))
        });
        pairs.push(("policies".to_owned(), Node::Object(named.collect())));
    }
    if !rules.is_empty() {
        let names: HashMap<_, _> = shared.into_iter().collect();
        let rules = rules.iter().map(|rule| rule.to_node(&names, policies));
        pairs.push(("rules".to_owned(), Node::List(rules.collect())));
    }
    Node::Object(pairs)
}

/// Rules by what those have in common that become one, in the order of their first keys.
struct Grouped<G> {
    rules: Vec<Rule>,
    groups: HashMap<G, usize>,
}

impl<G> Default for Grouped<G> {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            groups: HashMap::new(),
        }
    }
}

impl<G: Eq + Hash> Grouped<G> {
    fn add(&mut self, group: G, name: &str, policy: Option<usize>, keys: Vec<Key>) {
        let next = self.rules.len();
        let index = *self.groups.entry(group).or_insert(next);
        match self.rules.get_mut(index) {
            Some(rule) => rule.keys.extend(keys),
            None => self.rules.push(Rule {
                name: name.to_owned(),
                policy,
                keys,
            }),
        }
    }
}

/// Gives each rule its name, or the name with the first number that makes it one of its own.
fn name_apart(rules: &mut [Rule]) {
    let mut taken = HashSet::new();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for rule in rules {
        let count = counts.entry(rule.name.clone()).or_default();
        let name = loop {
            *count += 1;
            let name = match *count {
                1 => rule.name.clone(),
                number => format!("{}-{number}", rule.name),
            };
            if taken.insert(name.clone()) {
                break name;
            }
        };
        rule.name = name;
    }
}

/// The policies by the name of the first rule that has them; a single rule holds its policy itself.
fn shared_policies(rules: &[Rule]) -> Vec<(usize, &str)> {
    let policies = rules
        .iter()
        .filter_map(|rule| Some((rule.policy?, rule.name.as_str())));
    if policies.clone().count() < 2 {
        return Vec::new();
    }
    let mut seen = HashSet::new();
    policies
        .filter(|(number, _)| seen.insert(*number))
        .collect()
}

impl Rule {
    /// The same in rules that are no longer than a rule may be.
    fn split(self) -> Vec<Self> {
        let is_short = |length: usize| length <= MAX_NAMES;
        if is_short(self.keys.len()) {
            return vec![self];
        }
        let numbers = |keys: Vec<Option<String>>| -> HashMap<_, _> {
            let numbers = keys.into_iter().enumerate();
            numbers
                .map(|(number, key)| (key, number / MAX_NAMES))
                .collect()
        };
        let hosts = numbers(distinct(self.keys.iter().map(|key| key.host.clone())));
        let names = numbers(distinct(self.keys.iter().map(|key| key.route_name.clone())));
        let paths = self.paths().into_iter().cloned().enumerate();
        let paths: HashMap<_, _> = paths
            .map(|(number, path)| (path, number / MAX_NAMES))
            .collect();
        let mut parts = Grouped::default();
        for key in self.keys {
            let group = (
                hosts.get(&key.host).copied(),
                names.get(&key.route_name).copied(),
                paths.get(&key.path).copied(),
            );
            parts.add(group, &self.name, self.policy, vec![key]);
        }
        parts.rules
    }

    fn hosts(&self) -> Vec<String> {
        distinct(self.keys.iter().filter_map(|key| key.host.clone()))
    }

    fn names(&self) -> Vec<String> {
        distinct(self.keys.iter().filter_map(|key| key.route_name.clone()))
    }

    fn paths(&self) -> Vec<&Path> {
        distinct(self.keys.iter().map(|key| &key.path))
    }

    fn to_node(&self, names: &HashMap<usize, &str>, policies: &Policies) -> Node {
        let mut matches = Vec::new();
        let mut set = |name: &str, list: Vec<String>| {
            if !list.is_empty() {
                matches.push((name.to_owned(), texts(&list)));
            }
        };
        let (mut exact, mut below) = (Vec::new(), Vec::new());
        let paths = self.paths();
        for path in &paths {
            match path {
                // Beside other paths, any path is what is below the root.
                Path::Any if paths.len() > 1 => below.push("/".to_owned()),
                Path::Any => {}
                Path::Below(prefix) => below.push(prefix.clone()),
                Path::Exact(path) => exact.push(path.clone()),
            }
        }
        set("hostnames", self.hosts());
        set("exactPaths", exact);
        set("pathPrefixes", below);
        set("routeNames", self.names());
        let policy = match self.policy {
            Some(number) => match (names.get(&number), policies.all.get(number)) {
                (None, Some(policy)) => ("policy".to_owned(), policy.to_node()),
                (name, _) => (
                    "policyRef".to_owned(),
                    text(name.copied().unwrap_or_default()),
                ),
            },
            None => {
                let off = vec![("mode".to_owned(), text("off"))];
                ("policy".to_owned(), Node::Object(off))
            }
        };
        Node::Object(vec![
            ("name".to_owned(), text(&self.name)),
            ("match".to_owned(), Node::Object(matches)),
            policy,
        ])
    }
}

fn or_any(names: &[String]) -> Vec<Option<String>> {
    if names.is_empty() {
        vec![None]
    } else {
        names.iter().cloned().map(Some).collect()
    }
}

fn distinct<T: Clone + Eq + Hash>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(item.clone())).collect()
}

const MAX_KEYS: usize = 10_000;
/// As many hosts, paths or names as one rule may have.
const MAX_NAMES: usize = 1_000;
