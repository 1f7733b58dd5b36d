//! What the systems that run on Envoy, and others, have in common: conditions and prefixes of a match,
//! and unmatched preflights that go on to the upstream.

use cors::node::Node;

use super::notes::{Level, Notes};
use super::policy::Policy;
use super::routes::Path;
use super::value::{Place, Value};

/// What a route looks at beside host and path, of these fields. One that is written out as its default
/// is none.
pub fn condition(matcher: &Value, conditions: &[(&str, &'static str)]) -> Option<&'static str> {
    let is_default = |name: &str, value: &Node| match (name, value) {
        ("case_sensitive", Node::Bool(truth)) => *truth,
        ("ignoreUriCase", Node::Bool(truth)) => !truth,
        ("headers" | "queryParams" | "sourceLabels" | "withoutHeaders", Node::Object(pairs)) => {
            pairs.is_empty()
        }
        (_, Node::List(items)) => items.is_empty(),
        _ => false,
    };
    let is_set = |name: &str| {
        let value = matcher.get(name);
        value.is_some_and(|value| !is_default(name, value.node))
    };
    let (_, told) = conditions.iter().find(|(name, _)| is_set(name))?;
    Some(*told)
}

/// A prefix of text as one of segments.
pub fn below(prefix: &str, place: &Place, notes: &mut Notes) -> Path {
    let path = Path::below(prefix);
    if let Path::Below(segments) = &path {
        let told = if prefix.ends_with('/') {
            format!("the prefix \"{prefix}\" covers \"{segments}\" itself here")
        } else {
            format!(
                "the prefix \"{prefix}\" covered \"{prefix}x\" too; here it covers whole segments, and \"{prefix}x\" has the policy of what is less specific"
            )
        };
        notes.push(Level::Changed, place, told);
    }
    path
}

/// Preflights of other origins go on to the upstream, because the source says so in so many words.
pub fn forward(policy: &mut Policy, place: &Place, notes: &mut Notes) {
    policy.unmatched_preflights = "forward";
    policy.keeps_upstream = true;
    notes.push(Level::Changed, place, "preflights that match no origin are forwarded, so upstreamCors is \"keep\": a response with CORS headers of its own keeps them, for allowed origins too");
}
