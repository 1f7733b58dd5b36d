//! The documents of other gateways: each of their configurations, imported by corsctl, and each of
//! their curl commands, on a real Envoy. They are in `crates/corsctl/tests/import` and here. If the documents
//! are available in `../shared/systems`, the copies are compared with them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use support::envoy::{Configuration, Envoy, Listener, Routes, filter, to_upstream};
use support::http::{self, Head, Response};
use support::not_checked;
use support::upstream::{Reply, Upstream};

// === kgateway ===

#[test]
fn kgateways_configurations_and_commands_are_those_of_its_document() {
    let Some(mut document) = document("kgateway-cors.md") else {
        return;
    };
    for (snippet, text) in [
        ("namespace", "kgateway-system"),
        ("trafficpolicy", "TrafficPolicy"),
        ("trafficpolicy-apiversion", "gateway.kgateway.dev/v1alpha1"),
        ("trafficpolicy-group", "gateway.kgateway.dev"),
    ] {
        let reuse = format!("{{{{< reuse \"docs/snippets/{snippet}.md\" >}}}}");
        document = document.replace(&reuse, text);
    }
    let manifests: Vec<_> = blocks(&document, "yaml")
        .iter()
        .map(|block| {
            let lines = block.lines();
            let lines = lines.filter(|line| *line != "EOF" && !line.starts_with("kubectl"));
            lines.fold(String::new(), |text, line| text + line + "\n")
        })
        .collect();
    let [route, policy, attached] = manifests.as_slice() else {
        panic!("{} manifests", manifests.len());
    };
    assert_eq!(*route, fixture("httproute.yaml"));
    assert_eq!(
        format!("{policy}---\n{attached}"),
        fixture("trafficpolicy.yaml")
    );
    assert_eq!(*policy, fixture("trafficpolicy-alone.yaml"));
    let commands: Vec<_> = blocks(&document, "sh")
        .into_iter()
        .filter(|block| block.starts_with("curl"))
        .map(|block| block.trim_end().to_owned())
        .collect();
    let own: Vec<_> = [ALLOWED, NOT_ALLOWED]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(commands, own);
}

#[test]
fn kgateways_httproute_answers_its_first_commands() {
    let httpbin = Httpbin::start();
    let envoy = serve("httproute.yaml", httpbin.port);
    for command in ALLOWED {
        let answers = curl(&envoy, command);
        for answer in &answers {
            // The document shows the headers of its other example at this place.
            expect(
                answer,
                200,
                &[
                    ("access-control-allow-origin", "https://example.com/"),
                    ("access-control-allow-credentials", "true"),
                    ("access-control-allow-methods", "GET, POST, OPTIONS"),
                    ("access-control-allow-headers", "Origin"),
                    (
                        "access-control-expose-headers",
                        "Origin, X-HTTPRoute-Header",
                    ),
                    ("access-control-max-age", "86400"),
                ],
            );
        }
    }
}

#[test]
fn kgateways_trafficpolicy_answers_its_first_commands() {
    let httpbin = Httpbin::start();
    for file in ["trafficpolicy.yaml", "trafficpolicy-alone.yaml"] {
        let envoy = serve(file, httpbin.port);
        for command in ALLOWED {
            for answer in curl(&envoy, command) {
                expect(
                    &answer,
                    200,
                    &[
                        ("access-control-allow-origin", "https://example.com/"),
                        ("access-control-allow-credentials", "true"),
                        ("access-control-allow-methods", "GET, POST, OPTIONS"),
                        (
                            "access-control-allow-headers",
                            "Origin, Authorization, Content-Type",
                        ),
                        (
                            "access-control-expose-headers",
                            "Origin, X-TrafficPolicy-Header",
                        ),
                        ("access-control-max-age", "86400"),
                    ],
                );
            }
        }
    }
}

