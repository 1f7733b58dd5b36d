//! Parts of a judgement that the table cannot show: policies in route metadata, explanations, counters.

use cors::http::request::{Headers, RequestContext};
use cors::policy::counter::Counter;
use cors::policy::verdict::Reason;
use cors::select::policy_set::PolicySet;
use cors::select::selection::Notice;
use cors::simulate::exchange::{Incoming, Response, exchange};

#[test]
fn a_policy_in_route_metadata_is_found_by_name_or_read() {
    let plugin = plugin(
        r#"{"routeMetadataNamespace": "cors", "policies": {"open": {"allowOrigins": ["*"]}}}"#,
    );
    for (text, explanation) in [
        (
            "open",
            "request from \"https://a.example\" allowed (*; route metadata)",
        ),
        (
            r#"{"allowOrigins": ["https://*.example"]}"#,
            "request from \"https://a.example\" allowed (https://*.example; route metadata)",
        ),
        (
            r#"{"allowOriginRegexes": ["https://[a-c]\\.example"]}"#,
            "request from \"https://a.example\" allowed (/https://[a-c]\\.example/; route metadata)",
        ),
        (
            r#"{"allowOrigins": ["https://b.example"]}"#,
            "request from \"https://a.example\" refused: origin: it is not an allowed origin (route metadata)",
        ),
    ] {
        assert_eq!(explain(&plugin, text), explanation);
    }
}

