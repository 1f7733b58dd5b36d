//! The origins of Kong's cors plugin: texts, or regular expressions over an origin or a host.

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::origins::Origins;
use crate::input::cursor::{Place, Value};
use crate::output::code::Code;

pub fn read_origins(config: &Value, place: &Place, policy: &mut Policy, notes: &mut Notes) {
    let list = config.get("origins");
    let texts = notes.texts(list.clone());
    let Some(list) = list.filter(|_| !texts.is_empty()) else {
        let text = "no origin is listed: Kong allows any, allowOrigins is [\"*\"]";
        notes.push(Code::DefaultOrigins, place, text);
        policy.origins = vec!["*".to_owned()];
        return;
    };
    let is_alone = texts.len() == 1;
    let mut origins = Origins::new(notes);
    for (at, text) in &texts {
        if *text == "*" {
            origins.exact(at, "*");
        } else if text.bytes().all(is_plain) {
            read_plain(at, text, is_alone, &mut origins);
        } else {
            read_regex(at, text, &mut origins);
        }
    }
    origins.finish(policy, &list);
}

/// What Kong takes for a text and not for a regular expression.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".:/-".contains(&byte)
}

/// The only entry is sent to everybody as it is written; one of several is compared with the origin
/// without its path and its default port.
fn read_plain(at: &Value, text: &str, is_alone: bool, origins: &mut Origins) {
    let Some((scheme, rest)) = text.split_once("://") else {
        let text = format!(
            "\"{text}\" has no scheme, so that it matches no origin in Kong: it is left out"
        );
        return origins.notes.push(Code::IgnoredOrigin, &at.place(), text);
    };
    let host = rest.split('/').next().unwrap_or_default();
    let default_port = if scheme == "http" { ":80" } else { ":443" };
    let host = host.strip_suffix(default_port).unwrap_or(host);
    let origin = format!("{scheme}://{host}");
    if origin == text {
        origins.exact(at, text);
    } else if is_alone {
        let message = format!(
            "\"{text}\" is sent as it is written, which is not an origin that browsers have: it matched none, and is left out; write \"{origin}\""
        );
        origins
            .notes
            .push(Code::IgnoredOrigin, &at.place(), message);
    } else {
        let message =
            format!("\"{text}\" is compared as \"{origin}\" in Kong, and written so here");
        origins
            .notes
            .push(Code::OriginNormalizedBySource, &at.place(), message);
        origins.exact(at, &origin);
    }
}

/// Anchored at its start, and at its end too, where it may not be meant so. Without a colon it is matched
/// with the host alone.
fn read_regex(at: &Value, text: &str, origins: &mut Origins) {
    let body = text.strip_prefix('^').unwrap_or(text);
    let body = body.strip_suffix('$').unwrap_or(body);
    if body.contains('|') {
        let message = format!(
            "the end of \"{text}\" held for its last alternative alone, so that others matched longer origins; here the whole has to match"
        );
        origins
            .notes
            .push(Code::OriginNarrowed, &at.place(), message);
    }
    let group = if body.contains('|') {
        format!("(?:{body})")
    } else {
        body.to_owned()
    };
    if text.contains(':') {
        return origins.regex(at, &group);
    }
    let message = format!(
        "\"{text}\" was matched with the host, of any scheme; here it is http and https, on any port"
    );
    origins
        .notes
        .push(Code::SchemeNarrowed, &at.place(), message);
    origins.regex(at, &format!("https?://{group}(?::[0-9]+)?"));
}
