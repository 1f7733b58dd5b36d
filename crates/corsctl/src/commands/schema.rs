//! `corsctl schema`: the JSON Schema of the plugin's configuration, from the table of fields by which it
//! is read.

use std::process::ExitCode;

use cors::config::fields::{
    FOREIGN_FIELDS, Field, GRANT_FIELDS, Kind, MATCH_FIELDS, PLUGIN_FIELDS, POLICY_FIELDS,
    RULE_FIELDS,
};
use cors::config::reference::entry;
use serde_json::{Map, Value, json};

use crate::output::print_json;

pub fn run() -> ExitCode {
    print_json(&schema());
    ExitCode::SUCCESS
}

/// What a schema can say: names, types, the words to choose from. That an origin is well-formed, and
/// what goes together, is for `corsctl check`.
fn schema() -> Value {
    let mut schema = object(&[POLICY_FIELDS, PLUGIN_FIELDS, FOREIGN_FIELDS]);
    schema["$id"] = "urn:proxy-wasm-cors:schema:configuration".into();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "The configuration of proxy-wasm-cors".into();
    schema["$defs"] = json!({
        "grant": object(&[GRANT_FIELDS]),
        "policy": object(&[POLICY_FIELDS, FOREIGN_FIELDS]),
        "rule": object(&[RULE_FIELDS]),
        "match": object(&[MATCH_FIELDS]),
    });
    schema
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
            properties.insert(name.clone(), property(field));
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

/// The schema of a field's value, with what an editor shows beside it.
fn property(field: &Field) -> Value {
    let entry = entry(field.name);
    let mut property = value(&field.kind, entry.map_or("", |entry| entry.pattern));
    if let Some(entry) = entry {
        property["description"] = format!("{}.", entry.description).into();
        if let Ok(default) = serde_json::from_str::<Value>(entry.default) {
            property["default"] = default;
        }
        if let Ok(example) = serde_json::from_str::<Value>(entry.example) {
            property["examples"] = json!([example]);
        }
    }
    property
}

fn value(kind: &Kind, pattern: &str) -> Value {
    let texts = |item: Value| json!({"type": "array", "items": item});
    let text = || match pattern {
        "" => json!({"type": "string"}),
        pattern => json!({"type": "string", "pattern": pattern}),
    };
    match kind {
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Duration => json!({"anyOf": [
            {"type": "integer", "minimum": 0, "maximum": u32::MAX},
            {"type": "string", "pattern": r"^([0-9]+|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"},
        ]}),
        Kind::EachOneOf(words) => texts(json!({"enum": words})),
        Kind::Foreign => json!({"const": false}),
        Kind::Grants => texts(json!({"$ref": "#/$defs/grant"})),
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
        Kind::Text => text(),
        Kind::Texts => texts(text()),
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
