//! The shipped module in a real Envoy, with requests from scripts in real browsers: what the script
//! saw and what Envoy answered, both for allowed and for refused requests.

mod answers;
mod cache;
mod clients;
mod credentials;
mod device;
mod elements;
mod fetches;
mod local_network;
mod messages;
mod model;
mod origins;
mod page;
mod protocols;
mod shared_caches;

use std::cell::RefCell;
use std::collections::HashMap;
use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::browser::{Browser, Engine, Options};
use support::envoy::{Configuration, Envoy, Folder, Listener, module};
use support::http::Head;
use support::root;
use support::upstream::{Reply, Upstream};

/// Two web sites, an Envoy with an upstream, and a browser.
///
/// In a filter's configuration, `$APP`, `$NEIGHBOUR` and `$PUBLIC` are replaced by the origins of that name,
/// and `$ENGINE` by the engine's name.
struct Stage<'a> {
    engine: Engine,
    app: String,
    evil: String,
    /// The host of `app` on another port: another origin, the same site.
    neighbour: String,
    /// The host of `app` on a port that Chromium takes for one of the internet.
    public: String,
    envoy: &'a Envoy,
    browser: MutexGuard<'static, Browser>,
    /// How many lines of a listener's log have been checked.
    seen: RefCell<HashMap<String, usize>>,
}

/// Runs a test in every engine at the same time. Each has its own copy of the listeners.
fn in_every_engine(listeners: &[Listener], test: impl Fn(&Stage) + Sync) {
    in_engines(&Engine::ALL, listeners, test);
}

fn in_engines(engines: &[Engine], listeners: &[Listener], test: impl Fn(&Stage) + Sync) {
    let engines = chosen(engines);
    let folder = Folder::new();
    let copies = engines.iter().flat_map(|engine| {
        let copy = |listener| copy_for(*engine, listener, &folder);
        listeners.iter().map(copy).collect::<Vec<_>>()
    });
    let copies = copies.collect();
    let api = Upstream::start(answers::answer);
    let envoy = Envoy::start_in(folder, api.port, copies);
    let failed: Vec<_> = thread::scope(|scope| {
        let run = |engine: Engine| {
            let (envoy, test) = (&envoy, &test);
            let run = move || test(&Stage::new(engine, envoy));
            scope.spawn(move || {
                catch_unwind(AssertUnwindSafe(run))
                    .is_err()
                    .then_some(engine)
            })
        };
        let threads: Vec<_> = engines.iter().copied().map(run).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended
            .filter_map(|ended| ended.expect("a caught panic"))
            .collect()
    });
    assert!(failed.is_empty(), "failed in {failed:?}");
}

/// Those that the variable `ENGINES` names, as in `ENGINES=firefox,webkit`; without it all.
fn chosen(engines: &[Engine]) -> Vec<Engine> {
    let Ok(names) = env::var("ENGINES") else {
        return engines.to_vec();
    };
    let engine_of = |name: &str| {
        let mut all = Engine::ALL.into_iter();
        let engine = all.find(|engine| engine.to_string() == name);
        engine.unwrap_or_else(|| panic!("ENGINES: {name:?} is not an engine"))
    };
    let named: Vec<_> = names.split(',').map(engine_of).collect();
    let is_named = |engine: &Engine| named.contains(engine);
    engines.iter().copied().filter(is_named).collect()
}

fn copy_for(engine: Engine, listener: &Listener, folder: &Folder) -> Listener {
    let mut listener = listener.clone();
    let filters = json!(listener.filters).to_string();
    let filters = filters
        .replace("$APP", &app())
        .replace("$NEIGHBOUR", &neighbour())
        .replace("$PUBLIC", &public())
        .replace("$ENGINE", &engine.to_string());
    let filters: Value = serde_json::from_str(&filters).expect("filters");
    listener.filters = filters.as_array().expect("a list").clone();
    listener.name = name_for(engine, &listener.name);
    listener.settings["access_log"] = json!([{"name": "file", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": folder.path(&listener.name),
        "log_format": {"text_format_source": {"inline_string": LOG_FORMAT}},
    }}]);
    listener.settings["stat_prefix"] = json!(listener.name);
    listener
}

fn name_for(engine: Engine, listener: &str) -> String {
    format!("{engine}_{listener}")
}

/// The web sites, for all tests.
struct Sites {
    pages: Upstream,
    neighbour: Upstream,
    /// Chromium takes it for one of the internet.
    public: Upstream,
}

static SITES: LazyLock<Sites> = LazyLock::new(|| {
    let page = |head: &Head| {
        if head.start.starts_with("GET /clients.js ") {
            return clients::bundle();
        }
        if let Some(file) = playground_file(head) {
            return file;
        }
        let mut headers = vec![("content-type", "text/html")];
        if head.start.starts_with("GET /sandbox ") {
            headers.push(("content-security-policy", "sandbox allow-scripts"));
        }
        // Without an icon browsers would ask for one.
        let html = "<!doctype html><link rel=icon href=data:,><body>";
        reply(200, &headers, html)
    };
    Sites {
        pages: Upstream::start(page),
        neighbour: Upstream::start(page),
        public: Upstream::start(page),
    }
});

/// A file of the playground, below `/playground/`, or what is WebAssembly.
fn playground_file(head: &Head) -> Option<Reply> {
    let path = head.start.split([' ', '?']).nth(1)?;
    let name = path.strip_prefix("/playground/")?;
    if let "cors.wasm" | "corsctl.wasm" = name {
        let program = fs::read(module().with_file_name(name)).ok()?;
        return Some(reply(200, &[("content-type", "application/wasm")], program));
    }
    let kind = match name.rsplit('.').next()? {
        "html" => "text/html",
        "js" => "text/javascript",
        _ => "text/css",
    };
    let file = fs::read(root().join("playground").join(name)).ok()?;
    Some(reply(200, &[("content-type", kind)], file))
}

