//! Checks the manifests under envoy/ against the types that their projects publish, their plugin
//! configurations with `corsctl check`, and Envoy's configurations with Envoy.
//!
//! manifests/types.yaml has the types as far as the manifests use them. The published types are not part of this
//! repository: custom resource definitions in the folder `CRDS`. Where they are available, everything in them is
//! checked too, except the rules in CEL (`x-kubernetes-validations`), and types.yaml is compared with them.

pub mod types;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::envoy::Envoy;
use support::http;
use support::schema::problems;

use types::{Types, documents, documents_of, root, text, yaml_files};

#[test]
fn manifests_are_what_the_types_say() {
    // EnvoyProxy is not among the published types.
    check_manifests(&Types::own(), 11, "EnvoyProxy");
    if let Some(types) = Types::published() {
        check_manifests(&types, 10, "");
    }
}

fn check_manifests(types: &Types, expected: usize, also_known: &str) {
    let (mut checks, mut unknown) = (Vec::new(), BTreeSet::new());
    for file in manifests() {
        for document in documents(&file) {
            match types.schema(&document) {
                Some(schema) => {
                    let filled = filled_in(&document);
                    checks.push((file.display().to_string(), schema, [document, filled]));
                }
                None => drop(unknown.insert(text(&document["kind"]))),
            }
        }
    }
    let values = checks
        .iter()
        .flat_map(|(_, schema, documents)| documents.each_ref().map(|document| (schema, document)));
    let found = problems(values);
    for ((file, _, [document, _]), found) in checks.iter().zip(found.chunks(2)) {
        let kind = text(&document["kind"]);
        // Istio's types reject a manifest that is not filled in, so that no gateway waits for a
        // missing module. Envoy Gateway's type accepts any text.
        let unfilled = document.to_string().contains(PLACEHOLDER);
        let refused = unfilled && kind != "EnvoyExtensionPolicy";
        assert_eq!(found[0].len(), usize::from(refused), "{file}: {found:#?}");
        assert!(
            found[0].iter().all(|problem| problem.contains("sha256")),
            "{found:?}"
        );
        assert!(
            unfilled || ["EnvoyFilter", "EnvoyProxy"].contains(&kind.as_str()),
            "{file}: {kind:?}"
        );
        assert!(found[1].is_empty(), "{file}: {kind:?}: {found:#?}");
    }
    assert_eq!(checks.len(), expected);
    // The kinds whose types are not there.
    let mut known: BTreeSet<_> = ["AuthorizationPolicy", "EnvoyProxy", "Gateway", "WasmPlugin"]
        .map(String::from)
        .into();
    known.remove(also_known);
    assert_eq!(unknown, known);
}

/// The check itself: each of these is one change of a good manifest.
#[test]
fn a_bad_manifest_is_found() {
    let good = &filled_in(&documents(&root().join("envoy/istio/wasm-plugin.yaml"))[0]);
    for types in [Some(Types::own()), Types::published()]
        .into_iter()
        .flatten()
    {
        let schema = types.schema(good).expect("Istio's WasmPlugin");
        let changes = [
            ("phase", json!("FIRST")),
            ("sha256", json!("abc")),
            ("priority", json!("high")),
            ("failPolicy", json!("FAIL_RELOAD")),
            ("url", Value::Null),
            ("pluginConfig", json!([])),
        ];
        let bad = changes.each_ref().map(|(field, value)| {
            let mut bad = good.clone();
            bad["spec"][field] = value.clone();
            bad
        });
        let found = problems(
            [good]
                .into_iter()
                .chain(&bad)
                .map(|object| (&schema, object)),
        );
        assert!(found[0].is_empty(), "{:?}", found[0]);
        for ((field, _), found) in changes.iter().zip(&found[1..]) {
            assert!(!found.is_empty(), "{field}");
        }
    }
}

/// types.yaml says nothing that the published types do not say.
#[test]
fn the_own_types_are_part_of_the_published_ones() {
    let Some(published) = Types::published() else {
        return;
    };
    let own = Types::own();
    let mut compared = 0;
    for document in manifests().iter().flat_map(|file| documents(file)) {
        let (Some(own), Some(published)) = (own.schema(&document), published.schema(&document))
        else {
            continue;
        };
        assert_part(
            "",
            &own["properties"]["spec"],
            &published["properties"]["spec"],
        );
        compared += 1;
    }
    assert_eq!(compared, 10);
}

fn assert_part(path: &str, own: &Value, published: &Value) {
    let is_open = |schema: &Value| schema["x-kubernetes-preserve-unknown-fields"] == true;
    if is_open(own) || is_open(published) {
        return;
    }
    assert_eq!(own["type"], published["type"], "{path}");
    if let (Some(own), Some(published)) = (own["enum"].as_array(), published["enum"].as_array()) {
        assert!(own.iter().all(|value| published.contains(value)), "{path}");
    }
    for (name, field) in own["properties"].as_object().into_iter().flatten() {
        assert_part(
            &format!("{path}.{name}"),
            field,
            &published["properties"][name],
        );
    }
    if own["items"].is_object() {
        assert_part(&format!("{path}[]"), &own["items"], &published["items"]);
    }
}

#[test]
fn their_plugin_configurations_are_good() {
    let mut files = manifests();
    // It contains no plugin configuration.
    files.retain(|file| !file.ends_with("before-ext-authz.yaml"));
    let own = [
        "envoy.yaml",
        "native.yaml",
        "compose/gateway.yaml",
        "kustomize/envoy/envoy.yaml",
    ];
    files.extend(own.map(|name| root().join("envoy").join(name)));
    for file in files {
        let output = Command::new(support::corsctl())
            .arg("check")
            .arg(&file)
            .output()
            .expect("corsctl to run");
        assert!(output.status.success(), "{}: {output:?}", file.display());
    }
}

/// The configurations of Envoy itself: Envoy starts without a warning,
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
        let configuration = documents_of(&configuration).remove(0);
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
        "kustomize/envoy/envoy.yaml",
    ];
    let texts = files.map(|name| {
        let text = fs::read_to_string(root().join("envoy").join(name));
        (name, text.expect("a configuration"))
    });
    Vec::from(texts)
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

/// Every file under envoy/ with Kubernetes objects, except the parts of overlays.
fn manifests() -> Vec<PathBuf> {
    let envoy = root().join("envoy");
    let mut files = vec![envoy.join("higress.yaml")];
    for folder in ["envoy-gateway", "istio"] {
        files.extend(yaml_files(&envoy.join(folder)));
    }
    files
}
