//! Two models next to what they are models of: NGINX with the directives that ingress-nginx writes for CORS,
//! and the Go library rs/cors. `scripts/models` starts these tests, since they need more than Rust.

use std::env;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use cors::simulate::exchange::{Lines, Response};
use serde_json::{Value, json};
use support::http;
use support::leash::{LOG, Leash};
use support::random::Random;
use support::upstream::{Reply, Upstream};

use crate::compare::System;
use crate::ingress_nginx::{DEFAULT_HEADERS, DEFAULT_METHODS, Ingress, pattern};
use crate::parts::{Request, fetch, upstream};
use crate::rs_cors::Library;

#[test]
#[ignore = "needs NGINX with headers-more: scripts/models nginx"]
fn nginx_answers_as_the_model_of_ingress_nginx() {
    let random = &mut Random::new(11);
    let systems: Vec<Ingress> = (0..SYSTEMS).map(|_| Ingress::random(random)).collect();
    let behind = Upstream::start(|head| {
        let grants = head.headers.has(GRANTS);
        let origin = head.headers.only("origin").unwrap_or_default();
        let response = upstream(&String::from_utf8_lossy(origin), grants);
        Reply::of(response.status, response.headers.iter())
    });
    let port = free_port();
    let servers = systems.iter().enumerate();
    let servers: String = servers
        .map(|(index, system)| server(port, index, system, behind.port))
        .collect();
    let nginx = Leash::start(|folder| {
        let own = folder.path("").display().to_string();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {own}/{name};\n"))
            .collect();
        let module = env::var("CORS_NGINX_MODULE").expect("scripts/models nginx sets it");
        folder.write(
            "nginx.conf",
            &format!(
                "load_module {module};\ndaemon off; master_process off; pid {own}/pid; error_log {own}/errors;\nevents {{}}\nhttp {{\naccess_log off; server_names_hash_bucket_size 128;\n{temporary}{servers}}}\n"
            ),
        );
        let mut command = Command::new("nginx");
        command.args(["-e", &format!("{own}/errors"), "-c"]);
        command.arg(folder.path("nginx.conf"));
        command
    });
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < PATIENCE, "NGINX: {}", nginx.log());
        thread::sleep(Duration::from_millis(20));
    }
    for (index, system) in systems.iter().enumerate() {
        agree(system, random, |request, grants| {
            // NGINX answers 400 to methods in lower case, and has the policy on one host.
            if request.method() == request.method().to_ascii_lowercase()
                || request.host() != "api.example"
            {
                return None;
            }
            let host = format!("s{index}.test");
            let grants = grants.then_some((GRANTS, "1".to_owned()));
            Some(ask(port, &host, request, grants.as_slice()))
        });
    }
}

#[test]
#[ignore = "needs Go and rs/cors: scripts/models rs-cors"]
fn rs_cors_answers_as_its_model() {
    let random = &mut Random::new(13);
    let program = env::var_os("CORS_GO_SERVER").expect("scripts/models rs-cors sets it");
    let program = PathBuf::from(program);
    let server = Leash::start(|_| Command::new(&program));
    let port = server.wait_for(LOG, |log| log.lines().next()?.parse().ok());
    let port = port.unwrap_or_else(|| panic!("no port: {}", server.log()));
    for _ in 0..SYSTEMS {
        let system = Library::random(random);
        let options = system.0.fields(GO_NAMES);
        let options = ("x-options", Value::Object(options).to_string());
        agree(&system, random, |request, grants| {
            let behind = upstream(request.origin(), grants);
            let lines = behind.headers.iter();
            let lines: Vec<Value> = lines
                .map(|(name, value)| json!([name, String::from_utf8_lossy(value)]))
                .collect();
            let behind = ("x-upstream", json!(lines).to_string());
            let more = [options.clone(), behind];
            Some(ask(port, request.host(), request, &more))
        });
    }
}

