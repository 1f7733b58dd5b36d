//! Real servers behind a real Envoy with the module: no spelling of the path of a strict file is served
//! under the lax policy, however the server reads it. `scripts/test.d/43-servers` installs them.

mod spellings;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::envoy::{Configuration, Envoy, Folder, Listener, Routes, cors};
use support::http::{self, Connection, Response};

#[test]
fn no_spelling_of_a_strict_file_is_served_under_the_lax_policy() {
    let folder = Folder::new();
    let servers = Servers::start(&folder);
    let configuration = json!({
        "allowOrigins": [LAX],
        "allowCredentials": true,
        "rules": [
            {"match": {"pathPrefixes": ["/admin"]}, "policy": {"allowOrigins": [STRICT]}},
            {"match": {"exactPaths": ["/one/secret.txt"]}, "policy": {"allowOrigins": [STRICT]}},
        ],
    });
    let listener = |(name, port): (&String, &u16)| {
        let filter = cors(name, Configuration::Text(&configuration.to_string()));
        let mut listener = Listener::new(name, vec![filter], Routes::All);
        listener.upstream = Some(*port);
        listener
    };
    let envoy = Envoy::start(1, servers.ports.iter().map(listener).collect());

    let spellings = spellings::all();
    let mut escapes = Vec::new();
    for name in servers.ports.keys() {
        let port = envoy.port(name);
        let (mut served, mut closed) = (0, 0);
        let mut connection = None;
        for path in &spellings {
            let response = ask(&mut connection, port, path, LAX);
            if is_secret(&response) {
                served += 1;
                match allow_origin(&response) {
                    Some(_) => escapes.push(format!("{name}: {path}")),
                    None => closed += 1,
                }
            }
        }
        println!(
            "{name}: {served} of {} spellings get a strict file",
            spellings.len()
        );
        // The test detects what it looks for, and the plain paths have the intended policies.
        assert!(
            closed >= LEAST_SERVED,
            "{name} serves {served} spellings only"
        );
        let strict = ask(&mut connection, port, "/admin/secret.txt", STRICT);
        assert!(is_secret(&strict), "{name}");
        assert_eq!(allow_origin(&strict), Some(STRICT.into()), "{name}");
        let lax = ask(&mut connection, port, "/open.txt", LAX);
        assert_eq!(allow_origin(&lax), Some(LAX.into()), "{name}");
    }
    assert!(
        escapes.is_empty(),
        "{} escapes: {escapes:#?}",
        escapes.len()
    );
}

/// A rule by route name applies to the route that Envoy finds by its own reading of the path: Envoy's path
/// options close the spellings that servers normalize, and without them these are open.
#[test]
fn rules_by_route_name_hold_with_the_path_options_of_envoy() {
    let folder = Folder::new();
    let servers = Servers::start(&folder);
    let configuration = json!({
        "allowOrigins": [LAX],
        "rules": [{"match": {"routeNames": ["admin"]}, "policy": {"allowOrigins": [STRICT]}}],
    });
    let routes = || {
        let route = |name: &str, prefix: &str| json!({"name": name, "match": {"prefix": prefix}, "route": {"cluster": "upstream"}});
        Routes::VirtualHosts(json!([{"name": "all", "domains": ["*"], "routes": [
            route("admin", "/admin"), route("rest", "/")]}]))
    };
    let listener = |name: &str, settings: Value| {
        let filter = cors(name, Configuration::Text(&configuration.to_string()));
        let mut listener = Listener::new(name, vec![filter], routes());
        listener.settings = settings;
        listener
    };
    let options = |action: &str| json!({"normalize_path": true, "merge_slashes": true, "path_with_escaped_slashes_action": action});
    let envoy = Envoy::start(
        servers.ports["nginx"],
        vec![
            listener("none", json!({})),
            listener("unescape", options("UNESCAPE_AND_REDIRECT")),
            listener("reject", options("REJECT_REQUEST")),
        ],
    );
    let escapes = |listener: &str| -> Vec<String> {
        let mut connection = None;
        let mut escapes = spellings::all();
        escapes.retain(|path| {
            let response = ask(&mut connection, envoy.port(listener), path, LAX);
            path.contains("dm") && is_secret(&response) && allow_origin(&response).is_some()
        });
        escapes
    };
    assert!(escapes("none").len() >= LEAST_SERVED);
    assert_eq!(escapes("unescape"), Vec::<String>::new());
    assert_eq!(escapes("reject"), Vec::<String>::new());
}

/// Sends a GET with the path as it is, on the connection if it is still open.
fn ask(connection: &mut Option<Connection>, port: u16, path: &str, origin: &str) -> Response {
    let request = http::request(
        "GET",
        path,
        &[("host", b"api.example"), ("origin", origin.as_bytes())],
    );
    for _ in 0..2 {
        let mut open = connection
            .take()
            .unwrap_or_else(|| Connection::open(port).expect("Envoy to listen"));
        if open.send(&request).is_ok()
            && let Ok(response) = open.receive(false)
        {
            if response.headers.only("connection") != Some(b"close") {
                *connection = Some(open);
            }
            return response;
        }
    }
    panic!("no answer to {path}");
}

