//! Reads what a file holds as routes, and writes these as a configuration.

use std::collections::HashSet;

use cors::config::json::Node;
use cors::select::policy_set::PolicySet;

use crate::import::changes::Notes;
use crate::import::objects::{Object, counted, objects_of};
use crate::import::recognise;
use crate::import::rules::route::Route;
use crate::import::rules::write::write;
use crate::import::systems::{System, detect, names_of};
use crate::input::cursor::{Place, Value, letters};
use crate::input::source::Source;
use crate::output::code::Code;

/// Reads a file and writes its configuration; none, with the errors in the notes, if it cannot.
pub fn import(source: &Source, from: Option<System>, notes: &mut Notes) -> Option<Node> {
    let objects = objects_of(source);
    if objects.is_empty() {
        notes.push(Code::SourceEmpty, &Place::default(), "is empty");
        return None;
    }
    let systems = match from {
        Some(system) => vec![system],
        None => detect(&objects, notes),
    };
    if systems.is_empty() {
        return None;
    }
    // What is named by --from may have any shape.
    let is_owned = |value: &Value| systems.iter().any(|system| system.owns(value));
    let is_any = from.is_some() && !objects.iter().any(|object| is_owned(&object.value));
    let (read, passed): (Vec<_>, Vec<_>) = objects
        .iter()
        .partition(|object| is_owned(&object.value) || is_any && object.value.kind().is_none());
    let read: Vec<_> = read
        .into_iter()
        .map(|object| object.value.clone())
        .collect();
    for value in &read {
        check_keys(value, false, notes);
    }
    let mut routes = Vec::new();
    for system in &systems {
        let mut own = system.read(&read, &objects, notes);
        for route in &mut own {
            route.scope.precedence = system.precedence();
        }
        routes.extend(own);
    }
    let is_read = |object: &&&Object| !object.is_read_within(&objects, &is_owned);
    let passed: Vec<_> = passed.iter().filter(is_read).copied().collect();
    notes.tell_read(tell_read(&systems, &read, &routes, &passed));
    tell_passed(&passed, notes);
    if notes.has_errors() {
        return None;
    }
    let policies: Vec<_> = routes
        .iter()
        .filter_map(|route| route.policy.as_ref())
        .collect();
    for route in &routes {
        route.check(notes);
    }
    for policy in &policies {
        policy.check(notes);
        policy.tell_null(notes);
    }
    if policies.is_empty() {
        let text = format!("has no CORS policy of {}", names_of(&systems));
        notes.push(Code::NoCorsPolicy, &Place::default(), text);
    }
    if notes.has_errors() {
        return None;
    }
    let configuration = write(&routes, notes);
    // An empty configuration would be the default one, which allows any origin.
    if !notes.has_errors() && configuration == Node::Object(Vec::new()) {
        notes.push(
            Code::NoReachablePolicy,
            &Place::default(),
            "has CORS policies, but none that a request reaches",
        );
    }
    for (when, code, text) in systems.iter().flat_map(|system| system.changes(&read)) {
        if policies.iter().any(|policy| when.concerns(policy)) {
            notes.push(*code, &Place::default(), text);
        }
    }
    let (_, diagnostics) = PolicySet::from_json(&configuration);
    for problem in diagnostics.errors() {
        notes.push_diagnostic(&Place::default(), problem);
    }
    for problem in diagnostics.warnings() {
        notes.push_diagnostic(&Place::default(), problem);
    }
    Some(configuration)
}

/// Says in one line which system was read and what was passed over.
fn tell_read(systems: &[System], read: &[Value], routes: &[Route], passed: &[&Object]) -> String {
    let policies = routes.iter().filter_map(|route| route.policy.as_ref());
    let places: HashSet<&Place> = policies.map(|policy| &policy.place).collect();
    let count = |number: usize, one: &str| match (number, one.strip_suffix('y')) {
        (0, _) => format!("no {one}"),
        (1, _) => format!("1 {one}"),
        (_, Some(start)) => format!("{number} {start}ies"),
        (_, None) => format!("{number} {one}s"),
    };
    let mut text = format!(
        "read as {}: {}",
        names_of(systems),
        count(places.len(), "policy")
    );
    let kinds = read.iter().filter_map(|value| value.kind());
    let kinds: Vec<_> = counted(kinds)
        .into_iter()
        .map(|(kind, number)| count(number, kind))
        .collect();
    if !kinds.is_empty() {
        text += &format!(" in {}", kinds.join(", "));
    }
    if !passed.is_empty() {
        let kinds = counted(passed.iter().map(|object| object.kind())).into_iter();
        let kinds: Vec<_> = kinds
            .map(|(kind, number)| format!("{kind} {number}"))
            .collect();
        text += &format!("; passed over: {}", kinds.join(", "));
    }
    text
}

/// What speaks of CORS and is passed over is never dropped in silence.
fn tell_passed(passed: &[&Object], notes: &mut Notes) {
    for object in passed {
        if let Some(at) = recognise::cors_in(&object.value) {
            let text = format!(
                "{} speaks of CORS here, which import does not read yet",
                object.name()
            );
            notes.unread(&at.place(), text);
        }
    }
}

/// Reports merge keys and repeated keys, of which one would be lost. Names of fields are compared as they are read, in camelCase and
/// snake_case alike; names that users choose, as those of labels and routers, only if they are equal.
fn check_keys(value: &Value, has_chosen_names: bool, notes: &mut Notes) {
    let mut seen = HashSet::new();
    for (key, field) in value.entries() {
        let name: Vec<_> = match has_chosen_names {
            true => key.bytes().collect(),
            false => letters(key).collect(),
        };
        if key == "<<" {
            let text = "is a merge key, which import does not read; write out what it brings";
            notes.push(Code::SourceMergeKey, &field.place(), text);
        } else if !seen.insert(name) {
            notes.push(Code::SourceDuplicateField, &field.place(), "appears twice");
        }
        check_keys(&field, BY_NAME.contains(&key), notes);
    }
    for item in value.items() {
        check_keys(&item, false, notes);
    }
}

/// Fields that hold an object whose keys are names that users choose.
const BY_NAME: [&str; 18] = [
    "add",
    "annotations",
    "data",
    "extra_config",
    "filter_metadata",
    "headers",
    "labels",
    "mapping",
    "matchLabels",
    "middlewares",
    "remove",
    "routers",
    "selector",
    "services",
    "set",
    "typedPerFilterConfig",
    "typed_per_filter_config",
    "withoutHeaders",
];