/// The browsers, for all tests: each starts once, and does one test at a time.
fn browser(engine: Engine) -> MutexGuard<'static, Browser> {
    static CHROMIUM: LazyLock<Mutex<Browser>> = LazyLock::new(|| start(Engine::Chromium));
    static FIREFOX: LazyLock<Mutex<Browser>> = LazyLock::new(|| start(Engine::Firefox));
    static WEBKIT: LazyLock<Mutex<Browser>> = LazyLock::new(|| start(Engine::WebKit));
    fn start(engine: Engine) -> Mutex<Browser> {
        let public_port = Some(SITES.public.port);
        Mutex::new(engine.start(&Options { public_port }))
    }
    let browser = match engine {
        Engine::Chromium => &CHROMIUM,
        Engine::Firefox => &FIREFOX,
        Engine::WebKit => &WEBKIT,
    };
    browser.lock().unwrap_or_else(PoisonError::into_inner)
}

fn app() -> String {
    format!("http://app.localhost:{}", SITES.pages.port)
}

fn public() -> String {
    format!("http://app.localhost:{}", SITES.public.port)
}

fn neighbour() -> String {
    format!("http://app.localhost:{}", SITES.neighbour.port)
}

impl<'a> Stage<'a> {
    fn new(engine: Engine, envoy: &'a Envoy) -> Self {
        let browser = browser(engine);
        // Those of the test before.
        browser.complaints();
        Self {
            engine,
            app: app(),
            evil: format!("http://evil.localhost:{}", SITES.pages.port),
            neighbour: neighbour(),
            public: public(),
            envoy,
            browser,
            seen: RefCell::default(),
        }
    }

    /// The address of a path behind a listener: another origin, of the same site as `app`, since
    /// Chromium keeps cookies from other sites whatever their CORS headers say.
    fn url(&self, listener: &str, path: &str) -> String {
        let port = self.envoy.port(&name_for(self.engine, listener));
        format!("http://api.app.localhost:{port}{path}")
    }

    /// Status and body that a script reads with `fetch`, or what it catches.
    fn fetch(&self, listener: &str, path: &str, init: Value) -> String {
        let script = "const response = await fetch(given.url, given.init);
            return response.status + ' ' + await response.text();";
        self.run(
            script,
            json!({"url": self.url(listener, path), "init": init}),
        )
    }

    /// What a script returns, or what it throws; [`FAILED`] for a `fetch` that failed.
    fn run(&self, script: &str, given: Value) -> String {
        match self.browser.run(script, given) {
            Err(text) if text == self.engine.failed_fetch() => FAILED.into(),
            Ok(Value::String(text)) | Err(text) => text,
            Ok(other) => other.to_string(),
        }
    }

    /// Checks the answers of a listener since the last check.
    fn answered(&self, listener: &str, expected: &[&str]) {
        let start = Instant::now();
        let mut lines = self.news(listener);
        while lines.len() < expected.len() && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(20));
            lines.extend(self.news(listener));
        }
        let engine = self.engine;
        assert_eq!(lines, expected, "the answers of {listener} to {engine}");
    }

    /// The lines of a listener's log since the last call, when all requests have ended.
    fn news(&self, listener: &str) -> Vec<String> {
        let log = self.whole_log(&name_for(self.engine, listener));
        let log = log
            .replace(&self.app, "$APP")
            .replace(&self.public, "$PUBLIC")
            .replace(&self.neighbour, "$NEIGHBOUR");
        // The last line may be incomplete.
        let log = log.rfind('\n').map_or("", |end| &log[..end]);
        let mut seen = self.seen.borrow_mut();
        let seen = seen.entry(listener.into()).or_default();
        let lines: Vec<_> = log.lines().skip(*seen).map(Into::into).collect();
        *seen += lines.len();
        lines
    }

    /// Envoy writes its log every 50 ms, or later if the machine is busy.
    fn whole_log(&self, name: &str) -> String {
        let prefix = format!("http.{name}.downstream_rq_");
        let start = Instant::now();
        loop {
            let stats = self.envoy.stats(&prefix);
            let stat = |of: &str| stats.get(&format!("{prefix}{of}")).copied();
            let log = self.envoy.folder().read(name);
            let lines = log.matches('\n').count() as u64;
            let is_whole = stat("active") == Some(0) && stat("total") <= Some(lines);
            if is_whole || start.elapsed() > PATIENCE {
                return log;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// One of the module's counters.
    fn count(&self, listener: &str, counter: &str) -> u64 {
        let name = name_for(self.engine, listener);
        self.envoy.stat(&format!("wasmcustom.{name}.{counter}"))
    }
}

/// A listener with the module under one policy, whose counters begin with the listener's name.
fn policy(name: &str, policy: Value) -> Listener {
    Listener::cors(name, Configuration::Struct(&counted(name, policy)))
}

fn counted(name: &str, mut policy: Value) -> Value {
    policy["statPrefix"] = json!(format!("$ENGINE_{name}"));
    policy
}

fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
    let mut reply = Reply::new(status, headers);
    reply.body = body.into();
    reply
}

/// `fetch` rejects, whatever the reason: only the console shows more.
const FAILED: &str = "failed";

const LOG_FORMAT: &str = "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% \
    %RESP(ACCESS-CONTROL-ALLOW-ORIGIN)% %FILTER_STATE(wasm.cors_verdict:PLAIN)%\n";

const PATIENCE: Duration = Duration::from_secs(20);
