//! `corsctl schema`: the JSON Schema of the plugin's configuration, from the table of fields by which it
//! is read.

use std::process::ExitCode;

use cors::config::fields::{Field, Kind, MATCH_FIELDS, PLUGIN_FIELDS, POLICY_FIELDS, RULE_FIELDS};
use serde_json::{Map, Value, json};

use crate::output::print_json;

pub fn run() -> ExitCode {
    print_json(&schema());
    ExitCode::SUCCESS
}

/// What a schema can say: names, types, the words to choose from. That an origin is well-formed, and
/// what goes together, is for `corsctl check`.
fn schema() -> Value {
    let mut schema = policy(&[POLICY_FIELDS, PLUGIN_FIELDS]);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "The configuration of proxy-wasm-cors".into();
    schema["$defs"] = json!({
        "policy": policy(&[POLICY_FIELDS]),
        "rule": object(&[RULE_FIELDS]),
        "match": object(&[MATCH_FIELDS]),
    });
    schema
}

fn policy(tables: &[&[Field]]) -> Value {
    let mut policy = object(tables);
    // Of other gateways: taken where it says what happens anyway.
    for name in ["optionsPassthrough", "options_passthrough"] {
        policy["properties"][name] = json!({"const": false});
    }
    policy
}

fn object(tables: &[&[Field]]) -> Value {
    let mut properties = Map::new();
    let mut spellings = Vec::new();
    for field in tables.iter().copied().flatten() {
        let names = std::iter::once(&field.name).chain(field.aliases);
        let names: Vec<String> = names
            .flat_map(|name| [(*name).to_owned(), snake_case(name)])
            .collect();
        let mut names: Vec<String> = names.into_iter().collect();
        names.dedup();
        for name in &names {
            properties.insert(name.clone(), value(&field.kind));
        }
        // No two spellings of one field together.
        for (index, one) in names.iter().enumerate() {
            let others = names.iter().skip(index + 1);
            spellings.extend(others.map(|other| json!({"required": [one, other]})));
        }
    }
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "patternProperties": {"^[@$_#]": true},
        "additionalProperties": false,
    });
    if !spellings.is_empty() {
        object["not"] = json!({"anyOf": spellings});
    }
    object
}

fn value(kind: &Kind) -> Value {
    let texts = |item: Value| json!({"type": "array", "items": item});
    match kind {
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Duration => json!({"anyOf": [
            {"type": "integer", "minimum": 0, "maximum": u32::MAX},
            {"type": "string", "pattern": r"^([0-9]+|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"},
        ]}),
        Kind::EachOneOf(words) => texts(json!({"enum": words})),
        Kind::Match => json!({"$ref": "#/$defs/match"}),
        // Upper case is taken too, and no editor should propose it.
        Kind::OneOf(words) => json!({"anyOf": [
            {"enum": words},
            {"type": "string", "pattern": any_case(words)},
        ]}),
        Kind::Policies => json!({
            "type": "object",
            "patternProperties": {"^[@$_#]": true},
            "additionalProperties": {"$ref": "#/$defs/policy"},
        }),
        Kind::Policy => json!({"$ref": "#/$defs/policy"}),
        Kind::Rules => texts(json!({"$ref": "#/$defs/rule"})),
        Kind::Status(statuses) => json!({"enum": statuses}),
        Kind::Text => json!({"type": "string"}),
        Kind::Texts => texts(json!({"type": "string"})),
    }
}

fn any_case(words: &[&str]) -> String {
    let any_case = |word: &&str| -> String {
        let letter = |char: char| format!("[{}{}]", char.to_ascii_uppercase(), char);
        word.chars().map(letter).collect()
    };
    let words: Vec<String> = words.iter().map(any_case).collect();
    format!("^({})$", words.join("|"))
}

fn snake_case(name: &str) -> String {
    name.chars()
        .flat_map(|char| {
            let underscore = char.is_ascii_uppercase().then_some('_');
            underscore.into_iter().chain([char.to_ascii_lowercase()])
        })
        .collect()
}