/// Compares what the model answers with what the server does, for random calls of a script; none if it is not
/// asked.
fn agree<S: System>(
    system: &S,
    random: &mut Random,
    real: impl Fn(&Request, bool) -> Option<Response>,
) {
    for _ in 0..CALLS {
        let call = fetch(random);
        let grants = random.once_in(3);
        call.run(|lines| {
            let request = Request(&lines);
            let behind = upstream(&call.origin, grants);
            let expected = system.answer(&request, &behind);
            if let Some(found) = real(&request, grants) {
                let [model, server] = [&expected, &found].map(of_cors);
                assert_eq!(model, server, "{lines:?}\n{}", system.file());
            }
            expected
        });
    }
}

/// The status and the headers of CORS, except the age, which no model has.
fn of_cors(response: &Response) -> (u16, Vec<(String, String)>) {
    let headers = response.headers.iter();
    let own = headers.filter(|(name, _)| {
        name.starts_with("access-control-") && *name != "access-control-max-age"
    });
    let own = own.map(|(name, value)| {
        let value = String::from_utf8_lossy(value);
        // Header names have no case.
        let value = match name.ends_with("-headers") {
            true => value.to_ascii_lowercase(),
            false => value.into_owned(),
        };
        (name.to_owned(), value)
    });
    let mut own: Vec<_> = own.collect();
    own.sort();
    (response.status, own)
}

/// Sends a request to a server, with more headers.
fn ask(port: u16, host: &str, request: &Request, more: &[(&str, String)]) -> Response {
    let own = request.0.iter().filter(|(name, _)| !name.starts_with(':'));
    let mut headers = vec![("host", host.as_bytes()), ("connection", &b"close"[..])];
    headers.extend(own);
    headers.extend(more.iter().map(|(name, value)| (*name, value.as_bytes())));
    let bytes = http::request(request.method(), request.path(), &headers);
    let response = http::exchange(port, &bytes).expect("an answer");
    let lines = response.headers.iter();
    Response {
        status: response.status,
        headers: lines.collect::<Lines>(),
    }
}

/// A server of NGINX with what the template of ingress-nginx writes for a policy.
fn server(port: u16, index: usize, system: &Ingress, behind: u16) -> String {
    let is_any = system.origins.is_empty() || system.origins == ["*"];
    let allowed = if is_any {
        "set $http_origin *;\nset $cors 'true';".to_owned()
    } else {
        let patterns = system
            .origins
            .iter()
            .map(|own| format!("({})", pattern(own)));
        let patterns = patterns.collect::<Vec<_>>().join("|");
        format!("if ($http_origin ~* \"({patterns})$\") {{ set $cors 'true'; }}")
    };
    let list = |list: &[&'static str], default: &str| match list {
        [] | ["*"] => default.to_owned(),
        list => list.join(", "),
    };
    let mut headers = vec![
        "Access-Control-Allow-Origin: $http_origin".to_owned(),
        format!(
            "Access-Control-Allow-Methods: {}",
            list(&system.parts.methods, DEFAULT_METHODS)
        ),
        format!(
            "Access-Control-Allow-Headers: {}",
            list(&system.parts.headers, DEFAULT_HEADERS)
        ),
    ];
    if system.parts.credentials {
        headers.push("Access-Control-Allow-Credentials: true".to_owned());
    }
    if !system.parts.expose.is_empty() {
        let names = system.parts.expose.join(", ");
        headers.push(format!("Access-Control-Expose-Headers: {names}"));
    }
    let headers: String = headers
        .iter()
        .map(|header| format!("more_set_headers '{header}';\n"))
        .collect();
    format!(
        "server {{ listen 127.0.0.1:{port}; server_name s{index}.test;\nlocation / {{\nset $cors '';\n{allowed}\nif ($request_method = 'OPTIONS') {{ set $cors \"${{cors}}options\"; }}\nif ($cors = 'true') {{\n{headers}}}\nif ($cors = 'trueoptions') {{\n{headers}return 204;\n}}\nproxy_pass http://127.0.0.1:{behind};\n}} }}\n"
    )
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A request with this header goes to an upstream that grants everything.
const GRANTS: &str = "x-grants";
/// The names of the fields of Go.
const GO_NAMES: [&str; 5] = [
    "AllowedOrigins",
    "AllowedMethods",
    "AllowedHeaders",
    "ExposedHeaders",
    "AllowCredentials",
];
const SYSTEMS: usize = 40;
const CALLS: usize = 25;
const PATIENCE: Duration = Duration::from_secs(10);
