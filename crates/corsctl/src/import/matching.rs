//! What the systems that run on Envoy, and others, have in common: conditions and prefixes of a match,
//! and unmatched preflights that go on to the upstream.

use cors::config::fields::is_comment;
use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::rules::route::Path;
use crate::input::cursor::{Place, Value};
use crate::output::code::Code;

/// What a route looks at in addition to host and path, of these fields. One that is written out as its default
/// is none.
pub fn condition(matcher: &Value, conditions: &[(&str, &'static str)]) -> Option<&'static str> {
    let is_default = |name: &str, value: &Json| match (name, value) {
        ("case_sensitive", Json::Bool(truth)) => *truth,
        ("ignoreUriCase", Json::Bool(truth)) => !truth,
        ("headers" | "queryParams" | "sourceLabels" | "withoutHeaders", Json::Object(pairs)) => {
            pairs.is_empty()
        }
        (_, Json::List(items)) => items.is_empty(),
        _ => false,
    };
    let is_set = |name: &str| {
        let value = matcher.get(name);
        value.is_some_and(|value| !is_default(name, value.node))
    };
    let (_, message) = conditions.iter().find(|(name, _)| is_set(name))?;
    Some(*message)
}

/// Whether a regular expression over the whole path matches every path.
pub fn is_any_path(regex: &str) -> bool {
    let inner = regex.strip_prefix('^').unwrap_or(regex);
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    let inner = inner
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(inner);
    matches!(inner, ".*" | ".+" | "/.*" | "/(.*)" | "/?.*")
}

/// Says which `Access-Control-*` headers a source sets by hand, in these maps or lists of headers.
pub fn report_by_hand(headers: &[Value], has_policy: bool, notes: &mut Notes) {
    for (at, name) in headers.iter().flat_map(by_hand) {
        let message = if has_policy {
            "is set by hand in addition to a policy; here the policy alone decides, and the plugin removes it unless upstreamCors is \"keep\""
        } else {
            "is set by hand where there is no CORS policy: import does not read it; to have it judged by the plugin, write it as a policy"
        };
        notes.push(
            Code::HeaderSetByHand,
            &at.place(),
            format!("{name} {message}"),
        );
    }
}

/// The `Access-Control-*` headers in a map or in a list, wherever in an item their name is.
pub fn by_hand<'s>(headers: &Value<'s>) -> Vec<(Value<'s>, String)> {
    let is_cors = |name: &str| {
        let start = name.get(..PREFIX.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
    };
    let mut found = Vec::new();
    for (key, field) in headers.entries() {
        if is_cors(key) {
            found.push((field, key.to_owned()));
        } else if matches!(field.node, Json::Object(_)) {
            found.extend(by_hand(&field));
        } else if let Some(name) = field.text().filter(|text| is_cors(text))
            && !is_comment(key)
        {
            found.push((field, name.to_owned()));
        }
    }
    for item in headers.items() {
        found.extend(by_hand(&item));
    }
    found
}

/// A prefix of text as one of segments.
pub fn below(prefix: &str, place: &Place, notes: &mut Notes) -> Path {
    let path = Path::below(prefix);
    if let Path::Below(segments) = &path {
        let message = if prefix.ends_with('/') {
            format!("the prefix \"{prefix}\" covers \"{segments}\" itself here")
        } else {
            format!(
                "the prefix \"{prefix}\" covered \"{prefix}x\" too; here it covers whole segments, and \"{prefix}x\" has the policy of what is less specific"
            )
        };
        notes.push(Code::PrefixBySegment, place, message);
    }
    path
}

/// Preflights of other origins go on to the upstream, because the source says so in so many words.
pub fn forward(policy: &mut Policy, place: &Place, notes: &mut Notes) {
    policy.unmatched_preflights = "forward";
    policy.keeps_upstream = true;
    notes.push(Code::ForwardedPreflights, place, "preflights that match no origin are forwarded, so upstreamCors is \"keep\": a response with CORS headers of its own keeps them, for allowed origins too");
}

/// How the names of all headers of CORS begin.
const PREFIX: &str = "access-control-";
