//! Azure Container Apps: the `corsPolicy` of an ingress, as `az containerapp show` prints it and as
//! templates have it.

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::envoy_policy;
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::Route;
use crate::import::system::System;
use crate::import::texts::{comma_names, comma_texts};
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    changes: |_| envoy_policy::CHANGES,
    ..System::new(
        "azure",
        "Azure Container Apps",
        "Azure Container Apps: the ingress of an app, as az prints it, or in a template",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    !apps(value).is_empty()
}

/// Each app is served apart.
fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let apps = values.iter().flat_map(apps).enumerate();
    apps.filter_map(|(index, app)| {
        let cors = app.at(CORS)?;
        let name = app.text_of("name").unwrap_or("app");
        let policy = read_policy(&cors, notes)?;
        Some(Route::everything(name, cors.place(), policy).of_document(index))
    })
    .collect()
}

/// The app, or the apps of a template of Azure Resource Manager.
fn apps<'s>(value: &Value<'s>) -> Vec<Value<'s>> {
    let of_template = value.list("resources").into_iter();
    let all = of_template.chain([value.clone()]);
    all.filter(|app| app.at(CORS).is_some()).collect()
}

fn read_policy(cors: &Value, notes: &mut Notes) -> Option<Policy> {
    cors.allow_only(FIELDS, "a corsPolicy of Azure", notes);
    let place = cors.place();
    let texts = comma_texts(cors.get("allowedOrigins"), notes);
    if texts.is_empty() {
        let text = "lists no origin, so that the ingress allows none: its app has no CORS";
        notes.push(Code::PolicyWithoutOrigins, &place, text);
        return None;
    }
    let mut policy = Policy::new(place.clone(), 200);
    let mut origins = Origins::new(notes);
    for (at, text) in texts {
        origins.exact(&at, text);
    }
    origins.finish(&mut policy, cors);
    let methods = comma_names(cors.get("allowedMethods"), notes);
    policy.set_methods(methods, &place, notes);
    policy.headers = comma_names(cors.get("allowedHeaders"), notes);
    policy.expose = comma_names(cors.get("exposeHeaders"), notes);
    policy.credentials = notes.bool(cors.get("allowCredentials"));
    envoy_policy::finish(&mut policy, cors.get("maxAge"), "Azure", &place, notes);
    Some(policy)
}

const CORS: &[&str] = &["properties", "configuration", "ingress", "corsPolicy"];
const FIELDS: &[&str] = &[
    "allowCredentials",
    "allowedHeaders",
    "allowedMethods",
    "allowedOrigins",
    "exposeHeaders",
    "maxAge",
];
