//! The routes of Gloo's VirtualServices, and those of the RouteTables that they delegate to, after the
//! [source](https://github.com/solo-io/gloo/blob/main/projects/gateway/pkg/translator/converter.go) that
//! puts them together.

use std::collections::{HashMap, HashSet};

use crate::import::changes::Notes;
use crate::import::matching;
use crate::import::rules::route::{METHOD, Path, Route, Scope};
use crate::import::systems::gloo_policy::{Options, read_policy};
use crate::input::cursor::Value;
use crate::output::code::Code;

/// RouteTables by namespace and name.
pub struct Tables<'s> {
    named: HashMap<(&'s str, &'s str), &'s Value<'s>>,
    /// The namespaces of each name.
    namespaces: HashMap<&'s str, Vec<&'s str>>,
    used: HashSet<(&'s str, &'s str)>,
}

/// What the routes of a resource have in common.
struct Level<'s> {
    /// The namespace of the resource.
    namespace: &'s str,
    /// The routes that delegated to it, the last one first.
    parents: Vec<Parent<'s>>,
}

/// A route that delegates.
#[derive(Clone)]
struct Parent<'s> {
    table: (&'s str, &'s str),
    prefix: String,
    condition: Option<&'static str>,
    /// Whether routes of the table have its path.
    gives_path: bool,
    cors: Option<Value<'s>>,
}

impl<'s> Tables<'s> {
    pub fn of(tables: impl Iterator<Item = &'s Value<'s>>) -> Self {
        let named: HashMap<_, _> = tables.map(|table| (key_of(table), table)).collect();
        let mut namespaces: HashMap<_, Vec<_>> = HashMap::new();
        for (namespace, name) in named.keys() {
            namespaces.entry(*name).or_default().push(*namespace);
        }
        Self {
            named,
            namespaces,
            used: HashSet::new(),
        }
    }

    /// Reports the tables with CORS that nothing delegates to.
    pub fn report_unused(&self, notes: &mut Notes) {
        for (key, table) in &self.named {
            let mut routes = table.list_at(&["spec", "routes"]).into_iter();
            let cors = routes.find_map(|route| route.at(CORS));
            if let Some(cors) = cors.filter(|_| !self.used.contains(key)) {
                let text = "is of a RouteTable that no VirtualService in this file delegates to: import both together";
                notes.unread(&cors.place(), text);
            }
        }
    }

    /// The table that a route delegates to; one without a namespace is of any.
    fn find(&self, action: &Value<'s>, notes: &mut Notes) -> Option<(&'s str, &'s str)> {
        let reference = action.get("ref").unwrap_or_else(|| action.clone());
        let Some(name) = reference.text_of("name") else {
            let text = "delegates to RouteTables by their labels, which import does not do: name each with ref";
            notes.unread(&action.place(), text);
            return None;
        };
        let namespace = reference.text_of("namespace").unwrap_or_default();
        let known = self.namespaces.get(name).into_iter().flatten().copied();
        let mut known: Vec<_> = known.collect();
        known.retain(|known| namespace.is_empty() || *known == namespace);
        if let [namespace] = known.as_slice() {
            return Some((namespace, name));
        }
        let text = match known.is_empty() {
            true => format!(
                "delegates to the RouteTable \"{name}\", which is not in this file and may have CORS: import both together"
            ),
            false => {
                format!("delegates to one of several RouteTables \"{name}\": name its namespace")
            }
        };
        notes.unread(&action.place(), text);
        None
    }
}

/// The routes of a VirtualService.
pub fn read_service<'s>(
    service: &Value<'s>,
    index: usize,
    options: &mut Options<'s>,
    tables: &mut Tables<'s>,
    notes: &mut Notes,
) -> Vec<Route> {
    let namespace = service.resource_namespace().unwrap_or_default();
    let Some(host) = service.at(&["spec", "virtualHost"]) else {
        return Vec::new();
    };
    let mut hosts = notes.names(host.get("domains"));
    if hosts.iter().any(|host| host == "*") {
        hosts.clear();
    }
    let of_host = options.policy_of(&host, "VirtualHostOption", namespace, notes);
    let mut reader = Reader {
        plain: Route {
            name: service.resource_name().unwrap_or("gloo").to_owned(),
            place: service.place(),
            hosts,
            paths: Vec::new(),
            route_names: Vec::new(),
            condition: None,
            policy: None,
            scope: Scope {
                owner: index.to_string(),
                ..Scope::default()
            },
        },
        of_host,
        options,
        tables,
        notes,
        routes: Vec::new(),
    };
    let mut own = host.list("routes");
    if own.is_empty() {
        own.push(host.field("routes"));
    }
    let level = Level {
        namespace,
        parents: Vec::new(),
    };
    reader.read_all(own, &level);
    reader.routes
}

struct Reader<'s, 'r> {
    /// What all routes of the service have in common.
    plain: Route,
    of_host: Option<Value<'s>>,
    options: &'r mut Options<'s>,
    tables: &'r mut Tables<'s>,
    notes: &'r mut Notes,
    routes: Vec<Route>,
}