/// The document's second answer is httpbin's: it allows any origin, with credentials.
#[test]
fn kgateways_second_commands_do_not_show_httpbins_headers() {
    let httpbin = Httpbin::start();
    let headers = [("origin", "https://notallowed.com/")];
    let direct = send_to(httpbin.port, "GET", "/get", &headers);
    assert_eq!(
        value(&direct, "access-control-allow-origin"),
        "https://notallowed.com/"
    );
    for file in ["httproute.yaml", "trafficpolicy.yaml"] {
        let envoy = serve(file, httpbin.port);
        for command in NOT_ALLOWED {
            for answer in curl(&envoy, command) {
                expect(&answer, 403, &[]);
                assert!(answer.vary("origin"), "{answer:?}");
            }
        }
        let host = ("host", "cors.example");
        let actual = send(&envoy, "GET", "/get", &[host, headers[0]]);
        assert_eq!(actual.status, 200);
        assert_eq!(cors_headers(&actual), NONE);
        let browsers = ("origin", "https://example.com");
        let actual = send(&envoy, "GET", "/get", &[host, browsers]);
        assert_eq!(
            value(&actual, "access-control-allow-origin"),
            "https://example.com"
        );
    }
}

/// Its answers vary by origin, but Envoy's own filter never sends Vary.
#[test]
fn kgateways_answers_name_vary() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let envoy = serve("httproute.yaml", upstream.port);
    for origin in ["https://example.com", "https://notallowed.com"] {
        let headers = [("host", "cors.example"), ("origin", origin)];
        let response = send(&envoy, "GET", "/get", &headers);
        assert_eq!(value(&response, "vary"), "Origin");
    }
}

// === KrakenD ===

#[test]
fn krakends_configurations_are_those_of_its_documents() {
    let Some(document) = document("krakend-v3-cors.md") else {
        return;
    };
    let parse = |text: &String| serde_json::from_str::<Value>(text).expect("JSON");
    let documented: Vec<_> = blocks(&document, "json").iter().map(parse).collect();
    let own = |file| parse(&fixture(file));
    assert_eq!(documented[0], own("krakend-v3.json"));
    assert_eq!(
        documented[1]["endpoints"],
        own("krakend-debugging.json")["endpoints"]
    );
    assert_eq!(documented[2], own("krakend-auto-options.json"));
    // The document of version 2 has lost its values.
    let values = &documented[0]["extra_config"]["security/cors"];
    let old = own("krakend-v2.json");
    assert_eq!(
        old["extra_config"]["github_com/devopsfaith/krakend-cors"],
        *values
    );
}

#[test]
fn krakends_blocks_of_both_versions_answer_with_twelve_hours() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    for file in ["krakend-v3.json", "krakend-v2.json"] {
        let envoy = serve(file, upstream.port);
        let answer = send(
            &envoy,
            "OPTIONS",
            "/",
            &preflight("https://www.domain.com", "HEAD"),
        );
        expect_response(
            &answer,
            204,
            &[
                ("access-control-allow-origin", "*"),
                ("access-control-allow-methods", "GET, HEAD, POST"),
                ("access-control-allow-headers", "Accept-Language"),
                (
                    "access-control-expose-headers",
                    "Content-Length, Content-Type",
                ),
                ("access-control-max-age", "43200"),
            ],
        );
    }
}

/// Its backends send their own CORS headers. In KrakenD the first of the endpoints fails, with two
/// Access-Control-Allow-Origin; here all three work.
#[test]
fn krakends_three_debugging_endpoints_work() {
    let upstream = Upstream::start(backend_with_cors);
    let envoy = serve("krakend-debugging.json", upstream.port);
    for (path, hidden) in [
        ("/cors/no-op", false),
        ("/cors/no-op/martian", true),
        ("/cors/no-op/no-headers", true),
    ] {
        let answer = send(
            &envoy,
            "OPTIONS",
            path,
            &preflight("https://www.domain.com", "GET"),
        );
        assert_eq!(answer.status, 204, "{path}");
        let headers = [
            ("x-case", path),
            ("origin", "https://www.domain.com"),
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-site", "cross-site"),
        ];
        let actual = send(&envoy, "GET", path, &headers);
        assert_eq!(actual.status, 200, "{path}");
        assert_eq!(value(&actual, "access-control-allow-origin"), "*", "{path}");
        let seen = upstream.seen(path);
        let seen = seen.first().expect("the request at the backend");
        for name in [
            "origin",
            "sec-fetch-dest",
            "sec-fetch-mode",
            "sec-fetch-site",
        ] {
            assert_eq!(!seen.has(name), hidden, "{path} {name}");
        }
    }
}

