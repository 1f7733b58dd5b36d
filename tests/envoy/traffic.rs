//! `corsctl` on what a real Envoy does: `learn` on its access logs, `probe` on its answers.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::{APP, EVIL, send};
use support::envoy::{Configuration, Envoy, Folder, Listener, Routes, cors, filter, to_upstream};
use support::upstream::{Reply, Upstream};

const POLICY: &str = r#"{"allowOrigins": ["https://app.example", "https://*.dev.example"],
    "allowMethods": ["GET", "PUT"], "allowHeaders": ["content-type"], "allowCredentials": true}"#;

/// The format string in both forms, word for word as corsctl prints it.
#[test]
fn learn_reads_what_its_format_string_makes_envoy_log() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let folder = Folder::new();
    let listeners = ["json", "text"].map(|form| {
        let format = text(&corsctl(&["learn", "--format-string", form]).stdout);
        let format: Value =
            serde_json::from_str(&format!("{{{format}}}")).expect("JSON without its braces");
        let mut listener = Listener::cors(form, Configuration::Text(POLICY));
        listener.settings = json!({"access_log": [{"name": "file", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": folder.path(&format!("{form}.log")),
            "log_format": format,
        }}]});
        listener
    });
    let envoy = Envoy::start_in(folder, upstream.port, listeners.into());
    let names = "x-a, content-type";
    for form in ["json", "text"] {
        let quoted = [("origin", "https://a.example\" origin=\"https://app.example")];
        for (method, path, headers) in [
            (
                "GET",
                "/a?token=s3cret",
                &[("origin", APP), ("sec-fetch-site", "cross-site")][..],
            ),
            (
                "OPTIONS",
                "/a",
                &[
                    ("origin", APP),
                    ("access-control-request-method", "PUT"),
                    ("access-control-request-headers", names),
                ],
            ),
            ("PUT", "/a\"b", &[("origin", APP)]),
            ("GET", "/a", &[("origin", EVIL)]),
            ("GET", "/a", &[("origin", "null")]),
            ("GET", "/a", &quoted),
            ("GET", "/a", &[]),
        ] {
            send(&envoy, form, method, path, headers);
        }
    }
    // Envoy writes its logs every 50 ms.
    let log = |form: &str| {
        envoy
            .folder()
            .path(&format!("{form}.log"))
            .display()
            .to_string()
    };
    std::thread::sleep(std::time::Duration::from_millis(500));
    for form in ["json", "text"] {
        let written = envoy.folder().read(&format!("{form}.log"));
        assert!(!written.contains("s3cret"), "{written}");
        let learned = corsctl(&[
            "learn",
            &log(form),
            "--trust",
            "app.example",
            "--output",
            "json",
        ]);
        let report: Value = serde_json::from_slice(&learned.stdout)
            .unwrap_or_else(|_| panic!("{learned:?}\n{written}"));
        let counts = &report["counts"];
        let count = |name: &str| counts[name].as_u64().expect("a count");
        assert_eq!(count("lines"), 7, "{form}: {written}");
        assert_eq!(
            (count("other_origin"), count("preflights")),
            (4, 1),
            "{form}: {written}"
        );
        let others = (count("null_origin"), count("without_origin"));
        assert_eq!(others, (1, 1), "{form}: {written}");
        // Only JSON says where a value with quotes ends.
        let forged = (count("malformed_origin"), count("torn"));
        let expected = if form == "json" { (1, 0) } else { (0, 1) };
        assert_eq!(forged, expected, "{form}: {written}");
        assert_eq!(
            report["policy"],
            json!({"allowOrigins": [APP], "allowMethods": ["GET", "PUT"], "allowHeaders": ["content-type", "x-a"]}),
            "{form}"
        );
        let evil = report["origins"].as_array().expect("a list").iter();
        let mut evil = evil.filter(|origin| origin["origin"] == EVIL);
        assert_eq!(
            evil.next().expect("it was seen")["refused"],
            1,
            "the verdict is read: {form}: {written}"
        );
        assert_eq!(report["origins"][0]["example"], "api.example/a", "{form}");
    }
}

#[test]
fn probe_finds_no_difference_in_envoy_and_each_fault_around_it() {
    let upstream = Upstream::start(|_| Reply::new(200, &[("vary", "accept-encoding")]));
    let plugin = |name: &str| cors(name, Configuration::Text(POLICY));
    let deny = filter(
        "rbac",
        "rbac.v3.RBAC",
        json!({"rules": {"action": "ALLOW", "policies": {}}}),
    );
    let hosts = |route: Value| {
        Routes::VirtualHosts(json!([{"name": "all", "domains": ["*"], "routes": [route]}]))
    };
    let mut adds = to_upstream();
    adds["response_headers_to_add"] =
        json!([{"header": {"key": "access-control-allow-origin", "value": "*"}}]);
    let listeners = vec![
        Listener::cors("good", Configuration::Text(POLICY)),
        Listener::new(
            "filter in front",
            vec![deny, plugin("filter in front")],
            Routes::All,
        ),
        Listener::new("no plugin", Vec::new(), Routes::All),
        Listener::new("route adds", vec![plugin("route adds")], hosts(adds)),
    ];
    let envoy = Envoy::start(upstream.port, listeners);
    let policy = envoy.folder().path("policy.json");
    std::fs::write(&policy, POLICY).expect("the policy");
    let policy = policy.display().to_string();
    for (listener, http, code, words) in [
        ("good", "1.1", 0, " 0 wrong, 0 without an answer"),
        ("good", "2", 0, " 0 wrong, 0 without an answer"),
        ("filter in front", "1.1", 1, "[preflight-answered-in-front]"),
        ("no plugin", "2", 1, "[no-cors-headers]"),
        ("route adds", "1.1", 1, "[second-cors-layer]"),
    ] {
        let url = format!("http://127.0.0.1:{}/items", envoy.port(listener));
        let probed = corsctl(&[
            "probe", &policy, "--url", &url, "--rate", "1000", "--http", http,
        ]);
        let said = text(&probed.stdout);
        assert_eq!(
            probed.status.code(),
            Some(code),
            "{listener}: {said}{}",
            text(&probed.stderr)
        );
        assert!(said.contains(words), "{listener}: {said}");
    }
}

