//! What is attached to HTTPRoutes and Gateways and has CORS: kgateway's TrafficPolicy, Envoy Gateway's
//! SecurityPolicy, agentgateway's AgentgatewayPolicy, and Gloo's options where they have targets.
//!
//! What Envoy Gateway makes of it is in
//! [its source](https://github.com/envoyproxy/gateway/blob/main/internal/xds/translator/cors.go).

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::import::envoy_policy;
use crate::import::origins::Origins;
use crate::import::systems::{agentgateway, gloo};
use crate::input::cursor::Value;
use crate::output::code::Code;

/// A kind of policy that names what it is for in `targetRefs`.
pub struct Attached {
    kind: &'static str,
    group: &'static str,
    /// Where its CORS is.
    cors: &'static [&'static str],
    /// Whether one without CORS takes the place of a less specific one all the same.
    replaces: bool,
    pub read: fn(&Value, &mut Notes) -> Option<Policy>,
    changes: &'static [Change],
}

static ATTACHED: &[Attached] = &[
    Attached {
        kind: "TrafficPolicy",
        group: KGATEWAY,
        cors: &["spec", "cors"],
        replaces: false,
        read: read_filter,
        changes: KGATEWAY_CHANGES,
    },
    Attached {
        kind: "SecurityPolicy",
        group: "gateway.envoyproxy.io",
        cors: &["spec", "cors"],
        replaces: true,
        read: read_security_policy,
        changes: ENVOY_GATEWAY_CHANGES,
    },
    Attached {
        kind: "AgentgatewayPolicy",
        group: "agentgateway.dev",
        cors: &["spec", "traffic", "cors"],
        replaces: false,
        read: |cors, notes| Some(agentgateway::read_policy(cors, notes)),
        changes: agentgateway::CHANGES,
    },
    Attached {
        kind: "RouteOption",
        group: gloo::GROUP,
        cors: &["spec", "options", "cors"],
        replaces: false,
        read: gloo::read_option,
        changes: envoy_policy::CHANGES,
    },
    Attached {
        kind: "VirtualHostOption",
        group: gloo::GROUP,
        cors: &["spec", "options", "cors"],
        replaces: false,
        read: gloo::read_option,
        changes: envoy_policy::CHANGES,
    },
];

/// The kind of a policy, if it is one that import reads.
pub fn attached(value: &Value) -> Option<&'static Attached> {
    let mut kinds = ATTACHED.iter();
    // Without targets Gloo's options belong to its VirtualServices.
    let has_targets =
        |attached: &Attached| attached.group != gloo::GROUP || gloo::has_targets(value);
    kinds.find(|attached| value.is_resource(attached.kind, attached.group) && has_targets(attached))
}

/// The CORS of a policy.
pub fn cors_of<'s>(value: &Value<'s>) -> Option<Value<'s>> {
    value.at(attached(value)?.cors)
}

/// Whether a policy takes the place of a less specific one even without CORS.
pub fn replaces(value: &Value) -> bool {
    attached(value).is_some_and(|attached| attached.replaces)
}

/// What a policy is for; the field in the singular is an older one.
pub fn targets_of<'s>(policy: &Value<'s>) -> Vec<Value<'s>> {
    let mut targets = policy.list_at(&["spec", "targetRefs"]);
    targets.extend(policy.at(&["spec", "targetRef"]));
    targets
}

/// Reads an [HTTPCORSFilter](https://gateway-api.sigs.k8s.io/reference/spec/#httpcorsfilter).
pub fn read_filter(cors: &Value, notes: &mut Notes) -> Option<Policy> {
    let mut policy = read_origins(
        cors,
        "a CORS filter",
        |origins, at, text| origins.wildcard(at, text),
        notes,
    );
    let place = cors.place();
    envoy_policy::read_lists(&mut policy, cors, notes);
    policy.read_wildcards_among_others(&place, notes);
    policy.report_expose(&place, notes);
    match cors.get("maxAge") {
        Some(age) => policy.max_age = age.node.clone(),
        None => notes.push(
            Code::DefaultMaxAge,
            &place,
            "no maxAge: the Gateway API's default is 5",
        ),
    }
    Some(policy)
}

