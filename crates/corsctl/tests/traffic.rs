//! The commands that look at traffic: `corsctl learn` on logs, `corsctl probe` on small gateways with one
//! fault each, and on servers that answer badly. `BLESS=1` writes the expectations.

use std::fs;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use cors::select::policy_set::PolicySet;
use cors::simulate::exchange::{Incoming, Lines, Response, exchange};
use serde_json::Value;
use support::http::Head;
use support::transcript::{self, Step};
use support::upstream::{Reply, Upstream};

#[test]
fn learn_says_what_it_should() {
    let folder = folder("learn");
    let file = folder.join("golden.txt");
    let text = fs::read_to_string(&file).expect("golden.txt");
    let golden = transcript::parse(&text);
    let said = transcript::run(&golden, &folder);
    if std::env::var_os("BLESS").is_some() {
        let text = |step: &Step| format!("$ {}\n{}", step.command, step.output);
        fs::write(&file, said.iter().map(text).collect::<String>()).expect("golden.txt");
        return;
    }
    for (golden, said) in golden.iter().zip(&said) {
        assert_eq!(golden, said, "\n--- said\n{}", said.output);
    }
}

/// What `--trust` proposes allows what was seen of it, and refuses what was left out.
#[test]
fn what_is_proposed_passes_the_check_and_the_log() {
    let log = folder("learn").join("access.json").display().to_string();
    for more in [
        &[][..],
        &["--wildcards"],
        &["--rules", "host"],
        &["--rules", "path"],
    ] {
        let mut arguments = vec!["learn", &log, "--trust", "example.com"];
        arguments.extend(more);
        let policy = scratch("proposed.json", &corsctl(&arguments).stdout);
        assert_eq!(
            corsctl(&["check", "--strict", &policy]).status.code(),
            Some(0)
        );
        let against = corsctl(&["learn", &log, "--against", &policy, "--output", "json"]);
        let report: Value = serde_json::from_slice(&against.stdout).expect("JSON");
        let origins = report["origins"].as_array().expect("a list").iter();
        let mut losing: Vec<_> = origins
            .map(|origin| origin["origin"].as_str().expect("text"))
            .collect();
        losing.sort_unstable();
        assert_eq!(
            losing,
            [
                "http://app.example.com",
                "https://evil.example",
                "malformed",
                "null"
            ]
        );
    }
}

/// A log without end, of names that are all different, in memory that has one.
#[test]
fn a_large_log_takes_little_memory() {
    let line = r#"{"method":"GET","host":"api.example","path":"/","origin":"https://n$i$RANDOM$RANDOM.example"}"#;
    let line = line.replace('"', "\\\"");
    let command = format!(
        "ulimit -v 262144; for i in {{1..300}}; do echo \"{line}\"; done > {log};
         (for i in {{1..200}}; do cat {log}; done; head -c 50000000 /dev/zero) | {corsctl} learn - --max-origins 100 --progress",
        log = scratch("flood.json", b""),
        corsctl = support::corsctl().display(),
    );
    let output = Command::new("bash")
        .args(["-c", &command])
        .output()
        .expect("bash");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        said.starts_with("60001 lines: 60000 from other origins"),
        "{said}"
    );
    assert!(said.contains("skipped: 1 lines cut off"), "{said}");
    assert!(said.contains("more than 100 origins: "), "{said}");
}

const POLICY: &str = r#"{
  "allowOrigins": ["https://app.example.com", "https://*.dev.example.com"],
  "allowOriginRegexes": ["https://pr-[0-9]+\\.example\\.net"],
  "allowMethods": ["GET", "PUT"],
  "allowHeaders": ["content-type"],
  "allowCredentials": true
}"#;

type Fault = fn(&Head, Reply) -> Reply;
type HeaderLines = Vec<(String, Vec<u8>)>;
type Serve = fn(TcpStream);

