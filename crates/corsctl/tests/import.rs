//! `corsctl import`: each file of `tests/import` with its output (`NAME.out`) and its diagnostics
//! (`NAME.said`); files that it rejects are in `tests/import/refused`. `BLESS=1` writes the expectations.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use cors::http::request::{Headers, RequestContext};
use cors::policy::verdict::Reason;
use cors::select::policy_set::PolicySet;
use regex_lite::Regex;

#[test]
fn every_file_is_imported_as_expected() {
    for file in files("tests/import") {
        let output = import(&file, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        expect(&file, "out", &text(&output.stdout));
        expect(&file, "said", &said(&output));
    }
}

#[test]
fn what_is_written_passes_the_check() {
    for file in files("tests/import") {
        let written = import(&file, &[]).stdout;
        let output = corsctl(&["check", "-"], &written);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}: {}",
            file.display(),
            text(&output.stdout)
        );
        assert!(
            PolicySet::from_bytes(&written).0.is_some(),
            "{}",
            file.display()
        );
    }
}

#[test]
fn settings_that_cannot_be_expressed_are_rejected_and_nothing_is_written() {
    for file in files("tests/import/refused") {
        let output = import(&file, &[]);
        assert_eq!(output.status.code(), Some(2), "{}", file.display());
        assert_eq!(text(&output.stdout), "", "{}", file.display());
        expect(&file, "said", &said(&output));
    }
}

