//! A thousand byte sequences in every header that the module reads do not kill it.

use serde_json::json;

use crate::{APP, allow_origin, send};
use support::envoy::{Configuration, Envoy, Listener};
use support::http::{self, Response};
use support::upstream::{Reply, Upstream};

const ASKS: (&str, &[u8]) = ("access-control-request-method", b"PUT");
const FROM_APP: (&str, &[u8]) = ("origin", APP.as_bytes());
const SEQUENCES: usize = 1000;

#[test]
fn no_bytes_kill_the_module() {
    let upstream = Upstream::start(|request| {
        // What comes in `x-answer` goes back in the headers that the module reads of answers.
        let mut reply = Reply::new(200, &[]);
        for value in request.headers.values("x-answer") {
            reply.headers.push(("vary".into(), value.to_vec()));
            reply
                .headers
                .push(("access-control-allow-origin".into(), value.to_vec()));
            reply.headers.push(("x-other".into(), value.to_vec()));
        }
        reply
    });
    // Every header is read under one of these, and every answer but Envoy's own varies.
    let echo = json!({"allowOrigins": ["https://*:*", "http://*.example"], "allowOriginRegexes": ["h.*/(a|b)*"], "allowMethods": ["*"],
        "allowHeaders": ["*"], "exposeHeaders": ["*"], "allowCredentials": true, "allowPrivateNetwork": true, "debug": true});
    let reject = json!({"allowOrigins": [APP], "unmatchedRequests": "reject", "debug": true, "hideCorsFromUpstream": true, "autoOptions": true,
        "rules": [
            {"name": "path", "match": {"pathPrefixes": ["/admin", "/a/b"]}, "policy": {"allowOrigins": [APP]}},
            {"name": "host", "match": {"hostnames": ["*.example", "api.example"], "exactPaths": ["/x"]}, "policy": {"allowOrigins": [APP]}}]});
    let keep =
        json!({"allowOrigins": [APP], "upstreamCors": "keep", "unmatchedPreflights": "forward"});
    let envoy = Envoy::start(
        upstream.port,
        vec![
            Listener::cors("echo", Configuration::Text(&echo.to_string())),
            Listener::cors("reject", Configuration::Text(&reject.to_string())),
            Listener::cors("keep", Configuration::Text(&keep.to_string())),
        ],
    );
    let attacks: [Attack; 11] = [
        ("echo", "GET", "origin", &[]),
        ("echo", "OPTIONS", "origin", &[ASKS]),
        (
            "echo",
            "OPTIONS",
            "access-control-request-method",
            &[FROM_APP],
        ),
        (
            "echo",
            "OPTIONS",
            "access-control-request-headers",
            &[FROM_APP, ASKS],
        ),
        (
            "echo",
            "OPTIONS",
            "access-control-request-private-network",
            &[FROM_APP, ASKS],
        ),
        ("reject", "POST", "origin", &[]),
        (
            "reject",
            "POST",
            "sec-fetch-site",
            &[("origin", b"https://evil.example")],
        ),
        ("reject", "POST", "host", &[FROM_APP]),
        ("reject", "GET", ":path", &[FROM_APP]),
        ("keep", "GET", "x-answer", &[FROM_APP]),
        ("echo", "GET", "x-answer", &[FROM_APP]),
    ];
    let mut bytes = Bytes(0x9e37_79b9_7f4a_7c15);
    for (listener, method, target, others) in attacks {
        let mut reached = 0;
        for _ in 0..SEQUENCES {
            let hostile = bytes.sequence(target);
            let mut path = "/x";
            let mut lines = others.to_vec();
            if target == ":path" {
                path = str::from_utf8(&hostile).expect("a path in ASCII");
            } else {
                lines.push((target, &hostile));
            }
            if target != "host" {
                lines.push(("host", b"api.example"));
            }
            lines.push(("content-length", b"0"));
            let answer = http::exchange(envoy.port(listener), &http::request(method, path, &lines));
            reached += usize::from(answer.is_ok_and(|answer| is_from_the_module(&answer)));
        }
        println!("{method} {target}: {reached} of {SEQUENCES} reached the module");
        assert!(
            reached * 10 >= SEQUENCES * 9,
            "{target}: only {reached} reached the module"
        );

        let next = send(&envoy, listener, "GET", "/x", &[("origin", APP)]);
        assert_eq!(
            (next.status, allow_origin(&next)),
            (200, APP.into()),
            "after {target}"
        );
    }

    let next = http::request("GET", "/", &[("host", b"x"), ("origin", b"\xff\xfe")]);
    assert_eq!(
        http::exchange(envoy.port("echo"), &next)
            .expect("an answer")
            .status,
        200
    );
    assert_eq!(envoy.lost_vms(), 0);
    assert!(!envoy.log().contains("panicked"), "{}", envoy.log());
}

/// Listener, method, the header that carries the bytes, and the others.
type Attack = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static [u8])],
);

/// Under these policies every answer varies; what Envoy's codec refuses does not.
fn is_from_the_module(answer: &Response) -> bool {
    answer.headers.has("vary")
}

/// Byte sequences, the same in every run.
struct Bytes(u64);

impl Bytes {
    fn sequence(&mut self, target: &str) -> Vec<u8> {
        let length = match self.below(10) {
            0 => self.below(2000),
            1 => 0,
            _ => self.below(60),
        };
        let mut sequence: Vec<u8> = (0..length).map(|_| self.byte(target)).collect();
        if target == ":path" {
            sequence.insert(0, b'/');
        }
        if target == "host" && sequence.is_empty() {
            sequence.push(b'h');
        }
        if self.below(2) == 0 && target == "origin" {
            sequence.splice(0..0, *b"https://");
        }
        sequence
    }

    /// Interesting bytes for this place, of those that HTTP permits.
    fn byte(&mut self, target: &str) -> u8 {
        let interesting: &[u8] = match target {
            ":path" => b"/%.;&=?%2eEfF5cC\\admin",
            "host" => b"example-_.:0123456789[]%",
            _ => b"https://[]:*.,-_~?#@%\\\"<> \texample0123456789ABC",
        };
        match self.below(3) {
            0 if !matches!(target, ":path" | "host") => match self.below(256) as u8 {
                b'\t' => b'\t',
                control if control < 0x20 || control == 0x7f => control.wrapping_add(0x80),
                byte => byte,
            },
            _ => interesting[self.below(interesting.len())],
        }
    }

    /// xorshift64*
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}
