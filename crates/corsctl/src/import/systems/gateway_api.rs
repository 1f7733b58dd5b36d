//! The Gateway API's HTTPRoute with its CORS filter, and the policies that are attached to it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::ingress::annotation;
use crate::import::matching;
use crate::import::objects::Object;
use crate::import::rules::route::{METHOD, Path, Route, Scope};
use crate::import::system::System;
use crate::import::systems::gateway_policies::{
    KGATEWAY, attached, changes, cors_of, read_filter, replaces, targets_of,
};
use crate::input::cursor::{Place, Value};
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    changes,
    ..System::new(
        "gateway-api",
        "the Gateway API",
        "Gateway API HTTPRoute, kgateway TrafficPolicy, Envoy Gateway SecurityPolicy",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    let is_ours = |kind: &str| value.is_resource(kind, GROUP);
    is_ours("HTTPRoute") || is_ours("Gateway") || attached(value).is_some()
}

fn read(values: &[Value], all: &[Object], notes: &mut Notes) -> Vec<Route> {
    let of_kind = |kind: &str| {
        let values = values.iter().filter(|value| value.is_resource(kind, GROUP));
        values.cloned().collect::<Vec<_>>()
    };
    let routes = of_kind("HTTPRoute");
    let policies = values.iter().filter(|value| attached(value).is_some());
    let (traffic, others): (Vec<_>, Vec<_>) = policies
        .cloned()
        .partition(|value| cors_of(value).is_some() || replaces(value));
    let mut resources = Resources {
        named: traffic
            .iter()
            .filter(|policy| policy.kind() == Some("TrafficPolicy"))
            .map(|policy| (full_name(policy), policy.clone()))
            .collect(),
        others: others.iter().map(full_name).collect(),
        gateway: traffic
            .iter()
            .find(|policy| targets_gateway(policy))
            .cloned(),
        traffic,
        targets: HashMap::new(),
        used: BTreeSet::new(),
        objects: all
            .iter()
            .filter_map(|object| object_key(&object.value))
            .collect(),
        notes,
    };
    resources.read_targets(&routes);
    let gateways = of_kind("Gateway");
    let gateways: HashMap<_, _> = gateways
        .iter()
        .map(|gateway| (full_name(gateway), gateway))
        .collect();
    let mut read: Vec<Route> = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        resources.check_parents(route);
        if let Some(plugins) = annotation(route, "konghq.com/plugins") {
            let text = "names plugins of Kong, which import reads of an Ingress or a Service, and not of an HTTPRoute";
            resources.notes.unread(&plugins.place(), text);
        }
        let whole = Route {
            name: name_of(route).to_owned(),
            place: route.place(),
            hosts: hosts_of(route, &gateways, resources.notes),
            paths: Vec::new(),
            route_names: Vec::new(),
            condition: None,
            policy: None,
            scope: Scope {
                gates: parents_of(route),
                owner: index.to_string(),
                ..Scope::default()
            },
        };
        for rule in route.list_at(&["spec", "rules"]) {
            let policy = resources.policy_of(route, &rule);
            let plain = Route {
                place: rule.place(),
                policy,
                ..whole.clone()
            };
            read.extend(read_rule(&rule, plain));
        }
    }
    let takes_all = |route: &Route| {
        let is_any_path = route.paths.is_empty() || route.paths.contains(&Path::Any);
        route.hosts.is_empty() && is_any_path && route.condition.is_none()
    };
    if !read.iter().any(takes_all) {
        read.extend(resources.top_level(!routes.is_empty()));
    }
    resources.report_unused();
    read
}

/// The gateways that a route is attached to, or their listeners.
fn parents_of(route: &Value) -> Vec<String> {
    let parents = route.list_at(&["spec", "parentRefs"]).into_iter();
    let mut gates: Vec<_> = parents
        .map(|parent| {
            let section = parent.text_of("sectionName");
            let section = section.map_or_else(String::new, |section| format!("/{section}"));
            gateway_of(&parent, route) + &section
        })
        .collect();
    gates.sort();
    gates
}

/// The full name of a parent of a route.
fn gateway_of(parent: &Value, route: &Value) -> String {
    let namespace = parent.text_of("namespace").or(namespace_of(route));
    let name = parent.text_of("name").unwrap_or_default();
    format!("{}/{name}", namespace.unwrap_or_default())
}

