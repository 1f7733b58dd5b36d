//! The Gateway API's HTTPRoute with its CORS filter, and kgateway's TrafficPolicy, which holds one.

use std::collections::BTreeSet;

use super::notes::{Level, Notes};
use super::origins::Origins;
use super::policy::Policy;
use super::routes::{Path, Route};
use super::value::Value;

pub fn owns(value: &Value) -> bool {
    let kind = value.text_of("kind").unwrap_or_default();
    kind == "HTTPRoute" || is_traffic_policy(kind)
}

pub fn read(values: &[Value], notes: &mut Notes) -> Vec<Route> {
    let of_kind = |kind: &str| {
        let values = values
            .iter()
            .filter(|value| value.text_of("kind") == Some(kind));
        values.cloned().collect::<Vec<_>>()
    };
    let routes = of_kind("HTTPRoute");
    let policies = values.iter().filter(|value| {
        let kind = value.text_of("kind");
        kind.is_some_and(is_traffic_policy)
    });
    let (traffic, others) = policies
        .cloned()
        .partition(|value| value.at(CORS).is_some());
    let mut resources = Resources {
        traffic,
        others,
        used: BTreeSet::new(),
        notes,
    };
    resources.check_targets(&routes);
    let gateway = resources.gateway();
    let mut read: Vec<Route> = Vec::new();
    for route in &routes {
        resources.check_parents(route, gateway.as_ref());
        for rule in route.list_at(&["spec", "rules"]) {
            let policy = resources.policy_of(route, &rule);
            read.extend(read_rule(route, &rule, &policy, resources.notes));
        }
    }
    read.extend(resources.top_level(gateway.as_ref(), !routes.is_empty()));
    resources.tell_unused();
    read
}

/// The policies that routes may get from elsewhere.
struct Resources<'s, 'n> {
    traffic: Vec<Value<'s>>,
    /// Policies without CORS.
    others: Vec<Value<'s>>,
    /// The names of those that hold somewhere.
    used: BTreeSet<String>,
    notes: &'n mut Notes,
}

