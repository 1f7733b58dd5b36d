//! The filter behind the proxy-wasm ABI, natively: this binary is the host.

#[path = "abi/host.rs"]
mod host;
// The module's source: its exported functions are called by their C names.
#[path = "../src/lib.rs"]
mod module;

use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use host::{
    BAD_ARGUMENT, Call, Difference, Entry, Exchange, Lines, NOT_FOUND, OwnReplies, Phase, Plugin,
    UNIMPLEMENTED, Vm,
};
use support::allocator::{Counting, LIVE_BYTES};
use support::table::{self, Case, Group, Outcome};

#[test]
fn every_case_of_the_table() {
    run_table("Envoy", Difference::default(), |_, _| true);
}

/// Optional host calls must not change the answers.
#[test]
fn other_hosts_get_the_answers_of_the_table() {
    for own_replies in [OwnReplies::ComeBackAtOnce, OwnReplies::DoNotComeBack] {
        let difference = Difference {
            own_replies,
            ..Difference::default()
        };
        run_table(
            &format!("own replies: {own_replies:?}"),
            difference,
            |_, _| true,
        );
    }

    let empty_room = Difference {
        asks_for_empty_room: true,
        ..Difference::default()
    };
    run_table("room for empty values", empty_room, |_, _| true);

    // On a host that shows only the first line, a case with two lines means something else.
    let first_line = Difference {
        joins_lines: false,
        ..Difference::default()
    };
    run_table("the first line only", first_line, |_, case| {
        !repeats(&case.request.headers) && !repeats(&case.upstream.headers)
    });

    for status in STATUSES {
        for call in [
            Call::Clock,
            Call::Count,
            Call::DefineMetric,
            Call::Foreign,
            Call::Log,
            Call::Property,
            Call::SetProperty,
        ] {
            let name = format!("{call:?} gets status {status}");
            run_table(
                &name,
                refusing(status, move |entry| entry.call == call),
                |_, _| true,
            );
        }
        let name = format!("removing what is absent gets status {status}");
        let absent = |entry: &Entry| entry.call == Call::Remove && !entry.found;
        run_table(&name, refusing(status, absent), |_, _| true);

        let name = format!("reading a response gets status {status}");
        let reads = |entry: &Entry| {
            entry.phase == Phase::Response && matches!(entry.call, Call::Read | Call::ReadAll)
        };
        run_table(&name, refusing(status, reads), |group, case| {
            let config = group.config.to_string();
            // Of what is exposed, "*" and families depend on the response.
            let all_or_families = [r#""exposeHeaders":["*""#, r#"-*""#, r#""s3""#];
            let reads = config.contains(r#""keep""#)
                || all_or_families.iter().any(|text| config.contains(text));
            !reads && !case.upstream.headers.iter().any(|(name, _)| name == "vary")
        });
    }
}

fn run_table(name: &str, difference: Difference, applies: impl Fn(&Group, &Case) -> bool) {
    let metric = |call| Entry {
        phase: Phase::Request,
        call,
        name: String::new(),
        found: false,
    };
    let counts = [Call::Count, Call::DefineMetric]
        .iter()
        .all(|call| (difference.refuses)(&metric(*call)).is_none());
    let mut failures = Vec::new();
    let mut passed = 0;
    for group in table::groups() {
        let mut vm = Vm::start(difference.clone());
        let plugin = vm.configure(group.config.to_string().as_bytes());
        let plugin = plugin.unwrap_or_else(|log| panic!("{}: {log:#?}", group.name));
        for case in group.cases.iter().filter(|case| applies(&group, case)) {
            let wrong = run_case(&mut vm, &plugin, case, counts);
            passed += usize::from(wrong.is_empty());
            if !wrong.is_empty() {
                failures.push(format!(
                    "{} / {}\n    {}",
                    group.name,
                    case.name,
                    wrong.join("\n    ")
                ));
            }
        }
    }
    let failed = failures.len();
    failures.truncate(20);
    assert_eq!(failed, 0, "{name}: {passed} pass\n{}", failures.join("\n"));
    assert_ne!(passed, 0, "{name}: no case of the table applies");
}

/// Sends the request of a case and returns the differences of the answer.
fn run_case(vm: &mut Vm, plugin: &Plugin, case: &Case, counts: bool) -> Vec<String> {
    let bytes = |lines: &[(String, String)]| -> Lines {
        lines
            .iter()
            .map(|(name, value)| (name.to_lowercase(), table::bytes(value)))
            .collect()
    };
    let request = request(
        &case.request.method,
        &case.request.url,
        bytes(&case.request.headers),
    );
    let seen = vm.send(
        plugin,
        request,
        response(case.upstream.status, bytes(&case.upstream.headers)),
    );

    let headers = seen.headers.lines.iter();
    let outcome = Outcome {
        is_from_filter: seen.from_filter,
        status: seen.status(),
        headers: headers
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect(),
        upstream_saw: seen.upstream_saw.as_ref(),
    };
    let mut wrong = outcome.differences(case);
    let undefined = |entry: &Entry| entry.call == Call::Count && entry.name.is_empty();
    if seen.calls.iter().any(undefined) {
        wrong.push("counts with a metric that the host does not have".into());
    }
    if counts {
        wrong.extend(table::wrongly_counted(case, seen.counters.keys()));
    }
    wrong
}

fn repeats(headers: &[(String, String)]) -> bool {
    let names: BTreeSet<_> = headers
        .iter()
        .map(|(name, _)| name.to_lowercase())
        .collect();
    names.len() < headers.len()
}

/// Whichever call fails, with any status: no panic, and no grant for an origin that is not allowed.
/// Only if the host refuses a removal, the upstream's header stays.
#[test]
fn failing_calls_grant_nothing() {
    for call in [
        Call::Add,
        Call::Clock,
        Call::Count,
        Call::Log,
        Call::Property,
        Call::Read,
        Call::ReadAll,
        Call::Remove,
        Call::Replace,
        Call::Reply,
        Call::SetProperty,
    ] {
        for (status, config) in STATUSES
            .into_iter()
            .flat_map(|status| CONFIGS.map(|config| (status, config)))
        {
            let fails = move |entry: &Entry| entry.phase != Phase::Configure && entry.call == call;
            let mut vm = Vm::start(refusing(status, fails));
            let plugin = vm
                .configure(config.as_bytes())
                .expect("a good configuration");
            // A header that `keep` preserves is not a leak.
            let leak: &[Header] = if config == KEEP {
                &[]
            } else {
                &[(ALLOW_ORIGIN, "*")]
            };
            for (method, headers) in [("GET", &[EVIL][..]), ("OPTIONS", &[EVIL, ASKS_PUT])] {
                let request = request(method, URL, lines(headers));
                let seen = vm.send(&plugin, request, response(200, lines(leak)));
                let stays = call == Call::Remove && !seen.from_filter && config != KEEP;
                assert_eq!(
                    seen.headers.read(ALLOW_ORIGIN),
                    stays.then_some(&b"*"[..]),
                    "{call:?} gets status {status}: {method} under {config}"
                );
            }
        }
    }
}

/// It is not treated as absent, which would allow any origin.
#[test]
fn a_configuration_that_the_host_does_not_hand_over_is_refused() {
    for status in STATUSES {
        let fails = |entry: &Entry| entry.call == Call::ReadConfiguration;
        let mut vm = Vm::start(refusing(status, fails));
        let log = vm.configure(PLAIN.as_bytes()).err().expect("a refusal");
        assert_eq!(log.len(), 1, "{log:?}");
        assert_eq!(log[0].level, ERROR);
    }
}

/// The host calls of each kind of request are those of the table in docs/src/explanation/cost.md: reads, counters, attributes
/// and replies in the request phase, reads and writes in the response phase, removals in both. Last, how
/// many of the reads returned a value, which is the expensive part.
#[test]
fn host_calls_of_each_kind_of_request() {
    let page = include_str!("../docs/src/explanation/cost.md");
    let (_, section) = page.split_once(HOST_CALLS).expect("the table");
    let (_, rows) = section.split_once('\n').expect("rows");
    let expected: String = rows
        .split_inclusive('\n')
        .take_while(|row| row.starts_with('|'))
        .collect();
    let kinds: [(&str, &str, &str, &[Header]); 22] = [
        ("no `Origin`", PLAIN, "GET", &[]),
        ("actual, allowed", PLAIN, "GET", &[APP]),
        (
            "actual, allowed, with a preflight's method header",
            PLAIN,
            "PUT",
            &[APP, ASKS_PUT],
        ),
        ("actual, refused", PLAIN, "GET", &[EVIL]),
        ("preflight, allowed", PLAIN, "OPTIONS", &[APP, ASKS_PUT]),
        ("preflight, refused", PLAIN, "OPTIONS", &[EVIL, ASKS_PUT]),
        (
            "preflight, methods and headers echoed",
            ECHO,
            "OPTIONS",
            &[APP, ASKS_PUT, ASKS_X],
        ),
        ("any origin: no `Origin`", OPEN, "GET", &[]),
        ("any origin: actual", OPEN, "GET", &[EVIL]),
        ("any origin: preflight", OPEN, "OPTIONS", &[EVIL, ASKS_PUT]),
        (
            "`unmatchedRequests: reject`: actual, refused",
            REJECT,
            "GET",
            &[EVIL],
        ),
        ("`upstreamCors: keep`: actual, allowed", KEEP, "GET", &[APP]),
        (
            "`hosts`: actual, allowed",
            r#"{"allowOrigins": ["https://app.example"], "hosts": ["api.example"]}"#,
            "GET",
            &[APP],
        ),
        (
            "`hosts`: a foreign name, no `Origin`",
            r#"{"allowOrigins": ["https://app.example"], "hosts": ["other.example"]}"#,
            "GET",
            &[],
        ),
        (
            "`hideCorsFromUpstream`: actual, allowed",
            r#"{"allowOrigins": ["https://app.example"], "hideCorsFromUpstream": true}"#,
            "GET",
            &[APP],
        ),
        (
            "`autoOptions`: `OPTIONS` that is not a preflight",
            r#"{"allowOrigins": ["https://app.example"], "autoOptions": true}"#,
            "OPTIONS",
            &[],
        ),
        (
            "`exposeHeaders: [\"*\"]` with credentials: actual, allowed",
            r#"{"allowOrigins": ["https://app.example"], "allowCredentials": true, "exposeHeaders": ["*"]}"#,
            "GET",
            &[APP],
        ),
        (
            "rules for hosts: actual, allowed",
            r#"{"rules": [{"match": {"hostnames": ["api.example"]}, "policy": {"allowOrigins": ["https://app.example"]}}]}"#,
            "GET",
            &[APP],
        ),
        (
            "rules for hosts and paths: actual, allowed",
            r#"{"rules": [{"match": {"hostnames": ["api.example"], "pathPrefixes": ["/"]}, "policy": {"allowOrigins": ["https://app.example"]}}]}"#,
            "GET",
            &[APP],
        ),
        (
            "rules for route names: not governed",
            r#"{"rules": [{"match": {"routeNames": ["a"]}, "policy": {"allowOrigins": ["https://app.example"]}}]}"#,
            "GET",
            &[APP],
        ),
        (
            "`routeMetadataNamespace`, the route has no policy: actual, allowed",
            r#"{"allowOrigins": ["https://app.example"], "routeMetadataNamespace": "cors"}"#,
            "GET",
            &[APP],
        ),
        ("`mode: off`", r#"{"mode": "off"}"#, "GET", &[APP]),
    ];
    let mut table = String::from("|---|---|---|---|---|---|---|---|---|\n");
    for (name, config, method, headers) in kinds {
        let (mut vm, plugin) = start(config);
        let seen = ask(&mut vm, &plugin, method, headers);
        let of = |phase, calls: &[Call]| -> Vec<&Entry> {
            let calls = |entry: &&Entry| entry.phase == phase && calls.contains(&entry.call);
            seen.calls.iter().filter(calls).collect()
        };
        let reads = [Phase::Request, Phase::Response]
            .map(|phase| of(phase, &[Call::Property, Call::Read, Call::ReadAll]));
        let found = reads.iter().flatten().filter(|entry| entry.found).count();
        let [asked, read_back] = reads.map(|reads| reads.len());
        let counters = of(Phase::Request, &[Call::Count]).len();
        let verdicts = of(Phase::Request, &[Call::SetProperty]).len();
        let replies = of(Phase::Request, &[Call::Reply]).len();
        let writes = of(Phase::Response, &[Call::Add, Call::Replace]).len();
        let removals =
            [Phase::Request, Phase::Response].map(|phase| of(phase, &[Call::Remove]).len());
        let removals = removals.iter().sum();
        let cells = [
            asked, counters, verdicts, replies, read_back, writes, removals,
        ];
        let calls: Vec<_> = seen.calls.iter().map(Entry::to_string).collect();
        assert_eq!(
            cells.iter().sum::<usize>(),
            calls.len(),
            "{name}: {calls:#?}"
        );
        let cells = cells.map(|cell| cell.to_string()).join(" | ");
        table += &format!("| {name} | {cells} | {found} |\n");
    }
    assert_eq!(table, expected, "what is called is\n{table}");
}

#[test]
fn requests_without_a_path_meet_rules_for_hosts_alone() {
    let config = r#"{"rules": [
        {"match": {"hostnames": ["api.example"]}, "policy": {"allowOrigins": ["https://app.example"]}},
        {"match": {"pathPrefixes": ["/"]}, "policy": {"allowOrigins": ["*"]}}
    ]}"#;
    let (mut vm, plugin) = start(config);
    for (method, path) in [("CONNECT", None), ("OPTIONS", Some("*"))] {
        for (host, granted) in [("api.example", Some(APP.1)), ("other.example", None)] {
            let mut headers = lines(&[(":method", method), (":authority", host), APP]);
            headers.extend(path.map(|path| (":path".into(), path.into())));
            let seen = vm.send(&plugin, headers, response(200, lines(&[])));
            assert_eq!(
                seen.headers.read(ALLOW_ORIGIN),
                granted.map(str::as_bytes),
                "{method} {host}"
            );
        }
    }
}

#[test]
fn any_bytes_in_any_header_are_harmless() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut hostile: Vec<Vec<u8>> = vec![Vec::new(), vec![b','; 1 << 20], random.bytes(1 << 20)];
    for byte in 0..=255 {
        hostile.push(vec![byte]);
        hostile.push([APP.1.as_bytes(), &[byte]].concat());
        hostile.push([&[byte], APP.1.as_bytes()].concat());
    }
    hostile.extend((0..300).map(|_| random.bytes(64)));

    for config in CONFIGS {
        let (mut vm, plugin) = start(config);
        for value in &hostile {
            for name in READ_OF_REQUESTS {
                let put = |headers: &[Header], method| {
                    let mut lines = request(method, URL, lines(headers));
                    lines.retain(|(other, _)| other != name);
                    lines.push((name.into(), value.clone()));
                    lines
                };
                let preflight = put(&[APP, ASKS_PUT, ASKS_X], "OPTIONS");
                for request in [preflight, put(&[APP], "GET")] {
                    let seen = vm.send(&plugin, request, response(200, lines(&[])));
                    let value = value.escape_ascii();
                    for (name, line) in &seen.headers.lines {
                        let valid = line.iter().all(|byte| matches!(byte, b' '..=b'~'));
                        assert!(valid, "{name}: {} after {value}", line.escape_ascii());
                    }
                    let granted = seen.headers.read(ALLOW_ORIGIN);
                    let allowed = name != "origin" || value.to_string() == APP.1;
                    assert!(allowed || granted.is_none(), "granted to {value}");
                }
            }
            for name in READ_OF_RESPONSES {
                let upstream = response(200, vec![(name.into(), value.clone())]);
                let seen = vm.send(&plugin, request("GET", URL, lines(&[APP])), upstream);
                let is_one = !value.trim_ascii().is_empty() && !value.contains(&b',');
                let is_kept = config == KEEP && name == ALLOW_ORIGIN && is_one;
                let granted = if is_kept { value } else { APP.1.as_bytes() };
                let shown = value[..value.len().min(80)].escape_ascii();
                assert!(
                    seen.headers.read(ALLOW_ORIGIN) == Some(granted),
                    "{name}: {shown} under {config}"
                );
                let vary = seen.headers.read("vary").unwrap_or_default();
                let mut tokens = vary.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                assert!(
                    tokens.any(|token| token.eq_ignore_ascii_case(b"origin") || token == b"*"),
                    "{name}: {shown} under {config}"
                );
            }
        }
        assert_right(&mut vm, &plugin, APP);
    }
}