/// A gateway that ends TLS: HTTP/2 where it offers it, one instance by its address, and what curl trusts.
#[test]
fn probe_speaks_tls_with_envoy() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let folder = Folder::new();
    let mut listeners = Vec::new();
    // What openssl makes without being asked for more can sign others, too.
    for (name, may_sign) in [("server", "FALSE"), ("authority", "TRUE")] {
        let [key, certificate] = ["key", "pem"].map(|end| folder.path(&format!("{name}.{end}")));
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
            ])
            .args(["-nodes", "-days", "2", "-subj", "/CN=api.example"])
            .args(["-addext", "subjectAltName=DNS:api.example"])
            .args([
                "-addext",
                &format!("basicConstraints=critical,CA:{may_sign}"),
            ])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl: apt-get install openssl");
        assert!(made.status.success(), "{made:?}");
        let both = [["h2", "http/1.1"].as_slice(), &["http/1.1"]];
        for (versions, protocols) in ["both", "old"].iter().zip(both) {
            let name = format!("{name}_{versions}");
            let mut listener = Listener::cors(&name, Configuration::Text(POLICY));
            listener.settings = json!({"stat_prefix": name});
            listener.transport = json!({"name": "tls", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": protocols,
                    "tls_certificates": [{
                        "certificate_chain": {"filename": certificate},
                        "private_key": {"filename": key},
                    }],
                },
            }});
            listeners.push(listener);
        }
    }
    let envoy = Envoy::start_in(folder, upstream.port, listeners);
    let policy = envoy.folder().path("policy.json");
    std::fs::write(&policy, POLICY).expect("the policy");
    let policy = policy.display().to_string();
    let (server, authority) = (["--cacert", "server.pem"], ["--cacert", "authority.pem"]);
    let good = " 0 wrong, 0 without an answer";
    for (listener, host, http, trusted, code, words) in [
        ("server_both", "api.example", "auto", &server[..], 0, good),
        ("server_both", "api.example", "1.1", &server, 0, good),
        ("server_both", "api.example", "2", &server, 0, good),
        ("server_old", "api.example", "auto", &server, 0, good),
        ("server_old", "api.example", "2", &server, 2, "HTTP/2"),
        ("authority_both", "api.example", "auto", &authority, 0, good),
        (
            "server_both",
            "api.example",
            "auto",
            &authority,
            2,
            "certificate",
        ),
        ("server_both", "api.example", "auto", &[], 2, "certificate"),
        (
            "server_both",
            "other.example",
            "auto",
            &server,
            2,
            "other.example",
        ),
        (
            "authority_both",
            "other.example",
            "auto",
            &authority,
            2,
            "other.example",
        ),
    ] {
        let port = envoy.port(listener);
        let mut arguments = vec!["probe".to_owned(), policy.clone()];
        arguments.extend(["--rate", "1000", "--http", http].map(str::to_owned));
        arguments.extend(["--url".to_owned(), format!("https://{host}:{port}/items")]);
        arguments.extend(["--resolve".to_owned(), format!("{host}:{port}:127.0.0.1")]);
        if let [flag, file] = trusted {
            let file = envoy.folder().path(file).display().to_string();
            arguments.extend([(*flag).to_owned(), file]);
        }
        let before = versions(&envoy, listener);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let probed = corsctl(&arguments);
        let said = format!("{}{}", text(&probed.stdout), text(&probed.stderr));
        let what = format!("{listener} {host} {http} {trusted:?}: {said}");
        assert_eq!(probed.status.code(), Some(code), "{what}");
        assert!(said.contains(words), "{what}");
        let after = versions(&envoy, listener);
        let is_used = [0, 1].map(|version| after[version] > before[version]);
        let expected = match (code, http, listener.ends_with("both")) {
            (2, ..) => continue,
            (_, "1.1", _) | (_, _, false) => [true, false],
            _ => [false, true],
        };
        assert_eq!(is_used, expected, "{what}");
    }
}

/// The connections of HTTP/1 and HTTP/2 that a listener has had.
fn versions(envoy: &Envoy, listener: &str) -> [u64; 2] {
    ["http1", "http2"]
        .map(|version| envoy.stat(&format!("http.{listener}.downstream_cx_{version}_total")))
}

fn corsctl(arguments: &[&str]) -> Output {
    let output = Command::new(support::corsctl()).args(arguments).output();
    output.expect("corsctl")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
