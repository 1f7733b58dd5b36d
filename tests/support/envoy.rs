//! A real Envoy for the time of a test.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http;

pub struct Envoy {
    pub admin: u16,
    ports: HashMap<String, u16>,
    process: Child,
    folder: Folder,
}

/// One listener: an HTTP connection manager with its filters and routes.
#[derive(Clone)]
pub struct Listener {
    pub name: String,
    /// The filters before the router.
    pub filters: Vec<Value>,
    pub routes: Routes,
    /// Further settings of the connection manager.
    pub settings: Value,
    /// `INBOUND`, `OUTBOUND` or `UNSPECIFIED`.
    pub direction: &'static str,
    /// The port of a separate upstream, for `Routes::All`.
    pub upstream: Option<u16>,
    /// TLS, as a transport socket; `null` is none.
    pub transport: Value,
}

#[derive(Clone)]
pub enum Routes {
    /// Everything goes to the cluster `upstream`.
    All,
    /// Virtual hosts as Envoy writes them.
    VirtualHosts(Value),
    /// The route configuration of this name in a file that Envoy watches.
    File(&'static str),
}

/// The configuration for `on_configure`, and its form.
pub enum Configuration<'a> {
    Absent,
    Struct(&'a Value),
    Text(&'a str),
}

/// How a started Envoy ended by itself.
pub struct Ended {
    pub code: Option<i32>,
    pub log: String,
}

/// The two forms of the filter. Every test runs with the one that the variable `CORS_SHELL` names, `wasm` without it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shell {
    /// The dynamic module, `dist/libcors.so`.
    Native,
    /// The WebAssembly module, `dist/cors.wasm`.
    Wasm,
}

impl Shell {
    pub fn under_test() -> Self {
        match std::env::var("CORS_SHELL").as_deref() {
            Ok("native") => Self::Native,
            Ok("wasm") | Err(_) => Self::Wasm,
            Ok(other) => panic!("CORS_SHELL is {other}, neither native nor wasm"),
        }
    }

    /// What Envoy says of a configuration that this form refuses.
    pub fn refusal(self) -> &'static str {
        match self {
            Self::Native => "Failed to initialize dynamic module",
            Self::Wasm => "Unable to create Wasm plugin",
        }
    }

    /// The component under which Envoy logs the lines of this form.
    pub fn component(self) -> &'static str {
        match self {
            Self::Native => "dynamic_modules",
            Self::Wasm => "wasm",
        }
    }

    /// The filter in this form.
    pub fn cors(self, name: &str, configuration: Configuration) -> Value {
        let configuration = match configuration {
            Configuration::Absent => Value::Null,
            Configuration::Struct(value) => {
                json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": value})
            }
            Configuration::Text(text) => {
                json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text})
            }
        };
        match self {
            Self::Native => native(name, configuration),
            Self::Wasm => wasm(name, configuration),
        }
    }
}

/// The filter under test.
pub fn cors(name: &str, configuration: Configuration) -> Value {
    Shell::under_test().cors(name, configuration)
}

fn native(name: &str, configuration: Value) -> Value {
    let mut config = json!({
        "dynamic_module_config": dynamic_module(),
        "filter_name": name,
    });
    if !configuration.is_null() {
        config["filter_config"] = configuration;
    }
    filter("cors", "dynamic_modules.v3.DynamicModuleFilter", config)
}

/// The dynamic module, with the counters named as those of the WebAssembly module.
pub fn dynamic_module() -> Value {
    json!({"name": "cors", "metrics_namespace": "wasmcustom"})
}

fn wasm(name: &str, configuration: Value) -> Value {
    let mut plugin = json!({
        "name": name,
        "root_id": name,
        "failure_policy": "FAIL_RELOAD",
        "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": module()}},
        },
    });
    if !configuration.is_null() {
        plugin["configuration"] = configuration;
    }
    filter("cors", "wasm.v3.Wasm", json!({"config": plugin}))
}