/// The other solution for double CORS headers: the backend's own answer is kept.
#[test]
fn krakends_debugging_endpoint_works_with_the_backends_headers_kept() {
    let upstream = Upstream::start(backend_with_cors);
    let mut configuration: Value = serde_json::from_str(&import("krakend-v3.json")).expect("JSON");
    configuration["upstreamCors"] = json!("keep");
    let text = configuration.to_string();
    let envoy = Envoy::start(
        upstream.port,
        vec![Listener::cors("cors", Configuration::Text(&text))],
    );
    let actual = send(
        &envoy,
        "GET",
        "/cors/no-op",
        &[("origin", "https://www.domain.com")],
    );
    assert_eq!(
        value(&actual, "access-control-allow-origin"),
        "https://www.domain.com"
    );
}

#[test]
fn krakends_auto_options_answers_and_comments_are_ignored() {
    let upstream = Upstream::start(|_| Reply::new(405, &[]));
    let envoy = serve("krakend-auto-options.json", upstream.port);
    let plain = send(&envoy, "OPTIONS", "/", &[]);
    assert_eq!(
        (plain.status, value(&plain, "allow").as_str()),
        (204, "GET, HEAD, POST, OPTIONS")
    );
    let without = serve("krakend-v3.json", upstream.port);
    assert_eq!(send(&without, "OPTIONS", "/", &[]).status, 405);
}

/// KrakenD's `*` with credentials never worked, and does not work here.
#[test]
fn krakends_any_origin_has_no_credentials() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let envoy = serve("krakend-any-with-credentials.json", upstream.port);
    let actual = send(&envoy, "GET", "/", &[("origin", "https://evil.example")]);
    assert_eq!(
        cors_headers(&actual),
        [("access-control-allow-origin", "*")]
    );
    assert_eq!(value(&actual, "vary"), "");
}

#[test]
fn krakends_refused_preflight_is_403_and_lists_are_whole() {
    let upstream = Upstream::start(backend_with_cors);
    let envoy = serve("krakend-hidden.json", upstream.port);
    let refused = send(
        &envoy,
        "OPTIONS",
        "/orders",
        &preflight("https://evil.org", "GET"),
    );
    expect_response(&refused, 403, &[]);
    let allowed = send(
        &envoy,
        "OPTIONS",
        "/orders",
        &preflight("https://a.example", "DELETE"),
    );
    assert_eq!(allowed.status, 200);
    assert_eq!(value(&allowed, "access-control-allow-methods"), "GET, PUT");
    let leaking = send(&envoy, "GET", "/orders", &[("origin", "https://evil.org")]);
    assert_eq!(cors_headers(&leaking), NONE);
}

// === Traefik ===

#[test]
fn traefik_hubs_defaults_are_those_of_its_document() {
    let Some(document) = document("traefik-hub-cors.txt") else {
        return;
    };
    let text = document.split_whitespace().collect::<Vec<_>>().join(" ");
    let written: Value = serde_json::from_str(&import("traefik-hub-default.yaml")).expect("JSON");
    let policy = &written["rules"][0]["policy"];
    let methods = policy["allowMethods"].as_array().expect("methods");
    let methods: Vec<_> = methods.iter().filter_map(Value::as_str).collect();
    assert!(text.contains(&methods.join(", ")), "{methods:?}");
    assert!(text.contains("you are not allowed to use wildcards and credentials at the same time"));
    assert!(text.contains("make sure to allow the Portal Domain"));
}

/// The table, without the contradictory credentials.
#[test]
fn traefik_hubs_default_table_holds_without_credentials() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let envoy = serve("traefik-hub-default.yaml", upstream.port);
    let mut headers = preflight("https://portal.example", "PUT").to_vec();
    headers.push(("access-control-request-headers", "authorization,x-any"));
    let answer = send(&envoy, "OPTIONS", "/customers/1", &headers);
    expect_response(
        &answer,
        200,
        &[
            ("access-control-allow-origin", "*"),
            (
                "access-control-allow-methods",
                "GET, HEAD, POST, PUT, PATCH, DELETE, CONNECT, OPTIONS, TRACE",
            ),
            ("access-control-allow-headers", "authorization,x-any"),
            ("access-control-max-age", "5"),
        ],
    );
}