/// The host names of a route, or those of the listeners that it is attached to.
fn hosts_of(route: &Value, gateways: &HashMap<String, &Value>, notes: &mut Notes) -> Vec<String> {
    let hosts = notes.names(route.at(&["spec", "hostnames"]));
    if !hosts.is_empty() {
        return hosts;
    }
    let mut hosts = Vec::new();
    let parents = route.list_at(&["spec", "parentRefs"]);
    for parent in &parents {
        let section = parent.text_of("sectionName");
        let Some(gateway) = gateways.get(&gateway_of(parent, route)) else {
            if section.is_some() {
                notes.push(Code::AnyHost, &parent.place(), "names a listener of a Gateway that is not in this file, and the route names no hosts: it is written for any host");
            }
            return Vec::new();
        };
        let listeners = gateway.list_at(&["spec", "listeners"]).into_iter();
        let meant =
            listeners.filter(|listener| section.is_none() || listener.text_of("name") == section);
        for listener in meant {
            match listener.text_of("hostname") {
                Some(host) => hosts.push(host.to_owned()),
                None => return Vec::new(),
            }
        }
    }
    hosts
}

fn targets_gateway(policy: &Value) -> bool {
    let is_gateway = |target: &Value| target.text_of("kind") == Some("Gateway");
    targets_of(policy).iter().any(is_gateway)
}

/// The policies that routes may get from elsewhere.
struct Resources<'s, 'n> {
    traffic: Vec<Value<'s>>,
    /// The same by their full names.
    named: HashMap<String, Value<'s>>,
    /// The full names of policies without CORS.
    others: BTreeSet<String>,
    /// The policy of the Gateway.
    gateway: Option<Value<'s>>,
    /// The policies by what they target.
    targets: HashMap<String, Value<'s>>,
    /// The full names of those that hold somewhere.
    used: BTreeSet<String>,
    /// Kind, namespace and name of everything in the file.
    objects: HashSet<String>,
    notes: &'n mut Notes,
}

