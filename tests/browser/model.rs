//! The model of a browser, `cors::simulate::browser`, compared with the browsers: random calls, answered by random
//! policies and by a server that says anything. The model of an engine must predict the preflights that it sends,
//! whether the script reads the response, and which headers it sees.

mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use cors::http::header::is_cors_safelisted_response_header_name;
use cors::select::policy_set::PolicySet;
use cors::simulate::browser::{self as model, Fetch, Outcome, SetHeader, Upload, Url};
use cors::simulate::exchange::{Incoming, Lines, Response, exchange};
use serde_json::json;

use crate::{app, browser, reply};
use cases::{Answers, Call, Case, case, describe};
use support::browser::Engine;
use support::http::Head;
use support::random::Random;
use support::upstream::{Reply, Upstream};

/// A request as the server sees it: method, origin, requested method and headers.
type Seen = (String, String, String, String);

/// What happened.
#[derive(Debug, Eq, PartialEq)]
struct Observed {
    /// The names of the headers that the script read; none if it failed.
    read: Option<BTreeSet<String>>,
    seen: Vec<Seen>,
}

#[test]
fn chromium_does_what_its_model_predicts() {
    let differences = [
        "client hints",
        "no User-Agent",
        "streams",
        "wildcard and Authorization",
    ];
    compare(Engine::Chromium, differences);
}

#[test]
fn firefox_does_what_its_model_predicts() {
    compare(
        Engine::Firefox,
        ["each line", "streams", "wildcard and Authorization"],
    );
}

#[test]
fn webkit_does_what_its_model_predicts() {
    compare(Engine::WebKit, ["streams", "wildcard and Authorization"]);
}

/// `expected` names where the engine differs from the standard.
fn compare<const N: usize>(engine: Engine, expected: [&'static str; N]) {
    let mut random = Random::new(22);
    let mut wrong = Vec::new();
    let mut differs = BTreeMap::new();
    let mut readable = 0;
    for batch in 0..BATCHES {
        let page = match batch % 3 {
            2 => Page::Opaque,
            _ => Page::App,
        };
        let origin = page.origin();
        let cases: Vec<_> = (0..BATCH).map(|_| case(&mut random, &origin)).collect();
        for (case, observed) in cases.iter().zip(observe(engine, page, &cases)) {
            let mut predicted = predict(engine_of(engine), &origin, case);
            if engine == Engine::Chromium && case.call.upload == Upload::Streamed {
                // It streams over HTTP/2 only, and this server speaks HTTP/1.1: after the preflight it gives up.
                predicted.read = None;
                predicted.seen.truncate(1);
            }
            readable += usize::from(observed.read.is_some());
            if predicted != observed {
                wrong.push(format!(
                    "{}\n  predicted {predicted:?}\n  observed  {observed:?}",
                    describe(case)
                ));
            }
            let standard = predict(model::Engine::Standard, &origin, case);
            if standard != predicted {
                let name = DIFFERENCES.iter().find(|(_, is)| is(engine, case));
                let name = name.map_or_else(|| describe(case), |(name, _)| (*name).into());
                *differs.entry(name).or_insert(0) += 1;
            }
        }
    }
    let names: BTreeSet<_> = differs.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        expected.into_iter().collect(),
        "{engine}: {differs:?}"
    );
    assert!(
        readable > BATCH / 2 && readable < BATCHES * BATCH / 2,
        "{readable} readable"
    );
    let count = wrong.len();
    wrong.truncate(12);
    assert!(
        wrong.is_empty(),
        "{engine}: {count} of {}:\n{}",
        BATCHES * BATCH,
        wrong.join("\n")
    );
}

#[derive(Clone, Copy)]
enum Page {
    App,
    Opaque,
}

impl Page {
    fn origin(self) -> String {
        match self {
            Self::App => app(),
            Self::Opaque => "null".into(),
        }
    }

    fn url(self) -> String {
        match self {
            Self::App => app() + "/",
            Self::Opaque => app() + "/sandbox",
        }
    }
}

