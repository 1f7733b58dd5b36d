//! Reads what a file holds as routes, and writes these as a configuration.

use std::collections::HashSet;

use cors::config::json::Json;
use cors::select::policy_set::PolicySet;

use crate::import::changes::Notes;
use crate::import::detect::detect;
use crate::import::objects::{Object, counted, inner_of, objects_of};
use crate::import::recognise;
use crate::import::rules::route::Route;
use crate::import::rules::write::write;
use crate::import::system::System;
use crate::import::systems::{names_of, owners};
use crate::input::cursor::{Place, Value, letters};
use crate::input::document::Document;
use crate::input::source::Source;
use crate::output::code::Code;

/// Reads a file and writes its configuration; none, with the errors in the notes, if it cannot. Without
/// a system to read it from, its objects say of which they are.
pub fn import(source: &Source, from: &[&'static System], notes: &mut Notes) -> Option<Json> {
    let mut objects = objects_of(source);
    if objects.is_empty() {
        notes.push(Code::SourceEmpty, &Place::default(), "is empty");
        return None;
    }
    let owners_of = |object: &Object| match from {
        [] => owners(&object.value),
        _ => {
            let owners = from.iter().filter(|system| (system.owns)(&object.value));
            owners.copied().collect()
        }
    };
    let mut owners: Vec<_> = objects.iter().map(owners_of).collect();
    let unwrapped: Vec<_> = objects
        .iter()
        .zip(&owners)
        .map(|(object, owners)| unwrap(&object.value, owners, notes))
        .collect();
    for (index, documents) in unwrapped.iter().enumerate() {
        let Some(documents) = documents else {
            continue;
        };
        objects.extend(inner_of(documents));
        // The object itself is read through these.
        if let Some(owners) = owners.get_mut(index) {
            owners.clear();
        }
    }
    owners.extend(objects.iter().skip(owners.len()).map(owners_of));
    let is_unwrapped = |index: usize| matches!(unwrapped.get(index), Some(Some(_)));

    let is_any = !from.is_empty() && owners.iter().all(Vec::is_empty);
    if is_any {
        // What is named by --from may have any shape.
        for (object, owners) in objects.iter().zip(&mut owners) {
            if object.value.kind().is_none() {
                owners.extend(from);
            }
        }
    }
    let systems = match from {
        [] => detect(&objects, &owners, notes),
        _ => from.to_vec(),
    };
    if systems.is_empty() {
        return None;
    }
    let mut read = Vec::new();
    let mut passed = Vec::new();
    for (index, (object, owners)) in objects.iter().zip(&owners).enumerate() {
        if !owners.is_empty() {
            read.push(object.value.clone());
        } else if !is_unwrapped(index) {
            passed.push(object);
        }
    }
    for value in &read {
        check_keys(value, false, notes);
        if let Some(patch) = recognise::patch_in(value) {
            let text = "is a part of a patch: import what kustomize build prints";
            notes.push(Code::SourceTemplate, &patch.place(), text);
        }
    }
    let mut routes = Vec::new();
    let mut changes = Vec::new();
    for system in &systems {
        let own = objects.iter().zip(&owners);
        let own = own.filter(|(_, owners)| owners.contains(system));
        let own: Vec<_> = own.map(|(object, _)| object.value.clone()).collect();
        let mut found = (system.read)(&own, &objects, notes);
        for route in &mut found {
            route.scope.precedence = system.precedence;
        }
        routes.extend(found);
        changes.extend((system.changes)(&own));
    }
    let maps: HashSet<_> = objects
        .iter()
        .zip(&owners)
        .filter(|(_, owners)| !owners.is_empty())
        .filter_map(|(object, _)| object.config_map())
        .collect();
    passed.retain(|object: &&Object| {
        let name = object.value.resource_name().unwrap_or_default();
        object.kind() != "ConfigMap" || object.config_map().is_some() || !maps.contains(name)
    });
    notes.report_read(report_read(&systems, &read, &routes, &passed));
    report_passed(&passed, notes);
    if notes.has_errors() {
        report_template(&read, notes);
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
        policy.report_null(notes);
    }
    if policies.is_empty() {
        let text = format!("has no CORS policy of {}", names_of(&systems));
        notes.push(Code::NoCorsPolicy, &Place::default(), text);
    }
    if notes.has_errors() {
        report_template(&read, notes);
        return None;
    }
    let configuration = write(&routes, notes);
    // An empty configuration would be the default one, which allows any origin.
    if !notes.has_errors() && configuration == Json::Object(Vec::new()) {
        notes.push(
            Code::NoReachablePolicy,
            &Place::default(),
            "has CORS policies, but none that a request reaches",
        );
    }
    for (when, code, text) in changes {
        if policies.iter().any(|policy| when.concerns(policy)) {
            notes.push(code, &Place::default(), text);
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

/// The documents that hold what an object says in the form of its system.
fn unwrap(value: &Value, owners: &[&System], notes: &mut Notes) -> Option<Vec<(String, Document)>> {
    let mut owners = owners.iter();
    owners.find_map(|system| (system.unwrap)(value, notes))
}

/// Says in one line which system was read and what was skipped.
fn report_read(
    systems: &[&System],
    read: &[Value],
    routes: &[Route],
    passed: &[&Object],
) -> String {
    let policies = routes.iter().filter_map(|route| route.policy.as_ref());
    let places: HashSet<&Place> = policies.map(|policy| &policy.place).collect();
    let count = |number: usize, one: &str| match (number, one.strip_suffix('y')) {
        (0, _) => format!("no {one}"),
        (1, _) => format!("1 {one}"),
        (_, Some(start)) => format!("{number} {start}ies"),
        (_, None) if one.ends_with('s') => format!("{number} {one}es"),
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

/// What speaks of CORS and is skipped is never dropped in silence.
fn report_passed(passed: &[&Object], notes: &mut Notes) {
    for object in passed {
        let Some(at) = recognise::cors_in(&object.value) else {
            continue;
        };
        let name = recognise::name_of(&object.value);
        match name.filter(|name| name.contains(':')) {
            // A name with a remedy says it all.
            Some(name) => notes.unread(&object.value.place(), format!("is {name}")),
            None => {
                let text = format!(
                    "{} speaks of CORS here, which import does not read yet",
                    object.name()
                );
                notes.unread(&at.place(), text);
            }
        }
    }
}

/// Where something cannot be read, a marker of a template may be why.
fn report_template(read: &[Value], notes: &mut Notes) {
    if let Some(text) = read.iter().find_map(recognise::template_in) {
        let words = "has a marker of a template ({{): render it first, as with helm template";
        notes.push(Code::SourceTemplate, &text.place(), words);
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
