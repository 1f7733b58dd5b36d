//! Types of Kubernetes objects, and YAML as JSON.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Once, OnceLock};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use support::not_checked;

/// Schemas of objects.
pub enum Types {
    /// manifests/types.yaml: schemas of `spec`, by version and kind.
    Own(Value),
    /// Custom resource definitions.
    Published(Vec<Value>),
    /// The definitions of Kubernetes itself.
    Kubernetes(Value),
}

impl Types {
    pub fn own() -> Self {
        Self::Own(documents(&root().join("tests/envoy/manifests/types.yaml")).remove(0))
    }

    /// `None`, with a message, if they are not available.
    pub fn published() -> Option<Self> {
        let folder = std::env::var_os("CRDS");
        let folder = folder.map_or_else(|| root().join("../shared/crds"), PathBuf::from);
        if !folder.is_dir() {
            static SAID: Once = Once::new();
            SAID.call_once(|| {
                not_checked(&format!(
                    "manifests against published types, for {} is not there; set CRDS",
                    folder.display()
                ));
            });
            return None;
        }
        let files = yaml_files(&folder);
        Some(Self::Published(
            files.iter().flat_map(|file| documents(file)).collect(),
        ))
    }

    pub fn kubernetes() -> &'static Self {
        static TYPES: OnceLock<Types> = OnceLock::new();
        TYPES.get_or_init(|| {
            let file = run("scripts/kube", &["types"]);
            let text = fs::read_to_string(file.trim()).expect("scripts/kube prints a file");
            Self::Kubernetes(serde_json::from_str(&text).expect("JSON"))
        })
    }

    /// The schema of an object's kind, which permits only the fields that it names.
    pub fn schema(&self, object: &Value) -> Option<Value> {
        let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let mut schema = match self {
            Self::Own(types) => {
                let spec = types.get(format!("{version}/{kind}"))?;
                json!({"type": "object", "required": ["spec"], "properties": {"spec": spec}})
            }
            Self::Published(definitions) => {
                let (group, version) = version.split_once('/')?;
                let definition = definitions.iter().find(|definition| {
                    let spec = &definition["spec"];
                    spec["group"] == group && spec["names"]["kind"] == *kind
                })?;
                let versions = definition["spec"]["versions"].as_array()?;
                let version = versions.iter().find(|other| other["name"] == version)?;
                version["schema"]["openAPIV3Schema"].clone()
            }
            Self::Kubernetes(types) => {
                let (group, version) = version.split_once('/').unwrap_or(("core", &version));
                let name = format!("io.k8s.api.{group}.{version}.{kind}");
                types["$defs"].get(&name)?;
                let mut schema = types.clone();
                schema["allOf"] = json!([{"$ref": format!("#/$defs/{name}")}]);
                return Some(schema);
            }
        };
        for field in ["apiVersion", "kind", "metadata"] {
            schema["properties"][field] = json!({});
        }
        close(&mut schema);
        Some(schema)
    }
}

/// As Kubernetes reads it: a field that is not named is unknown, unless the schema preserves such fields.
fn close(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else {
        return;
    };
    let keeps = map.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    for key in ["properties", "items", "additionalProperties"] {
        match map.get_mut(key) {
            Some(Value::Object(properties)) if key == "properties" => {
                properties.values_mut().for_each(close)
            }
            Some(inner) => close(inner),
            None => {}
        }
    }
    if map.contains_key("properties") && !keeps {
        map.entry("additionalProperties").or_insert(json!(false));
    }
}

pub fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    files
}

pub fn documents(file: &Path) -> Vec<Value> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    documents_of(&text)
}

pub fn documents_of(yaml: &str) -> Vec<Value> {
    let documents = Yaml::load_from_str(yaml).unwrap_or_else(|error| panic!("{error}: {yaml}"));
    documents.iter().map(to_json).collect()
}

fn to_json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.0),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| (text(&to_json(key)), to_json(value)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Runs a script of the repository, and returns what it prints.
pub fn run(script: &str, arguments: &[&str]) -> String {
    let output = Command::new(root().join(script))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("the script to run");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