/// If you restrict the allowed origins, you must include the origin of the API portal.
#[test]
fn traefik_hubs_portal_works_where_its_origin_is_listed() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let envoy = serve("traefik-hub.yaml", upstream.port);
    for (path, status, origin) in [
        ("/customers/1", 403, ""),
        ("/orders/1", 200, "https://portal.example"),
    ] {
        let answer = send(
            &envoy,
            "OPTIONS",
            path,
            &preflight("https://portal.example", "GET"),
        );
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(
            value(&answer, "access-control-allow-origin"),
            origin,
            "{path}"
        );
    }
}

/// In Traefik every origin gets credentials and exposed headers, and the upstream's grants.
#[test]
fn traefiks_headers_go_to_allowed_origins_alone() {
    let upstream = Upstream::start(backend_with_cors);
    let envoy = serve("traefik-hub.yaml", upstream.port);
    let refused = send(
        &envoy,
        "GET",
        "/customers/1",
        &[("origin", "https://evil.org")],
    );
    assert_eq!(cors_headers(&refused), NONE);
    assert_eq!(value(&refused, "vary"), "Origin");
    let allowed = send(
        &envoy,
        "GET",
        "/customers/1",
        &[("origin", "https://a.example.com")],
    );
    assert_eq!(
        cors_headers(&allowed),
        [
            ("access-control-allow-origin", "https://a.example.com"),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "X-Request-Id"),
        ]
    );
}

// === Istio and Envoy ===

/// The same policy in Envoy's own filter, which Istio and kgateway use, and imported from there.
#[test]
fn envoys_own_filter_leaks_forwards_and_names_no_vary() {
    let upstream = Upstream::start(backend_with_cors);
    let imported = import("envoy-exact.json");
    let mut policy: Value = serde_json::from_str(&fixture("envoy-exact.json")).expect("JSON");
    policy["@type"] = json!("type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy");
    let mut route = to_upstream();
    route["typed_per_filter_config"] = json!({"cors": policy});
    let hosts = json!([{"name": "all", "domains": ["*"], "routes": [route]}]);
    let own = filter("cors", "cors.v3.Cors", json!({}));
    let envoy = Envoy::start(
        upstream.port,
        vec![
            Listener::new("envoy", vec![own], Routes::VirtualHosts(hosts)),
            Listener::cors("cors", Configuration::Text(&imported)),
        ],
    );
    let evil = "https://evil.example";
    let leaked = send_by(&envoy, "envoy", "GET", "/", &[("origin", evil)]);
    assert_eq!(value(&leaked, "access-control-allow-origin"), evil);
    assert_eq!(value(&leaked, "vary"), "");
    let forwarded = send_by(&envoy, "envoy", "OPTIONS", "/", &preflight(evil, "PUT"));
    assert_eq!(value(&forwarded, "access-control-allow-origin"), evil);

    let kept = send(&envoy, "GET", "/", &[("origin", evil)]);
    assert_eq!(cors_headers(&kept), NONE);
    assert_eq!(value(&kept, "vary"), "Origin");
    let refused = send(&envoy, "OPTIONS", "/", &preflight(evil, "PUT"));
    expect_response(&refused, 403, &[]);

    // Both allow the listed one, with the same answer except Vary and the exposed headers.
    for listener in ["envoy", "cors"] {
        let answer = send_by(
            &envoy,
            listener,
            "OPTIONS",
            "/",
            &preflight("https://example.org", "PUT"),
        );
        assert_eq!(answer.status, 200, "{listener}");
        assert_eq!(
            value(&answer, "access-control-allow-origin"),
            "https://example.org"
        );
        assert_eq!(value(&answer, "access-control-allow-methods"), "PUT");
        assert_eq!(value(&answer, "access-control-allow-credentials"), "true");
        assert_eq!(value(&answer, "access-control-max-age"), "86400");
    }
}

/// A prefix that allows look-alikes becomes only the host here.
#[test]
fn istios_prefix_does_not_allow_look_alikes() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let envoy = serve("istio.yaml", upstream.port);
    for (origin, status) in [
        ("https://example.com", 200),
        ("https://example.com:8443", 200),
        ("https://localhost:3000", 200),
        ("https://a.partner.example", 200),
        // IGNORE: 200 without CORS headers.
        ("https://example.com.evil.com", 0),
        ("https://a.partner.example.evil.com", 0),
    ] {
        let [one, two] = preflight(origin, "PUT");
        let headers = [("host", "ratings.example"), one, two];
        let answer = send(&envoy, "OPTIONS", "/v2/items", &headers);
        assert_eq!(answer.status, 200, "{origin}");
        let allowed = if status == 200 { origin } else { "" };
        assert_eq!(value(&answer, "access-control-allow-origin"), allowed);
    }
}

