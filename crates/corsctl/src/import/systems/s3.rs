//! The CORS rules of a bucket, as S3 and R2 have them.

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::origins::Origins;
use crate::import::rules::route::Route;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// Whether these are rules, as `aws s3api get-bucket-cors` or `wrangler r2 bucket cors list` print them,
/// or one rule.
pub fn owns(value: &Value) -> bool {
    value.has("CORSRules") || is_rule(value) || value.list("rules").iter().any(is_of_r2)
}

fn is_rule(value: &Value) -> bool {
    let is_text = |name: &str| value.pairs().iter().any(|(key, _)| key == name);
    is_text("AllowedOrigins") && is_text("AllowedMethods")
}

fn is_of_r2(rule: &Value) -> bool {
    let allowed = rule.field("allowed");
    allowed.has("origins") && allowed.has("methods")
}

pub fn read_printed(value: &Value, notes: &mut Notes) -> Option<Route> {
    if is_rule(value) {
        return Some(read_rule(value, "rule", notes));
    }
    let rules = value.get("CORSRules").or_else(|| value.get("rules"))?;
    read_rules(&rules, "rules", notes)
}

/// Reads the only rule. Of several the first that allows origin, method and headers together holds,
/// which no policy says.
pub fn read_rules(rules: &Value, name: &str, notes: &mut Notes) -> Option<Route> {
    let all = rules.items();
    if let [_, second, ..] = all.as_slice() {
        let text = "is a second rule: the first that allows origin, method and headers together holds, and a policy has one list of each; leave one rule";
        notes.push(Code::SeveralPolicies, &second.place(), text);
        return None;
    }
    all.first().map(|rule| read_rule(rule, name, notes))
}

fn read_rule(rule: &Value, name: &str, notes: &mut Notes) -> Route {
    let is_of_r2 = is_of_r2(rule);
    let (what, allowed) = match is_of_r2 {
        true => ("a rule of R2", rule.field("allowed")),
        false => ("a rule of S3", rule.clone()),
    };
    rule.allow_only(FIELDS, what, notes);
    let get = |own: &str, of_r2: &str| allowed.get(if is_of_r2 { of_r2 } else { own });
    let place = rule.place();
    let mut policy = Policy::new(place.clone(), 200);

    let texts = notes.texts(get("AllowedOrigins", "origins"));
    let is_any = texts.iter().any(|(_, text)| *text == "*");
    let mut origins = Origins::new(notes);
    for (at, text) in texts {
        origins.glob(&at, text);
    }
    origins.finish(&mut policy, rule);
    policy.methods = notes.names(get("AllowedMethods", "methods"));
    policy.report_unlisted("so that S3 sent them no headers", &place, notes);
    policy.headers = notes.names(get("AllowedHeaders", "headers"));
    let expose = rule
        .get("ExposeHeaders")
        .or_else(|| rule.get("ExposedHeaders"));
    policy.expose = notes.names(expose);
    if !is_any && !is_of_r2 {
        policy.credentials = true;
        let text = "S3 sends Access-Control-Allow-Credentials: true to origins that are not \"*\": allowCredentials is true";
        notes.push(Code::DefaultCredentials, &place, text);
    }
    policy.report_expose(&place, notes);
    // CloudFormation has its own name for it.
    let age = rule.get("MaxAgeSeconds").or_else(|| rule.get("MaxAge"));
    policy.set_age(age, "no MaxAgeSeconds", &place, notes);
    Route::everything(name, place, policy)
}

const FIELDS: &[&str] = &[
    "AllowedHeaders",
    "AllowedMethods",
    "AllowedOrigins",
    "ExposeHeaders",
    "ExposedHeaders",
    "ID",
    "Id",
    "MaxAge",
    "MaxAgeSeconds",
    "allowed",
];