fn engine_of(engine: Engine) -> model::Engine {
    match engine {
        Engine::Chromium => model::Engine::Chromium,
        Engine::Firefox => model::Engine::Firefox,
        Engine::WebKit => model::Engine::WebKit,
    }
}

/// Runs the calls in a page of the browser.
fn observe(engine: Engine, page: Page, cases: &[Case]) -> Vec<Observed> {
    let seen = Arc::new(Mutex::new(vec![Vec::new(); cases.len()]));
    let server = {
        let (cases, seen) = (cases.to_vec(), Arc::clone(&seen));
        Upstream::start(move |head| {
            let index = index_of(head);
            let Some(case) = cases.get(index) else {
                return reply(404, &[], "");
            };
            seen.lock().expect("the requests")[index].push(seen_in(head));
            let request = head
                .headers
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_vec()));
            let method = head.start.split(' ').next().unwrap_or_default();
            let line = [
                (":method", method),
                (":authority", "api.localhost"),
                (":path", "/"),
            ];
            let line = line.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
            let (status, headers) =
                answer(&case.answers, line.into_iter().chain(request).collect());
            Reply {
                status,
                headers,
                body: b"text".to_vec(),
            }
        })
    };
    let calls = cases.iter().enumerate().map(|(index, case)| {
        let Call {
            method,
            headers,
            credentials,
            upload,
        } = &case.call;
        json!({
            "url": format!("http://api.localhost:{}/{index}", server.port),
            "method": method,
            "headers": headers,
            "credentials": credentials,
            "upload": format!("{upload:?}"),
        })
    });
    let calls: Vec<_> = calls.collect();
    let browser = browser(engine);
    browser.open(&page.url());
    let read = browser.run(CALLS, json!(calls)).expect("the results");
    let read: Vec<Option<BTreeSet<String>>> = serde_json::from_value(read).expect("names");
    let seen = std::mem::take(&mut *seen.lock().expect("the requests"));
    read.into_iter()
        .zip(seen)
        .map(|(read, seen)| Observed { read, seen })
        .collect()
}

fn index_of(head: &Head) -> usize {
    let path = head.start.split(' ').nth(1).unwrap_or_default();
    path.trim_start_matches('/').parse().unwrap_or(usize::MAX)
}

fn seen_in(head: &Head) -> Seen {
    let value = |name| {
        let value = head.headers.only(name).unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    };
    (
        head.start.split(' ').next().unwrap_or_default().into(),
        value("origin"),
        value("access-control-request-method"),
        value("access-control-request-headers"),
    )
}

fn predict(engine: model::Engine, origin: &str, case: &Case) -> Observed {
    let Call {
        method,
        headers,
        credentials,
        upload,
    } = &case.call;
    let fetch = Fetch {
        engine,
        origin: origin.into(),
        url: Url::parse("http://api.localhost/").expect("a URL"),
        method: (*method).into(),
        headers: headers
            .iter()
            .map(|(name, value)| SetHeader::new(*name, value))
            .collect(),
        credentials: *credentials,
        upload: *upload,
    };
    let mut seen = Vec::new();
    let (mut names, mut has_length) = (BTreeSet::new(), true);
    let outcome = fetch.run(|request| {
        let text =
            |name| String::from_utf8_lossy(request.get(name).unwrap_or_default()).into_owned();
        seen.push((
            text(":method"),
            text("origin"),
            text("access-control-request-method"),
            text("access-control-request-headers"),
        ));
        let lines = request
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_vec()));
        let (status, mut headers) = answer(&case.answers, lines.collect());
        // As it arrives.
        for (_, value) in &mut headers {
            *value = value.trim_ascii().to_vec();
        }
        has_length = status != 204;
        names = headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        Response {
            status,
            headers: headers.into_iter().collect(),
        }
    });
    let read = match outcome {
        Outcome::Blocked { .. } => None,
        Outcome::Readable { exposed } => {
            if has_length {
                names.insert("content-length".into());
            }
            names.retain(|name| {
                is_cors_safelisted_response_header_name(name)
                    || exposed
                        .iter()
                        .any(|exposed| exposed.eq_ignore_ascii_case(name))
            });
            Some(names)
        }
    };
    Observed { read, seen }
}

