//! Which systems a file is of, and what it is if it is not of any.

use crate::import::changes::Notes;
use crate::import::objects::{Object, counted};
use crate::import::recognise;
use crate::import::system::System;
use crate::import::systems::SYSTEMS;
use crate::input::cursor::{Place, Value};
use crate::output::code::Code;

/// The systems of the objects, each of which may belong to several; none, with the errors in the notes,
/// if they cannot be read together. Resources of Kubernetes can: one gateway may serve them all.
pub fn detect(
    objects: &[Object],
    owners: &[Vec<&'static System>],
    notes: &mut Notes,
) -> Vec<&'static System> {
    let is_of = |system: &&System| owners.iter().flatten().any(|owner| owner == system);
    let found: Vec<_> = SYSTEMS.iter().copied().filter(is_of).collect();
    if found.is_empty() {
        report_unknown(objects, notes);
        return found;
    }
    let mut owned = objects.iter().zip(owners);
    let is_joint = |(object, owners): (&Object, &Vec<_>)| match owners.as_slice() {
        [] => true,
        [_] => object.value.kind().is_some(),
        _ => false,
    };
    if found.len() == 1 || owned.all(is_joint) {
        return found;
    }
    let text = format!(
        "could be of several systems; say which with --from: {}",
        arguments(&found)
    );
    notes.push(Code::AmbiguousSystem, &Place::default(), text);
    Vec::new()
}

fn report_unknown(objects: &[Object], notes: &mut Notes) {
    let mut values = objects.iter().map(|object| &object.value);
    if values.any(|value| value.has("allow_origins")) {
        let text = "could be a configuration of this plugin (then it needs no import), of Higress or of rs/cors; say which with --from: higress, rs-cors";
        return notes.push(Code::AmbiguousSystem, &Place::default(), text);
    }
    for object in objects {
        report_object(&object.value, notes);
    }
    if !notes.has_errors() {
        let kinds = counted(objects.iter().map(Object::kind)).into_iter();
        let kinds: Vec<_> = kinds
            .map(|(kind, number)| format!("{kind} {number}"))
            .collect();
        let text = format!(
            "is not of a system that import recognises ({}); if it is of one, say which with --from, as corsctl import --help lists them",
            kinds.join(", ")
        );
        notes.push(Code::UnknownSystem, &Place::default(), text);
    }
}

/// Says what an object is, if it has CORS or is a part of something to import whole.
fn report_object(value: &Value, notes: &mut Notes) {
    let Some(name) = recognise::name_of(value) else {
        return;
    };
    let cors = recognise::cors_in(value);
    // A name with a remedy says it all.
    let text = if name.contains([':', ',']) {
        format!("is {name}")
    } else {
        match (value.kind(), cors) {
            (Some(_), None) => return,
            (Some(_), Some(at)) => {
                let at = at.place();
                format!("is {name} with CORS ({at}), which import does not read yet")
            }
            (None, _) => format!("is {name}, which import does not read yet"),
        }
    };
    notes.push(Code::UnsupportedSystem, &value.place(), text);
}

fn arguments(systems: &[&System]) -> String {
    let names: Vec<_> = systems.iter().map(|system| system.argument).collect();
    names.join(", ")
}