impl<'s> Resources<'s, '_> {
    /// The policy of a rule: its filter, else what it refers to, else what targets its route, else
    /// what targets the Gateway.
    fn policy_of(&mut self, route: &Value<'s>, rule: &Value<'s>) -> Option<Policy> {
        self.check_backends(route, rule);
        let filters = rule.list("filters");
        let cors = filters.iter().filter_map(|filter| filter.get("cors"));
        let cors: Vec<_> = cors.collect();
        if let [_, second, ..] = cors.as_slice() {
            self.notes.error(
                &second.place(),
                "is the second CORS filter of its rule; write one",
            );
        }
        if let Some(cors) = cors.first() {
            return read_cors(cors, self.notes);
        }
        let extension = filters
            .iter()
            .find_map(|filter| self.extension(route, filter));
        let targeting = || {
            let rule_name = rule.text_of("name");
            let targets = |section: Option<&str>| {
                self.targeting("HTTPRoute", &[name_of(route)], namespace_of(route), section)
            };
            rule_name
                .and_then(|name| targets(Some(name)))
                .or_else(|| targets(None))
        };
        let found = extension.or_else(targeting).or_else(|| self.gateway());
        self.take(&found?)
    }

    /// The TrafficPolicy that a filter refers to.
    fn extension(&mut self, route: &Value<'s>, filter: &Value<'s>) -> Option<Value<'s>> {
        let reference = filter.get("extensionRef")?;
        let name = reference.text_of("name")?;
        if !is_traffic_policy(reference.text_of("kind").unwrap_or_default()) {
            return None;
        }
        let is_meant = |policy: &&Value| {
            name_of(policy) == name && namespace_of(policy) == namespace_of(route)
        };
        let found = self.traffic.iter().find(is_meant);
        if found.is_none() && !self.others.iter().any(|policy| is_meant(&policy)) {
            self.notes.error(&reference.place(), format!("names the TrafficPolicy \"{name}\", which is not in this file: import both together"));
        }
        found.cloned()
    }

    /// The policy that targets one of these; a second one is an error.
    fn targeting(
        &self,
        kind: &str,
        names: &[&str],
        namespace: Option<&str>,
        section: Option<&str>,
    ) -> Option<Value<'s>> {
        let mut found = self.traffic.iter().filter(|policy| {
            (namespace.is_none() || namespace_of(policy) == namespace)
                && policy.list_at(TARGETS).iter().any(|target| {
                    target.text_of("kind") == Some(kind)
                        && names.contains(&target.text_of("name").unwrap_or_default())
                        && target.text_of("sectionName") == section
                })
        });
        found.next().cloned()
    }

    /// The policy of the Gateway.
    fn gateway(&self) -> Option<Value<'s>> {
        let mut policies = self.traffic.iter();
        let is_gateway = |target: &Value| target.text_of("kind") == Some("Gateway");
        policies
            .find(|policy| policy.list_at(TARGETS).iter().any(is_gateway))
            .cloned()
    }

    fn take(&mut self, policy: &Value<'s>) -> Option<Policy> {
        self.used.insert(full_name(policy));
        let cors = policy.at(CORS)?;
        if cors.has("disable") {
            return None;
        }
        read_cors(&cors, self.notes)
    }

    fn check_targets(&mut self, routes: &[Value<'s>]) {
        let mut taken: Vec<(String, String)> = Vec::new();
        let mut gateways = BTreeSet::new();
        for policy in &self.traffic {
            if let Some(selectors) = policy.at(&["spec", "targetSelectors"]) {
                self.notes.error(
                    &selectors.place(),
                    "select by labels; import resolves no labels: write targetRefs",
                );
            }
            for target in policy.list_at(TARGETS) {
                let (kind, name) = (target.text_of("kind"), target.text_of("name"));
                let (kind, name) = (kind.unwrap_or_default(), name.unwrap_or_default());
                let section = target.text_of("sectionName");
                let key = format!("{kind} {name}/{}", section.unwrap_or_default());
                let place = target.place();
                match kind {
                    "Gateway" if section.is_some() => self.notes.error(&place, "targets one listener of a Gateway, which no rule can match; attach it to routes"),
                    "Gateway" => {
                        gateways.insert(name.to_owned());
                    }
                    "HTTPRoute" if !routes.iter().any(|route| name_of(route) == name) => self.notes.error(&place, format!("targets the HTTPRoute \"{name}\", which is not in this file: import both together")),
                    "HTTPRoute" => {}
                    other => self.notes.error(&place, format!("targets a {other}, which import does not know")),
                }
                if let Some((_, other)) = taken.iter().find(|(taken, _)| *taken == key) {
                    self.notes.error(&place, format!("is targeted by \"{other}\" too; kgateway takes the older one: leave the other out"));
                }
                taken.push((key, name_of(policy).to_owned()));
            }
        }
        if gateways.len() > 1 {
            let names: Vec<_> = gateways.into_iter().collect();
            self.notes.error(&super::value::Place::default(), format!("policies target several Gateways ({}), and each has a plugin of its own: import them apart", names.join(", ")));
        }
    }

    /// A policy of the Gateway holds for its routes only.
    fn check_parents(&mut self, route: &Value<'s>, gateway: Option<&Value<'s>>) {
        let Some(gateway) = gateway else {
            return;
        };
        let targets = gateway.list_at(TARGETS);
        let parents = route.list_at(&["spec", "parentRefs"]);
        let is_attached = parents.iter().any(|parent| {
            let name = parent.text_of("name");
            targets.iter().any(|target| target.text_of("name") == name)
        });
        if !is_attached {
            self.notes.error(&route.place(), format!("the HTTPRoute \"{}\" belongs to another Gateway than the policy \"{}\": import them apart", name_of(route), name_of(gateway)));
        }
    }

    /// Preflight and request may choose different backends.
    fn check_backends(&mut self, route: &Value<'s>, rule: &Value<'s>) {
        for backend in rule.list("backendRefs") {
            for filter in backend.list("filters") {
                let refers = filter.at(&["extensionRef", "kind"]);
                let refers = refers
                    .and_then(|kind| kind.text())
                    .is_some_and(is_traffic_policy);
                if filter.has("cors") || refers {
                    self.notes.error(&filter.place(), format!("the HTTPRoute \"{}\" has CORS on one of its backendRefs: a preflight and its request may choose different backends, so it cannot be said; put it on the rule", name_of(route)));
                }
            }
        }
    }

    /// What holds where no route does.
    fn top_level(&mut self, gateway: Option<&Value<'s>>, has_routes: bool) -> Vec<Route> {
        let alone = || self.traffic.first().filter(|_| !has_routes);
        let Some(value) = gateway.or_else(alone).cloned() else {
            return Vec::new();
        };
        if gateway.is_none() {
            self.notes.push(Level::Changed, &value.place(), format!("the TrafficPolicy \"{}\" is attached to nothing in this file: it is written for everything that passes the filter", name_of(&value)));
        }
        let policy = self.take(&value);
        let policy = policy.map(|policy| Route::everything(name_of(&value), value.place(), policy));
        policy.into_iter().collect()
    }

    fn tell_unused(&mut self) {
        for policy in &self.traffic {
            if !self.used.contains(&full_name(policy)) {
                self.notes.push(
                    Level::Changed,
                    &policy.place(),
                    format!(
                        "the TrafficPolicy \"{}\" holds for nothing in this file and is left out",
                        name_of(policy)
                    ),
                );
            }
        }
    }
}

