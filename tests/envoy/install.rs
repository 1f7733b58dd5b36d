//! The overlays of envoy/kustomize and the chart in envoy/helm, rendered by kubectl and Helm themselves: nothing is
//! left to fill in but the image and the policy, each object is what its type says, `corsctl check` accepts the
//! policy, and both render what the manifests of envoy/istio and envoy/envoy-gateway say.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use support::envoy::{Envoy, Folder};
use support::schema::problems;

use crate::manifests::types::{Types, documents, documents_of, root, run, text};

const ISTIO: [(&str, &str); 3] = [
    ("istio-ingress", "wasm-plugin.yaml"),
    ("istio-sidecar", "wasm-plugin-sidecar.yaml"),
    ("istio-waypoint", "wasm-plugin-waypoint.yaml"),
];

/// Kubernetes rejects an overlay of Istio that is not filled in, so that no gateway waits for a missing module.
#[test]
fn an_overlay_that_is_not_filled_in_is_rejected() {
    for (overlay, _) in ISTIO {
        let object = kustomize(&root().join("envoy/kustomize"), overlay).remove(0);
        let schema = Types::own().schema(&object).expect("a type");
        let found = problems([(&schema, &object)]).remove(0);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("sha256"), "{found:?}");
    }
}

#[test]
fn overlays_of_istio_are_the_manifests_of_istio() {
    let folder = filled_in();
    for (overlay, manifest) in ISTIO {
        let objects = kustomize(&folder.path("kustomize"), overlay);
        check(&objects);
        let mut expected = documents(&root().join("envoy/istio").join(manifest));
        expected[0]["spec"]["url"] = json!(format!("oci://{IMAGE}"));
        expected[0]["spec"]["sha256"] = json!(DIGEST);
        expected[0]["spec"]["pluginConfig"] = policy();
        assert_eq!(objects, expected, "{overlay}");
    }
}

#[test]
fn the_overlay_of_envoy_gateway_is_its_manifest() {
    let objects = kustomize(&filled_in().path("kustomize"), "envoy-gateway");
    check(&objects);
    let mut expected = documents(&root().join("envoy/envoy-gateway/extension-policy.yaml"));
    // The Gateway is the user's.
    expected.truncate(2);
    let wasm = &mut expected[0]["spec"]["wasm"][0];
    wasm["code"] = json!({"type": "Image", "image": {"url": IMAGE, "sha256": DIGEST}});
    wasm["config"] = policy();
    assert_eq!(objects, expected);
}

/// On plain Kubernetes: every change of the configuration gets another name, and the module is a volume.
#[test]
fn the_overlays_of_envoy_mount_the_module() {
    let folder = filled_in();
    let objects = kustomize(&folder.path("kustomize"), "envoy");
    check(&objects);
    let deployment = of_kind(&objects, "Deployment");
    let name = text(&of_kind(&objects, "ConfigMap")["metadata"]["name"]);
    assert!(name.starts_with("cors-envoy-"), "{name}");
    let volumes = &deployment["spec"]["template"]["spec"]["volumes"];
    assert_eq!(volumes[0]["configMap"]["name"], name);
    assert_eq!(
        volumes[1],
        json!({"name": "module", "image": {"reference": IMAGE}})
    );

    let objects = kustomize(&folder.path("kustomize"), "envoy-configmap");
    check(&objects);
    let volumes = &of_kind(&objects, "Deployment")["spec"]["template"]["spec"]["volumes"];
    let module = json!({"name": "module", "configMap": {"name": "cors-module"}});
    assert!(
        volumes.as_array().expect("volumes").contains(&module),
        "{volumes}"
    );

    let file = folder.path("kustomize/envoy/envoy.yaml");
    let configuration = fs::read_to_string(&file).expect("the configuration");
    fs::write(&file, configuration.replace("\"10m\"", "\"20m\"")).expect("the configuration");
    let changed = kustomize(&folder.path("kustomize"), "envoy");
    assert_ne!(of_kind(&changed, "ConfigMap")["metadata"]["name"], name);
}

/// A mistake in the policy is found in the rendered overlay.
#[test]
fn a_wrong_policy_is_found_in_an_overlay() {
    let folder = filled_in();
    let file = folder.path("kustomize/base/settings.yaml");
    let settings = fs::read_to_string(&file).expect("the settings");
    fs::write(&file, settings.replace("https://app", "app")).expect("the settings");
    let (is_good, said) = corsctl_check(&kustomize(&folder.path("kustomize"), "istio-ingress"));
    assert!(
        !is_good && said.contains("[origin-without-scheme]"),
        "{said}"
    );
}