impl<'s> Resources<'s, '_> {
    /// The policy of a rule: its filter, else what it refers to, else what targets its route, else
    /// what targets the Gateway.
    fn policy_of(&mut self, route: &Value<'s>, rule: &Value<'s>) -> Option<Policy> {
        self.check_backends(route, rule);
        let filters = rule.list("filters");
        self.report_by_hand(rule, &filters);
        let cors = filters.iter().filter_map(|filter| filter.get("cors"));
        let cors: Vec<_> = cors.collect();
        if let [_, second, ..] = cors.as_slice() {
            self.notes.push(
                Code::SeveralPolicies,
                &second.place(),
                "is the second CORS filter of its rule; write one",
            );
        }
        if let Some(cors) = cors.first() {
            return read_filter(cors, self.notes);
        }
        let extension = filters
            .iter()
            .find_map(|filter| self.extension(route, filter));
        let targeting = || {
            let namespace = namespace_of(route).unwrap_or_default();
            let target = |section: &str| {
                let key = target_key(namespace, "HTTPRoute", name_of(route), section);
                self.targets.get(&key).cloned()
            };
            let of_rule = rule.text_of("name").and_then(target);
            of_rule.or_else(|| target(""))
        };
        let found = extension.or_else(targeting);
        if let Some(found) = found.filter(|found| !self.gives_way(found)) {
            return self.take(&found);
        }
        self.take(&self.gateway.clone()?)
    }

    /// Whether a policy without CORS is merged with that of the Gateway, and takes its CORS over.
    fn gives_way(&mut self, policy: &Value<'s>) -> bool {
        let Some(merge) = policy.at(&["spec", "mergeType"]) else {
            return false;
        };
        let has_cors = cors_of(policy).is_some();
        if has_cors
            && self
                .gateway
                .as_ref()
                .is_some_and(|gateway| cors_of(gateway).is_some())
        {
            let text = "merges the policy with that of the Gateway, field by field: write the policy that comes out of it, without mergeType";
            self.notes.push(Code::SeveralPolicies, &merge.place(), text);
        }
        !has_cors
    }

    /// The TrafficPolicy that a filter refers to.
    fn extension(&mut self, route: &Value<'s>, filter: &Value<'s>) -> Option<Value<'s>> {
        let reference = filter.get("extensionRef")?;
        let name = reference.text_of("name")?;
        let kind = reference.text_of("kind").unwrap_or_default();
        let full_name = format!("{}/{name}", namespace_of(route).unwrap_or_default());
        if !refers_to_traffic_policy(&reference) {
            // One that is in the file is reported at its own place, if it speaks of CORS.
            let key = format!("{kind} {full_name}");
            if !WITHOUT_CORS.contains(&kind) && !self.objects.contains(&key) {
                let text = format!(
                    "names the {kind} \"{name}\", which is not in this file and may have CORS: import both together"
                );
                self.notes.unread(&reference.place(), text);
            }
            return None;
        }
        let found = self.named.get(&full_name).cloned();
        if found.is_none() && !self.others.contains(&full_name) {
            self.notes.push(Code::MissingReference, &reference.place(), format!("names the TrafficPolicy \"{name}\", which is not in this file: import both together"));
        }
        found
    }

    fn take(&mut self, policy: &Value<'s>) -> Option<Policy> {
        self.used.extend(object_key(policy));
        let cors = cors_of(policy)?;
        if cors.has("disable") {
            return None;
        }
        (attached(policy)?.read)(&cors, self.notes)
    }

    /// Notes what each policy targets; a second policy of one target is an error.
    fn read_targets(&mut self, routes: &[Value<'s>]) {
        let routes: BTreeSet<_> = routes.iter().map(full_name).collect();
        let mut gateways = BTreeSet::new();
        for policy in &self.traffic {
            if let Some(selectors) = policy.at(&["spec", "targetSelectors"]) {
                self.notes.push(
                    Code::UnsupportedForm,
                    &selectors.place(),
                    "select by labels; import resolves no labels: write targetRefs",
                );
            }
            let namespace = namespace_of(policy).unwrap_or_default();
            for target in targets_of(policy) {
                let (kind, name) = (target.text_of("kind"), target.text_of("name"));
                let (kind, name) = (kind.unwrap_or_default(), name.unwrap_or_default());
                let section = target.text_of("sectionName");
                let full_name = format!("{namespace}/{name}");
                let place = target.place();
                match kind {
                    "Gateway" if section.is_some() => self.notes.push(Code::UnsupportedMatch, &place, "targets one listener of a Gateway, which no rule can match; attach it to routes"),
                    "Gateway" => {
                        gateways.insert(full_name.trim_start_matches('/').to_owned());
                    }
                    "HTTPRoute" if !routes.contains(&full_name) => self.notes.push(Code::MissingReference, &place, format!("targets the HTTPRoute \"{name}\", which is not in this file: import both together")),
                    "HTTPRoute" => {}
                    other => self.notes.push(Code::UnsupportedForm, &place, format!("targets a {other}, which import does not know")),
                }
                let key = target_key(namespace, kind, name, section.unwrap_or_default());
                match self.targets.entry(key) {
                    Entry::Occupied(first) => {
                        let first = name_of(first.get());
                        self.notes.push(Code::SeveralPolicies, &place, format!("is targeted by \"{first}\" too, and the older one holds: leave the other out"));
                    }
                    Entry::Vacant(free) => {
                        free.insert(policy.clone());
                    }
                }
            }
        }
        if gateways.len() > 1 {
            let names: Vec<_> = gateways.into_iter().collect();
            self.notes.push(Code::SeveralGateways, &Place::default(), format!("policies target several Gateways ({}), and each has its own plugin: import them one by one", names.join(", ")));
        }
    }

    /// A policy of the Gateway holds for its routes only.
    fn check_parents(&mut self, route: &Value<'s>) {
        let Some(gateway) = &self.gateway else {
            return;
        };
        let namespace = namespace_of(gateway).unwrap_or_default();
        let targets = targets_of(gateway).into_iter();
        let targets: BTreeSet<_> = targets
            .filter_map(|target| Some(format!("{namespace}/{}", target.text_of("name")?)))
            .collect();
        let parents = route.list_at(&["spec", "parentRefs"]);
        let is_target = |parent: &Value| targets.contains(&gateway_of(parent, route));
        if parents.is_empty() || !parents.iter().all(is_target) {
            self.notes.push(Code::SeveralGateways, &route.place(), format!("the HTTPRoute \"{}\" belongs to another Gateway than the policy \"{}\": import them apart", name_of(route), name_of(gateway)));
        }
    }

    /// Preflight and request may choose different backends.
    fn check_backends(&mut self, route: &Value<'s>, rule: &Value<'s>) {
        for backend in rule.list("backendRefs") {
            for filter in backend.list("filters") {
                let refers = filter.get("extensionRef");
                let refers = refers.is_some_and(|reference| refers_to_traffic_policy(&reference));
                if filter.has("cors") || refers {
                    self.notes.push(Code::UnsupportedMatch, &filter.place(), format!("the HTTPRoute \"{}\" has CORS on one of its backendRefs: a preflight and its request may choose different backends, so it cannot be said; put it on the rule", name_of(route)));
                }
            }
        }
    }

    /// Headers of CORS that the filters of a rule or of its backends set.
    fn report_by_hand(&mut self, rule: &Value<'s>, filters: &[Value<'s>]) {
        let backends = rule.list("backendRefs").into_iter();
        let of_backends = backends.flat_map(|backend| backend.list("filters"));
        let all: Vec<_> = filters.iter().cloned().chain(of_backends).collect();
        let modifiers = all
            .iter()
            .filter_map(|filter| filter.get("responseHeaderModifier"));
        let lists = modifiers.flat_map(|modifier| ["set", "add"].map(|name| modifier.get(name)));
        let lists: Vec<_> = lists.flatten().collect();
        let has_policy = filters.iter().any(|filter| filter.has("cors"));
        matching::report_by_hand(&lists, has_policy, self.notes);
    }

    /// What holds where no route does.
    fn top_level(&mut self, has_routes: bool) -> Vec<Route> {
        let gateway = self.gateway.clone();
        let is_alone = gateway.is_none();
        let with_cors = |value: &&Value| cors_of(value).is_some();
        let mut traffic = self.traffic.iter().filter(|_| !has_routes);
        let alone = traffic.find(with_cors).cloned();
        let Some(value) = gateway.or(alone) else {
            return Vec::new();
        };
        if is_alone {
            self.notes.push(Code::PolicyForEverything, &value.place(), format!("the {} \"{}\" is attached to nothing in this file: it is written for everything that passes the filter", value.kind().unwrap_or_default(), name_of(&value)));
        }
        let policy = self.take(&value);
        let policy = policy.map(|policy| Route::everything(name_of(&value), value.place(), policy));
        policy.into_iter().collect()
    }

    fn report_unused(&mut self) {
        for policy in &self.traffic {
            let is_used = object_key(policy).is_some_and(|key| self.used.contains(&key));
            if !is_used && cors_of(policy).is_some() {
                let text = format!(
                    "the {} \"{}\" holds for nothing in this file and is left out",
                    policy.kind().unwrap_or_default(),
                    name_of(policy)
                );
                self.notes.push(Code::UnusedPolicy, &policy.place(), text);
            }
        }
    }
}

