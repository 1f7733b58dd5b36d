//! `corsctl schema`: the JSON Schema of the plugin's configuration, from the table of fields by which it
//! is read, and that of the cases of `corsctl test`, from the types by which these are read.

use std::process::ExitCode;

use cors::config::fields::{
    FOREIGN_FIELDS, Field, GRANT_FIELDS, Kind, MATCH_FIELDS, PLUGIN_FIELDS, POLICY_FIELDS,
    RULE_FIELDS,
};
use cors::config::reference::entry;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::cases::{Case, VERDICTS};
use crate::output::print_json;

/// Which schema to print.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Print the schema of the cases of corsctl test instead
    #[arg(long)]
    cases: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    print_json(&if arguments.cases {
        cases()
    } else {
        configuration()
    });
    ExitCode::SUCCESS
}

/// The schema of a list of cases.
fn cases() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Vec<Case>>().to_value();
    schema["$id"] = "urn:proxy-wasm-cors:schema:cases".into();
    schema["title"] = "Cases of corsctl test".into();
    schema["minItems"] = 1.into();
    let case = &mut schema["$defs"]["Case"];
    case["anyOf"] = json!([{"required": ["answer"]}, {"required": ["verdict"]}]);
    case["properties"]["verdict"]["enum"] = VERDICTS.into();
    schema
}

/// What a schema can say: names, types, the words to choose from. That an origin is well-formed, and
/// what goes together, is for `corsctl check`.
fn configuration() -> Value {
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

/// The schema of a field's value, with what an editor shows next to it.
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

const EXAMPLES: &str = "\
Examples:
  corsctl schema > cors.schema.json
  corsctl schema --cases > cors-cases.schema.json

In YAML the first line names the schema: # yaml-language-server: $schema=cors-cases.schema.json";