#[test]
fn the_chart_renders_what_the_overlays_render() {
    let folder = filled_in();
    let waypoint = json!({"targetRefs": [{"group": "", "kind": "Service", "name": "cart"}]});
    let sidecar = json!({"selector": {"app": "cart"}, "match": [{"mode": "SERVER", "ports": [{"number": 8080}]}]});
    for (overlay, namespace, values) in [
        ("istio-ingress", "istio-ingress", json!({})),
        ("istio-sidecar", "shop", json!({"istio": sidecar})),
        ("istio-waypoint", "shop", json!({"istio": waypoint})),
        (
            "envoy-gateway",
            "gateways",
            json!({"host": "envoy-gateway"}),
        ),
        ("envoy", "edge", json!({"host": "envoy"})),
    ] {
        let mut objects = helm(&folder, namespace, &values).expect(overlay);
        check(&objects);
        let mut expected = kustomize(&folder.path("kustomize"), overlay);
        for (object, expected) in objects.iter_mut().zip(&mut expected) {
            // A chart has its release's namespace, and one name for all places in Istio.
            for field in ["name", "namespace"] {
                object["metadata"][field] = Value::Null;
                expected["metadata"][field] = Value::Null;
            }
            if object["kind"] == "ConfigMap" {
                let (ours, theirs) = (configuration(object), configuration(expected));
                (object["data"], expected["data"]) = (ours, theirs);
            }
            if object["kind"] == "Deployment" {
                // A change of the configuration starts a rollout: by an annotation here, by a name there.
                let template = &mut object["spec"]["template"];
                let sum = template["metadata"]["annotations"]["checksum/config"].take();
                assert_eq!(text(&sum).len(), 64);
                let name = &mut expected["spec"]["template"]["spec"]["volumes"][0]["configMap"];
                *name = json!({"name": "cors-envoy"});
                expected["spec"]["template"]["metadata"]["annotations"]["checksum/config"] =
                    Value::Null;
            }
        }
        assert_eq!(objects, expected, "{overlay}");
    }
}

/// Envoy starts with the configuration of the chart, without a warning.
#[test]
fn envoy_starts_with_the_chart() {
    let folder = filled_in();
    let objects = helm(&folder, "edge", &json!({"host": "envoy"})).expect("objects");
    let text = text(&of_kind(&objects, "ConfigMap")["data"]["envoy.yaml"]);
    let envoy = Envoy::start_shipped(&text);
    let log = envoy.log();
    assert!(log.contains("cors: version"), "{log}");
    assert!(
        !log.contains("[warning]") && !log.contains("[error]"),
        "{log}"
    );
}

/// The file of the guide.
#[test]
fn the_values_of_the_guide_render() {
    let guide = include_str!("../../docs/src/how-to/kustomize-and-helm.md");
    let (_, rest) = guide.split_once("```yaml values\n").expect("a block");
    let values = rest.split("```").next().expect("a block");
    let values = documents_of(&values.replace("<digest>", DIGEST)).remove(0);
    let objects = helm(&filled_in(), "istio-ingress", &values).expect("objects");
    check(&objects);
    // Helm merges maps: what the file of the other tests adds remains.
    let policy = &objects[0]["spec"]["pluginConfig"];
    assert_eq!(policy["allowOrigins"], values["policy"]["allowOrigins"]);
}

/// Helm rejects values that are not filled in or not known, and says which; the chart has the version of the module, and
/// is short.
#[test]
fn the_chart_rejects_other_values() {
    let folder = filled_in();
    for (values, expected) in [
        (json!({"image": ""}), "/image"),
        (
            json!({"image": "registry.example.com/cors:0.1.0"}),
            "/image",
        ),
        (json!({"policy": null}), "policy"),
        (json!({"host": "nginx"}), "/host"),
        (json!({"polcy": {}}), "polcy"),
    ] {
        let said = helm(&folder, "default", &values).expect_err("rejected");
        assert!(said.contains(expected), "{values}: {said}");
    }
    assert!(
        run(
            "scripts/kube",
            &[
                "helm",
                "lint",
                "envoy/helm",
                "--values",
                &values_file(&folder)
            ]
        )
        .contains("0 chart(s) failed")
    );
    let chart = documents(&root().join("envoy/helm/Chart.yaml")).remove(0);
    for field in ["version", "appVersion"] {
        assert_eq!(chart[field], env!("CARGO_PKG_VERSION"), "{field}");
    }
    let files = ["", "templates"].map(|folder| root().join("envoy/helm").join(folder));
    let files = files
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let texts = files.filter_map(|file| fs::read_to_string(file.expect("a file").path()).ok());
    assert!(texts.map(|text| text.lines().count()).sum::<usize>() <= 200);
}