/// The matches of a rule: those by path alone, and each of the others on its own.
fn read_rule(rule: &Value, plain: Route) -> Vec<Route> {
    let matches = rule.list("matches");
    if matches.is_empty() {
        return vec![plain];
    }
    let mut by_path = plain.clone();
    let mut read = Vec::new();
    for one in &matches {
        let kind = one.at(&["path", "type"]).and_then(|kind| kind.text());
        let path = one
            .at(&["path", "value"])
            .and_then(|path| path.text())
            .unwrap_or("/");
        let conditions = [
            ("headers", "headers"),
            ("method", METHOD),
            ("queryParams", "query parameters"),
        ];
        let mut condition = matching::condition(one, &conditions);
        let path = match kind.unwrap_or("PathPrefix") {
            "Exact" => Path::Exact(path.to_owned()),
            "PathPrefix" => Path::below(path),
            "RegularExpression" if matching::is_any_path(path) => Path::Any,
            _ => {
                condition = Some("a regular expression over the path");
                Path::Any
            }
        };
        if condition.is_some() {
            read.push(Route {
                place: one.place(),
                paths: vec![path],
                condition,
                ..plain.clone()
            });
        } else {
            by_path.paths.push(path);
        }
    }
    if !by_path.paths.is_empty() {
        read.push(by_path);
    }
    read
}

fn refers_to_traffic_policy(reference: &Value) -> bool {
    let group = reference.text_of("group").filter(|group| !group.is_empty());
    reference.text_of("kind") == Some("TrafficPolicy")
        && group.is_none_or(|group| group == KGATEWAY)
}

/// Kind, namespace and name of a resource.
fn object_key(value: &Value) -> Option<String> {
    Some(format!("{} {}", value.kind()?, full_name(value)))
}

fn name_of<'s>(value: &Value<'s>) -> &'s str {
    value.resource_name().unwrap_or_default()
}

fn full_name(value: &Value) -> String {
    format!(
        "{}/{}",
        namespace_of(value).unwrap_or_default(),
        name_of(value)
    )
}

fn target_key(namespace: &str, kind: &str, name: &str, section: &str) -> String {
    format!("{kind} {namespace}/{name}/{section}")
}

fn namespace_of<'s>(value: &Value<'s>) -> Option<&'s str> {
    value.resource_namespace()
}

const GROUP: &str = "gateway.networking.k8s.io";
/// Kinds that a filter may refer to and that have no CORS.
const WITHOUT_CORS: [&str; 2] = ["DirectResponse", "HTTPRouteFilter"];