/// A route's metadata names or contains a policy; the route's takes precedence over its virtual host's.
#[test]
fn route_metadata_selects_the_policy() {
    let (mut vm, plugin) = start(DELEGATED);
    let text = r#"{"allowOrigins": ["https://text.example"]}"#;
    let too_long = format!("{text}{}", " ".repeat(1 << 20));
    for (route, host, allowed) in [
        (None, None, Some("https://app.example")),
        (Some("team"), None, Some("https://team.example")),
        (Some(text), None, Some("https://text.example")),
        (None, Some("team"), Some("https://team.example")),
        (Some(text), Some("team"), Some("https://text.example")),
        (Some("nobody"), Some("team"), None),
        (Some(r#"{"allowOrigins": ["evil"]}"#), None, None),
        (
            Some(r#"{"allowOrigins": ["https://app.example"], "debug": true}"#),
            None,
            None,
        ),
        (Some(&too_long), None, None),
        (Some(""), None, None),
    ] {
        vm.set_property(ROUTE_POLICY, route);
        vm.set_property(HOST_POLICY, host);
        for origin in [
            "https://app.example",
            "https://team.example",
            "https://text.example",
        ] {
            let get = request("GET", URL, lines(&[("origin", origin)]));
            let seen = vm.send(&plugin, get, response(200, lines(&[])));
            let granted = seen.headers.read(ALLOW_ORIGIN);
            let expected = allowed
                .filter(|allowed| *allowed == origin)
                .map(str::as_bytes);
            let route = route.map(|text| &text[..text.len().min(80)]);
            assert_eq!(granted, expected, "{origin} under {route:?}, {host:?}");
        }
        let seen = ask(&mut vm, &plugin, "GET", &[]);
        assert!(!seen.from_filter, "a request without Origin passes");
    }
}

/// An invalid text is logged once. The number of kept texts is bounded, and so is the number of texts that
/// replace others: beyond that, further texts allow no origin.
#[test]
fn texts_in_route_metadata_are_bounded() {
    let (mut vm, plugin) = start(DELEGATED);
    let mut send = |text: &str| {
        vm.set_property(ROUTE_POLICY, Some(text));
        ask(&mut vm, &plugin, "GET", &[APP])
    };
    let logged: Vec<_> = (0..3).map(|_| send("nobody").log.len()).collect();
    assert_eq!(logged, [1, 0, 0], "a bad text is logged once");

    let policy =
        |index| format!(r#"{{"allowOrigins": ["https://app.example"], "maxAge": {index}}}"#);
    let mut kept = |indexes: Range<u32>| {
        let allowed = |index: &u32| send(&policy(*index)).headers.read(ALLOW_ORIGIN).is_some();
        indexes.filter(allowed).count()
    };
    assert_eq!(
        kept(1_000..3_047),
        2_047,
        "1,024, and as many in their places"
    );
    let held = LIVE_BYTES.get();
    assert_eq!(kept(3_047..6_000), 0);
    assert_eq!(
        LIVE_BYTES.get() - held,
        0,
        "bytes held for texts past the limit"
    );
    assert_eq!(kept(2_023..3_047), 1_024, "the last ones stay");
    vm.set_clock(60_000_000_000);
    let mut send = |text: &str| {
        vm.set_property(ROUTE_POLICY, Some(text));
        ask(&mut vm, &plugin, "GET", &[APP])
    };
    let allowed = |seen: &Exchange| seen.headers.read(ALLOW_ORIGIN).is_some();
    assert!(
        allowed(&send(&policy(6_000))),
        "a minute later there is room"
    );
    let held = LIVE_BYTES.get();
    for index in 6_001..7_000 {
        assert!(allowed(&send(&policy(index))), "{index}");
    }
    assert_eq!(
        LIVE_BYTES.get() - held,
        0,
        "bytes held by the places of others"
    );
}

/// The total size of their regular expressions is bounded too.
#[test]
fn regexes_in_route_metadata_are_bounded() {
    let (mut vm, plugin) = start(DELEGATED);
    let send = |vm: &mut Vm, name: &str, regexes: usize| {
        let regexes: Vec<_> = (0..regexes)
            .map(|n| format!("https://{name}-{n:03}-[a-z]{{100}}"))
            .collect();
        let text = format!(
            r#"{{"_": "{name}", "allowOrigins": ["https://app.example"], "allowOriginRegexes": {regexes:?}}}"#
        );
        vm.set_property(ROUTE_POLICY, Some(&text));
        let seen = ask(vm, &plugin, "GET", &[APP]);
        let allowed = seen.headers.read(ALLOW_ORIGIN).is_some();
        (
            allowed,
            seen.log.len(),
            seen.counters.contains_key("cors.metadata_invalid"),
        )
    };
    let good = (true, 0, false);
    assert_eq!(send(&mut vm, "a", 350), good);
    assert_eq!(send(&mut vm, "b", 350), good);
    assert_eq!(
        send(&mut vm, "c", 175),
        good,
        "875 in all, the most there may be"
    );
    assert_eq!(send(&mut vm, "a", 350), good);
    assert_eq!(
        send(&mut vm, "d", 1),
        good,
        "in the place of b, which was used longest ago"
    );
    assert_eq!(send(&mut vm, "e", 349), good, "and all of its place");

    // Three texts that are in use at the same time but do not fit together replace each other, a bounded
    // number of times per minute. Texts without expressions use up most of that number here.
    for index in 0..2_000 {
        assert_eq!(send(&mut vm, &format!("p{index}"), 0), good, "{index}");
    }
    let mut pushed = 0;
    while send(&mut vm, &format!("x{}", pushed % 3), 430) == good {
        pushed += 1;
        assert!(pushed < 100, "no end");
    }
    assert!(pushed > 30, "{pushed}");
    let closed = format!("x{}", pushed % 3);
    assert_eq!(
        send(&mut vm, &closed, 430),
        (false, 0, true),
        "it is logged once"
    );
    let open = format!("x{}", (pushed + 1) % 3);
    assert_eq!(send(&mut vm, &open, 430), good, "the others stay");
    vm.set_clock(60_000_000_000);
    assert_eq!(
        send(&mut vm, &closed, 430),
        good,
        "a minute later there is room"
    );
}

/// `debug` logs each judgement, but no secret, and at most ten lines a second.
#[test]
fn debug_logs_ten_judgements_a_second_without_secrets() {
    let (mut vm, plugin) = start(DEBUG);
    for second in 0..3 {
        vm.set_clock(second * 1_000_000_000);
        let mut log = Vec::new();
        for _ in 0..100 {
            let secrets = [EVIL, ("cookie", "SECRET"), ("authorization", "SECRET")];
            let get = request("GET", "https://api.example/path?SECRET", lines(&secrets));
            log.extend(vm.send(&plugin, get, response(200, lines(&[]))).log);
        }
        assert_eq!(log.len(), 10, "{log:#?}");
        for line in log {
            assert!(line.text.contains("https://evil.example"), "{line:?}");
            assert!(!line.text.contains("SECRET"), "{line:?}");
        }
    }
}

/// Under `debug` a refused preflight gets the reason, with values of the request and no configured value.
#[test]
fn debug_explains_a_refused_preflight() {
    let (mut vm, plugin) = start(DEBUG);
    let hostile = ("origin", "https://evil.example<script>\x1b\x7f");
    for (origin, shown) in [(EVIL, "https://evil.example"), (hostile, "malformed")] {
        let ask = request("OPTIONS", URL, lines(&[origin, ASKS_PUT]));
        let body = vm.send(&plugin, ask, response(200, lines(&[]))).body;
        let body = String::from_utf8(body).expect("text");
        assert!(body.contains(shown), "{body}");
        assert!(!body.contains("app.example"), "{body}");
        assert!(
            body.chars().all(|char| char == '\n' || !char.is_control()),
            "{body:?}"
        );
    }
}

/// Headers that are hidden from the upstream are kept for a further pass of the request, which starts with the
/// headers that this pass leaves, and is judged by the kept ones.
#[test]
fn hidden_headers_are_there_in_a_further_pass() {
    let config = r#"{
        "allowOrigins": ["https://app.example"], "hideCorsFromUpstream": true,
        "rules": [{"match": {"pathPrefixes": ["/strict"]}, "policy": {"allowOrigins": [], "unmatchedRequests": "reject"}}]
    }"#;
    let (mut vm, plugin) = start(config);
    let declared: Vec<_> = vm
        .calls_of_configuration()
        .into_iter()
        .filter(|entry| entry.call == Call::Foreign)
        .map(|entry| entry.name)
        .collect();
    assert_eq!(declared, [r"declare_property (\x01\n\x0bcors_hidden"]);

    let site = ("sec-fetch-site", "same-origin");
    let first = ask(&mut vm, &plugin, "GET", &[APP, site]);
    let kept = &first.properties["cors_hidden"];
    vm.set_property(
        "cors_hidden",
        Some(std::str::from_utf8(kept).expect("text")),
    );
    let mut again = |url: &str| {
        let headers = first.upstream_saw.clone().expect("a request").lines;
        let headers = headers
            .into_iter()
            .filter(|(name, _)| !name.starts_with(':'));
        vm.send(
            &plugin,
            request("GET", url, headers.collect()),
            response(200, Lines::new()),
        )
    };
    let second = again("https://api.example/");
    assert_eq!(second.headers.read(ALLOW_ORIGIN), Some(APP.1.as_bytes()));
    assert_eq!(second.properties.get("cors_hidden"), Some(kept));
    let saw = second.upstream_saw.expect("a request");
    assert_eq!(
        (saw.read("origin"), saw.read("sec-fetch-site")),
        (None, None)
    );
    let strict = again("https://api.example/strict");
    assert!(!strict.from_filter, "Sec-Fetch-Site is back, too");
    let saw = strict.upstream_saw.expect("a request");
    assert_eq!(saw.read("origin"), Some(APP.1.as_bytes()));

    // A plugin that hides nothing makes none of these calls.
    for config in [PLAIN, ROUTES] {
        let (mut vm, plugin) = start(config);
        let is_of_it = |entry: &Entry| entry.name.contains("cors_hidden");
        let declares = vm.calls_of_configuration().iter().any(is_of_it);
        assert_eq!(declares, config == ROUTES, "{config}");
        let seen = ask(&mut vm, &plugin, "GET", &[APP]);
        assert!(!seen.calls.iter().any(is_of_it), "{config}");
    }
}

/// For a refused request, only the data that the response needs is kept.
#[test]
fn a_long_stream_does_not_keep_a_refused_origin() {
    let long = "x".repeat(60_000);
    let origin = ("origin", long.as_str());
    let method = ("access-control-request-method", long.as_str());
    for (config, verb, headers) in [
        (PLAIN, "GET", &[origin][..]),
        (OPEN, "GET", &[origin]),
        (FORWARD, "OPTIONS", &[origin, ASKS_PUT]),
        (FORWARD, "OPTIONS", &[EVIL, method]),
        (DEBUG, "GET", &[origin]),
    ] {
        let (mut vm, plugin) = start(config);
        let open = |vm: &mut Vm| {
            let (stream, goes_on) = vm.open(&plugin, request(verb, URL, lines(headers)));
            assert!(goes_on, "{config}");
            vm.forget_calls();
            stream
        };
        let mut streams: Vec<u32> = Vec::with_capacity(200);
        streams.extend((0..100).map(|_| open(&mut vm)));
        let before = LIVE_BYTES.get();
        streams.extend((0..100).map(|_| open(&mut vm)));
        let each = (LIVE_BYTES.get() - before) / 100;
        assert!(each < 1_000, "{each} bytes each under {config}");
        streams.into_iter().for_each(|stream| vm.end(stream));
    }
}

/// A refusal sets its reason for the access log; an allowed request sets none.
#[test]
fn a_refusal_leaves_its_reason_as_a_property() {
    let (mut vm, plugin) = start(PLAIN);
    for (headers, reason) in [
        (&[][..], None),
        (&[APP], None),
        (&[EVIL], Some("origin")),
        (&[("origin", "null")], Some("null")),
        (&[("origin", "https://app.example,")], Some("malformed")),
    ] {
        let seen = ask(&mut vm, &plugin, "GET", headers);
        let verdict = seen
            .properties
            .get("cors_verdict")
            .map(|text| String::from_utf8_lossy(text));
        let left = verdict
            .as_deref()
            .is_some_and(|text| text.contains(reason.unwrap_or_default()));
        assert_eq!(left, reason.is_some(), "{headers:?} left {verdict:?}");
        assert!(
            seen.log.is_empty(),
            "nothing is logged in the steady state: {:?}",
            seen.log
        );
    }
}

/// So do a refusal under `shadow`, marked as such, and one for a foreign host name.
#[test]
fn the_verdict_for_the_access_log_has_every_refusal() {
    let shadow =
        r#"{"mode": "shadow", "allowOrigins": ["https://app.example"], "hosts": ["api.example"]}"#;
    let hosts = r#"{"rules": [{"name": "own", "match": {"pathPrefixes": ["/"]}, "policy": {"allowOrigins": ["*"], "hosts": ["api.example"]}}]}"#;
    let foreign = "https://evil.example/path";
    for (config, url, headers, verdict) in [
        (
            shadow,
            URL,
            &[EVIL][..],
            Some("shadow origin top-level policy"),
        ),
        (shadow, URL, &[APP], None),
        (shadow, foreign, &[], Some("shadow host top-level policy")),
        (hosts, URL, &[EVIL], None),
        (hosts, foreign, &[], Some("host rules[0] \"own\"")),
    ] {
        let (mut vm, plugin) = start(config);
        let seen = vm.send(
            &plugin,
            request("GET", url, lines(headers)),
            response(200, Lines::new()),
        );
        let left = seen
            .properties
            .get("cors_verdict")
            .map(|text| String::from_utf8_lossy(text));
        assert_eq!(left.as_deref(), verdict, "{url} {headers:?} under {config}");
    }
}

#[test]
fn plugins_of_one_vm_do_not_mix() {
    let mut vm = Vm::start(Difference::default());
    let policy = |origin| format!(r#"{{"allowOrigins": ["{origin}"], "statPrefix": "p"}}"#);
    let other = ("origin", "https://other.example");
    let first = vm
        .configure(PLAIN.as_bytes())
        .expect("a good configuration");
    let second = vm
        .configure(policy(other.1).as_bytes())
        .expect("a good configuration");
    for _ in 0..2 {
        for (plugin, allowed, refused, counter) in [
            (&first, APP, other, "cors.request_refused"),
            (&second, other, APP, "p.request_refused"),
        ] {
            assert_right(&mut vm, plugin, allowed);
            let seen = ask(&mut vm, plugin, "GET", &[refused]);
            assert_eq!(seen.headers.read(ALLOW_ORIGIN), None);
            assert_eq!(seen.counters.get(counter), Some(&1), "{:?}", seen.counters);
        }
    }
    vm.remove(first);
    assert_right(&mut vm, &second, other);
}

/// No known host does this. A request must not pass without a judgement, nor a response with the upstream's grant.
#[test]
fn nothing_is_granted_without_a_context() {
    let (mut vm, plugin) = start(PLAIN);
    let (accepted, log) = vm.offer(&Plugin::without_context(), b"{}");
    assert!(!accepted);
    let refused = |line: &host::LogLine| line.text.contains("has not created the context");
    assert!(log.iter().any(refused), "{log:#?}");
    let get = || request("GET", URL, Lines::new());
    let (ended, goes_on) = vm.open(&plugin, get());
    assert!(goes_on);
    vm.end(ended);
    assert_is_answered(&mut vm, ended, get());

    let of_no_plugin = Plugin::without_context();
    let (context, goes_on) = vm.open(&of_no_plugin, get());
    assert!(!goes_on);
    assert_is_answered(&mut vm, context, get());
    assert_right(&mut vm, &plugin, APP);
}

fn assert_is_answered(vm: &mut Vm, context: u32, request: Lines) {
    assert!(!vm.send_headers(context, request), "the request goes on");
    let (reply, log) = vm.take_reply().expect("a reply");
    assert_eq!(reply, [(":status".to_owned(), b"500".to_vec())]);
    assert!(
        log.iter().any(|line| line.text.contains("no context")),
        "{log:#?}"
    );
    let upstream = lines(&[
        (ALLOW_ORIGIN, "*"),
        ("timing-allow-origin", "*"),
        ("x-a", "1"),
    ]);
    let left = vm.send_response(context, response(200, upstream));
    assert_eq!(left.lines, response(200, lines(&[("x-a", "1")])));
    vm.end(context);
    vm.forget_calls();
}

#[test]
fn a_bad_configuration_is_refused_whole() {
    let (mut vm, plugin) = start(PLAIN);
    let garbage = Random(1).bytes(1 << 20);
    let nested = "[".repeat(1 << 20);
    for bad in [
        r#"{"allowOrigins": ["https://evil.example"], "allowMethods": ["GET",]}"#.as_bytes(),
        r#"{"allowOrigins": ["https://evil.example", "evil"]}"#.as_bytes(),
        r#"{"allowOrigins": ["https://evil.example"], "allowOrigin": []}"#.as_bytes(),
        b"null",
        b" ",
        b"\xff\xfe",
        &garbage,
        nested.as_bytes(),
    ] {
        let shown = bad[..bad.len().min(80)].escape_ascii();
        // Envoy creates a new plugin and keeps the old one if that fails; other hosts give the new
        // configuration to the old plugin.
        let log = vm
            .configure(bad)
            .err()
            .unwrap_or_else(|| panic!("{shown} is accepted"));
        let (accepted, log_of_old) = vm.offer(&plugin, bad);
        assert!(!accepted, "{shown} is accepted");
        for log in [log, log_of_old] {
            assert!(
                log.iter().any(|line| line.level == ERROR),
                "{shown}: no error in {log:?}"
            );
        }
        assert_right(&mut vm, &plugin, APP);
    }
}

#[test]
fn a_new_configuration_replaces_the_old_one() {
    let (mut vm, plugin) = start(PLAIN);
    let (accepted, _) = vm.offer(&plugin, br#"{"allowOrigins": ["https://evil.example"]}"#);
    assert!(accepted);
    assert_right(&mut vm, &plugin, EVIL);
}

/// A host that sends requests before any configuration changes nothing.
#[test]
fn a_plugin_without_configuration_touches_nothing() {
    let mut vm = Vm::start(Difference::default());
    let plugin = vm.create_plugin();
    let upstream = response(200, lines(&[(ALLOW_ORIGIN, "*")]));
    let seen = vm.send(
        &plugin,
        request("OPTIONS", URL, lines(&[APP, ASKS_PUT])),
        upstream.clone(),
    );
    assert_eq!(seen.headers.lines, upstream);
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

/// Sends streams and compares the memory in use afterwards with that after the first hundred.
fn send_streams(count: usize) {
    let (mut vm, plugin) = start(PLAIN);
    let kinds: [(&str, &[Header]); 4] = [
        ("GET", &[]),
        ("GET", &[APP]),
        ("OPTIONS", &[APP, ASKS_PUT]),
        ("OPTIONS", &[EVIL, ASKS_PUT]),
    ];
    let mut send = |index: usize| {
        let (method, headers) = kinds[index % kinds.len()];
        ask(&mut vm, &plugin, method, headers);
    };
    (0..100).for_each(&mut send);
    let before = LIVE_BYTES.get();
    (0..count).for_each(&mut send);
    assert_eq!(
        LIVE_BYTES.get() - before,
        0,
        "bytes left behind by {count} streams"
    );
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The plugin still allows this origin, and refuses another.
fn assert_right(vm: &mut Vm, plugin: &Plugin, origin: Header) {
    let mut granted = |headers: &[Header]| {
        let seen = ask(vm, plugin, "GET", headers);
        seen.headers.read(ALLOW_ORIGIN).map(<[u8]>::to_vec)
    };
    assert_eq!(granted(&[origin]).as_deref(), Some(origin.1.as_bytes()));
    assert_eq!(granted(&[("origin", "https://stranger.example")]), None);
}

fn start(config: &str) -> (Vm, Plugin) {
    let mut vm = Vm::start(Difference::default());
    let plugin = vm
        .configure(config.as_bytes())
        .expect("a good configuration");
    (vm, plugin)
}

/// Sends a request with an upstream that adds nothing.
fn ask(vm: &mut Vm, plugin: &Plugin, method: &str, headers: &[Header]) -> Exchange {
    vm.send(
        plugin,
        request(method, URL, lines(headers)),
        response(200, Lines::new()),
    )
}

fn refusing(status: u32, refuses: impl Fn(&Entry) -> bool + 'static) -> Difference {
    let refuses = Rc::new(move |entry: &Entry| refuses(entry).then_some(status));
    Difference {
        refuses,
        ..Difference::default()
    }
}

type Header<'a> = (&'a str, &'a str);

/// The headers of a request, including pseudo-headers. The URL is only split: the filter judges it as
/// sent.
fn request(method: &str, url: &str, headers: Lines) -> Lines {
    let (scheme, rest) = url.split_once("://").expect("a URL with a scheme");
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut all = lines(&[(":method", method), (":authority", authority)]);
    if method != "CONNECT" {
        all.extend(lines(&[(":scheme", scheme), (":path", path)]));
    }
    all.extend(headers);
    all
}

fn response(status: u16, headers: Lines) -> Lines {
    let mut all = lines(&[(":status", &status.to_string())]);
    all.extend(headers);
    all
}

fn lines(headers: &[Header]) -> Lines {
    let line = |(name, value): &Header| (name.to_string(), value.as_bytes().to_vec());
    headers.iter().map(line).collect()
}

/// Xorshift: the same bytes in every run.
struct Random(u64);

impl Random {
    fn bytes(&mut self, max_len: usize) -> Vec<u8> {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        };
        let len = if max_len > 64 {
            max_len
        } else {
            next() as usize % max_len
        };
        (0..len).map(|_| next() as u8).collect()
    }
}

/// The head of the README's table of host calls.
const HOST_CALLS: &str = "| request | reads | counters | attributes | replies | response: reads | writes | removals | values copied |";

const PLAIN: &str = r#"{
    "allowOrigins": ["https://app.example"],
    "allowMethods": ["GET", "PUT"],
    "allowHeaders": ["content-type"],
    "exposeHeaders": ["x-request-id"],
    "allowCredentials": true
}"#;
const ECHO: &str =
    r#"{"allowOrigins": ["https://app.example"], "allowMethods": ["*"], "allowHeaders": ["*"]}"#;
const OPEN: &str = r#"{"allowOrigins": ["*"], "allowMethods": ["GET", "PUT"]}"#;
const REJECT: &str = r#"{"allowOrigins": ["https://app.example"], "unmatchedRequests": "reject"}"#;
const FORWARD: &str = r#"{"allowOrigins": ["https://app.example"], "upstreamCors": "keep", "unmatchedPreflights": "forward"}"#;
const DEBUG: &str = r#"{"allowOrigins": ["https://app.example"], "debug": true}"#;
const KEEP: &str = r#"{"allowOrigins": ["https://app.example"], "upstreamCors": "keep"}"#;
const ROUTES: &str = r#"{
    "routeMetadataNamespace": "cors",
    "allowOrigins": ["https://app.example"],
    "rules": [
        {"match": {"pathPrefixes": ["/admin"]}, "policy": {"allowOrigins": ["https://admin.example"]}}
    ]
}"#;
const DELEGATED: &str = r#"{
    "allowOrigins": ["https://app.example"],
    "policies": {"team": {"allowOrigins": ["https://team.example"]}},
    "routeMetadataNamespace": "cors"
}"#;
const ROUTE_POLICY: &str = "xds.route_metadata.filter_metadata.cors.policy";
const HOST_POLICY: &str = "xds.virtual_host_metadata.filter_metadata.cors.policy";
const EXPOSE_ALL: &str = r#"{
    "allowOrigins": ["https://app.example"],
    "exposeHeaders": ["*"],
    "allowCredentials": true
}"#;
const PRIVATE_NETWORK: &str =
    r#"{"allowOrigins": ["https://app.example"], "allowPrivateNetwork": true}"#;
const CONFIGS: [&str; 8] = [
    PLAIN,
    ECHO,
    REJECT,
    DEBUG,
    KEEP,
    ROUTES,
    EXPOSE_ALL,
    PRIVATE_NETWORK,
];

const READ_OF_REQUESTS: [&str; 8] = [
    ":authority",
    ":method",
    ":path",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "origin",
    "sec-fetch-site",
];
const READ_OF_RESPONSES: [&str; 3] = ["access-control-allow-origin", "vary", "x-other"];

const URL: &str = "https://api.example/path?query";
const APP: Header = ("origin", "https://app.example");
const EVIL: Header = ("origin", "https://evil.example");
const ASKS_PUT: Header = ("access-control-request-method", "PUT");
const ASKS_X: Header = ("access-control-request-headers", "x-a");
const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const ERROR: u32 = 4;
/// Listed ones and one that no version of the ABI knows.
const STATUSES: [u32; 4] = [NOT_FOUND, BAD_ARGUMENT, UNIMPLEMENTED, 77];