/// Reads Envoy Gateway's `cors`, whose wildcards are any characters, a port included.
fn read_security_policy(cors: &Value, notes: &mut Notes) -> Option<Policy> {
    let mut policy = read_origins(
        cors,
        "a SecurityPolicy's cors",
        |origins, at, text| origins.glob(at, text),
        notes,
    );
    let place = cors.place();
    if policy.origins.is_empty() && policy.regexes.is_empty() {
        let text = "lists no origin, so that Envoy Gateway allows none: its routes have no CORS";
        notes.push(Code::PolicyWithoutOrigins, &place, text);
        return None;
    }
    policy.unmatched_preflights = "ignore";
    // A list with a star is sent as a star alone.
    let names = |name: &str, notes: &mut Notes| {
        let names = notes.names(cors.get(name));
        if names.iter().any(|name| name == "*") {
            vec!["*".to_owned()]
        } else {
            names
        }
    };
    let methods = names("allowMethods", notes);
    policy.set_methods(methods, &place, notes);
    policy.headers = names("allowHeaders", notes);
    policy.expose = notes.names(cors.get("exposeHeaders"));
    policy.credentials = notes.bool(cors.get("allowCredentials"));
    policy.report_expose(&place, notes);
    match cors.get("maxAge") {
        Some(age) => policy.max_age = age.node.clone(),
        None => notes.push(Code::DefaultMaxAge, &place, "no maxAge, so no Access-Control-Max-Age, which browsers take for 5 seconds: maxAge is 5"),
    }
    Some(policy)
}

/// Begins a policy with its origins, in which `*` is read so.
fn read_origins(
    cors: &Value,
    what: &str,
    read_star: fn(&mut Origins, &Value, &str),
    notes: &mut Notes,
) -> Policy {
    cors.allow_only(FIELDS, what, notes);
    let mut policy = Policy::new(cors.place(), 200);
    let list = cors.get("allowOrigins");
    let texts = notes.texts(list.clone());
    let mut origins = Origins::new(notes);
    for (at, text) in texts {
        if text.contains('*') {
            read_star(&mut origins, &at, text);
        } else {
            origins.exact(&at, text);
        }
    }
    if let Some(list) = &list {
        origins.finish(&mut policy, list);
    }
    policy
}

/// What is different for every policy: those that are attached say which gateway it is.
pub fn changes(values: &[Value]) -> &'static [Change] {
    let mut kinds = values.iter().filter_map(attached);
    kinds.next().map_or(CHANGES, |attached| attached.changes)
}

const KGATEWAY_CHANGES: &[Change] = &[
    (
        When::Rejects,
        Code::RejectedPreflightStatus,
        "the preflight of an origin that is not allowed is answered 403; kgateway, as Envoy does, sends it on to the upstream",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; kgateway passes them on, for origins that are not allowed too",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; kgateway sends none",
    ),
];

const CHANGES: &[Change] = &[
    (
        When::Rejects,
        Code::RejectedPreflightStatus,
        "the preflight of an origin that is not allowed is answered 403; gateways differ: Envoy Gateway and Istio answer it 200 without CORS headers, kgateway sends it on to the upstream",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; gateways that are built on Envoy pass them on, for origins that are not allowed too",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; gateways that are built on Envoy send none",
    ),
];

const ENVOY_GATEWAY_CHANGES: &[Change] = &[
    (
        When::Rejects,
        Code::RejectedPreflightStatus,
        "the preflight of an origin that is not allowed is answered 403; Envoy Gateway answers it 200 without CORS headers",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; Envoy Gateway passes them on, for origins that are not allowed too",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; Envoy Gateway sends none",
    ),
];

pub const KGATEWAY: &str = "gateway.kgateway.dev";
const FIELDS: &[&str] = &[
    "allowCredentials",
    "allowHeaders",
    "allowMethods",
    "allowOrigins",
    "exposeHeaders",
    "maxAge",
];