impl<'s> Reader<'s, '_> {
    fn read_all(&mut self, routes: Vec<Value<'s>>, level: &Level<'s>) {
        for route in routes {
            let own = self
                .options
                .policy_of(&route, "RouteOption", level.namespace, self.notes);
            let parent = level.parents.first();
            // A route without an option of this name has that of the route that delegates.
            let cors = own.or_else(|| parent.and_then(|parent| parent.cors.clone()));
            match route.get("delegateAction") {
                Some(action) => self.delegate(&route, &action, cors, level),
                None => self.read_route(&route, cors, parent),
            }
        }
    }

    fn delegate(
        &mut self,
        route: &Value<'s>,
        action: &Value<'s>,
        cors: Option<Value<'s>>,
        level: &Level<'s>,
    ) {
        let Some(key) = self.tables.find(action, self.notes) else {
            return;
        };
        let table = self.tables.named.get(&key).copied();
        let mut own = route.list("matchers").into_iter();
        let (matcher, second) = (own.next(), own.next());
        let prefix = match &matcher {
            None => Some("/"),
            Some(one) if one.has("exact") || one.has("regex") => None,
            Some(one) => Some(one.text_of("prefix").unwrap_or("/")),
        };
        let is_known = level.parents.iter().any(|parent| parent.table == key);
        let (Some(prefix), None, Some(table), false) = (prefix, second, table, is_known) else {
            let text =
                "delegates with other matchers than one prefix, or in a circle, which Gloo refuses";
            self.notes
                .push(Code::SourceInvalidValue, &action.place(), text);
            return;
        };
        self.tables.used.insert(key);
        let outer = level.parents.first();
        let own = matcher.and_then(|one| matching::condition(&one, CONDITIONS));
        let flag = route.get("inheritablePathMatchers");
        let parent = Parent {
            table: key,
            prefix: prefix.to_owned(),
            condition: own.or_else(|| outer.and_then(|outer| outer.condition)),
            gives_path: match flag {
                Some(flag) => self.notes.bool(Some(flag)),
                None => outer.is_some_and(|outer| outer.gives_path),
            },
            cors,
        };
        let level = Level {
            namespace: key.0,
            parents: std::iter::once(parent)
                .chain(level.parents.clone())
                .collect(),
        };
        self.read_all(table.list_at(&["spec", "routes"]), &level);
    }

    fn read_route(
        &mut self,
        route: &Value<'s>,
        cors: Option<Value<'s>>,
        parent: Option<&Parent<'s>>,
    ) {
        let has_own = cors.is_some();
        let levels: Vec<_> = cors.into_iter().chain(self.of_host.clone()).collect();
        let plain = Route {
            place: route.place(),
            policy: read_policy(&levels, self.notes),
            ..self.plain.clone()
        };
        let gives_path = match route.get("inheritablePathMatchers") {
            Some(flag) => self.notes.bool(Some(flag)),
            None => parent.is_some_and(|parent| parent.gives_path),
        };
        let given = parent.filter(|_| gives_path);
        let matchers = route.list("matchers");
        let read: Vec<(Route, String)> = if matchers.is_empty() {
            let path = given.map_or("/", |parent| parent.prefix.as_str());
            let paths = vec![matching::below(path, &plain.place, self.notes)];
            // Of a service, no matcher at all is any path.
            let paths = if parent.is_some() { paths } else { Vec::new() };
            vec![(Route { paths, ..plain }, path.to_owned())]
        } else {
            let given = given.map(|parent| parent.prefix.as_str());
            let matchers = matchers.iter();
            matchers
                .map(|one| read_matcher(one, given, &plain, self.notes))
                .collect()
        };
        for (mut route, path) in read {
            if let Some(parent) = parent {
                if !path.starts_with(parent.prefix.as_str()) {
                    if has_own {
                        let text = format!(
                            "is for \"{path}\", which is not below \"{}\" of the route that delegates, so that Gloo leaves it out",
                            parent.prefix
                        );
                        self.notes.push(Code::UnreachedRoute, &route.place, text);
                    }
                    continue;
                }
                route.condition = route.condition.or(parent.condition);
            }
            self.routes.push(route);
        }
    }
}

/// The route of a matcher, and its path as a text. A path that is given replaces its own.
fn read_matcher(
    one: &Value,
    given: Option<&str>,
    plain: &Route,
    notes: &mut Notes,
) -> (Route, String) {
    let mut condition = matching::condition(one, CONDITIONS);
    let exact = one.text_of("exact").filter(|_| given.is_none());
    let (path, text) = if let Some(path) = exact {
        (Path::Exact(path.to_owned()), path)
    } else if let Some(prefix) = given.or(one.text_of("prefix")) {
        (matching::below(prefix, &one.place(), notes), prefix)
    } else {
        let regex = one.text_of("regex");
        if regex.is_some_and(|regex| !matching::is_any_path(regex)) {
            condition = Some("a regular expression over the path");
        }
        (Path::Any, regex.unwrap_or("/"))
    };
    let route = Route {
        place: one.place(),
        paths: vec![path],
        condition,
        ..plain.clone()
    };
    (route, text.to_owned())
}

fn key_of<'s>(table: &Value<'s>) -> (&'s str, &'s str) {
    let namespace = table.resource_namespace().unwrap_or_default();
    (namespace, table.resource_name().unwrap_or_default())
}

const CORS: &[&str] = &["options", "cors"];
const CONDITIONS: &[(&str, &str)] = &[
    ("caseSensitive", "a path in any case"),
    ("headers", "headers"),
    ("methods", METHOD),
    ("queryParameters", "query parameters"),
];
