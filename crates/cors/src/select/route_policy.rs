//! The policy that a route has in its own configuration, where the host has one: read with the
//! route, not with its first request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::byte_map::Indexed;
use crate::config::json::Json;
use crate::config::reader::{Reader, quote};
use crate::diagnostic::{Code, Diagnostics};
use crate::escape::Escaped;
use crate::policy::Policy;
use crate::policy::read_names::MAX_NAME;
use crate::select::selection::{Carrier, Governing, Notice, Selection};

/// The policy of a route: one of the plugin's by its name, or one that the route writes.
#[derive(Debug)]
pub enum RoutePolicy {
    Named(Name),
    Written(Arc<Policy>),
}

/// The name of a policy that is looked up in the plugin's `policies`.
#[derive(Debug)]
pub struct Name {
    text: Box<[u8]>,
    /// Of the routes whose name is unknown.
    grants_nothing: Arc<Policy>,
    is_logged: AtomicBool,
}

impl RoutePolicy {
    /// Reads the bytes of a route's configuration: a policy as JSON, or the name of one.
    ///
    /// Returns none if, and only if, there is an error.
    pub fn from_bytes(bytes: &[u8]) -> (Option<Self>, Diagnostics) {
        let mut reader = Reader::default();
        let policy = match Json::parse(bytes) {
            Ok(node @ Json::Object(_)) => Self::Written(Arc::new(reader.read_policy("", &node))),
            parsed => {
                let name = bytes.trim_ascii();
                let is_meant_as_json = name.starts_with(b"{") || name.starts_with(b"[");
                match parsed {
                    Err(error) if is_meant_as_json => {
                        let text = format!("the configuration is not JSON: {error}");
                        reader.diagnostics.error(Code::NotJson, "", "", text);
                    }
                    _ if is_meant_as_json || !(1..=MAX_NAME).contains(&name.len()) => {
                        let text = format!(
                            "is not a policy; write one as JSON, or the name of one of policies, of at most {MAX_NAME} bytes"
                        );
                        let value = quote(&String::from_utf8_lossy(name));
                        reader
                            .diagnostics
                            .error(Code::PolicyNameInvalid, "", &value, text);
                    }
                    _ => {}
                }
                Self::Named(Name {
                    text: name.into(),
                    grants_nothing: Arc::default(),
                    is_logged: AtomicBool::new(false),
                })
            }
        };
        let diagnostics = reader.diagnostics;
        ((!diagnostics.has_errors()).then_some(policy), diagnostics)
    }

    pub(crate) fn select(&self, named: &Indexed<Arc<Policy>>) -> Selection {
        let (policy, notice) = match self {
            Self::Written(policy) => (policy, None),
            Self::Named(name) => match named.get(&name.text) {
                Some(policy) => (policy, None),
                None => (&name.grants_nothing, Some(name.unknown())),
            },
        };
        Selection {
            governing: Governing::Policy(Arc::clone(policy), Carrier::RouteConfiguration),
            notice: notice.map(Box::new),
        }
    }
}

impl Name {
    fn unknown(&self) -> Notice {
        let is_logged = self.is_logged.swap(true, Ordering::Relaxed);
        Notice::Invalid((!is_logged).then(|| {
            let name = Escaped(&self.text);
            format!("a route's configuration names no policy: {name}; its routes allow no origin; add it to policies")
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_writes_a_policy_or_names_one() {
        let read = |text: &str| RoutePolicy::from_bytes(text.as_bytes());
        for text in [r#"{"allowOrigins": ["*"]}"#, " {\"allowOrigins\": []} "] {
            let (policy, diagnostics) = read(text);
            assert!(
                matches!(policy, Some(RoutePolicy::Written(_))),
                "{diagnostics:?}"
            );
        }
        for name in ["public", " public ", "7", "true"] {
            assert!(
                matches!(read(name).0, Some(RoutePolicy::Named(_))),
                "{name}"
            );
        }
        // {"allowOrigins": []} as a serialized google.protobuf.Struct, which some Envoys hand over.
        let bytes = b"\x0a\x12\x0a\x0callowOrigins\x12\x02\x32\x00";
        assert!(matches!(
            RoutePolicy::from_bytes(bytes).0,
            Some(RoutePolicy::Written(_))
        ));
        for text in ["", " ", &"x".repeat(257), "{", "[]", r#"{"rules": []}"#] {
            let (policy, diagnostics) = read(text);
            assert!(policy.is_none() && diagnostics.has_errors(), "{text}");
        }
    }
}
