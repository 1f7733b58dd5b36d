//! Azure API Management: the `cors` of a policy document, after its
//! [documentation](https://learn.microsoft.com/en-us/azure/api-management/cors-policy).

use std::collections::HashSet;
use std::ptr;

use cors::config::json::Json;

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::Route;
use crate::import::system::System;
use crate::input::cursor::{Place, Value};
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    changes: |_| CHANGES,
    ..System::new(
        "azure-apim",
        "Azure API Management",
        "Azure API Management: the cors of a policy document, in XML",
        owns,
        read,
    )
};

/// Only XML has a list for every element.
fn owns(value: &Value) -> bool {
    let [(name, Json::List(roots))] = value.pairs() else {
        return false;
    };
    let is_root = ["policies", "fragment", CORS].contains(&name.as_str());
    is_root && matches!(roots.as_slice(), [Json::Object(_) | Json::String(_)])
}

/// Each document is of one scope.
fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let mut routes = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let inbound = value
            .list("policies")
            .into_iter()
            .flat_map(|policies| policies.list("inbound"));
        let sections = inbound.chain(value.list("fragment")).chain([value.clone()]);
        let direct: Vec<Value> = sections.flat_map(|section| section.list(CORS)).collect();
        let read = direct.iter().map(|cors| ptr::from_ref(cors.node)).collect();
        report_elsewhere(value, &read, notes);
        let policies = direct.iter().map(|cors| (cors, read_policy(cors, notes)));
        let read = policies.map(|(cors, policy)| Route::everything("cors", cors.place(), policy));
        routes.extend(read.map(|route| route.of_document(index)));
        if let [_, second, ..] = direct.as_slice() {
            let text = "is a second cors in one section, of which Azure allows one";
            notes.push(Code::SourceInvalidValue, &second.place(), text);
        }
    }
    routes
}

/// Reports a cors below a condition, or in another section: every one except these.
fn report_elsewhere(value: &Value, read: &HashSet<*const Json>, notes: &mut Notes) {
    for (name, field) in value.entries() {
        for item in field.items() {
            if name == CORS && !read.contains(&ptr::from_ref(item.node)) {
                let text = "is not directly in the inbound section, so that it holds under conditions: write the policy that is meant";
                notes.unread(&item.place(), text);
            } else {
                report_elsewhere(&item, read, notes);
            }
        }
    }
}

fn read_policy(cors: &Value, notes: &mut Notes) -> Policy {
    cors.allow_only(FIELDS, "the cors of Azure API Management", notes);
    let place = cors.place();
    let mut policy = Policy::new(place.clone(), 200);
    policy.unmatched_preflights = "ignore";
    policy.rejects_requests = flag(cors, "terminate-unmatched-request", true, notes);
    policy.credentials = flag(cors, "allow-credentials", false, notes);
    let listed = texts(cors, "allowed-origins", "origin", notes);
    if policy.credentials && listed.iter().any(|(_, text)| *text == "*") {
        let text = "allows any origin with allow-credentials, and Azure's documentation does not say what it answers; list the origins";
        notes.push(Code::SourceInvalidValue, &place, text);
    }
    let mut origins = Origins::new(notes);
    for (at, text) in &listed {
        // It is a URI, of which the path does not count.
        origins.exact(at, text.strip_suffix('/').unwrap_or(text));
    }
    origins.finish(&mut policy, cors);
    let names = |listed: Vec<(Value, &str)>| -> Vec<String> {
        let names = listed.into_iter().map(|(_, text)| text.to_owned());
        names.collect()
    };
    policy.methods = names(texts(cors, METHODS, "method", notes));
    policy.headers = names(texts(cors, "allowed-headers", "header", notes));
    policy.expose = names(texts(cors, "expose-headers", "header", notes));
    if policy.methods.is_empty() {
        policy.methods = ["GET", "POST"].map(str::to_owned).to_vec();
        let text = "no allowed-methods: allowMethods is GET, POST, as in Azure";
        notes.push(Code::DefaultMethods, &place, text);
    }
    policy.report_unlisted("so that Azure takes them for unmatched", &place, notes);
    report_wildcards(&policy, &place, notes);
    let age = cors.list(METHODS).into_iter();
    let mut age = age.filter_map(|methods| methods.get("preflight-result-max-age"));
    match age.next() {
        Some(age) => policy.max_age = age.node.clone(),
        None => {
            policy.max_age = Json::Number(0.0);
            let text = "no preflight-result-max-age, which is 0 in Azure: maxAge is 0";
            notes.push(Code::DefaultMaxAge, &place, text);
        }
    }
    policy
}

/// The texts of the elements of a list; of an expression the value is known at run time only.
fn texts<'s>(
    cors: &Value<'s>,
    list: &str,
    item: &str,
    notes: &mut Notes,
) -> Vec<(Value<'s>, &'s str)> {
    let mut found = Vec::new();
    for list in cors.list(list) {
        // Elements without content are texts.
        if list.text().is_none() {
            list.allow_only(&[item, AGE], "a list of Azure API Management", notes);
        }
        for at in list.list(item) {
            let Some(text) = notes.text(&at) else {
                continue;
            };
            if is_computed(text) {
                let text = format!(
                    "is an expression or a named value ({text}), which Azure fills in later; write what it stands for"
                );
                notes.push(Code::UnsupportedForm, &at.place(), text);
            } else if !text.is_empty() {
                found.push((at, text));
            }
        }
    }
    found
}

fn flag(cors: &Value, name: &str, default: bool, notes: &mut Notes) -> bool {
    let Some(value) = cors.get(name) else {
        return default;
    };
    match value.text() {
        Some("true") => true,
        Some("false") => false,
        _ => {
            notes.wrong(&value, "true or false");
            default
        }
    }
}

/// What `*` becomes is in no documentation.
fn report_wildcards(policy: &Policy, place: &Place, notes: &mut Notes) {
    for (names, text) in [
        (
            &policy.headers,
            "\"*\" in allowed-headers allows whatever is asked here, Authorization and requests with credentials included; Azure's documentation does not say that it does so there",
        ),
        (
            &policy.expose,
            "\"*\" in expose-headers exposes every header of the response here, also to requests with credentials; Azure's documentation does not say that it does so there",
        ),
    ] {
        if names.iter().any(|name| name == "*") {
            notes.push(Code::LiteralWildcard, place, text);
        }
    }
}

fn is_computed(text: &str) -> bool {
    text.starts_with('@') || text.contains("{{")
}

const CHANGES: &[Change] = &[
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin",
    ),
    (
        When::RejectsRequests,
        Code::RejectedRequests,
        "requests of origins that are not allowed get 403; Azure answers GET and HEAD with an empty 200, and passes the others on",
    ),
    (
        When::Always,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed",
    ),
];

const CORS: &str = "cors";
const METHODS: &str = "allowed-methods";
const AGE: &str = "preflight-result-max-age";
const FIELDS: &[&str] = &[
    "allow-credentials",
    "allowed-headers",
    METHODS,
    "allowed-origins",
    "expose-headers",
    "id",
    "terminate-unmatched-request",
];