/// Each fault is found, and its cause named.
#[test]
fn probe_names_the_cause_of_each_fault() {
    let faults: [(&str, Fault); 10] = [
        ("none", |_, reply| reply),
        ("vary-missing", |_, mut reply| {
            remove(&mut reply, "vary");
            reply
        }),
        ("second-layer-adds", |head, mut reply| {
            if !is_preflight(head) && head.headers.has("origin") {
                add(&mut reply, "access-control-allow-origin", b"*");
            }
            reply
        }),
        ("second-layer-reflects", |head, mut reply| {
            if let Some(origin) = head.headers.only("origin").filter(|_| !is_preflight(head)) {
                remove(&mut reply, "access-control-allow-origin");
                add(&mut reply, "access-control-allow-origin", origin);
            }
            reply
        }),
        ("options-401", |head, reply| match is_preflight(head) {
            true => Reply::new(401, &[("www-authenticate", "Bearer")]),
            false => reply,
        }),
        ("options-405", |head, reply| match is_preflight(head) {
            true => Reply::new(405, &[("allow", "GET")]),
            false => reply,
        }),
        ("options-redirected", |head, reply| {
            match is_preflight(head) {
                true => Reply::new(301, &[("location", "https://login.example/\u{202e}")]),
                false => reply,
            }
        }),
        ("cache", |head, mut reply| {
            static CACHE: Mutex<Option<HeaderLines>> = Mutex::new(None);
            let mut cache = CACHE.lock().expect("the cache");
            // Filled by the first request from an allowed origin.
            let allows = reply
                .headers
                .iter()
                .any(|(name, _)| name.ends_with("allow-origin"));
            if head.start.starts_with("GET") && (cache.is_some() || allows) {
                reply.headers = cache.get_or_insert(reply.headers).clone();
                add(&mut reply, "age", b"7");
            }
            reply
        }),
        ("no-plugin", |_, _| {
            Reply::new(200, &[("content-type", "text/plain")])
        }),
        ("other-lists", |head, mut reply| {
            if is_preflight(head) && reply.status == 204 {
                remove(&mut reply, "access-control-allow-methods");
                add(&mut reply, "access-control-allow-methods", b"GET");
            }
            reply
        }),
    ];
    let policy = scratch("probe.json", POLICY.as_bytes());
    for (name, fault) in faults {
        let gateway = gateway(fault);
        let url = format!("http://127.0.0.1:{}/items", gateway.port);
        let output = corsctl(&["probe", &policy, "--url", &url, "--rate", "1000"]);
        let expected = if name == "none" { 0 } else { 1 };
        let said = text(&output.stdout).replace(&gateway.port.to_string(), "PORT");
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{name}: {said}{}",
            text(&output.stderr)
        );
        expect(&folder("probe").join(name), &said);
    }
}

/// Redirects are not followed, however often.
#[test]
fn probe_follows_no_redirect() {
    let gateway = gateway(|_, _| Reply::new(302, &[("location", "/items/")]));
    let url = format!("http://127.0.0.1:{}/items", gateway.port);
    let policy = scratch(
        "redirected.json",
        br#"{"allowOrigins": ["https://app.example.com"]}"#,
    );
    let output = corsctl(&[
        "probe", &policy, "--url", &url, "--rate", "1000", "--output", "json",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let outcome: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let requests = outcome["requests"].as_array().expect("a list");
    assert!(requests.len() > 10 && requests.iter().all(|request| request["status"] == 302));
}

#[test]
fn a_table_is_sent_as_far_as_it_changes_nothing() {
    let gateway = gateway(|_, reply| reply);
    let policy = scratch("table.json", POLICY.as_bytes());
    let cases = scratch(
        "table-cases.yaml",
        b"- name: a stranger reads
  request: {method: GET, url: 'https://api.example.com/items', headers: {origin: 'https://evil.example'}}
  verdict: 'refused: origin'
- name: the app deletes
  request: {method: DELETE, url: 'https://api.example.com/items', headers: {origin: 'https://app.example.com'}}
  verdict: allowed
",
    );
    let url = format!("http://127.0.0.1:{}/", gateway.port);
    let output = corsctl(&[
        "probe", &policy, "--url", &url, "--cases", &cases, "--rate", "1000",
    ]);
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        text(&output.stderr)
    );
    assert!(said.contains(":1: ok: a stranger reads\n"), "{said}");
    assert!(
        said.contains(":4: skipped: the app deletes: the request could change data\n"),
        "{said}"
    );
    let output = corsctl(&[
        "probe", &policy, "--url", &url, "--cases", &cases, "--output", "junit",
    ]);
    assert!(
        text(&output.stdout).contains("tests=\"2\" skipped=\"1\""),
        "{}",
        text(&output.stdout)
    );
}

/// What is not an answer ends the run soon, with a line that says why.
#[test]
fn probe_survives_servers_that_answer_badly() {
    let policy = scratch(
        "bad.json",
        br#"{"allowOrigins": ["https://app.example.com"]}"#,
    );
    let servers: [(&str, Serve, &str); 6] = [
        (
            "hang",
            |stream| {
                thread::sleep(Duration::from_secs(20));
                drop(stream);
            },
            "no whole answer within 1 s",
        ),
        (
            "garbage",
            |mut stream| {
                let _ = stream.write_all(&[0xff; 1_000]);
            },
            "the answer is not HTTP",
        ),
        ("close", drop, "no whole answer"),
        (
            "half",
            |mut stream| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nvary: Orig");
            },
            "no whole answer",
        ),
        (
            "endless headers",
            |mut stream| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
                while stream
                    .write_all(b"x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
                    .is_ok()
                {}
            },
            "the answer is not HTTP",
        ),
        (
            "slow body",
            |mut stream| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
                while stream.write_all(b"a").is_ok() {
                    thread::sleep(Duration::from_millis(200));
                }
            },
            "no whole answer within 1 s",
        ),
    ];
    for (name, serve, words) in servers {
        let port = server(serve);
        let start = Instant::now();
        let url = format!("http://127.0.0.1:{port}/");
        let output = corsctl(&["probe", &policy, "--url", &url, "--timeout", "1"]);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(
            said.contains(words) && said.contains(" [no-answer]\n"),
            "{name}: {said}"
        );
        assert!(
            said.contains("stopped after 3 requests without an answer"),
            "{name}: {said}"
        );
        assert!(start.elapsed() < Duration::from_secs(10), "{name}");
    }
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("it")
        .port();
    let url = format!("http://127.0.0.1:{free}/");
    let output = corsctl(&["probe", &policy, "--url", &url]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stdout).replace(&free.to_string(), "PORT");
    expect(&folder("probe").join("no-connection"), &said);
}

