//! The kinds of differences that import reports, by the codes of its diagnostics.

use crate::compare::{Difference, What};

/// A diagnostic, and which differences it accounts for.
pub struct Class {
    pub code: &'static str,
    pub covers: fn(&Difference) -> bool,
}

/// Preflights of other origins, about which the upstream decided.
pub const DEFAULT_PREFLIGHTS: Class = Class {
    code: "default-unmatched-preflights",
    covers: |difference| difference.upstream_grants && !difference.is_wider,
};

/// The upstream's own headers count in both, but not in the same way.
pub const FORWARDED: Class = Class {
    code: "forwarded-preflights",
    covers: |difference| difference.upstream_grants,
};

/// Responses that have the headers of the policy here, and none there.
pub const HEADERS_ADDED: Class = Class {
    code: "headers-added",
    covers: |difference| difference.is_wider,
};

/// Lists that are sent as they are: an asterisk is a name if credentials are included, and never
/// covers Authorization.
pub const LITERAL: Class = Class {
    code: "literal-wildcard",
    covers: |difference| {
        let mut headers = difference.fetch.headers.iter();
        let is_authorization = headers.any(|header| header.name == "Authorization");
        difference.is_wider && (difference.fetch.credentials || is_authorization)
    },
};

pub const NULL: Class = Class {
    code: "null-origin-dropped",
    covers: |difference| !difference.is_wider && difference.fetch.origin == "null",
};

/// Look-alikes that a matcher let in.
pub const NARROWED: Class = Class {
    code: "origin-narrowed",
    covers: |difference| {
        let hosts = ["evilexample.com", "app.example.evil.test"];
        let origin = &difference.fetch.origin;
        !difference.is_wider && hosts.iter().any(|host| origin.ends_with(host))
    },
};

pub const PREFIX: Class = Class {
    code: "prefix-by-segment",
    covers: |difference| difference.fetch.url.path.starts_with("/apis"),
};

/// An expression that was found anywhere in the Origin.
pub const ANCHORED: Class = Class {
    code: "regex-anchored",
    covers: |difference| {
        let origin = &difference.fetch.origin;
        !difference.is_wider && origin.starts_with("https://app.example")
    },
};

/// Requests of other origins, which get 403 here and reach the upstream there.
pub const REJECTED_REQUESTS: Class = Class {
    code: "rejected-requests",
    covers: |difference| difference.upstream_grants && !difference.is_wider,
};

/// Preflights of other origins, which get 403 here, and about which the upstream decided.
pub const REJECTED_STATUS: Class = Class {
    code: "rejected-preflight-status",
    covers: |difference| difference.upstream_grants && !difference.is_wider,
};

/// Methods that need no permission, and that the system does something about.
pub const SAFELISTED: Class = Class {
    code: "safelisted-methods",
    covers: |difference| {
        let method = difference.fetch.normalized_method();
        difference.is_wider && ["GET", "HEAD", "POST"].contains(&method.as_str())
    },
};

/// The upstream's headers, which the system leaves to origins that are not allowed, or next to its own.
pub const UPSTREAM: Class = Class {
    code: "upstream-cors-removed",
    covers: |difference| difference.upstream_grants,
};

/// The same of a system that replaces them for the origins that are allowed.
pub const UPSTREAM_NARROWED: Class = Class {
    code: "upstream-cors-removed",
    covers: |difference| difference.upstream_grants && !difference.is_wider,
};

/// Only what is exposed differs.
pub const EXPOSED: Class = Class {
    code: "literal-wildcard",
    covers: |difference| {
        let is_exposed = difference.what == What::Exposed && !difference.exposed.is_empty();
        is_exposed && difference.is_wider && difference.fetch.credentials
    },
};
