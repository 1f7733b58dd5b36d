//! AWS: the CORS of an HTTP API, of a REST API and of a Lambda function URL, in CloudFormation and SAM
//! templates, or as the command line of AWS prints it.

use crate::import::changes::Notes;
use crate::import::draft::{Change, Policy, When};
use crate::import::objects::Object;
use crate::import::origins::Origins;
use crate::import::rules::route::Route;
use crate::import::system::System;
use crate::import::systems::aws_rest::read_rest;
use crate::import::systems::s3;
use crate::import::texts::{comma_names, comma_texts};
use crate::input::cursor::Value;
use crate::output::code::Code;

/// How import knows the system.
pub static SYSTEM: System = System {
    changes: |_| CHANGES,
    ..System::new(
        "aws",
        "AWS",
        "AWS: HTTP API, REST API of SAM, Lambda function URL and S3, in CloudFormation, SAM, or as aws prints them",
        owns,
        read,
    )
};

fn owns(value: &Value) -> bool {
    let is_resource = |name: &str| {
        let all = value.field("Resources").entries().into_iter();
        let mut types = all.filter_map(|(_, resource)| resource.text_of("Type"));
        types.any(|kind| kind.starts_with(name))
    };
    value.kind().is_none()
        && (is_resource("AWS::")
            || value.has("CorsConfiguration")
            || value.field("Cors").has(ORIGINS)
            || s3::owns(value))
}

/// Each API, function and bucket is served apart.
fn read(values: &[Value], _: &[Object], notes: &mut Notes) -> Vec<Route> {
    let mut routes = Vec::new();
    for value in values {
        let globals = value.field("Globals");
        let of_globals = globals.at(&["HttpApi", "CorsConfiguration"]);
        let of_rest = globals.at(&["Api", "Cors"]);
        let mut has_rest = false;
        for (name, resource) in value.field("Resources").entries() {
            let properties = resource.field("Properties");
            let cors = match resource.text_of("Type").unwrap_or_default() {
                "AWS::ApiGatewayV2::Api" => properties.get("CorsConfiguration"),
                "AWS::Serverless::HttpApi" => {
                    properties.get("CorsConfiguration").or(of_globals.clone())
                }
                "AWS::Lambda::Url" => properties.get("Cors"),
                "AWS::Serverless::Function" => properties.at(&["FunctionUrlConfig", "Cors"]),
                "AWS::Serverless::Api" => {
                    has_rest = true;
                    let cors = properties.get("Cors").or(of_rest.clone());
                    routes.extend(cors.and_then(|cors| read_rest(&cors, Some(name), value, notes)));
                    continue;
                }
                "AWS::S3::Bucket" => {
                    let rules = properties.at(&["CorsConfiguration", "CorsRules"]);
                    routes.extend(rules.and_then(|rules| s3::read_rules(&rules, name, notes)));
                    continue;
                }
                _ => continue,
            };
            routes.extend(cors.and_then(|cors| read_api(&cors, name, notes)));
        }
        // Without a resource for it, functions have the implicit API.
        if let Some(cors) = of_rest.filter(|_| !has_rest) {
            routes.extend(read_rest(&cors, None, value, notes));
        }
        let printed = value.get("CorsConfiguration").or_else(|| value.get("Cors"));
        routes.extend(printed.and_then(|cors| read_api(&cors, "cors", notes)));
        routes.extend(s3::read_printed(value, notes));
    }
    let routes = routes.into_iter().enumerate();
    routes
        .map(|(index, route)| route.of_document(index))
        .collect()
}

fn read_api(cors: &Value, name: &str, notes: &mut Notes) -> Option<Route> {
    if cors.text().is_some() || cors.entries().is_empty() {
        let text = "is not an object with AllowOrigins; write out what it stands for";
        notes.push(Code::UnsupportedForm, &cors.place(), text);
        return None;
    }
    cors.allow_only(FIELDS, "AWS's CORS", notes);
    let place = cors.place();
    let mut policy = Policy::new(place.clone(), 204);
    policy.unmatched_preflights = "ignore";
    policy.credentials = notes.bool(cors.get("AllowCredentials"));
    let texts = comma_texts(cors.get(ORIGINS), notes);
    let is_any = texts.iter().any(|(_, text)| *text == "*");
    if policy.credentials && is_any {
        let text = "allows any origin with AllowCredentials, which AWS refuses; list the origins";
        notes.push(Code::SourceInvalidValue, &place, text);
    }
    let mut origins = Origins::new(notes);
    for (at, text) in texts {
        match text {
            "https://*" | "http://*" => origins.wildcard(&at, &format!("{text}:*")),
            _ => origins.exact(&at, text),
        }
    }
    origins.finish(&mut policy, cors);
    let methods = comma_names(cors.get("AllowMethods"), notes);
    policy.set_methods(methods, &place, notes);
    policy.headers = comma_names(cors.get("AllowHeaders"), notes);
    policy.expose = comma_names(cors.get("ExposeHeaders"), notes);
    policy.report_literal_wildcards(&place, notes);
    policy.report_expose(&place, notes);
    policy.set_age(cors.get("MaxAge"), "no MaxAge", &place, notes);
    Some(Route::everything(name, place, policy))
}

const CHANGES: &[Change] = &[
    (
        When::PerOrigin,
        Code::VaryAdded,
        "Vary: Origin is on every response that depends on the origin",
    ),
    (
        When::Overrides,
        Code::UpstreamCorsRemoved,
        "the upstream's own Access-Control-* headers are removed, as an HTTP API does too",
    ),
];

const ORIGINS: &str = "AllowOrigins";
const FIELDS: &[&str] = &[
    "AllowCredentials",
    "AllowHeaders",
    "AllowMethods",
    ORIGINS,
    "ExposeHeaders",
    "MaxAge",
];
