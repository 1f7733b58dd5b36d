//! What the policies of gateways have in common that write Envoy's `CorsPolicy` for them.

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::input::cursor::{Place, Value};
use crate::output::code::Code;

/// Reads the lists and credentials of a policy with the field names of Istio, the Gateway API and Google Cloud.
pub fn read_lists(policy: &mut Policy, cors: &Value, notes: &mut Notes) {
    let methods = notes.names(cors.get("allowMethods"));
    policy.set_methods(methods, &cors.place(), notes);
    policy.headers = notes.names(cors.get("allowHeaders"));
    policy.expose = notes.names(cors.get("exposeHeaders"));
    policy.credentials = notes.bool(cors.get("allowCredentials"));
}

/// Reads what is left after origins, methods, headers and credentials, and says what Envoy does where
/// the gateway has no field for it.
pub fn finish(
    policy: &mut Policy,
    max_age: Option<Value>,
    gateway: &str,
    place: &Place,
    notes: &mut Notes,
) {
    policy.read_wildcards_among_others(place, notes);
    policy.report_expose(place, notes);
    policy.set_age(max_age, "no max age", place, notes);
    let text = format!(
        "{gateway} sends preflights of other origins to the upstream; here unmatchedPreflights is \"reject\", with 403. Write \"forward\" and upstreamCors \"keep\" to have what was"
    );
    notes.push(Code::DefaultUnmatchedPreflights, place, text);
}

/// What is different for every policy.
pub const CHANGES: &[Change] = &[
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed; Envoy's filter passes them on, for origins that are not allowed too",
    ),
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin; Envoy's filter sends none",
    ),
    (
        When::Always,
        Code::ResponseDetails,
        "redirects and direct responses get CORS headers too, which Envoy's filter leaves alone; exposed headers are named on preflights too",
    ),
];
