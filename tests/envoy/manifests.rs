//! Checks the manifests under envoy/ against the types that their projects publish, their plugin
//! configurations with `corsctl check`, and Envoy's configurations with Envoy.
//!
//! The published types are not part of this repository: custom resource definitions in `../shared/crds`
//! or `CRDS`. Everything in them is checked, except the rules in CEL (`x-kubernetes-validations`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use support::envoy::{Envoy, Folder};
use support::http;
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
                    // Istio's types reject a manifest that is not filled in, so that no gateway waits for a
                    // missing module. Envoy Gateway's type accepts any text.
                    let unfilled = document.to_string().contains(PLACEHOLDER);
                    let refused = unfilled && kind.1 != "EnvoyExtensionPolicy";
                    let found = problems(&schema, &document);
                    assert_eq!(
                        found.len(),
                        usize::from(refused),
                        "{}: {found:#?}",
                        file.display()
                    );
                    assert!(
                        found.iter().all(|problem| problem.contains("sha256")),
                        "{found:?}"
                    );
                    assert!(
                        unfilled || kind.1 == "EnvoyFilter",
                        "{}: {kind:?}",
                        file.display()
                    );
                    let found = problems(&schema, &filled_in(&document));
                    assert!(found.is_empty(), "{}: {kind:?}: {found:#?}", file.display());
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
    let good = &filled_in(&documents(&root().join("envoy/istio/wasm-plugin.yaml"))[0]);
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
    // One contains Envoy's configuration as text, the other no plugin configuration.
    files.retain(|file| {
        !file.ends_with("kubernetes.yaml") && !file.ends_with("before-ext-authz.yaml")
    });
    files.extend(
        ["envoy.yaml", "native.yaml", "compose/gateway.yaml"]
            .map(|name| root().join("envoy").join(name)),
    );
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

/// The configurations of Envoy itself, also the one inside the ConfigMap: Envoy starts without a warning,
/// and the parts that users copy are safe.
#[test]
fn envoy_starts_without_a_warning() {
    for (name, configuration) in configurations() {
        let envoy = Envoy::start_shipped(&configuration);
        let log = envoy.log();
        let warnings: Vec<_> = log.lines().filter(|line| is_warning(line)).collect();
        assert!(warnings.is_empty(), "{name}: {warnings:#?}");
        // The module was loaded, and this is the log of this start.
        assert!(
            log.contains("cors: version") || name == "compose/upstream.yaml",
            "{log}"
        );
    }
}

/// The check itself: without a limit of connections Envoy warns.
#[test]
fn a_warning_at_start_is_found() {
    let (_, configuration) = configurations().remove(0);
    let limit = configuration.find("overload_manager:").expect("a limit");
    let envoy = Envoy::start_shipped(&configuration[..limit]);
    assert!(envoy.log().lines().any(is_warning), "{}", envoy.log());
}

#[test]
fn listeners_have_one_spelling_of_paths_named_hosts_and_a_verdict() {
    for (name, configuration) in configurations() {
        let documents = Yaml::load_from_str(&configuration).expect("YAML");
        let configuration = to_json(&documents[0]);
        let mut managers = 0;
        for listener in array(&configuration["static_resources"]["listeners"]) {
            // The upstream, which answers every request.
            if listener["name"] == "upstream" {
                continue;
            }
            let manager = &listener["filter_chains"][0]["filters"][0]["typed_config"];
            assert_eq!(manager["normalize_path"], true, "{name}");
            assert_eq!(manager["merge_slashes"], true, "{name}");
            let action = &manager["path_with_escaped_slashes_action"];
            assert_eq!(action, "UNESCAPE_AND_REDIRECT", "{name}");
            let log = manager["access_log"].to_string();
            assert!(
                log.contains("%FILTER_STATE(wasm.cors_verdict:PLAIN)%"),
                "{name}"
            );
            for host in array(&manager["route_config"]["virtual_hosts"]) {
                assert!(
                    array(&host["domains"]).iter().all(|domain| domain != "*"),
                    "{name}"
                );
            }
            managers += 1;
        }
        assert_eq!(
            managers,
            usize::from(name != "compose/upstream.yaml"),
            "{name}"
        );
    }
}