/// An HTTP filter of Envoy's own: `filter("rbac", "rbac.v3.RBAC", …)`.
pub fn filter(name: &str, message: &str, mut config: Value) -> Value {
    config["@type"] = json!(format!(
        "type.googleapis.com/envoy.extensions.filters.http.{message}"
    ));
    json!({"name": name, "typed_config": config})
}

/// A route for all requests to the cluster `upstream`.
pub fn to_upstream() -> Value {
    json!({"match": {"prefix": "/"}, "route": {"cluster": "upstream"}})
}

impl Envoy {
    /// Starts Envoy and waits until it is ready; panics with its log if it never is.
    pub fn start(upstream: u16, listeners: Vec<Listener>) -> Self {
        Self::start_in(Folder::new(), upstream, listeners)
    }

    /// The same in a folder with files that listeners name.
    pub fn start_in(folder: Folder, upstream: u16, listeners: Vec<Listener>) -> Self {
        let mut envoy = Self::launch_in(folder, upstream, listeners);
        envoy.wait();
        envoy
    }

    /// The same without waiting.
    pub fn launch_in(folder: Folder, upstream: u16, listeners: Vec<Listener>) -> Self {
        let process = spawn(&folder, upstream, listeners, "serve");
        Self::of(folder, process)
    }

    /// Starts Envoy with the text of a shipped configuration. It gets the module under test and free ports,
    /// also for clusters, which reach no server.
    pub fn start_shipped(configuration: &str) -> Self {
        let folder = Folder::new();
        let module = format!("filename: \"{}\"", module().display());
        let configuration = regex_lite::Regex::new(r"filename: [a-z/]*/(cors|plugin)\.wasm")
            .expect("a regular expression")
            .replace_all(configuration, regex_lite::NoExpand(&module));
        let configuration = regex_lite::Regex::new(r"port_value: \d+")
            .expect("a regular expression")
            .replace_all(&configuration, "port_value: 0");
        fs::write(folder.path("envoy.yaml"), configuration.as_bytes()).expect("the configuration");
        let process = run(&folder, "envoy.yaml", "serve");
        let mut envoy = Self::of(folder, process);
        envoy.wait();
        envoy
    }