const DIGEST: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const IMAGE: &str = "registry.example.com/proxy-wasm-cors@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A folder with the overlays, whose image is filled in, and a file with the same values for the chart.
fn filled_in() -> Folder {
    let folder = Folder::new();
    copy(&root().join("envoy/kustomize"), &folder.path("kustomize"));
    let file = folder.path("kustomize/base/settings.yaml");
    let settings = fs::read_to_string(&file).expect("the settings");
    assert_eq!(settings.matches("SHA256-OF-THE-IMAGE").count(), 1);
    fs::write(&file, settings.replace("SHA256-OF-THE-IMAGE", DIGEST)).expect("the settings");
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).expect("a copy")),
        }
    }
}

/// The policy of the settings.
fn policy() -> Value {
    documents(&root().join("envoy/kustomize/base/settings.yaml"))[0]["policy"].clone()
}

fn kustomize(folder: &Path, overlay: &str) -> Vec<Value> {
    let overlay = folder.join(overlay).display().to_string();
    documents_of(&run("scripts/kube", &["kubectl", "kustomize", &overlay]))
}

/// The policy of the settings, except for a chart of Envoy: the one in its configuration.
fn values_file(folder: &Folder) -> String {
    let file = folder.path("values.json");
    let values = json!({"image": format!("oci://{IMAGE}"), "policy": policy()});
    fs::write(&file, values.to_string()).expect("the values");
    file.display().to_string()
}

/// The chart with the settings and these values, or what Helm says.
fn helm(folder: &Folder, namespace: &str, values: &Value) -> Result<Vec<Value>, String> {
    let own = folder.path("own.json");
    fs::write(&own, values.to_string()).expect("the values");
    let output = Command::new(root().join("scripts/kube"))
        .args(["helm", "template", "cors"])
        .arg(root().join("envoy/helm"))
        .args([
            "--namespace",
            namespace,
            "--values",
            &values_file(folder),
            "--values",
        ])
        .arg(own)
        .output()
        .expect("scripts/kube to run");
    match output.status.success() {
        true => Ok(documents_of(
            &String::from_utf8(output.stdout).expect("text"),
        )),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Each object is what its types say, and `corsctl check` accepts the policies.
fn check(objects: &[Value]) {
    let own = Types::own();
    let published = Types::published();
    let mut checks = Vec::new();
    for object in objects {
        let types = [Some(&own), published.as_ref(), Some(Types::kubernetes())];
        let schemas = types.into_iter().flatten();
        let count = checks.len();
        checks.extend(schemas.filter_map(|types| Some((types.schema(object)?, object))));
        assert!(checks.len() > count, "no type: {object}");
    }
    let found = problems(checks.iter().map(|(schema, object)| (schema, *object)));
    for ((_, object), found) in checks.iter().zip(found) {
        assert!(found.is_empty(), "{found:#?}: {object}");
    }
    let (is_good, said) = corsctl_check(objects);
    assert!(is_good && said.contains("good: "), "{said}");
}

/// Whether `corsctl check` accepts the objects, and what it prints.
fn corsctl_check(objects: &[Value]) -> (bool, String) {
    let folder = Folder::new();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    folder.write("objects.json", &list.to_string());
    let output = Command::new(support::corsctl())
        .arg("check")
        .arg(folder.path("objects.json"))
        .stdin(Stdio::null())
        .output()
        .expect("corsctl to run");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut of_kind = objects.iter().filter(|object| object["kind"] == kind);
    of_kind.next().expect(kind)
}

/// Envoy's configuration in a ConfigMap, its policy as JSON without that which differs between the samples.
fn configuration(config_map: &Value) -> Value {
    let mut configuration = documents_of(&text(&config_map["data"]["envoy.yaml"])).remove(0);
    let manager =
        &mut configuration["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
    let plugin = &mut manager["typed_config"]["http_filters"][0]["typed_config"]["config"];
    let policy: Value =
        serde_json::from_str(&text(&plugin["configuration"]["value"])).expect("JSON");
    assert_eq!(policy["allowOrigins"][0], "https://app.example.com");
    plugin["configuration"]["value"] = Value::Null;
    configuration
}
