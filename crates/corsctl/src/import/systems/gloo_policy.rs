//! The policies of Gloo: in a VirtualService or RouteTable, and in the VirtualHostOption and RouteOption that
//! these name.

use std::collections::{HashMap, HashSet};

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::envoy_policy;
use crate::import::origins::Origins;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// VirtualHostOptions and RouteOptions, by kind, namespace and name.
pub struct Options<'s> {
    named: HashMap<String, &'s Value<'s>>,
    used: HashSet<String>,
}

impl<'s> Options<'s> {
    pub fn of(options: impl Iterator<Item = &'s Value<'s>>) -> Self {
        Self {
            named: options.map(|option| (key_of(option), option)).collect(),
            used: HashSet::new(),
        }
    }

    /// Reports the options with CORS that no resource names.
    pub fn report_unused(&self, notes: &mut Notes) {
        for (key, option) in &self.named {
            if let Some(cors) = option.at(&["spec", "options", "cors"])
                && !self.used.contains(key)
            {
                let text = "holds for nothing in this file that import reads: it is read where a VirtualService names it in optionsConfigRefs";
                notes.unread(&cors.place(), text);
            }
        }
    }

    /// The policy of a level: its own, else that of the first option that it names.
    pub fn policy_of(
        &mut self,
        level: &Value<'s>,
        kind: &str,
        namespace: &str,
        notes: &mut Notes,
    ) -> Option<Value<'s>> {
        if let Some(merge) = level.at(&["options", "corsPolicyMergeSettings"]) {
            let text = "merges the policies of virtual host and route, which import does not do: write the merged policy on the routes";
            notes.push(Code::UnsupportedForm, &merge.place(), text);
        }
        let mut found = level.at(CORS);
        for reference in level.list_at(&["optionsConfigRefs", "delegateOptions"]) {
            let name = reference.text_of("name").unwrap_or_default();
            let namespace = reference.text_of("namespace").unwrap_or(namespace);
            let key = format!("{kind} {namespace}/{name}");
            let Some(option) = self.named.get(&key) else {
                let text = format!(
                    "names the {kind} \"{name}\", which is not in this file and may have CORS: import both together"
                );
                notes.unread(&reference.place(), text);
                continue;
            };
            found = found.or_else(|| option.at(&["spec", "options", "cors"]));
            self.used.insert(key);
        }
        found
    }
}

fn key_of(option: &Value) -> String {
    let namespace = option.resource_namespace().unwrap_or_default();
    let name = option.resource_name().unwrap_or_default();
    format!("{} {namespace}/{name}", option.kind().unwrap_or_default())
}

/// Reads the policies of a route and of its virtual host, the former first: as in Envoy, each list comes
/// from the first that has it.
pub fn read_policy(levels: &[Value], notes: &mut Notes) -> Option<Policy> {
    let first = levels.first()?;
    let place = first.place();
    for level in levels {
        level.allow_only(FIELDS, "Gloo's cors", notes);
    }
    if notes.bool(first.get("disableForRoute")) {
        return None;
    }
    let mut policy = Policy::new(place.clone(), 200);
    let has_origins = |level: &&Value| {
        let mut names = ORIGINS.iter();
        names.any(|name| !level.list(name).is_empty())
    };
    let Some(of_origins) = levels.iter().find(has_origins) else {
        notes.push(
            Code::SourceInvalidValue,
            &place,
            "lists no origin, which Gloo refuses: allowOrigin or allowOriginRegex",
        );
        return None;
    };
    let exact = notes.texts(of_origins.get(ORIGINS[0]));
    let regexes = notes.texts(of_origins.get(ORIGINS[1]));
    let mut origins = Origins::new(notes);
    for (at, text) in exact {
        origins.exact(&at, text);
    }
    for (at, text) in regexes {
        origins.regex(&at, text);
    }
    origins.finish(&mut policy, of_origins);
    let mut list = |name: &str| {
        let mut lists = levels.iter().map(|level| notes.names(level.get(name)));
        lists.find(|list| !list.is_empty()).unwrap_or_default()
    };
    policy.headers = list("allowHeaders");
    policy.expose = list("exposeHeaders");
    let methods = list("allowMethods");
    policy.set_methods(methods, &place, notes);
    // A false one is not written, so that the virtual host's holds.
    policy.credentials = levels
        .iter()
        .any(|level| notes.bool(level.get("allowCredentials")));
    let age = levels.iter().find_map(|level| level.get("maxAge"));
    let is_seconds = |age: &Value| {
        let text = age.text().unwrap_or("0");
        text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if let Some(age) = age.as_ref().filter(|age| !is_seconds(age)) {
        let text = "is sent as it is, and browsers read seconds alone, so that it has no effect; write seconds";
        notes.push(Code::SourceInvalidValue, &age.place(), text);
    }
    envoy_policy::finish(&mut policy, age, "Gloo", &place, notes);
    Some(policy)
}

const CORS: &[&str] = &["options", "cors"];
const ORIGINS: [&str; 2] = ["allowOrigin", "allowOriginRegex"];
const FIELDS: &[&str] = &[
    "allowCredentials",
    "allowHeaders",
    "allowMethods",
    ORIGINS[0],
    ORIGINS[1],
    "disableForRoute",
    "exposeHeaders",
    "maxAge",
];