    fn of(folder: Folder, process: Child) -> Self {
        Self {
            admin: 0,
            ports: HashMap::new(),
            process,
            folder,
        }
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while !self.is_ready() {
            let ended = self.process.try_wait().expect("the state of Envoy");
            if ended.is_some() || start.elapsed() > PATIENCE {
                panic!("Envoy is not ready:\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts Envoy with a configuration that it should reject; `mode` is `serve` or `validate`.
    pub fn run(upstream: u16, listeners: Vec<Listener>, mode: &str) -> Ended {
        let folder = Folder::new();
        let mut process = spawn(&folder, upstream, listeners, mode);
        let start = Instant::now();
        while process.try_wait().expect("the state of Envoy").is_none() {
            if start.elapsed() > PATIENCE {
                process.kill().expect("Envoy to end");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ended {
            code: process.wait().expect("the state of Envoy").code(),
            log: folder.read("envoy.log"),
        }
    }

    /// The port of a listener.
    pub fn port(&self, listener: &str) -> u16 {
        self.ports[listener]
    }

    /// What Envoy and the module have logged so far.
    pub fn log(&self) -> String {
        self.folder.read("envoy.log")
    }

    /// The lines of the access log: the request's `x-case`, then the filter's verdict.
    pub fn verdicts(&self) -> HashMap<String, String> {
        // Envoy writes them every 50 ms.
        thread::sleep(Duration::from_millis(300));
        let log = self.folder.read("access.log");
        let lines = log.lines().filter_map(|line| line.split_once(' '));
        lines
            .map(|(case, verdict)| (case.into(), verdict.into()))
            .collect()
    }

    /// Envoy's counters and gauges whose name has this prefix.
    pub fn stats(&self, prefix: &str) -> HashMap<String, u64> {
        let text = http::get(self.admin, "/stats").expect("statistics");
        let text = String::from_utf8_lossy(&text).into_owned();
        let stats = text.lines().filter_map(|line| line.split_once(": "));
        let stats = stats.filter(|(name, _)| name.starts_with(prefix));
        stats
            .filter_map(|(name, value)| Some((name.into(), value.parse().ok()?)))
            .collect()
    }

    pub fn stat(&self, name: &str) -> u64 {
        self.stats(name).get(name).copied().unwrap_or_default()
    }

    /// How often the module panicked: VMs that were lost, by the counters of every plugin, or lines of the log.
    pub fn lost_vms(&self) -> u64 {
        if Shell::under_test() == Shell::Native {
            return self.log().matches("panicked at").count() as u64;
        }
        let stats = self.stats("wasm.");
        let reloads = stats.iter().filter(|(name, _)| name.contains(".vm_reload"));
        let reloads: Vec<_> = reloads.map(|(_, count)| count).collect();
        assert!(!reloads.is_empty(), "Envoy counts no VMs that were lost");
        reloads.into_iter().sum()
    }

    /// Resident memory in KiB.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).expect("the state of Envoy");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let size = line.and_then(|line| line.trim().strip_suffix(" kB"));
        size.and_then(|size| size.parse().ok()).expect("a size")
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Whether Envoy is ready by its page /ready, which load balancers and Kubernetes use.
    pub fn is_ready(&mut self) -> bool {
        let address = self.folder.read("admin");
        let Some(port) = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
        else {
            return false;
        };
        self.admin = port;
        if http::get(port, "/ready").is_err() {
            return false;
        }
        let listeners = http::get(port, "/listeners?format=json").expect("the listeners");
        let listeners: Value = serde_json::from_slice(&listeners).expect("the listeners as JSON");
        for listener in listeners["listener_statuses"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let port = &listener["local_address"]["socket_address"]["port_value"];
            if let (Some(name), Some(port)) = (listener["name"].as_str(), port.as_u64()) {
                self.ports
                    .insert(name.into(), u16::try_from(port).expect("a port"));
            }
        }
        true
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // Killing fails only for an Envoy that has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Listener {
    /// A listener with only the module, and everything routed to the upstream.
    pub fn cors(name: &str, config: Configuration) -> Self {
        Self::new(name, vec![cors(name, config)], Routes::All)
    }

    pub fn new(name: &str, filters: Vec<Value>, routes: Routes) -> Self {
        Self {
            name: name.into(),
            filters,
            routes,
            settings: json!({}),
            direction: "UNSPECIFIED",
            upstream: None,
            transport: Value::Null,
        }
    }

    fn into_json(self, folder: &Folder) -> Value {
        let mut filters = self.filters;
        filters.push(filter(
            "router",
            "router.v3.Router",
            json!({"suppress_envoy_headers": true}),
        ));
        let mut manager = json!({
            "@type": format!("{NETWORK}.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "ingress",
            "http_filters": filters,
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "access_log": [{"name": "file", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": folder.path("access.log"),
                "log_format": {"text_format_source": {"inline_string":
                    "%REQ(X-CASE)% %FILTER_STATE(wasm.cors_verdict:PLAIN)%\n"}},
            }}],
        });
        for (name, value) in self.settings.as_object().into_iter().flatten() {
            manager[name] = value.clone();
        }
        let hosts = |hosts| json!({"name": "routes", "virtual_hosts": hosts});
        match self.routes {
            Routes::All => {
                let mut route = to_upstream();
                if self.upstream.is_some() {
                    route["route"]["cluster"] = json!(self.name);
                }
                let all = json!([{"name": "all", "domains": ["*"], "routes": [route]}]);
                manager["route_config"] = hosts(all);
            }
            Routes::VirtualHosts(given) => manager["route_config"] = hosts(given),
            Routes::File(name) => {
                manager["rds"] = json!({"route_config_name": name, "config_source":
                    {"resource_api_version": "V3", "path_config_source": {"path": folder.path(name)}}});
            }
        }
        let mut chain = json!({"filters": [{"name": "http", "typed_config": manager}]});
        if !self.transport.is_null() {
            chain["transport_socket"] = self.transport;
        }
        json!({
            "name": self.name,
            "address": socket(0),
            "traffic_direction": self.direction,
            "filter_chains": [chain],
        })
    }
}

/// A folder for one test, removed when the test has passed.
pub struct Folder(PathBuf);

#[expect(
    clippy::new_without_default,
    reason = "it makes a folder, which a default value should not"
)]
impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "cors-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a temporary file and renames it, because Envoy watches for the rename.
    pub fn write(&self, name: &str, text: &str) {
        let new = self.path(&format!("{name}.new"));
        fs::write(&new, text).expect("a file for Envoy");
        fs::rename(new, self.path(name)).expect("a file for Envoy");
    }

    /// The text of a file; `None` if it does not exist.
    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !thread::panicking() {
            // Remaining files in the temporary folder are harmless.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn spawn(folder: &Folder, upstream: u16, listeners: Vec<Listener>, mode: &str) -> Child {
    let mut clusters = vec![cluster("upstream", upstream), cluster("dead", DEAD_PORT)];
    for listener in &listeners {
        clusters.extend(listener.upstream.map(|port| cluster(&listener.name, port)));
    }
    let listeners: Vec<_> = listeners
        .into_iter()
        .map(|listener| listener.into_json(folder))
        .collect();
    let bootstrap = json!({
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": socket(0)},
        "static_resources": {
            "listeners": listeners,
            "clusters": clusters,
        },
    });
    fs::write(folder.path("envoy.json"), bootstrap.to_string()).expect("the bootstrap");
    run(folder, "envoy.json", mode)
}

/// Runs Envoy with a file of the folder.
fn run(folder: &Folder, configuration: &str, mode: &str) -> Child {
    let output = fs::File::create(folder.path("stdout")).expect("the output");
    let log = fs::File::create(folder.path("envoy.log")).expect("the log");
    Command::new(binary())
        .args([
            "--mode",
            mode,
            "--concurrency",
            "1",
            "--disable-hot-restart",
        ])
        .args([
            "--log-level",
            "warning",
            "--component-log-level",
            "wasm:debug,dynamic_modules:info",
        ])
        .env(
            "ENVOY_DYNAMIC_MODULES_SEARCH_PATH",
            folder_of_dynamic_module(),
        )
        .args(["--file-flush-interval-msec", "50"])
        .arg("--admin-address-path")
        .arg(folder.path("admin"))
        .arg("-c")
        .arg(folder.path(configuration))
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(log)
        .spawn()
        .expect("Envoy to start")
}

fn cluster(name: &str, port: u16) -> Value {
    let endpoint = json!({"endpoint": {"address": socket(port)}});
    json!({
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    })
}

fn socket(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

/// The Envoy to test with: `ENVOY_BIN`, or the one that `scripts/envoy` fetches.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("ENVOY_BIN") {
        return path.into();
    }
    let script = super::root().join("scripts/envoy");
    let output = Command::new(script)
        .arg("--path")
        .stderr(Stdio::inherit())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().into()
        }
        other => {
            panic!("no Envoy: set ENVOY_BIN, or see what `scripts/envoy --path` says: {other:?}")
        }
    }
}

/// The module under test: `CORS_WASM`, or the one that `scripts/build` built.
pub fn module() -> PathBuf {
    let built = super::root().join("dist/cors.wasm");
    let path = std::env::var_os("CORS_WASM").map_or(built, PathBuf::from);
    assert!(
        path.is_file(),
        "{} is missing: run scripts/build, or set CORS_WASM",
        path.display()
    );
    path
}

/// Where Envoy looks for the dynamic module: `CORS_NATIVE`, or where `scripts/build --native` put it.
fn folder_of_dynamic_module() -> PathBuf {
    let built = super::root().join("dist/libcors.so");
    let path = std::env::var_os("CORS_NATIVE").map_or(built, PathBuf::from);
    assert!(
        path.is_file() || Shell::under_test() == Shell::Wasm,
        "{} is missing: run scripts/build --native, or set CORS_NATIVE",
        path.display()
    );
    path.parent().expect("the folder of a file").into()
}

const NETWORK: &str = "type.googleapis.com/envoy.extensions.filters.network";
const PATIENCE: Duration = Duration::from_secs(60);
/// Nobody listens on the discard port.
const DEAD_PORT: u16 = 9;
