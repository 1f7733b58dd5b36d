//! The manifests under envoy/: held against the types that their projects publish, their plugin
//! configurations against `corsctl check`, and those that Envoy reads against Envoy.
//!
//! The published types are not part of this repository: custom resource definitions in `../shared/crds`
//! or `CRDS`. Of them everything is checked but the rules in CEL (`x-kubernetes-validations`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use support::envoy::{Folder, binary, module};
use support::not_checked;

#[test]
fn manifests_are_what_the_published_types_say() {
    let Some(types) = Types::published() else {
        return;
    };
    let (mut checked, mut unknown) = (0, BTreeSet::new());
    for file in manifests() {
        for document in documents(&file) {
            let kind = (text(&document["apiVersion"]), text(&document["kind"]));
            match types.schema(&kind) {
                Some(schema) => {
                    let problems = problems(&schema, &document);
                    assert!(
                        problems.is_empty(),
                        "{}: {kind:?}: {problems:#?}",
                        file.display()
                    );
                    checked += 1;
                }
                None => {
                    unknown.insert(kind.1);
                }
            }
        }
    }
    assert_eq!(checked, 10);
    // The kinds whose types are not published there.
    let known = [
        "AuthorizationPolicy",
        "ConfigMap",
        "Deployment",
        "EnvoyProxy",
        "Gateway",
        "Service",
        "WasmPlugin",
    ];
    assert_eq!(unknown, known.map(String::from).into());
}

/// The check itself: each of these is one change of a good manifest.
#[test]
fn a_bad_manifest_is_found() {
    let Some(types) = Types::published() else {
        return;
    };
    let good = &documents(&root().join("envoy/istio/wasm-plugin.yaml"))[0];
    let schema = types.schema(&("extensions.istio.io/v1alpha1".into(), "WasmPlugin".into()));
    let schema = schema.expect("Istio's WasmPlugin");
    assert!(problems(&schema, good).is_empty());
    for (field, value) in [
        ("phase", json!("FIRST")),
        ("sha256", json!("abc")),
        ("priority", json!("high")),
        ("failPolicy", json!("FAIL_RELOAD")),
        ("url", Value::Null),
        ("pluginConfig", json!([])),
    ] {
        let mut bad = good.clone();
        bad["spec"][field] = value;
        assert!(!problems(&schema, &bad).is_empty(), "{field}");
    }
}

#[test]
fn their_plugin_configurations_are_good() {
    let folder = Folder::new();
    folder.write("configmap.yaml", &config_map());
    let mut files = manifests();
    // This one holds Envoy's configuration as text, and this one none of the plugin.
    files.retain(|file| {
        !file.ends_with("kubernetes.yaml") && !file.ends_with("before-ext-authz.yaml")
    });
    files
        .extend(["envoy.yaml", "compose/gateway.yaml"].map(|name| root().join("envoy").join(name)));
    files.push(folder.path("configmap.yaml"));
    for file in files {
        let output = Command::new(support::corsctl())
            .arg("check")
            .arg(&file)
            .output()
            .expect("corsctl to run");
        assert!(output.status.success(), "{}: {output:?}", file.display());
    }
}

/// The configurations of Envoy itself, also the one inside the ConfigMap.
#[test]
fn envoy_takes_its_configurations() {
    let mut configurations = vec![("kubernetes".to_owned(), config_map())];
    for name in [
        "envoy.yaml",
        "compose/gateway.yaml",
        "compose/upstream.yaml",
    ] {
        let text = fs::read_to_string(root().join("envoy").join(name));
        configurations.push((name.to_owned(), text.expect("a configuration")));
    }
    let folder = Folder::new();
    let module = module().display().to_string();
    for (name, configuration) in configurations {
        let configuration = [
            "/etc/envoy/module/cors.wasm",
            "/etc/envoy/cors.wasm",
            "dist/cors.wasm",
        ]
        .iter()
        .fold(configuration, |text, path| {
            text.replace(
                &format!("filename: {path}"),
                &format!("filename: \"{module}\""),
            )
        });
        folder.write("envoy.yaml", &configuration);
        let output = Command::new(binary())
            .args(["--mode", "validate", "--log-level", "error", "-c"])
            .arg(folder.path("envoy.yaml"))
            .output()
            .expect("Envoy to run");
        assert!(output.status.success(), "{name}: {output:?}");
    }
}

/// Envoy's configuration inside of envoy/kubernetes.yaml.
fn config_map() -> String {
    text(&documents(&root().join("envoy/kubernetes.yaml"))[0]["data"]["envoy.yaml"])
}

/// Custom resource definitions.
struct Types(Vec<Value>);

impl Types {
    /// None, and says so, where they are not.
    fn published() -> Option<Self> {
        let folder = std::env::var_os("CRDS");
        let folder = folder.map_or_else(|| root().join("../shared/crds"), PathBuf::from);
        if !folder.is_dir() {
            not_checked(&format!(
                "manifests, for {} is not there; set CRDS",
                folder.display()
            ));
            return None;
        }
        Some(Self::read(&folder))
    }

    fn read(folder: &Path) -> Self {
        let files = yaml_files(folder);
        Self(files.iter().flat_map(|file| documents(file)).collect())
    }

    /// The schema of a kind, which knows no field but those it names.
    fn schema(&self, (version, kind): &(String, String)) -> Option<Value> {
        let (group, version) = version.split_once('/')?;
        let definition = self.0.iter().find(|definition| {
            definition["spec"]["group"] == group && definition["spec"]["names"]["kind"] == *kind
        })?;
        let versions = definition["spec"]["versions"].as_array()?;
        let version = versions.iter().find(|other| other["name"] == version)?;
        let mut schema = version["schema"]["openAPIV3Schema"].clone();
        for field in ["apiVersion", "kind", "metadata"] {
            schema["properties"][field] = json!({});
        }
        close(&mut schema);
        Some(schema)
    }
}

/// As Kubernetes reads it: a field that is not named is unknown, unless the schema keeps such.
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

fn problems(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::draft7::new(schema).expect("a schema");
    let errors = validator.iter_errors(document);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Every file under envoy/ that holds Kubernetes objects.
fn manifests() -> Vec<PathBuf> {
    let envoy = root().join("envoy");
    let mut files = vec![envoy.join("higress.yaml"), envoy.join("kubernetes.yaml")];
    for folder in ["envoy-gateway", "istio"] {
        files.extend(yaml_files(&envoy.join(folder)));
    }
    files
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    files
}

fn documents(file: &Path) -> Vec<Value> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let documents =
        Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
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

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
