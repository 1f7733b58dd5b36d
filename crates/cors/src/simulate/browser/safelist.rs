//! Which request headers a form could send too, by name and value:
//! [CORS-safelisted request-headers](https://fetch.spec.whatwg.org/#cors-safelisted-request-header).

use crate::http::header::{is_forbidden_method, is_forbidden_request_header_name};

/// A header that a script sets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SetHeader {
    pub name: String,
    /// Not known: `content-type` then counts as that of JSON, and the others have their usual values.
    pub value: Option<String>,
}

impl SetHeader {
    /// A header whose value is not known.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: None,
        }
    }

    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: Some(value.into()),
        }
    }
}

/// Whether the header with this lower-case name and this value is safelisted.
pub fn is_safelisted(name: &str, value: Option<&str>) -> bool {
    let Some(value) = value else {
        return matches!(
            name,
            "accept" | "accept-language" | "content-language" | "range"
        );
    };
    value.len() <= MAX_VALUE
        && match name {
            "accept" => !has_unsafe_byte(value),
            "accept-language" | "content-language" => value.bytes().all(is_language_byte),
            "content-type" => !has_unsafe_byte(value) && is_form_type(value),
            "range" => is_single_range(value),
            _ => false,
        }
}

/// A hint about the device or the network, which Chromium safelists.
pub fn is_client_hint(name: &str, value: Option<&str>) -> bool {
    let is = |valid: fn(&str) -> bool| value.is_none_or(valid);
    match name {
        "device-memory" | "downlink" | "dpr" | "rtt" | "viewport-width" | "width" => {
            is(|value| value.parse::<f64>().is_ok_and(|number| number >= 0.0))
        }
        "ect" => is(|value| matches!(value, "slow-2g" | "2g" | "3g" | "4g")),
        "save-data" => is(|value| value.eq_ignore_ascii_case("on")),
        _ => false,
    }
}

/// Whether so many bytes of safelisted values make all of them unsafe.
pub fn is_too_much(bytes: usize) -> bool {
    bytes > MAX_VALUES
}

/// A [CORS-unsafe request-header byte](https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte).
fn has_unsafe_byte(value: &str) -> bool {
    value
        .bytes()
        .any(|byte| (byte < 0x20 && byte != b'\t') || b"\"():<>?@[\\]{}\x7f".contains(&byte))
}

fn is_language_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" *,-.;=".contains(&byte)
}

/// The types that a form can send.
fn is_form_type(value: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default();
    let essence = essence.trim_matches([' ', '\t']).to_ascii_lowercase();
    matches!(
        essence.as_str(),
        "application/x-www-form-urlencoded" | "multipart/form-data" | "text/plain"
    )
}

/// `bytes=0-9` or `bytes=9-`.
fn is_single_range(value: &str) -> bool {
    let Some((start, end)) = value
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return false;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    is_number(start) && (end.is_empty() || is_number(end) && number(start) <= number(end))
}

/// Whether a script may set this header: the names that are forbidden, and those that are for certain values.
pub fn is_forbidden(name: &str, value: Option<&str>) -> bool {
    let overrides_method = matches!(
        name,
        "x-http-method" | "x-http-method-override" | "x-method-override"
    );
    is_forbidden_request_header_name(name)
        || overrides_method
            && value.is_some_and(|value| {
                let mut methods = value
                    .split(',')
                    .map(|method| method.trim_matches([' ', '\t']));
                methods.any(is_forbidden_method)
            })
}

const MAX_VALUE: usize = 128;
const MAX_VALUES: usize = 1024;