/// What the server answers to a request.
fn answer(answers: &Answers, request: Lines) -> (u16, Vec<(String, Vec<u8>)>) {
    let is_preflight = request.get("access-control-request-method").is_some();
    let owned = |headers: &[(&str, Vec<u8>)]| {
        headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    };
    match answers {
        Answers::Anything(answers) => {
            let (status, headers) = &answers[usize::from(!is_preflight)];
            (*status, owned(headers))
        }
        Answers::Policy(policy) => {
            let own = [
                ("content-type", "text/plain"),
                ("x-one", "1"),
                ("etag", "\"1\""),
                ("set-cookie", "a=b"),
            ];
            let upstream = Response {
                status: 200,
                headers: own.into_iter().collect(),
            };
            let request = Incoming {
                headers: request,
                ..Incoming::default()
            };
            let (plugin, problems) = PolicySet::from_bytes(policy.as_bytes());
            let plugin = plugin.unwrap_or_else(|| panic!("{policy}: {problems:?}"));
            let response = exchange(&plugin, request, upstream).response;
            let headers = response
                .headers
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_vec()));
            (response.status, headers.collect())
        }
    }
}

/// Why an engine's model differs from the standard's in a case: the first that applies.
type Difference = (&'static str, fn(Engine, &Case) -> bool);

const DIFFERENCES: [Difference; 5] = [
    ("streams", |_, case| case.call.upload == Upload::Streamed),
    ("no User-Agent", |engine, case| {
        engine == Engine::Chromium && sets(case, &["user-agent"])
    }),
    ("client hints", |engine, case| {
        let hints = ["save-data", "dpr", "device-memory", "viewport-width"];
        engine == Engine::Chromium && sets(case, &hints)
    }),
    ("each line", |engine, case| {
        let headers = &case.call.headers;
        let is_again = |(index, (name, _)): (usize, &(&str, String))| {
            headers
                .iter()
                .skip(index + 1)
                .any(|(other, _)| name.eq_ignore_ascii_case(other))
        };
        engine == Engine::Firefox && headers.iter().enumerate().any(is_again)
    }),
    ("wildcard and Authorization", |_, case| {
        sets(case, &["authorization"])
    }),
];

fn sets(case: &Case, names: &[&str]) -> bool {
    names.iter().any(|name| case.call.sets(name))
}

/// Makes the calls, a few at a time, and returns the names that each script reads, or null.
const CALLS: &str = "
    const observed = ({url, method, headers, credentials}) => new Promise((done, failed) => {
        const request = new XMLHttpRequest();
        request.open(method, url);
        request.withCredentials = credentials;
        for (const [name, value] of headers) request.setRequestHeader(name, value);
        request.upload.onprogress = () => {};
        request.onerror = failed;
        request.onload = () => {
            const lines = request.getAllResponseHeaders().trim().split('\\r\\n').filter(Boolean);
            done(lines.map(line => line.split(':')[0].toLowerCase()));
        };
        request.send('text');
    });
    const call = async given => {
        if (given.upload === 'Observed') return observed(given);
        const {url, method, headers, credentials, upload} = given;
        const init = {method, headers, credentials: credentials ? 'include' : 'omit'};
        if (!/^(GET|HEAD)$/i.test(method)) init.body = 'text';
        if (upload === 'Streamed') {
            init.body = new Blob(['text']).stream();
            init.duplex = 'half';
        }
        const response = await fetch(url, init);
        await response.text();
        return [...response.headers.keys()];
    };
    const results = given.map(() => null);
    let next = 0;
    const work = async () => {
        for (let index; (index = next++) < given.length; ) {
            try { results[index] = await call(given[index]); } catch {}
        }
    };
    await Promise.all(Array.from({length: 6}, work));
    return results;";

const BATCHES: usize = 4;
const BATCH: usize = 500;