fn is_secret(response: &Response) -> bool {
    response.body.windows(6).any(|part| part == b"SECRET")
}

fn allow_origin(response: &Response) -> Option<String> {
    let origin = response.headers.only("access-control-allow-origin")?;
    Some(String::from_utf8_lossy(origin).into_owned())
}

/// The servers, each with its port, all with the same files.
struct Servers {
    ports: BTreeMap<String, u16>,
    processes: Vec<Child>,
}

impl Servers {
    fn start(folder: &Folder) -> Self {
        let files = folder.path("files");
        for (file, text) in [
            ("admin/secret.txt", "SECRET"),
            ("one/secret.txt", "SECRET"),
            ("x/open.txt", "OPEN"),
            ("open.txt", "OPEN"),
        ] {
            let path = files.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let mut servers = Self {
            ports: BTreeMap::new(),
            processes: Vec::new(),
        };
        let (own, files) = (folder.path(""), files.to_string_lossy().into_owned());
        let own = own.to_string_lossy().into_owned();

        let (port, prefix) = (free_port(), free_port());
        folder.write("nginx.conf", &format!("daemon off; master_process off; pid {own}/nginx.pid; error_log {own}/nginx.log;
            events {{}}
            http {{
                access_log off; client_body_temp_path {own}/1; proxy_temp_path {own}/2; fastcgi_temp_path {own}/3; uwsgi_temp_path {own}/4; scgi_temp_path {own}/5;
                server {{ listen 127.0.0.1:{port}; root {files}; }}
                server {{ listen 127.0.0.1:{prefix}; location / {{ return 404; }} location /admin {{ return 200 SECRET; }} }}
            }}"));
        servers.spawn(Command::new("nginx").args([
            "-e",
            &format!("{own}/nginx.log"),
            "-c",
            &format!("{own}/nginx.conf"),
        ]));
        servers.wait("nginx", port);
        servers.wait("nginx's location", prefix);

        let port = free_port();
        folder.write("apache.conf", &format!("ServerName localhost\nPidFile {own}/apache.pid\nErrorLog {own}/apache.log\nListen 127.0.0.1:{port}
            LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
            LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
            DefaultRuntimeDir {own}\nMutex file:{own}\nDocumentRoot {files}\nAllowEncodedSlashes On\n"));
        servers.spawn(Command::new("apache2").args([
            "-X",
            "-d",
            &own,
            "-f",
            &format!("{own}/apache.conf"),
        ]));
        servers.wait("Apache", port);

        let port = free_port();
        folder.write("lighttpd.conf", &format!("server.port = {port}\nserver.bind = \"127.0.0.1\"\nserver.document-root = \"{files}\"\n"));
        servers.spawn(Command::new("lighttpd").args(["-D", "-f", &format!("{own}/lighttpd.conf")]));
        servers.wait("lighttpd", port);

        let port = free_port();
        folder.write("Caddyfile", &format!("{{\n admin off\n auto_https off\n}}\nhttp://127.0.0.1:{port}, http://:{port} {{\n root * {files}\n file_server\n}}\n"));
        servers.spawn(
            Command::new("caddy")
                .args([
                    "run",
                    "--adapter",
                    "caddyfile",
                    "--config",
                    &format!("{own}/Caddyfile"),
                ])
                .env("HOME", &own)
                .env("XDG_DATA_HOME", &own)
                .env("XDG_CONFIG_HOME", &own),
        );
        servers.wait("Caddy", port);

        let port = free_port();
        servers.spawn(Command::new("python3").args([
            "-m",
            "http.server",
            "--bind",
            "127.0.0.1",
            "--directory",
            &files,
            &port.to_string(),
        ]));
        servers.wait("http.server", port);

        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/envoy/servers/server.cjs");
        let node = servers.spawn(
            Command::new("node")
                .arg(script)
                .arg(&files)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped()),
        );
        let mut line = String::new();
        BufReader::new(node.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("its ports");
        let ports: BTreeMap<String, u16> =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("no servers of Node: {NEEDS}"));
        servers.ports.extend(ports);
        servers
    }

    fn spawn(&mut self, command: &mut Command) -> &mut Child {
        if std::env::var_os("SERVERS_LOG").is_none() {
            command.stderr(Stdio::null());
        }
        if command.get_program() != "node" {
            command.stdin(Stdio::null()).stdout(Stdio::null());
        }
        let process = command
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}: {NEEDS}", command.get_program()));
        self.processes.push(process);
        self.processes.last_mut().expect("it is there")
    }

    fn wait(&mut self, name: &str, port: u16) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                start.elapsed() < PATIENCE,
                "{name} does not listen; SERVERS_LOG=1 shows what it says"
            );
            thread::sleep(Duration::from_millis(20));
        }
        self.ports.insert(name.into(), port);
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // Killing fails only for a process that has already ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

const LAX: &str = "https://lax.example";
const STRICT: &str = "https://admin.example";
/// Each server is known to normalize at least this many.
const LEAST_SERVED: usize = 20;
const NEEDS: &str = "scripts/test 43-servers installs all that this test needs";
const PATIENCE: Duration = Duration::from_secs(20);