#[test]
fn invalid_metadata_allows_no_origin_and_is_reported_once() {
    let plugin = plugin(r#"{"routeMetadataNamespace": "cors"}"#);
    let log = |text: &str| {
        let judgement = plugin.judge(&Request::new(text));
        judgement.notice().cloned().map(|remark| match remark {
            Notice::Invalid(log) => log,
            Notice::Warned(log) => panic!("warned: {log}"),
        })
    };
    let bad = log("nonsense").expect("trouble").expect("a line");
    assert!(
        bad.contains("neither the name of a policy nor JSON"),
        "{bad}"
    );
    assert_eq!(log("nonsense"), Some(None));
    assert!(explain(&plugin, "nonsense").contains("refused"));

    let policy = r#"{"allowOrigins": ["https://a.example"]}"#;
    let padded = |length: usize| format!("{policy:length$}");
    assert_eq!(log(&padded(16 * 1024)), None);
    let long = log(&padded(16 * 1024 + 1)).expect("trouble");
    assert!(long.expect("a line").contains("the limit is 16384"));
    assert_eq!(log(&padded(16 * 1024 + 1)), Some(None));
}

/// An answer lists at most 64 names of families; the browser then blocks the others.
#[test]
fn a_name_of_a_family_over_the_limit_is_reported_as_blocked() {
    let plugin = plugin(r#"{"allowOrigins": ["https://a.example"], "allowHeaders": ["x-f-*"]}"#);
    let said = |count: usize| {
        let names: Vec<_> = (0..count).map(|name| format!("x-f-{name}")).collect();
        let headers = [
            (":method", "OPTIONS".to_owned()),
            ("origin", "https://a.example".to_owned()),
            ("access-control-request-method", "GET".to_owned()),
            ("access-control-request-headers", names.join(",")),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.into_bytes()));
        let request = Incoming {
            headers: headers.into_iter().collect(),
            ..Incoming::default()
        };
        plugin.judge(&request).to_string()
    };
    assert!(!said(64).contains("blocks"), "{}", said(64));
    assert!(said(65).contains("the browser blocks it"), "{}", said(65));
}

/// Updates as from a control plane: the texts of all routes change with each update, for years.
#[test]
fn texts_of_old_updates_close_no_live_route() {
    for (routes, updates) in [(1, 3_000), (50, 100), (700, 10), (1_024, 5)] {
        let plugin = plugin(r#"{"routeMetadataNamespace": "cors"}"#);
        for update in 0..updates {
            for route in 0..routes {
                // Some are invalid, and some have regular expressions: these are forgotten, too.
                let (text, is_good) = match route % 7 {
                    3 => (format!(r#"{{"maxAge": {route}, "_": {update}}}"#), false),
                    5 if route < 700 => (policy_text(route, update, 3), true),
                    _ => (policy_text(route, update, 0), true),
                };
                let request = Request {
                    seconds: update * 60,
                    ..Request::new(&text)
                };
                let judgement = plugin.judge(&request);
                let allows = judgement.notice().is_none();
                assert_eq!(
                    allows, is_good,
                    "route {route} of {routes} after update {update}"
                );
                let verdict = judgement.verdict().expect("a verdict");
                assert_eq!(verdict.reason == Reason::Allowed, is_good);
            }
        }
    }
}

/// More texts in use than are kept: the kept ones stay, and the cost of the others is bounded.
#[test]
fn texts_beyond_the_limit_do_not_replace_each_other_forever() {
    let plugin = plugin(r#"{"routeMetadataNamespace": "cors"}"#);
    let mut logs = 0;
    for minute in 0..3 {
        let mut read = 0;
        let mut closed = 0;
        for round in 0..20 {
            for route in 0..1_100 {
                // A warning is logged each time that a text is read.
                let text = format!(
                    r#"{{"allowOrigins": ["https://a.example", "https://b.example:443"], "maxAge": {route}}}"#
                );
                let request = Request {
                    seconds: minute * 60,
                    ..Request::new(&text)
                };
                match plugin.judge(&request).notice() {
                    None => {}
                    Some(Notice::Warned(_)) => read += 1,
                    Some(Notice::Invalid(log)) => {
                        closed += 1;
                        logs += usize::from(log.is_some());
                        assert!(round > 0, "while the ration lasts none is closed");
                    }
                }
            }
        }
        // The first texts are read in addition to the ration.
        let first = if minute == 0 { 1_024 } else { 0 };
        assert_eq!(read, first + 1_024, "minute {minute}");
        assert!(closed > 10 * 76, "{closed}");
    }
    assert_eq!(logs, 1);
}

#[test]
fn a_verdict_counts_its_outcome_and_the_detail() {
    let plugin = plugin(r#"{"allowOrigins": ["https://a.example"], "debug": true}"#);
    for (headers, counters) in [
        (&[][..], &[][..]),
        (&[("origin", "https://a.example")], &["request_allowed"]),
        (
            &[("origin", "https://b.example")],
            &["request_refused", "refused.origin"],
        ),
        (&[("origin", "null")], &["request_refused", "refused.null"]),
        (
            &[("origin", "x")],
            &["request_refused", "refused.malformed"],
        ),
        (
            &[
                ("origin", "https://a.example"),
                (":method", "OPTIONS"),
                ("access-control-request-method", "POST"),
            ],
            &["preflight_allowed"],
        ),
        (
            &[
                ("origin", "https://a.example"),
                (":method", "OPTIONS"),
                ("access-control-request-method", "PUT"),
            ],
            &["preflight_allowed", "preflight_mismatch.method"],
        ),
        (
            &[
                ("origin", "https://a.example"),
                (":method", "OPTIONS"),
                ("access-control-request-method", "GET"),
                ("access-control-request-headers", "x-a"),
            ],
            &["preflight_allowed", "preflight_mismatch.header"],
        ),
        (
            &[
                ("origin", "https://b.example"),
                (":method", "OPTIONS"),
                ("access-control-request-method", "GET"),
            ],
            &["preflight_refused", "refused.origin"],
        ),
    ] {
        let request = Request {
            headers: headers.to_vec(),
            ..Request::default()
        };
        let judgement = plugin.judge(&request);
        let counted = judgement.counters().into_iter().flatten();
        assert_eq!(counted.map(Counter::name).collect::<Vec<_>>(), counters);
    }
}

fn plugin(configuration: &str) -> PolicySet {
    PolicySet::from_bytes(configuration.as_bytes())
        .0
        .expect("no errors")
}

fn policy_text(route: u64, update: u64, regexes: usize) -> String {
    let regexes: Vec<_> = (0..regexes).map(|n| format!("https://r{n}")).collect();
    format!(
        r#"{{"allowOrigins": ["https://a.example"], "allowOriginRegexes": {regexes:?}, "maxAge": {route}, "_": {update}}}"#
    )
}

fn explain(plugin: &PolicySet, metadata: &str) -> String {
    let request = Request::new(metadata);
    let judgement = plugin.judge(&request);
    judgement.to_string()
}

#[derive(Default)]
struct Request {
    headers: Vec<(&'static str, &'static str)>,
    metadata: Option<Vec<u8>>,
    seconds: u64,
}

impl Request {
    fn new(metadata: &str) -> Self {
        Self {
            headers: vec![("origin", "https://a.example")],
            metadata: Some(metadata.into()),
            seconds: 0,
        }
    }
}

impl Headers for Request {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        let found = self.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_bytes().to_vec())
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let pair =
            |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        self.headers.iter().map(pair).collect()
    }
}

impl RequestContext for Request {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        (path == ["xds", "route_metadata", "filter_metadata", "cors", "policy"])
            .then(|| self.metadata.clone())
            .flatten()
    }

    fn seconds(&self) -> u64 {
        self.seconds
    }
}

#[test]
fn dubious_metadata_is_reported_once_and_governs() {
    let plugin = plugin(r#"{"routeMetadataNamespace": "cors"}"#);
    let text = r#"{"allowOrigins": ["*"], "allowCredentials": true}"#;
    let remark = || plugin.judge(&Request::new(text)).notice().cloned();
    let Some(Notice::Warned(log)) = remark() else {
        panic!("no warning");
    };
    assert!(log.contains("every site can act as your users"), "{log}");
    assert_eq!(remark(), None);
    assert!(explain(&plugin, text).contains("allowed"));
}

#[test]
fn debug_holds_for_metadata_too() {
    let text = r#"{"allowOrigins": ["https://a.example"]}"#;
    for debug in [false, true] {
        let plugin = plugin(&format!(
            r#"{{"routeMetadataNamespace": "cors", "debug": {debug}}}"#
        ));
        let mut request = Request::new(text);
        request.headers.extend([
            (":method", "OPTIONS"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "x-a"),
        ]);
        let judgement = plugin.judge(&request);
        let verdict = judgement.verdict().expect("a verdict");
        assert_eq!(verdict.blocked().is_some(), debug, "{verdict}");
    }
}

#[test]
fn shadow_counters_are_defined_only_if_needed() {
    for (configuration, may_shadow) in [
        (r#"{"allowOrigins": ["*"]}"#, false),
        (r#"{"allowOrigins": ["*"], "mode": "shadow"}"#, true),
        (
            r#"{"allowOrigins": ["*"], "routeMetadataNamespace": "cors"}"#,
            true,
        ),
        (
            r#"{"rules": [{"match": {"hostnames": ["a"]}, "policy": {"allowOrigins": ["*"], "mode": "shadow"}}]}"#,
            true,
        ),
        (
            r#"{"rules": [{"match": {"hostnames": ["a"]}, "policy": {"allowOrigins": ["*"]}}]}"#,
            false,
        ),
    ] {
        assert_eq!(
            plugin(configuration).may_shadow(),
            may_shadow,
            "{configuration}"
        );
    }
}

#[test]
fn an_ambiguous_path_is_as_strict_as_either_rule() {
    for (admin, rest, mode) in [
        ("enforce", "enforce", Some("enforce")),
        ("shadow", "enforce", Some("enforce")),
        ("enforce", "shadow", Some("enforce")),
        ("shadow", "shadow", Some("shadow")),
        ("off", "shadow", Some("shadow")),
        ("off", "off", None),
    ] {
        let plugin = plugin(&format!(
            r#"{{"rules": [
                {{"match": {{"pathPrefixes": ["/admin"]}}, "policy": {{"mode": "{admin}", "allowOrigins": ["https://a.example"]}}}},
                {{"match": {{"pathPrefixes": ["/"]}}, "policy": {{"mode": "{rest}", "allowOrigins": ["https://a.example"]}}}}
            ]}}"#
        ));
        let mut request = Request::new("");
        request.headers.push((":path", "//admin"));
        let judgement = plugin.judge(&request);
        let seen = match (judgement.is_enforced(), judgement.is_shadow()) {
            (true, _) => Some("enforce"),
            (_, true) => Some("shadow"),
            _ => None,
        };
        assert_eq!(seen, mode, "{admin} {rest}");
        if let Some(verdict) = judgement.verdict() {
            assert!(verdict.to_string().contains("refused: path"), "{verdict}");
        }
    }
}

#[test]
fn regular_expressions_of_a_forgotten_text_leave_their_room() {
    let plugin = plugin(r#"{"routeMetadataNamespace": "cors"}"#);
    let remark = |count: usize, from: usize, length: usize| {
        let regexes: Vec<String> = (from..from + count)
            .map(|n| format!("\"https://a{n}-[a-z]{{{length}}}\""))
            .collect();
        let text = format!(r#"{{"allowOriginRegexes": [{}]}}"#, regexes.join(","));
        plugin.judge(&Request::new(&text)).notice().cloned()
    };
    // All texts may have 875 of them.
    for (count, from) in [
        (500, 1_000),
        (374, 2_000),
        (2, 3_000),
        (374, 2_000),
        (499, 4_000),
        (1, 5_000),
        (2, 3_000),
        (500, 6_000),
    ] {
        assert_eq!(remark(count, from, 100), None, "{count} from {from}");
    }
    assert!(matches!(
        remark(500, 7_000, 240),
        Some(Notice::Invalid(Some(_)))
    ));
    assert_eq!(remark(500, 7_000, 240), Some(Notice::Invalid(None)));
}

#[test]
fn safelisted_methods_need_no_listing() {
    let plugin = plugin(r#"{"allowOrigins": ["https://a.example"], "allowMethods": ["PUT"]}"#);
    for (method, blocked) in [
        ("GET", false),
        ("POST", false),
        ("PUT", false),
        ("DELETE", true),
    ] {
        let mut request = Request::new("");
        request.headers.extend([
            (":method", "OPTIONS"),
            ("access-control-request-method", method),
        ]);
        let judgement = plugin.judge(&request);
        let verdict = judgement.verdict().expect("a verdict");
        assert_eq!(verdict.blocked().is_some(), blocked, "{method}");
    }
}

#[test]
fn at_most_64_names_are_exposed() {
    let plugin = plugin(
        r#"{"allowOrigins": ["https://a.example"], "allowCredentials": true, "exposeHeaders": ["*"]}"#,
    );
    let incoming = Incoming {
        headers: [("origin", "https://a.example")].into_iter().collect(),
        ..Incoming::default()
    };
    let upstream = Response {
        status: 200,
        headers: (0..70).map(|n| (format!("x-{n}"), "")).collect(),
    };
    let exchanged = exchange(&plugin, incoming, upstream);
    let exposed = exchanged
        .response
        .headers
        .get("access-control-expose-headers");
    let exposed = String::from_utf8_lossy(exposed.expect("names"));
    assert_eq!(exposed.split(", ").count(), 64, "{exposed}");
}

#[test]
fn with_credentials_a_header_star_is_blocked_and_no_other() {
    for (credentials, asked, blocked) in [
        (true, "*", true),
        (true, "x-a", false),
        (true, "x-a,*", true),
        (false, "*", false),
        (false, "x-a", false),
    ] {
        let plugin = plugin(&format!(
            r#"{{"allowOrigins": ["https://a.example"], "allowHeaders": ["*"], "allowCredentials": {credentials}}}"#
        ));
        let mut request = Request::new("");
        request.headers.extend([
            (":method", "OPTIONS"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", asked),
        ]);
        let judgement = plugin.judge(&request);
        let verdict = judgement.verdict().expect("a verdict");
        assert_eq!(
            verdict.blocked().is_some(),
            blocked,
            "{credentials} {asked}"
        );
    }
}

#[test]
fn a_route_name_is_asked_for_where_a_rule_names_one() {
    let plugin = plugin(
        r#"{"rules": [{"match": {"routeNames": ["httproute/a/b/*"]}, "policy": {"allowOrigins": ["https://a.example"]}}]}"#,
    );
    for (name, is_governed) in [
        ("httproute/a/b/rule/0", true),
        ("httproute/a/c/rule/0", false),
    ] {
        let incoming = Incoming {
            route_name: Some(name.to_owned()),
            ..Incoming::default()
        };
        assert_eq!(plugin.judge(&incoming).is_governed(), is_governed, "{name}");
    }
}

#[test]
fn under_debug_every_refused_preflight_says_why() {
    let rules = r#""rules": [
        {"match": {"pathPrefixes": ["/admin"]}, "policy": {"allowOrigins": ["https://a.example"]}},
        {"match": {"pathPrefixes": ["/"]}, "policy": {"allowOrigins": ["https://a.example"]}}
    ]"#;
    for (more, path, metadata) in [
        (rules, "//admin", ""),
        ("\"routeMetadataNamespace\": \"cors\"", "/", "bad"),
    ] {
        for debug in [false, true] {
            let plugin = plugin(&format!(r#"{{"debug": {debug}, {more}}}"#));
            let mut request = Request::new(metadata);
            request.headers.extend([
                (":method", "OPTIONS"),
                (":path", path),
                ("access-control-request-method", "GET"),
            ]);
            let judgement = plugin.judge(&request);
            let reply = judgement.reply().expect("a refusal");
            assert_eq!(
                (reply.status, reply.body.is_empty()),
                (403, !debug),
                "{path}"
            );
        }
    }
}

#[test]
fn a_preflight_is_never_of_the_same_origin() {
    let plugin =
        plugin(r#"{"allowOrigins": ["https://b.example"], "unmatchedRequests": "reject"}"#);
    for (method, is_refused) in [("GET", false), ("OPTIONS", true)] {
        let mut request = Request::new("");
        request.headers.extend([
            (":method", method),
            ("access-control-request-method", "GET"),
            ("sec-fetch-site", "same-origin"),
        ]);
        let judgement = plugin.judge(&request);
        let verdict = judgement.verdict().expect("a verdict");
        assert_eq!(
            verdict.to_string().contains("refused"),
            is_refused,
            "{verdict}"
        );
    }
}

#[test]
fn the_last_regular_expression_of_all_counts() {
    let regexes: Vec<String> = (0..1_000)
        .map(|n| format!(r#""https://a{n}\\.example""#))
        .collect();
    let plugin = plugin(&format!(
        r#"{{"allowOriginRegexes": [{}]}}"#,
        regexes.join(",")
    ));
    let mut request = Request::new("");
    request.headers = vec![("origin", "https://a999.example")];
    let judgement = plugin.judge(&request);
    let verdict = judgement.verdict().expect("a verdict");
    assert_eq!(verdict.reason, Reason::Allowed);
}
