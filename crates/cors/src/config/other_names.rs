//! Other products' names for our fields.

use crate::config::fields::{Field, nearest};
use crate::origin::holds;

/// What somebody most likely meant by a key that no field has.
pub enum Meant {
    Field(&'static str),
    /// The field for which gateways have such names.
    Other(&'static str),
    /// No field is of that meaning; this says what is.
    Remedy(&'static str),
}

/// Finds what was meant by a key that none of these tables has: a slip of the pen, or another
/// product's name.
pub fn meaning(tables: &[&'static [Field]], key: &str) -> Option<Meant> {
    let mut names = Vec::new();
    for field in tables.iter().copied().flatten() {
        names.push(field.name);
    }
    let near = nearest(&mut names.iter().copied(), key);
    let is_slip = near.is_some_and(|(distance, _)| distance <= 2);
    let letters = letters(key);
    for (part, meant) in OTHER_NAMES {
        if !holds(&letters, part.as_bytes()) {
            continue;
        }
        if holds(meant, b" ") {
            return Some(Meant::Remedy(meant));
        }
        if !is_slip && names.contains(meant) {
            let gateways = ["accesscontrol", "match", "pattern"];
            let is_gateway = gateways.iter().any(|part| holds(&letters, part.as_bytes()));
            return Some(if is_gateway {
                Meant::Other(meant)
            } else {
                Meant::Field(meant)
            });
        }
    }
    near.map(|(_, name)| Meant::Field(name))
}

/// The letters that all spellings of a key have in common.
fn letters(key: &str) -> String {
    let mut letters = key.to_ascii_lowercase();
    letters.retain(|char| char.is_ascii_lowercase());
    letters
}

/// Parts of other products' names, each with our field or with what to do instead; the first that a
/// key holds counts. What forbids comes first: as a field that allows, it would allow what it forbids.
/// What is not called a regular expression becomes none: look-alikes would come in.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("deny", NO_DENIAL),
    ("disallow", NO_DENIAL),
    ("block", NO_DENIAL),
    ("exclu", NO_DENIAL),
    ("forbid", NO_DENIAL),
    ("except", NO_DENIAL),
    ("passthrough", FORWARD),
    ("preflightcontinue", FORWARD),
    ("vary", "Vary is sent where it is needed"),
    ("enabled", "write mode \"enforce\", \"shadow\" or \"off\""),
    ("timing", "timingAllowOrigin"),
    ("reg", "allowOriginRegexes"),
    ("origin", "allowOrigins"),
    ("method", "allowMethods"),
    ("expos", "exposeHeaders"),
    ("header", "allowHeaders"),
    ("credential", "allowCredentials"),
    ("maxage", "maxAge"),
    ("network", "allowPrivateNetwork"),
    ("host", "hostnames"),
    ("domain", "hostnames"),
    ("prefix", "pathPrefixes"),
    ("path", "exactPaths"),
    ("route", "routeNames"),
    ("cors", "write what it holds in its place"),
];

const FORWARD: &str = "to let the upstream answer preflights write unmatchedPreflights \"forward\" with upstreamCors \"keep\"";

const NO_DENIAL: &str = "what no list allows is refused: list only what is allowed";