/// The headers count, not the length of what follows.
#[test]
fn a_body_without_end_is_not_read_to_it() {
    let port = server(|mut stream| {
        let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
        let Ok(head) = Head::read(&mut reader) else {
            return;
        };
        let reply = reply(&head);
        let mut bytes = format!("HTTP/1.1 {} Status\r\n", reply.status).into_bytes();
        for (name, value) in reply.headers {
            bytes.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        if reply.status != 204 {
            bytes.extend(b"transfer-encoding: chunked\r\n");
        }
        bytes.extend(b"\r\n");
        let _ = stream.write_all(&bytes);
        let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000));
        while reply.status != 204 && stream.write_all(chunk.as_bytes()).is_ok() {}
    });
    let policy = scratch("endless.json", POLICY.as_bytes());
    let url = format!("http://127.0.0.1:{port}/items");
    let output = corsctl(&[
        "probe",
        &policy,
        "--url",
        &url,
        "--rate",
        "1000",
        "--timeout",
        "5",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

/// Why nothing is sent.
#[test]
fn probe_asks_nobody_by_accident() {
    let policy = scratch("nobody.json", br#"{"rules": [{"match": {"pathPrefixes": ["/a"]}, "policy": {"allowOrigins": ["https://app.example.com"]}}]}"#);
    let shadow = scratch(
        "shadow.json",
        br#"{"allowOrigins": ["https://app.example.com"], "mode": "shadow"}"#,
    );
    let mut said = String::new();
    for (policy, url) in [
        (&policy, "https://192.0.2.1/"),
        (&policy, "http://127.0.0.1:9/b"),
        (&shadow, "http://127.0.0.1:9/"),
        (&policy, "127.0.0.1:9"),
    ] {
        let output = corsctl(&["probe", policy, "--url", url]);
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(2), String::new())
        );
        said.push_str(&text(&output.stderr));
    }
    expect(&folder("probe").join("nobody"), &said);
}

/// A gateway that runs the plugin, with a fault.
fn gateway(fault: Fault) -> Upstream {
    Upstream::start(move |head| fault(head, reply(head)))
}

/// What the plugin answers, or leaves of an upstream's answer.
fn reply(head: &Head) -> Reply {
    let (plugin, diagnostics) = PolicySet::from_bytes(POLICY.as_bytes());
    let plugin = plugin.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let mut start = head.start.split(' ');
    let mut headers: Vec<(String, Vec<u8>)> = [":method", ":path"]
        .iter()
        .map(|name| ((*name).to_owned(), start.next().unwrap_or_default().into()))
        .collect();
    let own = head.headers.iter();
    headers.extend(own.map(|(name, value)| (name.to_owned(), value.to_vec())));
    let request = Incoming {
        headers: headers.into_iter().collect(),
        ..Incoming::default()
    };
    let upstream = Response {
        status: 200,
        headers: Lines::default(),
    };
    let response = exchange(&plugin, request, upstream).response;
    Reply::of(response.status, response.headers.iter())
}

fn is_preflight(head: &Head) -> bool {
    head.start.starts_with("OPTIONS") && head.headers.has("access-control-request-method")
}

fn remove(reply: &mut Reply, name: &str) {
    reply.headers.retain(|(own, _)| own != name);
}

fn add(reply: &mut Reply, name: &str, value: &[u8]) {
    reply.headers.push((name.to_owned(), value.to_vec()));
}

/// A server that does this with each connection, after the first bytes of a request.
fn server(serve: Serve) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut first = [0; 1];
                let _ = stream.peek(&mut first);
                serve(stream);
            });
        }
    });
    port
}

fn corsctl(arguments: &[&str]) -> Output {
    let output = Command::new(support::corsctl())
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    output.expect("corsctl")
}

/// Compares a text with a golden file, `NAME.said`.
fn expect(name: &Path, said: &str) {
    let file = name.with_extension("said");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, said).expect("a golden file");
        return;
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    assert!(golden == said, "{}:\n{said}", file.display());
}

fn scratch(name: &str, text: &[u8]) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("traffic-{name}"));
    fs::write(&file, text).expect("a file");
    file.display().to_string()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
