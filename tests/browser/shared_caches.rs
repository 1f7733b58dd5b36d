//! Pages of several origins in random order, without and with a shared cache in front of Envoy: no page ever reads
//! the answer for another origin. `BLESS=1` writes the figures into docs/src/explanation/caches.md.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::{Stage, in_every_engine, name_for, policy};
use support::browser::Engine;
use support::leash::Leash;
use support::random::Random;
use support::root;

/// Between the browser and Envoy.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Front {
    Nothing,
    Nginx,
    Varnish,
}

/// How many requests scripts made, and what Envoy saw of them.
#[derive(Clone, Debug, Default)]
struct Count {
    calls: usize,
    preflights: usize,
    requests: usize,
}

#[test]
fn nobody_gets_the_answer_for_another_origin() {
    let listeners = [Front::Nothing, Front::Nginx, Front::Varnish].map(|front| {
        let policy_of = json!({"allowOrigins": ["$APP", "$NEIGHBOUR"], "allowMethods": ["GET", "PUT"],
            "allowHeaders": ["*"], "maxAge": 600});
        policy(&listener_of(front), policy_of)
    });
    // All engines share the caches, which have one listener.
    let caches: [OnceLock<(Leash, u16)>; 2] = [OnceLock::new(), OnceLock::new()];
    let shared = |front| name_for(Engine::Chromium, &listener_of(front));
    let counts = Mutex::new(BTreeMap::new());
    in_every_engine(&listeners, |stage| {
        for front in [Front::Nothing, Front::Nginx, Front::Varnish] {
            let (name, who) = match front {
                Front::Nothing => {
                    let name = name_for(stage.engine, &listener_of(front));
                    (name, stage.engine.to_string())
                }
                Front::Nginx | Front::Varnish => (shared(front), "all three".into()),
            };
            let envoy = stage.envoy.port(&name);
            let port = match front {
                Front::Nothing => envoy,
                Front::Nginx => caches[0].get_or_init(|| start(front, envoy)).1,
                Front::Varnish => caches[1].get_or_init(|| start(front, envoy)).1,
            };
            let calls = visits(stage, &format!("http://api.app.localhost:{port}"), front);
            let mut counts = counts.lock().expect("the counts");
            let count = counts.entry((front, who)).or_insert(Count::default());
            count.calls += calls;
            // The last engine sees the requests of all.
            let log = stage.whole_log(&name);
            let preflights = log.lines().filter(|line| line.starts_with("OPTIONS "));
            count.preflights = preflights.count();
            count.requests = log.lines().count() - count.preflights;
        }
    });
    let counts = counts.into_inner().expect("the counts");
    for (of, count) in &counts {
        assert!(count.calls > 50, "{of:?}");
        // The caches are in use.
        let seen = count.preflights + count.requests;
        assert!(
            seen < count.calls && count.preflights > 0,
            "{of:?} {count:?}"
        );
    }
    if env::var_os("BLESS").is_some() {
        write(&counts);
    }
}

fn listener_of(front: Front) -> String {
    format!("{front:?}").to_lowercase()
}

/// Visits pages in random order, each of which makes some calls; returns how many.
fn visits(stage: &Stage, api: &str, front: Front) -> usize {
    let mut random = Random::new(7 + front as u64);
    let mut made = 0;
    for _ in 0..VISITS {
        let page = random.pick(&[&stage.app, &stage.neighbour, &stage.evil]);
        let is_allowed = page != &stage.evil;
        let calls: Vec<_> = (0..CALLS)
            .map(|_| {
                let path = format!("{api}/mine?{}", random.below(3));
                match random.below(6) {
                    0 => json!([path, {"mode": "no-cors"}]),
                    1 => json!([path, {"method": "PUT"}]),
                    2 => json!([path, {"headers": {"x-one": "1"}}]),
                    _ => json!([path, {}]),
                }
            })
            .collect();
        stage.browser.open(page);
        let read = stage.browser.run(RUN, json!(calls)).expect("the answers");
        for (call, read) in calls.iter().zip(read.as_array().expect("a list")) {
            let expected = match (call[1]["mode"].as_str(), is_allowed) {
                (Some(_), _) => "opaque",
                (None, true) => page.as_str(),
                (None, false) => "failed",
            };
            assert_eq!(read, expected, "{} {front:?} {page} {call}", stage.engine);
        }
        made += calls.len();
    }
    made
}