/// `/v2` is strict, the rest is open, `/admin` has no CORS and its upstream decides.
#[test]
fn istios_routes_become_rules() {
    let upstream = Upstream::start(backend_with_cors);
    let envoy = serve("istio.yaml", upstream.port);
    for (path, origin) in [
        ("/v2/items", ""),
        ("/latest", ""),
        ("/", "*"),
        ("/admin/x", "https://evil.org"),
    ] {
        let headers = [("host", "ratings.example"), ("origin", "https://evil.org")];
        let response = send(&envoy, "GET", path, &headers);
        assert_eq!(
            value(&response, "access-control-allow-origin"),
            origin,
            "{path}"
        );
    }
}

#[test]
fn istios_forward_leaves_preflights_to_the_upstream() {
    let upstream = Upstream::start(backend_with_cors);
    let envoy = serve("istio-forward.yaml", upstream.port);
    let evil = "https://evil.example";
    let answer = send(&envoy, "OPTIONS", "/", &preflight(evil, "PUT"));
    assert_eq!(value(&answer, "access-control-allow-origin"), evil);
}

// === Higress and rs/cors ===

/// The requests of Higress's documentation. The browser refuses the methods and headers that Higress refuses.
#[test]
fn higresss_origins_are_refused_on_actual_requests_too() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let text = import("higress.yaml").replace(
        "\"routeNames\": [\"ingress-cors-httpbin\"]",
        "\"hostnames\": [\"httpbin.example.com\"]",
    );
    let envoy = Envoy::start(
        upstream.port,
        vec![Listener::cors("cors", Configuration::Text(&text))],
    );
    let host = ("host", "httpbin.example.com");
    let good = ("origin", "http://httpbin2.example.org:9090");
    let bad = ("origin", "http://httpbin2.example.org");
    let simple = send(&envoy, "GET", "/anything/get", &[host, good]);
    assert_eq!(
        cors_headers(&simple),
        [
            ("access-control-allow-origin", good.1),
            ("access-control-allow-credentials", "true"),
            (
                "access-control-expose-headers",
                "X-Custom-Header, X-Env-UTM"
            ),
        ]
    );
    for (method, status) in [("POST", 200), ("DELETE", 200)] {
        let ask = ("access-control-request-method", method);
        let answer = send(&envoy, "OPTIONS", "/anything/get", &[host, good, ask]);
        assert_eq!(answer.status, status, "{method}");
        assert_eq!(
            value(&answer, "access-control-allow-methods"),
            "GET, POST, PATCH"
        );
        let answer = send(&envoy, "OPTIONS", "/anything/get", &[host, bad, ask]);
        expect_response(&answer, 403, &[]);
    }
    let refused = send(&envoy, "GET", "/anything/get", &[host, bad]);
    expect_response(&refused, 403, &[]);
    assert_eq!(value(&refused, "vary"), "Origin");
    let same = ("sec-fetch-site", "same-origin");
    assert_eq!(send(&envoy, "GET", "/", &[host, bad, same]).status, 200);
}

/// Higress echoes any origin with credentials, including `null`.
#[test]
fn higresss_any_origin_with_credentials_is_not_null() {
    let upstream = Upstream::start(|_| Reply::new(200, &[]));
    let envoy = serve("higress-config.yaml", upstream.port);
    for (origin, status, allowed) in [
        ("https://any.example", 200, "https://any.example"),
        ("null", 403, ""),
    ] {
        let response = send(&envoy, "GET", "/", &[("origin", origin)]);
        assert_eq!(response.status, status, "{origin}");
        assert_eq!(value(&response, "access-control-allow-origin"), allowed);
    }
}