/// The answers of envoy.yaml, and its access log, which has the verdict but no query.
#[test]
fn envoy_yaml_answers_its_hosts_and_logs_verdicts() {
    let (_, configuration) = configurations().remove(0);
    let envoy = Envoy::start_shipped(&configuration);
    let port = envoy.port("public");
    let ask = |method: &str, host: &str, path: &str, origin: &str| {
        let headers = [
            ("host", host.as_bytes()),
            ("origin", origin.as_bytes()),
            ("access-control-request-method", b"PUT"),
        ];
        let request = http::request(method, path, &headers);
        http::exchange(port, &request).expect("an answer").status
    };
    const APP: &str = "https://app.example.com";
    for host in ["api.example.com", "localhost:1234", "127.0.0.1:10000"] {
        assert_eq!(ask("OPTIONS", host, "/?token=secret", APP), 204, "{host}");
    }
    assert_eq!(ask("GET", "evil.example", "/", APP), 404);
    assert_eq!(ask("OPTIONS", "localhost", "/x/..%2fadmin", APP), 307);
    assert_eq!(
        ask("OPTIONS", "localhost", "/", "https://evil.example"),
        403
    );
    let start = Instant::now();
    let logged = loop {
        let logged = envoy.folder().read("stdout");
        if logged.lines().count() == 6 || start.elapsed() > Duration::from_secs(10) {
            break logged;
        }
        thread::sleep(Duration::from_millis(50));
    };
    let lines: Vec<Value> = logged
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 6, "{logged}");
    assert!(!logged.contains("secret"), "{logged}");
    let verdict = |status: u16| {
        &lines
            .iter()
            .find(|line| line["status"] == status)
            .expect("a line")["cors"]
    };
    assert_eq!(verdict(403), "origin top-level policy");
    assert_eq!(*verdict(204), Value::Null);
}

/// The shipped configurations of Envoy: their names and texts.
fn configurations() -> Vec<(&'static str, String)> {
    let files = [
        "envoy.yaml",
        "compose/gateway.yaml",
        "compose/upstream.yaml",
    ];
    let texts = files.map(|name| {
        let text = fs::read_to_string(root().join("envoy").join(name));
        (name, text.expect("a configuration"))
    });
    let mut all = Vec::from(texts);
    all.push(("kubernetes.yaml", config_map()));
    all
}

/// Whether a line of Envoy's log is of level warning or above.
fn is_warning(line: &str) -> bool {
    ["[warning]", "[error]", "[critical]"]
        .iter()
        .any(|level| line.contains(level))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// Envoy's configuration inside of envoy/kubernetes.yaml.
fn config_map() -> String {
    text(&documents(&root().join("envoy/kubernetes.yaml"))[0]["data"]["envoy.yaml"])
}

/// A manifest with a digest, as `scripts/release` fills it in.
fn filled_in(document: &Value) -> Value {
    let text = document.to_string().replace(PLACEHOLDER, &"a".repeat(64));
    serde_json::from_str(&text).expect("JSON")
}

/// One resource for one place per file: applying the file applies nothing else.
#[test]
fn istios_files_hold_one_plugin_each() {
    for file in yaml_files(&root().join("envoy/istio")) {
        let documents = documents(&file);
        let plugins = documents.iter().filter(|document| {
            ["WasmPlugin", "TrafficExtension"].contains(&text(&document["kind"]).as_str())
        });
        assert!(plugins.count() <= 1, "{}", file.display());
    }
}

const PLACEHOLDER: &str = "SHA256-OF-THE-MODULE";

/// Custom resource definitions.
struct Types(Vec<Value>);

impl Types {
    /// `None`, with a message, if they are not available.
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

    /// The schema of a kind, which permits only the fields that it names.
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

fn problems(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::draft7::new(schema).expect("a schema");
    let errors = validator.iter_errors(document);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Every file under envoy/ with Kubernetes objects.
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