/// The matches of a rule: those by path alone, and each of the others on its own.
fn read_rule(
    route: &Value,
    rule: &Value,
    policy: &Option<Policy>,
    notes: &mut Notes,
) -> Vec<Route> {
    let hosts = notes.names(route.at(&["spec", "hostnames"]));
    let plain = Route {
        name: name_of(route).to_owned(),
        place: rule.place(),
        hosts,
        paths: Vec::new(),
        route_names: Vec::new(),
        condition: None,
        policy: policy.clone(),
    };
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
            ("method", "a method, which a preflight does not have"),
            ("queryParams", "query parameters"),
        ];
        let mut condition = conditions
            .iter()
            .find(|(name, _)| one.has(name))
            .map(|(_, told)| *told);
        let path = match kind.unwrap_or("PathPrefix") {
            "Exact" => Path::Exact(path.to_owned()),
            "PathPrefix" => Path::below(path),
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

/// Reads an [HTTPCORSFilter](https://gateway-api.sigs.k8s.io/reference/spec/#httpcorsfilter).
fn read_cors(cors: &Value, notes: &mut Notes) -> Option<Policy> {
    cors.allow_only(FIELDS, "a CORS filter", notes);
    let place = cors.place();
    let mut policy = Policy::new(200);
    let list = cors.get("allowOrigins");
    let texts = notes.texts(list.clone());
    let mut origins = Origins::new(notes);
    for (at, text) in texts {
        if text.contains('*') {
            origins.wildcard(&at, text);
        } else {
            origins.exact(&at, text);
        }
    }
    if let Some(list) = &list {
        origins.finish(&mut policy, list);
    }
    let methods = notes.names(cors.get("allowMethods"));
    policy.set_methods(methods, &place, notes);
    policy.headers = notes.names(cors.get("allowHeaders"));
    policy.expose = notes.names(cors.get("exposeHeaders"));
    policy.credentials = notes.bool(cors.get("allowCredentials"));
    policy.tell_expose(&place, notes);
    match cors.get("maxAge") {
        Some(age) => policy.max_age = age.node.clone(),
        None => notes.push(
            Level::Default,
            &place,
            "no maxAge: the Gateway API's default is 5",
        ),
    }
    Some(policy)
}

fn is_traffic_policy(kind: &str) -> bool {
    kind.ends_with("TrafficPolicy") && !kind.starts_with("Backend")
}

fn name_of<'s>(value: &Value<'s>) -> &'s str {
    let name = value.at(&["metadata", "name"]);
    name.and_then(|name| name.text()).unwrap_or_default()
}

fn full_name(value: &Value) -> String {
    format!(
        "{}/{}",
        namespace_of(value).unwrap_or_default(),
        name_of(value)
    )
}

fn namespace_of<'s>(value: &Value<'s>) -> Option<&'s str> {
    value.at(&["metadata", "namespace"])?.text()
}

pub const CHANGES: &[&str] = &[
    "the preflight of an origin that is not allowed is answered 403; kgateway, as Envoy does, sends it on to the upstream",
    "the upstream's own Access-Control-* headers are removed; kgateway passes them on, for origins that are not allowed too",
    "Vary: Origin is on every response that depends on the origin; kgateway sends none",
];

const CORS: &[&str] = &["spec", "cors"];
const TARGETS: &[&str] = &["spec", "targetRefs"];
const FIELDS: &[&str] = &[
    "allowCredentials",
    "allowHeaders",
    "allowMethods",
    "allowOrigins",
    "exposeHeaders",
    "maxAge",
];