/// rs/cors adds its headers to the upstream's; here there is one of each.
#[test]
fn rs_cors_has_one_of_each_header() {
    let upstream = Upstream::start(backend_with_cors);
    let envoy = serve("rs-cors.yaml", upstream.port);
    let response = send(
        &envoy,
        "GET",
        "/",
        &[("origin", "https://app1.preview.example")],
    );
    assert_eq!(
        cors_headers(&response),
        [
            (
                "access-control-allow-origin",
                "https://app1.preview.example"
            ),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "X-Total-Count"),
        ]
    );
    let refused = send(
        &envoy,
        "OPTIONS",
        "/",
        &preflight("https://evil.org", "GET"),
    );
    expect_response(&refused, 403, &[]);
    let whole = send(
        &envoy,
        "OPTIONS",
        "/",
        &preflight("https://a.example", "DELETE"),
    );
    assert_eq!(
        value(&whole, "access-control-allow-methods"),
        "GET, HEAD, POST, PATCH"
    );
}

// === what they share ===

/// An upstream that allows every origin.
fn backend_with_cors(head: &Head) -> Reply {
    match head.headers.only("origin") {
        Some(origin) => Reply::new(
            200,
            &[
                (
                    "access-control-allow-origin",
                    &String::from_utf8_lossy(origin),
                ),
                ("access-control-allow-credentials", "true"),
            ],
        ),
        None => Reply::new(200, &[("access-control-allow-origin", "*")]),
    }
}

/// Envoy with the configuration that corsctl imports from a file of `crates/corsctl/tests/import`.
fn serve(file: &str, upstream: u16) -> Envoy {
    let text = import(file);
    Envoy::start(
        upstream,
        vec![Listener::cors("cors", Configuration::Text(&text))],
    )
}

fn import(file: &str) -> String {
    let output = Command::new(support::corsctl())
        .arg("import")
        .arg(root().join("crates/corsctl/tests/import").join(file))
        .output()
        .expect("corsctl");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file}: {said}");
    String::from_utf8(output.stdout).expect("JSON")
}

fn fixture(file: &str) -> String {
    fs::read_to_string(root().join("crates/corsctl/tests/import").join(file)).expect("a fixture")
}

/// The text of a document; `None`, with a message, if the documents are not available.
fn document(name: &str) -> Option<String> {
    let folder = root().join("../shared/systems");
    if !folder.is_dir() {
        not_checked(&format!(
            "the copies of {name} in crates/corsctl/tests/import, for {} is not there",
            folder.display()
        ));
        return None;
    }
    Some(fs::read_to_string(folder.join(name)).expect("the document"))
}

/// The code blocks of a language, without the indentation of the block.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in document.lines() {
        let text = line.trim_start();
        match &mut open {
            Some(_) if text.starts_with("```") => {
                blocks.extend(open.take().map(|(_, block)| block))
            }
            Some((indent, block)) => {
                block.push_str(line.get(*indent..).unwrap_or(text));
                block.push('\n');
            }
            None if text == format!("```{language}") => {
                open = Some((line.len() - text.len(), String::new()));
            }
            None => {}
        }
    }
    blocks
}

/// The headers of an answer that curl printed.
#[derive(Debug)]
struct Printed {
    status: u16,
    lines: Vec<(String, String)>,
}

impl Printed {
    fn vary(&self, token: &str) -> bool {
        let mut varies = self.lines.iter().filter(|(name, _)| name == "vary");
        varies.any(|(_, value)| {
            value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(token))
        })
    }
}

/// Runs a command of the document unchanged, with every connection redirected to Envoy. The commands of
/// its second tab also request the host `GET`, by mistake, which gives two answers.
fn curl(envoy: &Envoy, command: &str) -> Vec<Printed> {
    let connect = format!(
        "--silent --show-error --connect-to ::127.0.0.1:{}",
        envoy.port("cors")
    );
    let output = Command::new("bash")
        .args(["-c", &format!("{command} {connect}")])
        .env("INGRESS_GW_ADDRESS", "127.0.0.1")
        .env_remove("http_proxy")
        .output()
        .expect("bash and curl: install curl");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {said}");
    let text = String::from_utf8(output.stdout)
        .expect("text")
        .replace('\r', "");
    let answers: Vec<_> = text
        .split("\n\n")
        .filter(|answer| !answer.trim().is_empty())
        .map(printed)
        .collect();
    let urls = if command.contains(" GET ") { 2 } else { 1 };
    assert_eq!(answers.len(), urls, "{text}");
    answers
}

fn printed(text: &str) -> Printed {
    let mut lines = text.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let lines = lines.filter_map(|line| line.split_once(": "));
    Printed {
        status: status.expect("a status"),
        lines: lines
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
    }
}

