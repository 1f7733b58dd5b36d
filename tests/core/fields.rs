//! The reference of the fields: complete, true, and the page docs/src/reference/fields.md, which
//! `BLESS=1 cargo test -p cors --test fields` writes.

use cors::config::fields::{
    FOREIGN_FIELDS, Field, Kind, MATCH_FIELDS, PLUGIN_FIELDS, POLICY_FIELDS, RULE_FIELDS,
};
use cors::config::reference::{Entry, REFERENCE, entry};
use cors::select::policy_set::PolicySet;
use serde_json::{Value, json};

#[test]
fn every_field_has_an_entry() {
    let mut names: Vec<&str> = tables().map(|(_, _, field)| field.name).collect();
    names.sort_unstable();
    let entries: Vec<&str> = REFERENCE.iter().map(|entry| entry.name).collect();
    assert_eq!(entries, names);
}

#[test]
fn examples_are_accepted() {
    for (place, _, field) in tables() {
        let entry = entry(field.name).expect(field.name);
        let example: Value = serde_json::from_str(entry.example).expect(entry.example);
        let configuration = configuration(place, field, &example);
        let (plugin, diagnostics) = PolicySet::from_bytes(configuration.to_string().as_bytes());
        assert!(plugin.is_some(), "{configuration}: {diagnostics:?}");
    }
}

/// A field that has its default makes the same plugin as none.
#[test]
fn defaults_are_those_of_the_plugin() {
    let mut count = 0;
    for (place, _, field) in tables() {
        let entry = entry(field.name).expect(field.name);
        if entry.default.is_empty() {
            continue;
        }
        let default: Value = serde_json::from_str(entry.default).expect(entry.default);
        let with = configuration(place, field, &default);
        let mut without = with.clone();
        without
            .as_object_mut()
            .expect("an object")
            .remove(field.name);
        let plugin = |configuration: &Value| {
            let (plugin, diagnostics) = PolicySet::from_bytes(configuration.to_string().as_bytes());
            format!(
                "{:?}",
                plugin.unwrap_or_else(|| panic!("{configuration}: {diagnostics:?}"))
            )
        };
        assert_eq!(plugin(&with), plugin(&without), "{}", field.name);
        count += 1;
    }
    assert!(count > 15, "{count} defaults");
}

#[test]
fn the_page_is_the_table() {
    let mut page = String::from(
        "# Fields\n\n\
         Every field of the configuration. Names are also accepted in snake_case (`allow_origins`); keys that start\n\
         with `_`, `@`, `$` or `#` are comments. Written by `BLESS=1 cargo test -p cors --test fields`.\n",
    );
    let mut heading = "";
    let mut names = Vec::new();
    for (_, title, field) in tables() {
        if title != heading {
            heading = title;
            page += &format!(
                "\n## {title}\n\n| field | type | default | example | meaning |\n|---|---|---|---|---|\n"
            );
        }
        let Entry {
            description,
            default,
            example,
            ..
        } = entry(field.name).expect(field.name);
        let default = if default.is_empty() {
            String::new()
        } else {
            format!("`{default}`")
        };
        let aliases = field.aliases.iter().map(|alias| format!(", `{alias}`"));
        // The playground links to the first row of each name.
        let place = if names.contains(&field.name) {
            String::new()
        } else {
            names.push(field.name);
            format!("<a id=\"{}\"></a>", field.name)
        };
        page += &format!(
            "| {place}`{}`{} | {} | {default} | `{example}` | {description} |\n",
            field.name,
            aliases.collect::<String>(),
            type_of(&field.kind),
        );
    }
    let names = names.iter().map(|name| format!("  \"{name}\",\n"));
    let script = format!(
        "// The names of all fields of the configuration, in the order of {PAGE}. Written by\n\
         // `BLESS=1 cargo test -p cors --test fields`.\n\n\
         export const FIELDS = [\n{}];\n",
        names.collect::<String>()
    );
    for (file, text) in [(PAGE, page), (SCRIPT, script)] {
        let path = support::root().join(file);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &text).expect(file);
        }
        let committed = std::fs::read_to_string(&path).expect(file);
        assert!(committed == text, "BLESS=1 renews {file}");
    }
}

#[derive(Clone, Copy)]
enum Place {
    Match,
    Plugin,
    Policy,
    Rule,
}

/// Every field, with its place and the heading of its table.
fn tables() -> impl Iterator<Item = (Place, &'static str, &'static Field)> {
    [
        (
            Place::Policy,
            "In a policy, and at the top level",
            POLICY_FIELDS,
        ),
        (Place::Plugin, "At the top level only", PLUGIN_FIELDS),
        (Place::Rule, "In a rule", RULE_FIELDS),
        (Place::Match, "In the match of a rule", MATCH_FIELDS),
        (Place::Policy, "Of other gateways", FOREIGN_FIELDS),
    ]
    .into_iter()
    .flat_map(|(place, title, table)| table.iter().map(move |field| (place, title, field)))
}

/// A configuration with the field in its place, and what else it needs.
fn configuration(place: Place, field: &Field, value: &Value) -> Value {
    let policy = json!({"allowOrigins": ["https://a.example"]});
    let mut configuration = policy.clone();
    match place {
        Place::Plugin | Place::Policy => {
            if field.name == "unmatchedPreflights" {
                configuration["upstreamCors"] = "keep".into();
            }
            configuration[field.name] = value.clone();
        }
        Place::Rule => {
            configuration["policies"] = json!({"partners": policy});
            let mut rule = json!({"match": {"hostnames": ["b.example"]}, "policy": policy});
            if field.name == "policyRef" {
                rule.as_object_mut().expect("an object").remove("policy");
            }
            rule[field.name] = value.clone();
            configuration["rules"] = json!([rule]);
        }
        Place::Match => {
            configuration["rules"] = json!([{"match": {field.name: value}, "policy": policy}]);
        }
    }
    configuration
}

fn type_of(kind: &Kind) -> String {
    let words = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        words.join(", ")
    };
    match kind {
        Kind::Boolean => "boolean".to_owned(),
        Kind::Duration => "seconds, or a text with units".to_owned(),
        Kind::EachOneOf(choices) => format!("list of {}", words(choices)),
        Kind::Foreign => "`false`".to_owned(),
        Kind::Grants => "list of grants".to_owned(),
        Kind::Match => "match".to_owned(),
        Kind::OneOf(choices) => words(choices),
        Kind::Policies => "object of policies".to_owned(),
        Kind::Policy => "policy".to_owned(),
        Kind::Rules => "list of rules".to_owned(),
        Kind::Status(statuses) => {
            let statuses: Vec<String> = statuses.iter().map(ToString::to_string).collect();
            statuses.join(" or ")
        }
        Kind::Text => "string".to_owned(),
        Kind::Texts => "list of strings".to_owned(),
    }
}

const SCRIPT: &str = "playground/field-names.js";
const PAGE: &str = "docs/src/reference/fields.md";
