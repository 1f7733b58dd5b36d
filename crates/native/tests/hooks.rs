//! The dynamic module behind Envoy's interface, natively: this binary is the host.
//!
//! `scripts/test sanitizers` runs it with an address sanitizer, and with the switch that makes the module panic.

#[path = "hooks/host.rs"]
mod host;
// The module's source: its hooks are called by their C names.
#[path = "../src/lib.rs"]
mod module;

use std::thread;

use host::{
    Call, Configuration, Exchange, Fails, Lines, Route, RouteConfiguration, Stream, take_calls,
};
use support::allocator::{Counting, LIVE_BYTES};
use support::random::Random;
use support::table::{self, Case, Outcome};

#[test]
fn every_case_of_the_table() {
    let mut wrong = Vec::new();
    for group in table::groups() {
        let configuration = configure(&group.config.to_string());
        for case in &group.cases {
            for difference in run_case(&configuration, case) {
                wrong.push(format!("{} / {}: {difference}", group.name, case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn run_case(configuration: &Configuration, case: &Case) -> Vec<String> {
    let bytes = |lines: &[(String, String)]| -> Lines {
        let line = |(name, value): &(String, String)| (name.to_lowercase(), table::bytes(value));
        lines.iter().map(line).collect()
    };
    let mut headers = lines(&[
        (":method", &case.request.method),
        (":authority", case.request.authority()),
        (":path", case.request.path()),
    ]);
    headers.extend(bytes(&case.request.headers));
    let mut upstream = lines(&[(":status", &case.upstream.status.to_string())]);
    upstream.extend(bytes(&case.upstream.headers));
    let stream = Stream::open(configuration, Route::default(), headers, NONE_FAILS);
    let seen = stream.exchange(upstream);
    let headers = seen.headers.lines.iter();
    let outcome = Outcome {
        is_from_filter: seen.is_from_module,
        status: seen.status(),
        headers: headers
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect(),
        upstream_saw: seen.upstream_saw.as_ref(),
    };
    let mut wrong = outcome.differences(case);
    wrong.extend(table::wrongly_counted(case, seen.counters.keys()));
    let verdict = seen.verdict.unwrap_or_default();
    let verdict = String::from_utf8(verdict).expect("text");
    let reason = case.verdict.strip_prefix("refused: ").unwrap_or_default();
    if !verdict.trim_start_matches("shadow ").starts_with(reason)
        || verdict.is_empty() != reason.is_empty()
    {
        wrong.push(format!("the access log has {verdict:?}, not {reason:?}"));
    }
    wrong
}

/// Random requests and responses, of any bytes, on every configuration and route, each stream ended in any
/// phase: no panic, and no grant for an origin that is not allowed.
#[test]
fn random_streams_of_every_configuration() {
    let random = &mut Random::new(21);
    let configurations = CONFIGURATIONS.map(configure);
    let routes = routes();
    let mut granted = 0;
    for index in 0..STREAMS {
        let place = random.below(configurations.len());
        let route = random.pick(&routes_of(&routes));
        let (request, upstream) = (random_request(random), random_lines(random, RESPONSE_NAMES));
        let mut stream = Stream::open(&configurations[place], route, request, NONE_FAILS);
        match random.below(8) {
            0 => drop(stream),
            1 => {
                stream.request();
            }
            // Envoy may answer itself, before this filter has seen the request.
            2 => stream.response(upstream),
            _ => {
                let seen = stream.exchange(upstream);
                let panicked = seen.log.iter().any(|line| line.text.contains("panicked"));
                assert!(!panicked, "{index}: {:?}", seen.log);
                granted += usize::from(is_granted(&seen));
            }
        }
    }
    assert!(
        granted > STREAMS / 100,
        "{granted} grants show too little of {STREAMS}"
    );
}

/// An update: streams of the old configuration go on, and end after it is replaced, in any order.
#[test]
fn updates_while_streams_are_open() {
    let random = &mut Random::new(22);
    for _ in 0..UPDATES {
        let configuration = configure(random.pick(&CONFIGURATIONS));
        let routes = routes();
        let mut streams: Vec<Stream> = (0..20)
            .map(|_| {
                let route = random.pick(&routes_of(&routes));
                Stream::open(&configuration, route, random_request(random), NONE_FAILS)
            })
            .collect();
        let goes_on: Vec<bool> = streams.iter_mut().map(Stream::request).collect();
        let next = configure(random.pick(&CONFIGURATIONS));
        for (mut stream, goes_on) in streams.into_iter().zip(goes_on).rev() {
            if goes_on && !random.once_in(3) {
                stream.response(random_lines(random, RESPONSE_NAMES));
            }
        }
        drop(configuration);
        let stream = Stream::open(&next, Route::default(), random_request(random), NONE_FAILS);
        stream.exchange(Lines::new());
    }
}

/// A refused configuration leaves nothing behind, and says why.
#[test]
fn bad_configurations_are_refused() {
    let random = &mut Random::new(23);
    let garbage = random.bytes(1 << 16, |random| random.below(256) as u8);
    let nested = "[".repeat(1 << 16);
    for bad in [
        br#"{"allowOrigins": ["https://evil.example"], "allowMethods": ["GET",]}"#.as_slice(),
        br#"{"allowOrigins": ["https://evil.example", "evil"]}"#,
        b"null",
        b" ",
        b"\xff\xfe",
        &garbage,
        nested.as_bytes(),
    ] {
        let shown = bad[..bad.len().min(80)].escape_ascii();
        let log = Configuration::new(bad).err();
        let log = log.unwrap_or_else(|| panic!("{shown} is accepted"));
        assert!(
            log.iter().any(|line| line.level == ERROR),
            "{shown}: {log:?}"
        );
    }
    let log = RouteConfiguration::new(br#"{"allowOrigins": ["evil"]}"#).err();
    let log = log.expect("a refusal");
    assert!(log.iter().any(|line| line.level == ERROR), "{log:?}");
}

/// Whichever call fails: no panic, and no grant for an origin that is not allowed. Only if a removal fails,
/// the upstream's header stays.
#[test]
fn failing_calls_grant_nothing() {
    let all: [(Call, Fails); 10] = [
        (Call::Add, |call| call == Call::Add),
        (Call::Attribute, |call| call == Call::Attribute),
        (Call::Count, |call| call == Call::Count),
        (Call::FilterState, |call| call == Call::FilterState),
        (Call::Metadata, |call| call == Call::Metadata),
        (Call::Read, |call| call == Call::Read),
        (Call::ReadAll, |call| call == Call::ReadAll),
        (Call::Remove, |call| call == Call::Remove),
        (Call::Replace, |call| call == Call::Replace),
        (Call::Reply, |call| call == Call::Reply),
    ];
    for text in CONFIGURATIONS.iter().filter(|text| !text.contains('*')) {
        let configuration = configure(text);
        let leak = [(":status", "200"), (ALLOW_ORIGIN, "*")];
        let leak = if text.contains("keep") {
            &leak[..1]
        } else {
            &leak
        };
        for (call, fails) in all {
            for method in ["GET", "OPTIONS"] {
                let headers = [(":method", method), (":path", "/"), EVIL, ASKS_PUT];
                let stream = Stream::open(&configuration, Route::default(), lines(&headers), fails);
                let seen = stream.exchange(lines(leak));
                let stays = call == Call::Remove && leak.len() > 1 && !seen.is_from_module;
                assert!(
                    stays || !is_granted(&seen),
                    "{call:?} fails: {method} under {text}: {:?}",
                    seen.headers
                );
            }
        }
    }
}

/// Envoy shares a configuration, and that of a route, among its workers.
#[test]
fn workers_share_a_configuration() {
    let configurations = CONFIGURATIONS.map(configure);
    let routes = routes();
    thread::scope(|scope| {
        for worker in 0..4 {
            let (configurations, routes) = (&configurations, &routes);
            scope.spawn(move || {
                let random = &mut Random::new(worker);
                for _ in 0..STREAMS / 10 {
                    let configuration = &configurations[random.below(configurations.len())];
                    let route = random.pick(&routes_of(routes));
                    let request = random_request(random);
                    let stream = Stream::open(configuration, route, request, NONE_FAILS);
                    stream.exchange(random_lines(random, RESPONSE_NAMES));
                }
            });
        }
    });
}

/// In each phase: the request gets a 500, a response is sent without any grant, and the next stream is served.
#[cfg(panic_switch)]
#[test]
fn a_panic_ends_one_stream() {
    let switch = ("x-panic-switch", "1");
    let configuration = configure(PLAIN);
    let upstream = [
        (":status", "200"),
        (ALLOW_ORIGIN, "*"),
        ("access-control-allow-credentials", "true"),
    ];
    let send = |request: &[Header], response: &[Header]| {
        let stream = Stream::open(&configuration, Route::default(), lines(request), NONE_FAILS);
        stream.exchange(lines(response))
    };
    for _ in 0..100 {
        let early = send(&[(":method", "GET"), APP, switch], &upstream);
        assert_eq!((early.status(), is_granted(&early)), (500, false));
        let late = send(
            &[(":method", "GET"), APP],
            &[&upstream[..], &[switch]].concat(),
        );
        assert_eq!((late.status(), is_granted(&late)), (200, false));
        for seen in [early, late] {
            assert!(
                seen.log
                    .iter()
                    .any(|line| line.text.contains("panicked at")),
                "{:?}",
                seen.log
            );
        }
        assert!(is_granted(&send(&[(":method", "GET"), APP], &upstream)));
    }
}

/// How many of Envoy's functions a request calls: each costs some hundred instructions. To look at the switch
/// takes one in each phase.
#[test]
fn calls_of_each_kind_of_request() {
    let configuration = configure(PLAIN);
    let get: Header = (":method", "GET");
    let options: Header = (":method", "OPTIONS");
    let kinds: [(&str, &[Header], usize); 5] = [
        ("no Origin", &[get], 5),
        ("actual, allowed", &[get, APP], 10),
        ("actual, refused", &[get, EVIL], 10),
        ("preflight, allowed", &[options, APP, ASKS_PUT], 6),
        ("preflight, refused", &[options, EVIL, ASKS_PUT], 9),
    ];
    for (name, headers, expected) in kinds {
        take_calls();
        let stream = Stream::open(&configuration, Route::default(), lines(headers), NONE_FAILS);
        let seen = stream.exchange(lines(&[(":status", "200")]));
        let switch = if cfg!(panic_switch) {
            1 + usize::from(!seen.is_from_module)
        } else {
            0
        };
        assert_eq!(take_calls(), expected + switch, "{name}");
    }
}

#[test]
fn streams_leave_nothing_behind() {
    send_streams(20_000);
}

#[test]
#[ignore = "takes a minute; scripts/soak runs it"]
fn a_million_streams_leave_nothing_behind() {
    send_streams(1_000_000);
}

/// Sends streams, with a new configuration a hundred times, and compares the memory in use afterwards with
/// that after the first.
fn send_streams(count: usize) {
    let configurations = [PLAIN, RULES];
    let requests: Vec<Lines> = [
        &[(":method", "GET")][..],
        &[(":method", "GET"), APP],
        &[(":method", "GET"), EVIL],
        &[(":method", "OPTIONS"), APP, ASKS_PUT],
        &[(":method", "OPTIONS"), EVIL, ASKS_PUT],
    ]
    .map(lines)
    .into();
    let mut before = None;
    for update in 0..100 {
        let configuration = configure(configurations[update % configurations.len()]);
        let routes = routes();
        for index in 0..count / 100 {
            let route = routes_of(&routes)[index % 2];
            let request = requests[index % requests.len()].clone();
            let stream = Stream::open(&configuration, route, request, NONE_FAILS);
            stream.exchange(lines(&[(":status", "200"), (ALLOW_ORIGIN, "*")]));
        }
        drop(routes);
        drop(configuration);
        let left = LIVE_BYTES.get();
        assert_eq!(
            left - *before.get_or_insert(left),
            0,
            "bytes left behind by {update} updates"
        );
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn configure(text: &str) -> Configuration {
    Configuration::new(text.as_bytes()).unwrap_or_else(|log| panic!("{text}: {log:?}"))
}

/// Configurations of routes: a policy, the name of one, and the name of none.
fn routes() -> [RouteConfiguration; 3] {
    let team = r#"{"allowOrigins": ["https://team.example"]}"#;
    [team, "team", "nobody"].map(|text| RouteConfiguration::new(text.as_bytes()).expect("a policy"))
}

/// Everything that a stream may find out about its route.
fn routes_of(routes: &[RouteConfiguration; 3]) -> [Route<'_>; 8] {
    let [policy, named, unknown] = routes.each_ref().map(|route| Route {
        configuration: Some(route),
        ..Route::default()
    });
    let metadata = |policy| Route {
        policy: Some(policy),
        name: Some("a"),
        ..Route::default()
    };
    [
        Route::default(),
        policy,
        named,
        unknown,
        metadata(Ok("team")),
        metadata(Ok(
            r#"{"allowOrigins": ["https://team.example"], "mode": "shadow"}"#,
        )),
        metadata(Ok("\u{fffd}{")),
        metadata(Err(())),
    ]
}

fn random_request(random: &mut Random) -> Lines {
    let mut headers = lines(&[
        (
            ":method",
            random.pick(&["GET", "POST", "OPTIONS", "OPTIONS", "OPTIONS", ""]),
        ),
        (
            ":authority",
            random.pick(&["api.example", "evil.example", ""]),
        ),
        (
            ":path",
            random.pick(&["/", "/a/b?c", "/a/../%2e%2e//b", ""]),
        ),
    ]);
    headers.extend(random_lines(random, REQUEST_NAMES));
    headers
}

/// None, some, or more lines than a stack has room for.
fn random_lines(random: &mut Random, names: &[&str]) -> Lines {
    let count = match random.below(20) {
        0 => 125 + random.below(10),
        _ => random.below(6),
    };
    (0..count)
        .map(|_| {
            let name = random.pick(names).to_owned();
            let value = match random.below(4) {
                0 => {
                    let length = random.below(40);
                    random.bytes(length, |random| random.below(256) as u8)
                }
                _ => random.pick(VALUES).as_bytes().to_vec(),
            };
            (name, value)
        })
        .collect()
}

fn is_granted(seen: &Exchange) -> bool {
    seen.headers.read(ALLOW_ORIGIN).is_some()
}

type Header<'a> = (&'a str, &'a str);

fn lines(headers: &[Header]) -> Lines {
    let line = |(name, value): &Header| (name.to_string(), value.as_bytes().to_vec());
    headers.iter().map(line).collect()
}

const NONE_FAILS: Fails = |_| false;

const STREAMS: usize = 20_000;
const UPDATES: usize = 100;
const ERROR: u32 = 4;

const APP: Header = ("origin", "https://app.example");
const EVIL: Header = ("origin", "https://evil.example");
const ASKS_PUT: Header = ("access-control-request-method", "PUT");
const ALLOW_ORIGIN: &str = "access-control-allow-origin";

const PLAIN: &str = r#"{
    "allowOrigins": ["https://app.example"],
    "allowMethods": ["GET", "PUT"],
    "allowHeaders": ["content-type"],
    "exposeHeaders": ["x-request-id"],
    "allowCredentials": true,
    "policies": {"team": {"allowOrigins": ["https://team.example"]}}
}"#;
const RULES: &str = r#"{
    "routeMetadataNamespace": "cors",
    "allowOrigins": ["https://app.example"],
    "policies": {"team": {"allowOrigins": ["https://team.example"], "mode": "shadow"}},
    "rules": [
        {"match": {"pathPrefixes": ["/a"], "hostnames": ["api.example"]}, "policyRef": "team"},
        {"match": {"routeNames": ["a"]}, "policy": {"allowOrigins": ["https://app.example"], "hideCorsFromUpstream": true}}
    ]
}"#;
const CONFIGURATIONS: [&str; 7] = [
    PLAIN,
    RULES,
    r#"{"allowOrigins": ["https://app.example"], "allowMethods": ["*"], "allowHeaders": ["*"], "exposeHeaders": ["*"], "allowCredentials": true}"#,
    r#"{"allowOrigins": ["*"], "autoOptions": true}"#,
    r#"{"allowOrigins": ["https://app.example"], "unmatchedRequests": "reject", "debug": true}"#,
    r#"{"allowOrigins": ["https://app.example"], "upstreamCors": "keep", "unmatchedPreflights": "forward"}"#,
    r#"{"allowOrigins": ["https://app.example"], "hosts": ["api.example"], "allowPrivateNetwork": true}"#,
];

const REQUEST_NAMES: &[&str] = &[
    "origin",
    "origin",
    "access-control-request-method",
    "access-control-request-headers",
    "access-control-request-private-network",
    "sec-fetch-site",
    "x-other",
];
const RESPONSE_NAMES: &[&str] = &[
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-max-age",
    "timing-allow-origin",
    "vary",
    "x-other",
];
const VALUES: &[&str] = &[
    "https://app.example",
    "https://app.example",
    "https://app.example",
    "https://team.example",
    "https://evil.example",
    "null",
    "PUT",
    "x-a, X-B,,",
    "accept-encoding",
    "true",
    "",
];