/// The CORS headers are exactly these.
fn expect(answer: &Printed, status: u16, headers: &[(&str, &str)]) {
    let lines = answer
        .lines
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let cors: Vec<_> = lines
        .filter(|(name, _)| name.starts_with("access-control-"))
        .collect();
    compare(answer.status, cors, status, headers);
}

fn expect_response(response: &Response, status: u16, headers: &[(&str, &str)]) {
    compare(response.status, cors_headers(response), status, headers);
}

fn compare(status: u16, mut cors: Vec<(&str, &str)>, wanted: u16, headers: &[(&str, &str)]) {
    let mut headers = headers.to_vec();
    cors.sort_unstable();
    headers.sort_unstable();
    assert_eq!((status, cors), (wanted, headers));
}

/// The CORS headers of a response, in their order.
fn cors_headers(response: &Response) -> Vec<(&str, &str)> {
    let lines = response.headers.iter();
    let lines = lines.filter(|(name, _)| name.starts_with("access-control-"));
    lines
        .map(|(name, value)| (name, str::from_utf8(value).expect("text")))
        .collect()
}

/// The only value of a header; empty if it is absent.
fn value(response: &Response, name: &str) -> String {
    let values: Vec<_> = response.headers.values(name).collect();
    assert!(values.len() < 2, "{name}: {values:?}");
    values
        .first()
        .map_or_else(String::new, |value| value.escape_ascii().to_string())
}

fn preflight<'a>(origin: &'a str, method: &'a str) -> [(&'static str, &'a str); 2] {
    [
        ("origin", origin),
        ("access-control-request-method", method),
    ]
}

fn send(envoy: &Envoy, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    send_by(envoy, "cors", method, path, headers)
}

fn send_by(
    envoy: &Envoy,
    listener: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Response {
    send_to(envoy.port(listener), method, path, headers)
}

fn send_to(port: u16, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    if !headers.iter().any(|(name, _)| *name == "host") {
        lines.insert(0, ("host", b"api.example"));
    }
    http::exchange(port, &http::request(method, path, &lines)).expect("an answer")
}

/// httpbin from PyPI, for the time of a test.
struct Httpbin {
    port: u16,
    process: Child,
}

impl Httpbin {
    fn start() -> Self {
        let mut process = Command::new(root().join("scripts/httpbin"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("scripts/httpbin to start");
        let output = process.stdout.take().expect("its output");
        let mut line = String::new();
        // Closing its output would not end it, so it may be dropped after this line.
        BufReader::new(output)
            .read_line(&mut line)
            .expect("the port of httpbin");
        let port = line.trim().parse();
        let port = port.expect("no httpbin: see what scripts/httpbin says");
        Self { port, process }
    }
}

impl Drop for Httpbin {
    fn drop(&mut self) {
        // Killing fails only for a process that has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The unchanged commands of kgateway's document: an allowed origin…
const ALLOWED: [&str; 2] = [
    r#"curl -I -X OPTIONS http://$INGRESS_GW_ADDRESS:8080/get -H "host: cors.example:8080" \
 -H "Origin: https://example.com/" \
 -H "Access-Control-Request-Method: POST" \
 -H "Access-Control-Request-Headers: Origin""#,
    r#"curl -I -X OPTIONS GET localhost:8080/headers -H "host: cors.example:8080" \
 -H "Origin: https://example.com/" \
 -H "Access-Control-Request-Method: POST" \
 -H "Access-Control-Request-Headers: Origin""#,
];

/// … and one that is not.
const NOT_ALLOWED: [&str; 2] = [
    r#"curl -I -X OPTIONS http://$INGRESS_GW_ADDRESS:8080/get -H "host: cors.example:8080" \
 -H "Origin: https://notallowed.com/" \
 -H "Access-Control-Request-Method: POST" \
 -H "Access-Control-Request-Headers: Origin""#,
    r#"curl -I -X OPTIONS GET localhost:8080/headers -H "host: cors.example:8080" \
 -H "Origin: https://notallowed.com/" \
 -H "Access-Control-Request-Method: POST" \
 -H "Access-Control-Request-Headers: Origin""#,
];

/// No CORS header.
const NONE: [(&str, &str); 0] = [];
