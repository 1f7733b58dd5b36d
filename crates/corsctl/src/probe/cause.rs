//! The likely cause of an answer that is not as expected: what no look at a file shows.

use cors::escape::Shown;
use cors::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};

use crate::output::code::Code;
use crate::probe::client::{Answer, Request};
use crate::probe::compare::{Difference, STATUS};

/// The likely causes, the most telling first, each with its remedy.
pub const CAUSES: [(Code, &str); 6] = [
    (
        Code::CachedForAnotherOrigin,
        "a cache between here and the plugin ignores Vary and gives one origin the answer to another; let it respect Vary: Origin, or put Origin into its cache key",
    ),
    (
        Code::SecondCorsLayer,
        "something else than the plugin writes CORS headers too, such as a second filter, a route's response_headers_to_add or a CDN; let the plugin alone do it",
    ),
    (
        Code::PreflightAnsweredInFront,
        "something in front of the plugin answers OPTIONS; put the plugin first in the chain of filters, and have the proxies in front of the gateway pass preflights on",
    ),
    (
        Code::VaryMissing,
        "something between the plugin and here removes Vary, as some CDNs do, and caches then give one origin the answer to another; let it keep Vary: Origin",
    ),
    (
        Code::NoCorsHeaders,
        "the plugin does not run on this route, or something removes its headers; check that the listener has it and that no other route matches",
    ),
    (
        Code::AnswerDiffers,
        "the gateway runs another configuration than this file, or something changes the plugin's headers; check that the roll-out is complete",
    ),
];

/// The likely cause of the differences of an answer, and what it shows by; `asked` are the origins of this
/// run.
pub fn likely<'a>(
    request: &Request,
    answer: &Answer,
    differences: &[Difference],
    mut asked: impl Iterator<Item = &'a [u8]>,
) -> (Code, String) {
    let own = request.header(ORIGIN);
    let allowed: Vec<&[u8]> = answer.values(ACCESS_CONTROL_ALLOW_ORIGIN).collect();
    let wrong = |name: &str| differences.iter().any(|difference| difference.what == name);
    if let Some(other) = allowed
        .iter()
        .find(|value| Some(**value) != own && **value != b"*" && **value != b"null")
        && asked.any(|origin| origin == *other)
    {
        let how = format!("the answer allows {}{}", shown(other), signs(answer));
        return (Code::CachedForAnotherOrigin, how);
    }
    let is_list = |value: &&[u8]| {
        value.contains(&b',')
            && value
                .windows(3)
                .any(|part| part == b"://" || part.contains(&b'*'))
    };
    if allowed.len() > 1 || allowed.iter().any(is_list) {
        let values: Vec<String> = allowed.iter().map(|value| shown(value)).collect();
        let how = format!("Access-Control-Allow-Origin is {}", values.join(" and "));
        return (Code::SecondCorsLayer, how);
    }
    let is_preflight =
        request.method == "OPTIONS" && request.header(ACCESS_CONTROL_REQUEST_METHOD).is_some();
    let is_refusal_of_ours =
        answer.status == 403 && answer.has("cache-control") && answer.has(VARY);
    // An upstream that knows nothing of CORS often answers OPTIONS like any request.
    let is_usual = matches!(answer.status, 200..=299 | 404);
    if is_preflight && wrong(STATUS) && allowed.is_empty() && !is_refusal_of_ours && !is_usual {
        return (Code::PreflightAnsweredInFront, in_front(answer));
    }
    let expects_none = |name: &str| {
        let mut differences = differences.iter();
        differences.any(|difference| difference.what == name && difference.expected.is_none())
    };
    if let [value] = allowed.as_slice()
        && (expects_none(ACCESS_CONTROL_ALLOW_ORIGIN)
            || *value == b"*" && wrong(ACCESS_CONTROL_ALLOW_ORIGIN))
    {
        let how = format!(
            "Access-Control-Allow-Origin is {}, which the plugin does not send",
            shown(value)
        );
        return (Code::SecondCorsLayer, how);
    }
    if differences.iter().all(|difference| difference.what == VARY) {
        return (
            Code::VaryMissing,
            signs(answer).trim_start_matches([',', ' ']).to_owned(),
        );
    }
    if !answer.has_cors() {
        return match signs(answer) {
            signs if signs.is_empty() => (Code::NoCorsHeaders, String::new()),
            signs => (
                Code::CachedForAnotherOrigin,
                format!("the answer allows no origin{signs}"),
            ),
        };
    }
    (Code::AnswerDiffers, String::new())
}

/// What has answered a preflight, by its status.
fn in_front(answer: &Answer) -> String {
    let status = answer.status;
    match status {
        300..=399 => {
            let location = answer.values("location").next();
            let location = location.map_or_else(String::new, |to| format!(" to {}", shown(to)));
            format!(
                "it is redirected ({status}{location}), and browsers follow no redirect of a preflight"
            )
        }
        401 | 403 | 407 => format!(
            "it is answered {status}, as by a filter that authenticates: browsers send no credentials with preflights"
        ),
        405 | 501 => format!("it is answered {status}, as by a server that does not know OPTIONS"),
        status => format!("it is answered {status}"),
    }
}

/// Headers by which caches say that they answered.
fn signs(answer: &Answer) -> String {
    let signs = CACHES.iter().filter_map(|name| {
        let value = answer.values(name).next()?;
        let is_hit = *name == "age"
            || value
                .to_ascii_lowercase()
                .windows(3)
                .any(|part| part == b"hit");
        is_hit.then(|| format!(", {name}: {}", shown(value)))
    });
    signs.collect()
}

fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let short: String = text.chars().take(MAX_SHOWN).collect();
    Shown(&short).to_string()
}

const CACHES: [&str; 5] = [
    "age",
    "x-cache",
    "cf-cache-status",
    "x-cache-status",
    "cache-status",
];
const MAX_SHOWN: usize = 100;
