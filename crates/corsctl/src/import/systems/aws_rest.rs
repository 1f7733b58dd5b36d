//! The `Cors` of a REST API in a SAM template, after the
//! [source](https://github.com/aws/serverless-application-model/blob/develop/samtranslator/swagger/swagger.py)
//! that writes it: an answer to preflights with constant headers. Functions send the headers of all
//! other responses themselves.

use crate::import::changes::Notes;
use crate::import::draft::Policy;
use crate::import::origins::Origins;
use crate::import::rules::route::Route;
use crate::input::cursor::Value;
use crate::output::code::Code;

/// Reads the Cors of the API with this name; the implicit one has none.
pub fn read_rest(
    cors: &Value,
    name: Option<&str>,
    template: &Value,
    notes: &mut Notes,
) -> Option<Route> {
    let place = cors.place();
    let origin = match cors.text() {
        Some(_) => Some(cors.clone()),
        None => {
            cors.allow_only(FIELDS, "the Cors of a REST API", notes);
            cors.get("AllowOrigin")
        }
    };
    let Some((at, origin)) = origin.and_then(|at| Some((at.clone(), at.text()?))) else {
        let text = "has no AllowOrigin that is a text; write out what it stands for";
        notes.push(Code::UnsupportedForm, &place, text);
        return None;
    };
    let mut policy = Policy::new(place.clone(), 200);
    policy.unmatched_preflights = "ignore";
    // As there: what functions send stays as it is.
    policy.keeps_upstream = true;
    policy.credentials = notes.bool(cors.get("AllowCredentials"));
    let mut origins = Origins::new(notes);
    match unquoted(origin) {
        several if several.contains(',') => {
            let text = "lists several origins, which API Gateway sends as one text, so that no browser takes it; write {\"allowOrigins\": […]} with those that are meant";
            notes.push(Code::OriginNotExpressible, &at.place(), text);
            return None;
        }
        one => origins.exact(&at, one),
    }
    origins.finish(&mut policy, cors);
    let names = |name: &str, notes: &mut Notes| -> Vec<String> {
        let value = cors.get(name);
        let text = value.as_ref().and_then(|value| notes.text(value));
        let names = unquoted(text.unwrap_or_default()).split(',').map(str::trim);
        let names = names.filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    };
    policy.headers = names("AllowHeaders", notes);
    policy.methods = names("AllowMethods", notes);
    if policy.methods.is_empty() {
        policy.methods = methods_of(name, template);
        let text = if policy.methods.is_empty() {
            "has no AllowMethods, and no function of the template has an event of this API: write AllowMethods"
        } else {
            "has no AllowMethods, so that SAM lists for each path the methods that functions have there; here every path has all of them"
        };
        let code = match policy.methods.is_empty() {
            true => Code::SourceInvalidValue,
            false => Code::MethodIgnored,
        };
        notes.push(code, &place, text);
    }
    policy.drop_credentials_of_any(&place, notes);
    policy.report_literal_wildcards(&place, notes);
    match cors.get("MaxAge") {
        Some(age) if age.text().is_some() => {
            let seconds = unquoted(age.text().unwrap_or_default());
            policy.max_age = cors::config::json::Json::String(seconds.to_owned());
        }
        age => policy.set_age(age, "no MaxAge", &place, notes),
    }
    let text = "answers preflights alone, and functions send the headers of all other responses: those that send none get them from the plugin here";
    notes.push(Code::HeadersAdded, &place, text);
    Some(Route::everything(
        name.unwrap_or("ServerlessRestApi"),
        place,
        policy,
    ))
}

/// The methods of all events of an API.
fn methods_of(api: Option<&str>, template: &Value) -> Vec<String> {
    let mut methods: Vec<String> = Vec::new();
    for (_, resource) in template.field("Resources").entries() {
        for (_, event) in resource.field("Properties").field("Events").entries() {
            let properties = event.field("Properties");
            let id = properties.get("RestApiId");
            let reference = id.as_ref().map(|id| id.get("Ref").unwrap_or(id.clone()));
            let of = reference.as_ref().and_then(Value::text);
            let method = properties.text_of("Method").unwrap_or_default();
            if event.text_of("Type") != Some("Api") || of != api || method.is_empty() {
                continue;
            }
            let method = method.to_ascii_uppercase();
            let all: Vec<String> = match method.as_str() {
                "ANY" | "X-AMAZON-APIGATEWAY-ANY-METHOD" => {
                    METHODS.iter().map(|name| (*name).to_owned()).collect()
                }
                _ => vec![method],
            };
            methods.extend(all);
        }
    }
    if !methods.is_empty() {
        methods.push("OPTIONS".to_owned());
    }
    methods.sort();
    methods.dedup();
    methods
}

/// A constant of API Gateway is in quotes within the text.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    inner.unwrap_or(text)
}

const FIELDS: &[&str] = &[
    "AllowCredentials",
    "AllowHeaders",
    "AllowMethods",
    "AllowOrigin",
    "MaxAge",
];
/// What any method stands for.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