/// Starts a cache in front of this port, and returns its own.
fn start(front: Front, envoy: u16) -> (Leash, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    drop(listener);
    let process = Leash::start(|folder| match front {
        Front::Nginx => {
            let path = folder.path("");
            let path = path.to_str().expect("a path");
            let config = NGINX
                .replace("FOLDER", path)
                .replace("ENVOY", &envoy.to_string())
                .replace("PORT", &port.to_string());
            fs::write(folder.path("nginx.conf"), config).expect("the configuration");
            let mut nginx = Command::new("nginx");
            nginx
                .arg("-c")
                .arg(folder.path("nginx.conf"))
                .arg("-e")
                .arg("stderr");
            nginx
        }
        _ => {
            let mut varnish = Command::new("varnishd");
            let (listen, backend) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{envoy}"));
            varnish.args([
                "-F",
                "-a",
                &listen,
                "-b",
                &backend,
                "-s",
                "malloc,16m",
                "-j",
                "none",
            ]);
            varnish.arg("-n").arg(folder.path("varnish"));
            varnish
        }
    });
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let is_patient = start.elapsed() < Duration::from_secs(60);
        assert!(
            is_patient,
            "{front:?} does not start: {}\n{INSTALL}",
            process.log()
        );
        thread::sleep(Duration::from_millis(50));
    }
    (process, port)
}

/// Writes the table of the document.
fn write(counts: &BTreeMap<(Front, String), Count>) {
    let rows = counts.iter().map(|((front, who), count)| {
        let Count {
            calls,
            preflights,
            requests,
        } = count;
        let front = match front {
            Front::Nothing => "nothing",
            Front::Nginx => "nginx",
            Front::Varnish => "Varnish",
        };
        format!("| {front} | {who} | {calls} | {preflights} | {requests} |\n")
    });
    let table = format!("{HEAD}{}", rows.collect::<String>());
    let path = root().join("docs/src/explanation/caches.md");
    let text = fs::read_to_string(&path).expect("docs/src/explanation/caches.md");
    let start = text.find(HEAD).expect("the table");
    let end = text[start..]
        .find("\n\n")
        .map_or(text.len(), |end| start + end + 1);
    let text = format!("{}{table}{}", &text[..start], &text[end..]);
    fs::write(path, text).expect("the document");
}

const RUN: &str = "const read = [];
    for (const [url, init] of given) {
        try {
            const response = await fetch(url, init);
            read.push(response.type === 'opaque' ? 'opaque' : await response.text());
        } catch { read.push('failed'); }
    }
    return read;";

const HEAD: &str =
    "| in front of Envoy | browser | calls | preflights that reached Envoy | other requests that reached Envoy |
|---|---|---|---|---|
";

const NGINX: &str = "daemon off;
master_process off;
pid FOLDER/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path FOLDER/body;
  proxy_temp_path FOLDER/proxy;
  fastcgi_temp_path FOLDER/fastcgi;
  uwsgi_temp_path FOLDER/uwsgi;
  scgi_temp_path FOLDER/scgi;
  proxy_cache_path FOLDER/cache keys_zone=shared:1m;
  server {
    listen 127.0.0.1:PORT;
    location / {
      proxy_pass http://127.0.0.1:ENVOY;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_cache shared;
    }
  }
}
";

const INSTALL: &str = "install it (on Debian: apt-get install nginx varnish; scripts/test does it)";

const VISITS: usize = 12;
const CALLS: usize = 6;