#[test]
fn what_import_does_not_read_is_left_out_when_a_part_is_enough() {
    for file in [
        "istio-beside.yaml",
        "gateway-beside.yaml",
        "gateway-extensions.yaml",
        "krakend-two-blocks.json",
    ] {
        let file = Path::new("tests/import/refused").join(file);
        let output = import(&file, &["--partial"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(
            said(&output).contains(" [not-imported]\n"),
            "{}",
            said(&output)
        );
    }
}

/// Systems that --from does not name are skipped, with a message.
#[test]
fn a_system_that_is_not_named_is_not_dropped_in_silence() {
    let file = Path::new("tests/import/istio-and-gateway-api.yaml");
    let output = import(file, &["--from", "istio"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("the HTTPRoute \"a/new\""),
        "{}",
        said(&output)
    );
}

#[test]
fn a_policy_of_many_hosts_becomes_rules_that_are_short_enough() {
    let hosts: Vec<_> = (0..2_500)
        .map(|number| format!("h{number}.example"))
        .collect();
    let file = format!(
        "kind: VirtualService\nmetadata: {{name: web}}\nspec: {{hosts: [{}], http: [{{corsPolicy: {{allowOrigins: [{{exact: \"https://app.example\"}}]}}}}]}}",
        hosts.join(", ")
    );
    let output = import_text(file.as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let (plugin, _) = PolicySet::from_bytes(&output.stdout);
    let plugin = plugin.expect("a configuration");
    for host in &hosts {
        assert!(
            is_allowed_at(&plugin, "https://app.example", host, "/"),
            "{host}"
        );
    }
    assert!(!is_allowed_at(
        &plugin,
        "https://app.example",
        "h2500.example",
        "/"
    ));
}

/// Twice the VirtualServices take about twice the time, not four times.
#[test]
fn the_time_grows_with_the_file_and_not_with_its_square() {
    let time = |count: usize| {
        let services = (0..count).map(|number| format!("---\nkind: VirtualService\nmetadata: {{name: v{number}}}\nspec: {{hosts: [h{number}.example], http: [{{corsPolicy: {{allowOrigins: [{{exact: \"https://p{number}.example\"}}]}}}}]}}\n"));
        let file: String = services.collect();
        let start = Instant::now();
        let output = import_text(file.as_bytes(), &[]);
        assert_eq!(output.status.code(), Some(0));
        start.elapsed()
    };
    // The machine may be busy with other work during one of them.
    let is_linear = (0..5).any(|_| time(4_000) < 6 * time(1_000));
    assert!(
        is_linear,
        "four times the file takes more than six times as long"
    );
}

#[test]
fn a_file_of_ten_megabytes_is_refused() {
    let mut big = b"allowed_origins: [\"".to_vec();
    big.resize(10_000_001, b'a');
    let output = import_text(&big, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        said(&output),
        "corsctl: <stdin>: is larger than 10 MB [file-unreadable]\n"
    );
}

#[test]
fn a_missing_file_is_reported() {
    let output = import(Path::new("tests/import/nowhere.yaml"), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).ends_with(" [file-unreadable]\n"),
        "{}",
        said(&output)
    );
}

#[test]
fn an_ambiguous_file_is_imported_when_its_system_is_named() {
    let file = Path::new("tests/import/refused/ambiguous.yaml");
    for (from, status) in [("higress", 200), ("rs-cors", 204)] {
        let output = import(file, &["--from", from]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let status = format!("\"preflightStatus\": {status}");
        assert!(
            text(&output.stdout).contains(&status),
            "{}",
            text(&output.stdout)
        );
    }
}

#[test]
fn json_holds_configuration_and_remarks() {
    let parse = |output: &Output| {
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let file = Path::new("tests/import/istio-prefix.yaml");
    let good = parse(&import(file, &["--output", "json"]));
    assert_eq!(good["good"], true);
    assert_eq!(good["configuration"], parse(&import(file, &[])));
    assert_eq!(good["remarks"][0]["code"], "imported");
    assert_eq!(good["remarks"][0]["severity"], "note");
    assert_eq!(good["remarks"][1]["code"], "origin-narrowed");
    assert_eq!(good["remarks"][1]["severity"], "narrower");
    assert_eq!(good["remarks"][1]["line"], 8);

    let output = import(
        Path::new("tests/import/refused/backend.yaml"),
        &["--output", "json"],
    );
    assert_eq!(
        (output.status.code(), said(&output).as_str()),
        (Some(2), "")
    );
    let refused = parse(&output);
    assert_eq!(refused["configuration"], serde_json::Value::Null);
    assert_eq!(refused["remarks"][1]["code"], "unsupported-match");
    assert_eq!(refused["remarks"][1]["severity"], "error");
}

/// An origin is allowed only if the source allows it, or if import reports "wider".
#[test]
fn no_matcher_becomes_wider_in_silence() {
    let mut failures = Vec::new();
    let mut imported = 0;
    for (kind, texts) in MATCHERS {
        for matcher in *texts {
            let output = import_text(configuration(kind, matcher).as_bytes(), &[]);
            if output.status.code() != Some(0) {
                continue;
            }
            imported += 1;
            let (plugin, _) = PolicySet::from_bytes(&output.stdout);
            let plugin = plugin.expect("a configuration");
            for origin in ORIGINS {
                let here = is_allowed(&plugin, origin);
                let there = is_matched(kind, matcher, origin);
                if here && !there && !said(&output).contains("wider: ") {
                    failures.push(format!("{kind} {matcher:?} allows {origin}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(imported > 40, "only {imported} matchers were imported");
}

/// A matcher that allows look-alikes becomes the origin that was meant, and import reports it.
#[test]
fn a_matcher_that_allows_look_alikes_is_narrowed_and_reported() {
    for (kind, matcher, stranger, friend) in [
        (
            "istio prefix",
            "https://example.com",
            "https://example.com.evil.com",
            "https://example.com:8443",
        ),
        (
            "envoy prefix",
            "https://example.com",
            "https://example.com.evil.com",
            "https://example.com",
        ),
        (
            "envoy suffix",
            "example.com",
            "https://evilexample.com",
            "https://a.example.com",
        ),
        (
            "envoy contains",
            "example.com",
            "https://example.com.evil.com",
            "http://a.example.com:81",
        ),
        (
            "traefik regex",
            r"https://example\.com",
            "https://example.com.evil.com",
            "https://example.com",
        ),
        (
            "rs-cors glob",
            "https://*example.com",
            "https://evilexample.com",
            "https://a.example.com",
        ),
        (
            "rs-cors glob",
            "https://example.com*",
            "https://example.com.evil.com",
            "https://example.com",
        ),
    ] {
        assert!(is_matched(kind, matcher, stranger), "{kind} {matcher}");
        let output = import_text(configuration(kind, matcher).as_bytes(), &[]);
        assert!(
            said(&output).contains("narrower: "),
            "{kind}: {}",
            said(&output)
        );
        let (plugin, _) = PolicySet::from_bytes(&output.stdout);
        let plugin = plugin.expect("a configuration");
        assert!(!is_allowed(&plugin, stranger), "{kind} {matcher}");
        assert!(is_allowed(&plugin, friend), "{kind} {matcher}");
    }
}

/// Routes of Istio, the first of which wins within its host, of the Gateway API, the most specific of
/// which wins, of Traefik, where a priority decides, and of Higress, where the first wins: whatever
/// import writes gives each request the policy that it had.
#[test]
fn rules_govern_like_the_routes() {
    let mut random = 7;
    for (order, write) in [
        (Order::FirstOfHost, istio as fn(&[Route]) -> String),
        (Order::FirstOfHost, istio_apart),
        (Order::Specific, gateway_api),
        (Order::First, traefik),
        (Order::First, higress),
    ] {
        let mut written = 0;
        for _ in 0..300 {
            let routes: Vec<_> = (0..=pick(&mut random, 4))
                .map(|_| Route::random(&mut random))
                .collect();
            let file = write(&routes);
            let output = import_text(file.as_bytes(), &[]);
            if output.status.code() != Some(0) {
                continue;
            }
            written += 1;
            let (plugin, _) = PolicySet::from_bytes(&output.stdout);
            let plugin = plugin.expect("a configuration");
            let mut routes = if file.contains("matchRules") {
                routes.iter().map(Route::as_higress_has_it).collect()
            } else {
                routes
            };
            if file.contains("gateways") {
                routes.sort_by_key(Route::is_catch_all);
            }
            for host in ["a.example", "b.example"] {
                for path in ["/", "/x", "/x/y", "/x/y/z", "/z"] {
                    for header in [false, true] {
                        let Some(route) = chosen(&routes, order, host, path, header) else {
                            continue;
                        };
                        let allowed = |policy: &usize| {
                            let origin = format!("https://p{policy}.example");
                            is_allowed_at(&plugin, &origin, host, path)
                        };
                        let here: Vec<_> = (0..POLICIES).filter(allowed).collect();
                        let there: Vec<_> = route.policy.into_iter().collect();
                        assert_eq!(
                            here,
                            there,
                            "{host}{path}\n{file}\n{}",
                            text(&output.stdout)
                        );
                    }
                }
            }
        }
        assert!(written > 50, "only {written} files were imported");
    }
}

/// The route that takes a request, among those that match it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Order {
    First,
    FirstOfHost,
    Specific,
}

/// A route of one host and path, with a header or without, under one of a few policies or none.
#[derive(Clone, Debug)]
struct Route {
    host: &'static str,
    path: &'static str,
    is_exact: bool,
    header: bool,
    policy: Option<usize>,
}

impl Route {
    fn random(random: &mut u64) -> Self {
        Self {
            host: HOSTS[pick(random, HOSTS.len())],
            path: ["/", "/x", "/x/y"][pick(random, 3)],
            is_exact: pick(random, 4) == 0,
            header: pick(random, 4) == 0,
            policy: Some(pick(random, POLICIES + 1)).filter(|policy| *policy < POLICIES),
        }
    }

    /// Its rules use only hosts, and each has a policy.
    fn as_higress_has_it(&self) -> Self {
        Self {
            host: self.host,
            path: "/",
            is_exact: false,
            header: false,
            policy: self.policy.or(Some(0)),
        }
    }

    /// Whether Istio puts it behind the other routes of its host.
    fn is_catch_all(&self) -> bool {
        self.path == "/" && !self.is_exact && !self.header
    }

    fn matches(&self, host: &str, path: &str, header: bool) -> bool {
        let hosts = self.host == host || self.host.starts_with('*');
        let below = path.strip_prefix(self.path.trim_end_matches('/'));
        let below = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let paths = if self.is_exact {
            self.path == path
        } else {
            below
        };
        hosts && paths && (header || !self.header)
    }
}

/// The route that takes a request.
fn chosen<'r>(
    routes: &'r [Route],
    order: Order,
    host: &str,
    path: &str,
    header: bool,
) -> Option<&'r Route> {
    let mut hosts = [host, "*.example", "*"].into_iter();
    let host_of = hosts.find(|host| routes.iter().any(|route| route.host == *host));
    let is_of_host = |route: &&Route| order == Order::First || Some(route.host) == host_of;
    let of_host = routes.iter().filter(is_of_host);
    let mut matching = of_host.filter(|route| route.matches(host, path, header));
    if order != Order::Specific {
        return matching.next();
    }
    // The first of equals.
    let matching: Vec<_> = matching.collect();
    let matching = matching.into_iter().rev();
    matching.max_by_key(|route| (route.is_exact, route.path.len(), route.header))
}

/// Two VirtualServices a host on one gateway, the first with the routes that match everything.
fn istio_apart(routes: &[Route]) -> String {
    let (last, first): (Vec<Route>, Vec<Route>) =
        routes.iter().cloned().partition(Route::is_catch_all);
    let file = istio(&last) + &istio(&first);
    file.replace("spec:\n", "spec:\n  gateways: [public]\n")
}

/// A VirtualService a host, in the order of the routes.
fn istio(routes: &[Route]) -> String {
    let mut file = String::new();
    for host in HOSTS {
        let own: Vec<_> = routes.iter().filter(|route| route.host == host).collect();
        if own.is_empty() {
            continue;
        }
        file += &format!(
            "---\nkind: VirtualService\nmetadata: {{name: web}}\nspec:\n  hosts: [\"{host}\"]\n  http:\n"
        );
        for route in own {
            let kind = if route.is_exact { "exact" } else { "prefix" };
            let header = if route.header {
                ", headers: {x: {exact: y}}"
            } else {
                ""
            };
            let cors = route.policy.map_or_else(String::new, |policy| {
                format!(
                    ", corsPolicy: {{allowOrigins: [{{exact: \"https://p{policy}.example\"}}]}}"
                )
            });
            file += &format!(
                "    - {{match: [{{uri: {{{kind}: {}}}{header}}}]{cors}}}\n",
                route.path
            );
        }
    }
    file
}

/// An HTTPRoute a host, so that of equals the first wins.
fn gateway_api(routes: &[Route]) -> String {
    let mut file = String::new();
    for host in HOSTS {
        let own: Vec<_> = routes.iter().filter(|route| route.host == host).collect();
        if own.is_empty() {
            continue;
        }
        let rules = own.iter().map(|route| {
            let kind = if route.is_exact { "Exact" } else { "PathPrefix" };
            let header = if route.header { ", headers: [{name: x, value: y}]" } else { "" };
            let cors = route.policy.map_or_else(String::new, |policy| {
                format!(", filters: [{{type: CORS, cors: {{allowOrigins: [\"https://p{policy}.example\"]}}}}]")
            });
            format!("{{matches: [{{path: {{type: {kind}, value: {}}}{header}}}]{cors}}}", route.path)
        });
        let rules: Vec<_> = rules.collect();
        file += &format!(
            "---\nkind: HTTPRoute\nmetadata: {{name: web}}\nspec: {{hostnames: [\"{host}\"], rules: [{}]}}\n",
            rules.join(", ")
        )
        .replace("hostnames: [\"*\"], ", "");
    }
    file
}

/// A router for each route, by priorities that fall; a name that begins with any label takes a regular
/// expression there.
fn traefik(routes: &[Route]) -> String {
    let mut file = "http:\n  middlewares:\n".to_owned();
    for policy in 0..POLICIES {
        file += &format!(
            "    p{policy}: {{headers: {{accessControlAllowOriginList: [\"https://p{policy}.example\"]}}}}\n"
        );
    }
    file += "  routers:\n";
    // The order in the file has no meaning.
    for (index, route) in routes.iter().enumerate().rev() {
        let host = match route.host {
            "*" => String::new(),
            "*.example" => "HostRegexp(`^.+\\.example$`) && ".to_owned(),
            host => format!("Host(`{host}`) && "),
        };
        let kind = if route.is_exact { "Path" } else { "PathPrefix" };
        let header = if route.header {
            " && Header(`x`, `y`)"
        } else {
            ""
        };
        let middlewares = route
            .policy
            .map_or_else(String::new, |policy| format!("p{policy}"));
        file += &format!(
            "    r{index}: {{rule: '{host}{kind}(`{}`){header}', priority: {}, middlewares: [{middlewares}]}}\n",
            route.path,
            100 - index
        );
    }
    file
}

/// A rule for each route.
fn higress(routes: &[Route]) -> String {
    let rules = routes.iter().map(Route::as_higress_has_it).map(|route| {
        let policy = route.policy.unwrap_or_default();
        format!(
            "    - {{domain: [\"{}\"], config: {{allow_origins: [\"https://p{policy}.example\"]}}}}\n",
            route.host
        )
    });
    format!(
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nspec:\n  defaultConfigDisable: true\n  matchRules:\n{}",
        rules.collect::<String>()
    )
}

/// A number below the limit.
fn pick(random: &mut u64, limit: usize) -> usize {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*random >> 33) as usize % limit
}

const HOSTS: [&str; 4] = ["a.example", "*.example", "b.example", "*"];
const POLICIES: usize = 2;

/// The page of a system names the tests that show its differences. tests/documents.rs compares the transcripts.
#[test]
fn the_pages_name_tests_that_exist() {
    let root = support::root();
    let read = |path: &Path| fs::read_to_string(path).expect("a file");
    let tests = read(&root.join("crates/corsctl/tests/import.rs"))
        + &read(&root.join("tests/envoy/gateways.rs"));
    let folder = fs::read_dir(root.join("docs/src/from")).expect("the pages");
    let mut count = 0;
    for page in folder.map(|page| page.expect("a page").path()) {
        let text = read(&page);
        let (prose, _) = text.split_once("\n## Transcript").unwrap_or((&text, ""));
        let quoted = prose.split('`').skip(1).step_by(2);
        let named = quoted.filter(|word| word.matches('_').count() > 2 && word.is_ascii());
        for name in named.filter(|word| !word.contains(['/', ' '])) {
            let is_test = tests.contains(&format!("fn {name}()"));
            assert!(is_test, "{}: no test {name}", page.display());
            count += 1;
        }
    }
    assert!(count > 20, "only {count} tests are named");
}

/// A configuration of the system with this one matcher.
fn configuration(kind: &str, matcher: &str) -> String {
    let matcher = serde_json::to_string(matcher).expect("JSON");
    let (system, kind) = kind.split_once(' ').expect("a system and a kind");
    let kind = if system == "envoy" && kind == "regex" {
        "safe_regex"
    } else {
        kind
    };
    match system {
        "istio" => format!(
            r#"{{"kind": "VirtualService", "spec": {{"hosts": ["*"], "http": [{{"corsPolicy": {{"allowOrigins": [{{"{kind}": {matcher}}}]}}}}]}}}}"#
        ),
        "envoy" if kind == "safe_regex" => format!(
            r#"{{"allow_origin_string_match": [{{"safe_regex": {{"regex": {matcher}}}}}]}}"#
        ),
        "envoy" => format!(r#"{{"allow_origin_string_match": [{{"{kind}": {matcher}}}]}}"#),
        "traefik" => {
            let field = if kind == "regex" {
                "accessControlAllowOriginListRegex"
            } else {
                "accessControlAllowOriginList"
            };
            format!(
                r#"{{"http": {{"middlewares": {{"a": {{"headers": {{"{field}": [{matcher}]}}}}}}}}}}"#
            )
        }
        "rs-cors" => format!(
            r#"{{"allowed_origins": [{matcher}], "allowed_methods": ["GET", "HEAD", "POST"]}}"#
        ),
        "higress" => format!(r#"{{"allow_origin_patterns": [{matcher}], "allow_methods": ["*"]}}"#),
        other => panic!("no system {other}"),
    }
}

/// Whether the source allows the origin, as its own code decides.
fn is_matched(kind: &str, matcher: &str, origin: &str) -> bool {
    let whole = |regex: &str| Regex::new(&format!("^(?:{regex})$")).expect("a regular expression");
    match kind {
        // Envoy asks each matcher for "*" first.
        "envoy exact" | "istio exact" => matcher == "*" || matcher == origin,
        "traefik exact" => matcher == "*" || matcher == origin,
        "envoy prefix" | "istio prefix" => "*".starts_with(matcher) || origin.starts_with(matcher),
        "envoy suffix" => "*".ends_with(matcher) || origin.ends_with(matcher),
        "envoy contains" => matcher == "*" || origin.contains(matcher),
        "envoy regex" | "istio regex" => {
            whole(matcher).is_match("*") || whole(matcher).is_match(origin)
        }
        "traefik regex" => Regex::new(matcher)
            .expect("a regular expression")
            .is_match(origin),
        "rs-cors glob" => match matcher.to_lowercase().split_once('*') {
            Some((start, end)) => {
                origin.len() >= start.len() + end.len()
                    && origin.starts_with(start)
                    && origin.ends_with(end)
            }
            None => matcher.to_lowercase() == origin,
        },
        "higress glob" => {
            let text = matcher.trim_end_matches('/').to_lowercase();
            let ports = Regex::new(r"^(.*):\[(\*|\d+(?:,\d+)*)\]$").expect("a regular expression");
            let (start, port) = match ports.captures(&text) {
                Some(found) if &found[2] == "*" => (found[1].to_owned(), r"(:\d+)?".to_owned()),
                Some(found) => (
                    found[1].to_owned(),
                    format!(":({})", found[2].replace(',', "|")),
                ),
                None => (text.clone(), String::new()),
            };
            let parts: Vec<_> = start.split('*').map(regex_lite::escape).collect();
            text == "*" || whole(&format!("{}{port}", parts.join(".*"))).is_match(origin)
        }
        other => panic!("no kind {other}"),
    }
}

fn is_allowed(plugin: &PolicySet, origin: &str) -> bool {
    is_allowed_at(plugin, origin, "api.example", "/")
}

fn is_allowed_at(plugin: &PolicySet, origin: &str, host: &str, path: &str) -> bool {
    let request = Request { origin, host, path };
    let judgement = plugin.judge(&request);
    judgement
        .verdict()
        .is_some_and(|verdict| verdict.reason == Reason::Allowed)
}

/// A GET from an origin.
struct Request<'r> {
    origin: &'r str,
    host: &'r str,
    path: &'r str,
}

impl Headers for Request<'_> {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        let value = match name {
            "origin" => self.origin,
            ":method" => "GET",
            ":authority" => self.host,
            ":path" => self.path,
            _ => return None,
        };
        Some(value.as_bytes().to_vec())
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }
}

impl RequestContext for Request<'_> {
    fn property(&self, _: &[&str]) -> Option<Vec<u8>> {
        None
    }
}

/// The files to import in a folder, in their order.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).expect("the folder");
    let paths = entries.map(|entry| entry.expect("a file").path());
    let mut files: Vec<_> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "yaml" || end == "json")
        })
        .collect();
    files.sort();
    assert!(files.len() > 10, "{} holds too few files", folder.display());
    files
}

