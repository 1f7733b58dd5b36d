//! The documented differences from Envoy's own filter, each as a predicate.

use std::collections::BTreeSet;

use crate::differential::{
    Answer, Facet, Pattern, Policy, Request, Situation, lines, upstream_headers,
};

/// An intended difference.
pub struct Class {
    /// The first column of its row in the README's table.
    pub name: &'static str,
    /// Whether this facet in which the answers differ belongs to it.
    pub covers: fn(&Situation, &Facet) -> bool,
}

/// A facet belongs to the first of them that covers it.
pub const CLASSES: [Class; 12] = [
    Class {
        name: "`Vary: Origin`",
        covers: |at, facet| {
            // If only one of them asked the upstream, the upstream's tokens are not a difference.
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
                && is_granted(at, facet)
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
                && is_granted(at, facet)
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
        // The same for every origin, also if Origin is absent or empty, which Envoy treats as absent.
        name: "any origin without credentials",
        covers: |at, facet| {
            let has_none = at.origin().is_empty();
            at.policy.is_open() && is_granted(at, facet) && (facet.name == GRANT || has_none)
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
                && is_granted(at, facet)
                && facet.name == EXPOSE
                && facet.theirs == ["*"]
        },
    },
    Class {
        name: "answered preflight",
        covers: |at, facet| {
            at.request.is_preflight()
                && is_granted(at, facet)
                && theirs_grants(at)
                && match facet.name {
                    "status" => facet.theirs == ["200"],
                    "access-control-allow-methods" => at.policy.methods.is_none(),
                    "access-control-max-age" => at.policy.max_age.is_none(),
                    _ => false,
                }
        },
    },
];

impl Situation<'_> {
    /// As Envoy shows it: lines are joined, except empty ones.
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

    /// As a browser writes it, except `null`.
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

/// Our value is the one that a simple reading of the policy gives to an allowed request.
fn is_granted(at: &Situation, facet: &Facet) -> bool {
    let is_preflight = at.request.is_preflight();
    // `*` is answered with the requested names.
    let list = |names: &Option<Vec<&str>>, asked: Option<&str>| {
        let names = names.as_ref()?.join(", ");
        if names == "*" {
            return asked.map(str::to_owned);
        }
        Some(names)
    };
    let expected = match facet.name {
        GRANT if at.policy.is_open() => Some("*".into()),
        GRANT => Some(at.origin()),
        "access-control-allow-credentials" => at.policy.credentials.then(|| "true".into()),
        EXPOSE if at.policy.credentials && at.policy.expose.as_deref() == Some(&["*"]) => {
            // The names of the response; the answer to a preflight has none.
            let names = !is_preflight && facet.ours != ["*"] && facet.ours != [""];
            names.then(|| facet.ours.join(" and "))
        }
        EXPOSE => list(&at.policy.expose, Some("*")),
        _ if !is_preflight => None,
        "from" => Some("filter".into()),
        "status" => Some("204".into()),
        "access-control-allow-headers" => list(&at.policy.headers, at.request.asked_headers),
        "access-control-allow-methods" => {
            let listed = list(&at.policy.methods, at.request.asked_method);
            listed.or(Some("GET, HEAD, POST".into()))
        }
        "access-control-max-age" => Some(at.policy.max_age.unwrap_or(5).to_string()),
        _ => None,
    };
    grants(at) && facet.ours.iter().eq(&expected)
}

/// Our filter answers 403 where Envoy's asks the upstream, or answers.
fn is_refusal(at: &Situation, facet: &Facet) -> bool {
    at.request.is_preflight()
        && match facet.name {
            "from" => facet.ours == ["filter"],
            "status" => facet.ours == ["403"],
            _ => facet.ours.is_empty(),
        }
}

/// Envoy's lines are the upstream's own.
fn is_upstreams(at: &Situation, facet: &Facet) -> bool {
    let headers = upstream_headers(at.request.upstream.as_bytes());
    let own = headers.iter().filter(|(name, _)| name == facet.name);
    let own: Vec<_> = own
        .map(|(_, value)| value.escape_ascii().to_string())
        .collect();
    !own.is_empty() && facet.theirs == own
}

/// For each class a correct difference, and a wrong answer of ours in its place, which must not belong to
/// any class.
#[test]
fn no_class_covers_a_wrong_answer_of_ours() {
    let plain = || Policy {
        origins: vec![Pattern::Exact(APP)],
        methods: None,
        headers: Some(vec!["*"]),
        expose: Some(vec!["x-b"]),
        max_age: None,
        credentials: true,
    };
    let open = || Policy {
        origins: vec![Pattern::Exact("*")],
        credentials: false,
        ..plain()
    };
    let wide = || Policy {
        origins: vec![Pattern::Regex(r"https?://.*\.wide\.example.*")],
        ..plain()
    };
    let exposes_all = || Policy {
        expose: Some(vec!["*"]),
        ..plain()
    };
    let get = |origins: &[&'static str]| Request {
        method: "GET",
        path: "/routed",
        origins: origins.iter().map(|origin| origin.as_bytes()).collect(),
        asked_method: None,
        asked_headers: None,
        upstream: "grants",
    };
    let options = |origin, asked| Request {
        method: "OPTIONS",
        asked_method: Some(asked),
        ..get(&[origin])
    };
    let no_route = Request {
        path: "/none",
        ..get(&[APP])
    };
    let upstreams = (GRANT, "https://upstream.example");
    let filter = ("from", "filter");
    // The class; policy and request; lines of our answer and of theirs; what differs, our value of it,
    // and a wrong one.
    let examples: [Example; 13] = [
        (
            "`Vary: Origin`",
            plain(),
            get(&[APP]),
            &[],
            &[],
            "vary",
            "origin",
            "cookie",
        ),
        (
            "request that no route matches",
            plain(),
            no_route,
            &[(GRANT, APP)],
            &[],
            EXPOSE,
            "x-b",
            "x-c",
        ),
        (
            "`null` or a malformed `Origin` that a pattern matches",
            wide(),
            get(&[MALFORMED]),
            &[],
            &[(GRANT, MALFORMED)],
            GRANT,
            "",
            "*",
        ),
        (
            "preflight that is malformed",
            plain(),
            options(APP, "not a method"),
            &[filter],
            &[filter, (GRANT, APP)],
            "status",
            "403",
            "204",
        ),
        (
            "refused preflight",
            plain(),
            options(EVIL, "PUT"),
            &[filter],
            &[],
            "status",
            "403",
            "204",
        ),
        (
            "upstream's CORS headers, origin not allowed",
            plain(),
            get(&[EVIL]),
            &[],
            &[upstreams],
            GRANT,
            "",
            "*",
        ),
        (
            "upstream's CORS headers, origin allowed",
            plain(),
            get(&[APP]),
            &[(GRANT, APP)],
            &[(MAX_AGE, "7")],
            MAX_AGE,
            "",
            "8",
        ),
        (
            "upstream's `Access-Control-Allow-Origin`, no `Origin`",
            plain(),
            get(&[]),
            &[],
            &[upstreams],
            GRANT,
            "",
            "*",
        ),
        (
            "any origin without credentials",
            open(),
            get(&[APP]),
            &[],
            &[(GRANT, APP)],
            GRANT,
            "*",
            EVIL,
        ),
        (
            "any origin without credentials",
            open(),
            get(&[]),
            &[(GRANT, "*")],
            &[],
            EXPOSE,
            "x-b",
            "x-c",
        ),
        (
            "`allow_headers: *`, nothing asked",
            plain(),
            options(APP, "PUT"),
            &[(GRANT, APP)],
            &[(HEADERS, "")],
            HEADERS,
            "",
            "x-c",
        ),
        (
            "`expose_headers: *` with credentials",
            exposes_all(),
            get(&[APP]),
            &[(GRANT, APP)],
            &[(EXPOSE, "*")],
            EXPOSE,
            "x-from",
            "*",
        ),
        (
            "answered preflight",
            plain(),
            options(APP, "PUT"),
            &[(GRANT, APP)],
            &[(GRANT, APP)],
            MAX_AGE,
            "5",
            "6",
        ),
    ];
    let answer = |lines: &[Line]| -> Answer {
        let line = |(name, value): &Line| (name.to_string(), vec![value.to_string()]);
        lines.iter().map(line).collect()
    };
    let mut shown = BTreeSet::new();
    for (class, policy, request, ours, theirs, name, right, wrong) in examples {
        let mut situation = Situation {
            policy: &policy,
            request,
            ours: answer(ours),
            theirs: answer(theirs),
        };
        let mut covering = |value: &str| {
            situation.ours.remove(name);
            if !value.is_empty() {
                situation.ours.insert(name.into(), vec![value.into()]);
            }
            let facet = Facet {
                name,
                ours: lines(&situation.ours, name),
                theirs: lines(&situation.theirs, name),
            };
            let first = CLASSES
                .iter()
                .find(|class| (class.covers)(&situation, &facet));
            first.map(|class| class.name)
        };
        assert_eq!(covering(right), Some(class));
        assert_eq!(covering(wrong), None, "{class}: {wrong}");
        shown.insert(class);
    }
    assert_eq!(shown.len(), CLASSES.len());
}

type Line = (&'static str, &'static str);
type Example<'a> = (
    &'a str,
    Policy,
    Request,
    &'a [Line],
    &'a [Line],
    &'a str,
    &'a str,
    &'a str,
);

const APP: &str = "https://app.example";
const EVIL: &str = "https://evil.example";
const MALFORMED: &str = "https://evil.example/.wide.example";
const HEADERS: &str = "access-control-allow-headers";
const MAX_AGE: &str = "access-control-max-age";
