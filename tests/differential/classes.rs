//! The documented differences from Envoy's own filter, each as a predicate.

use crate::{Facet, Situation, lines, upstream_headers};

/// A difference that is meant.
pub struct Class {
    /// The first column of its row in the README's table.
    pub name: &'static str,
    /// Whether this thing in which the answers differ belongs to it.
    pub covers: fn(&Situation, &Facet) -> bool,
}

/// A facet belongs to the first of them that covers it.
pub const CLASSES: [Class; 12] = [
    Class {
        name: "`Vary: Origin`",
        covers: |at, facet| {
            // Where only one of them asked the upstream, the upstream's tokens are no difference.
            let base = if lines(&at.ours, "from") == lines(&at.theirs, "from") {
                facet.theirs
            } else {
                &[]
            };
            let mut more: Vec<_> = facet
                .ours
                .iter()
                .filter(|token| !base.contains(token))
                .collect();
            more.retain(|token| {
                ![
                    "access-control-request-headers",
                    "access-control-request-method",
                ]
                .contains(&token.as_str())
            });
            facet.name == "vary"
                && base.iter().all(|token| facet.ours.contains(token))
                && (at.policy.is_open() && more.is_empty() || more == ["origin"])
        },
    },
    Class {
        name: "request that no route matches",
        covers: |at, facet| {
            at.request.path == "/none"
                && grants(at)
                && (facet.theirs.is_empty() || facet.theirs == ["404"])
        },
    },
    Class {
        name: "`null` or a malformed `Origin` that a pattern matches",
        covers: |at, facet| {
            let theirs = lines(&at.theirs, GRANT);
            theirs == [at.origin()]
                && !at.is_well_formed()
                && !grants(at)
                && (facet.ours.is_empty() || is_refusal(at, facet))
        },
    },
    Class {
        name: "preflight that is malformed",
        covers: |at, facet| {
            let asks_anything = at.policy.headers.as_deref() == Some(&["*"]);
            let malformed = at.request.asked_method == Some("not a method")
                || asks_anything && at.request.asked_headers == Some("not a name");
            at.request.is_preflight()
                && malformed
                && !grants(at)
                && (facet.ours.is_empty() || is_refusal(at, facet))
        },
    },
    Class {
        name: "refused preflight",
        covers: |at, facet| !grants(at) && !theirs_grants(at) && is_refusal(at, facet),
    },
    Class {
        name: "upstream's CORS headers, origin not allowed",
        covers: |at, facet| {
            !at.request.origins.is_empty()
                && !grants(at)
                && !theirs_grants(at)
                && facet.ours.is_empty()
                && is_upstreams(at, facet)
        },
    },
    Class {
        name: "upstream's CORS headers, origin allowed",
        covers: |at, facet| {
            !at.request.is_preflight()
                && grants(at)
                && facet.name != GRANT
                && is_upstreams(at, facet)
        },
    },
    Class {
        name: "upstream's `Access-Control-Allow-Origin`, no `Origin`",
        covers: |at, facet| {
            at.request.origins.is_empty()
                && facet.name == GRANT
                && facet.ours.is_empty()
                && is_upstreams(at, facet)
        },
    },
    Class {
        // The same for everybody, also where Origin is absent or, which Envoy takes for absent, empty.
        name: "any origin without credentials",
        covers: |at, facet| {
            let has_none = at.origin().is_empty();
            at.policy.is_open()
                && (facet.name == GRANT && facet.ours == ["*"] || has_none && grants(at))
        },
    },
    Class {
        name: "`allow_headers: *`, nothing asked",
        covers: |at, facet| {
            facet.name == "access-control-allow-headers"
                && at.request.asked_headers.is_none()
                && facet.ours.is_empty()
                && facet.theirs == [""]
        },
    },
    Class {
        name: "`expose_headers: *` with credentials",
        covers: |at, facet| {
            at.policy.credentials
                && facet.name == EXPOSE
                && facet.theirs == ["*"]
                && !facet.ours.contains(&"*".to_owned())
        },
    },
    Class {
        name: "answered preflight",
        covers: |at, facet| {
            let ours: Vec<&str> = facet.ours.iter().map(String::as_str).collect();
            at.request.is_preflight()
                && grants(at)
                && theirs_grants(at)
                && match facet.name {
                    "status" => ours == ["204"] && facet.theirs == ["200"],
                    "access-control-allow-methods" => {
                        ours == ["GET, HEAD, POST"] && at.policy.methods.is_none()
                    }
                    "access-control-max-age" => ours == ["5"] && at.policy.max_age.is_none(),
                    _ => false,
                }
        },
    },
];

impl Situation<'_> {
    /// As Envoy shows it: lines are joined, but for empty ones.
    fn origin(&self) -> String {
        let lines: Vec<_> = self
            .request
            .origins
            .iter()
            .filter(|line| !line.is_empty())
            .map(|line| line.escape_ascii().to_string())
            .collect();
        lines.join(",")
    }

    /// As a browser writes it, `null` apart.
    fn is_well_formed(&self) -> bool {
        let origin = self.origin();
        let Some(("http" | "https", host)) = origin.split_once("://") else {
            return false;
        };
        !host.is_empty()
            && host.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte)
            })
    }
}

const GRANT: &str = "access-control-allow-origin";
const EXPOSE: &str = "access-control-expose-headers";

fn grants(at: &Situation) -> bool {
    let granted = lines(&at.ours, GRANT);
    granted == [at.origin()] || granted == ["*"] && at.policy.is_open()
}

fn theirs_grants(at: &Situation) -> bool {
    !at.request.origins.is_empty() && lines(&at.theirs, GRANT) == [at.origin()]
}

/// Ours answers 403 where theirs asks the upstream, or answers.
fn is_refusal(at: &Situation, facet: &Facet) -> bool {
    at.request.is_preflight()
        && match facet.name {
            "from" => facet.ours == ["filter"],
            "status" => facet.ours == ["403"],
            _ => facet.ours.is_empty(),
        }
}

/// Theirs are the upstream's own lines.
fn is_upstreams(at: &Situation, facet: &Facet) -> bool {
    let headers = upstream_headers(at.request.upstream.as_bytes());
    let own = headers.iter().filter(|(name, _)| name == facet.name);
    let own: Vec<_> = own
        .map(|(_, value)| value.escape_ascii().to_string())
        .collect();
    !own.is_empty() && facet.theirs == own
}