/// Imports a file as it is named within its folder.
fn import(file: &Path, arguments: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(file.parent().expect("a folder"));
    Command::new(support::corsctl())
        .current_dir(folder)
        .arg("import")
        .arg(file.file_name().expect("a name"))
        .args(arguments)
        .output()
        .expect("corsctl")
}

fn import_text(bytes: &[u8], arguments: &[&str]) -> Output {
    corsctl(&[&["import", "-"], arguments].concat(), bytes)
}

fn corsctl(arguments: &[&str], input: &[u8]) -> Output {
    let mut process = Command::new(support::corsctl())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("corsctl");
    let mut stdin = process.stdin.take().expect("its input");
    // It may stop reading before the end of the input.
    let _ = stdin.write_all(input);
    drop(stdin);
    process.wait_with_output().expect("corsctl to end")
}

/// Compares with the expected file next to the imported one, or writes it.
fn expect(file: &Path, end: &str, text: &str) {
    let path = PathBuf::from(format!("{}.{end}", file.display()));
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, text).expect("an expectation");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text,
        expected,
        "{}: BLESS=1 writes what is new",
        path.display()
    );
}

fn said(output: &Output) -> String {
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Kinds of matchers, and their values.
const MATCHERS: &[(&str, &[&str])] = &[
    ("envoy exact", EXACT),
    ("istio exact", EXACT),
    ("traefik exact", EXACT),
    ("envoy prefix", PREFIXES),
    ("istio prefix", PREFIXES),
    (
        "envoy suffix",
        &[
            "",
            "example.com",
            ".example.com",
            ":8443",
            "//example.com",
            "://example.com",
            "m",
            "com",
            ".com",
            ".example.com:8443",
            "https://example.com",
            "localhost",
            "*",
            "_.example.com",
            "EXAMPLE.com",
            ".Example.com:443",
            ":443",
            "*.example.com",
            "://Example.com",
        ],
    ),
    (
        "envoy contains",
        &[
            "example.com",
            ".example.com",
            "example",
            "*",
            "https://example.com",
            "://example.com",
            "e",
            "example.com:8443",
            ".",
            "example.",
            "*.example.com",
            "EXAMPLE.com",
            "https://*.example.com",
        ],
    ),
    ("envoy regex", REGEXES),
    ("istio regex", REGEXES),
    ("traefik regex", REGEXES),
    ("rs-cors glob", GLOBS),
    ("higress glob", GLOBS),
    (
        "higress glob",
        &[
            "https://*.example.com:[*]",
            "https://*.example.com:[8080,8443]",
            "https://*:[443]",
            "*.example.com:[80]",
            "https://example.com:[*]",
            "https://e*.example.com:[*]",
        ],
    ),
];
const EXACT: &[&str] = &[
    "*",
    "https://example.com",
    "https://*.example.com",
    "https://*",
    "HTTPS://Example.com",
    "https://example.com/",
    "https://example.com:443",
    "null",
    "example.com",
    "https://example.com:*",
];
const PREFIXES: &[&str] = &[
    "",
    "h",
    "http",
    "https",
    "https:/",
    "https://",
    "http://",
    "https://example.com",
    "https://example.com.",
    "https://example.com/",
    "https://example.com:",
    "https://example.com:8",
    "https://example.com:443",
    "https://a.",
    "https://localhost",
    "https://localhost:",
    "https://exam",
    "https://[::1]",
    "ftp://",
    "null",
    "*",
    "https://1.2.3.4",
    "https://*.example.com",
    "https://EXAMPLE.com",
    "HTTPS://example.com",
    "https://EXAMPLE.com:",
    "https://*",
];
const REGEXES: &[&str] = &[
    ".*",
    "https://.*",
    "https?://example\\.com",
    "https://example.com",
    "^https://example\\.com$",
    "https://.*\\.example\\.com",
    "https://(a|b)\\.example\\.com(:\\d+)?",
    "example",
    "\\.example\\.com$",
    "^https://a$|example",
    "null",
    "(null|https://example\\.com)",
    "https://example\\.com|",
    "[*]",
    "https://example\\.com\\",
];
const GLOBS: &[&str] = &[
    "*",
    "https://*.example.com",
    "https://*.example.com:8443",
    "https://*",
    "https://*:8443",
    "http*://example.com",
    "*://example.com",
    "*.example.com",
    "*example.com",
    "https://*example.com",
    "https://example.com*",
    "https://example.com:*",
    "https://example.*",
    "https://a*.example.com",
    "http*",
    "https://*.com",
    "https://ex*",
    "https://example.com:8*",
    "https://a.*.example.com",
    "*localhost*",
    "https://Example.com",
    "https://*.",
    "https://*.*.example.com",
    "https://example.com/*",
];
const ORIGINS: &[&str] = &[
    "https://example.com",
    "http://example.com",
    "https://a.example.com",
    "http://a.example.com",
    "https://a.b.example.com",
    "https://evilexample.com",
    "https://example.com.evil.com",
    "https://example.community",
    "https://exampleXcom",
    "https://examplexcom",
    "https://axexample.com",
    "https://example.com:8443",
    "https://example.com:443",
    "https://example.com:80",
    "https://example.com:8",
    "https://a.example.com:8443",
    "https://a.example.com:8080",
    "http://a.example.com:81",
    "https://evil.com",
    "http://evil.com",
    "https://evil.com:8443",
    "https://localhost",
    "https://localhost:3000",
    "https://localhost.evil.com",
    "https://a",
    "https://a.evil.com",
    "https://[::1]",
    "https://[::1]:81",
    "https://1.2.3.4",
    "https://1.2.3.4.evil.com",
    "ftp://example.com",
    "chrome-extension://abcdef",
    "null",
    "https://com",
    "https://example",
    "https://example.org",
    "https://ex",
    "https://.example.com",
    "https://_.example.com",
    "https://a.b",
    "https://a.x.example.com",
];
