//! JSON Schema, by `scripts/json-schema`.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What is wrong with each value under the schema before it.
pub fn problems<'a>(checks: impl IntoIterator<Item = (&'a Value, &'a Value)>) -> Vec<Vec<String>> {
    let mut schemas: Vec<&Value> = Vec::new();
    let mut values = Vec::new();
    for (schema, value) in checks {
        let known = schemas.iter().position(|known| *known == schema);
        let index = known.unwrap_or_else(|| {
            schemas.push(schema);
            schemas.len() - 1
        });
        values.push((index, value));
    }
    let mut checker = Command::new(crate::root().join("scripts/json-schema"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scripts/json-schema to start");
    let input = json!({"schemas": schemas, "values": values}).to_string();
    let mut stdin = checker.stdin.take().expect("its input");
    stdin.write_all(input.as_bytes()).expect("to write to it");
    drop(stdin);
    let output = checker.wait_with_output().expect("its output");
    assert!(output.status.success(), "scripts/json-schema failed");
    let problems: Vec<Vec<String>> = serde_json::from_slice(&output.stdout).expect("lists");
    assert_eq!(problems.len(), values.len());
    problems
}
