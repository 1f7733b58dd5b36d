//! Hostile HTTP/1.1, written as raw bytes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::hostile::{APP, LISTENERS, byte, lines, path};
use support::envoy::Envoy;
use support::http::{self, Connection};
use support::random::Random;

/// Several requests are sent before any of their answers is read.
pub fn random(envoy: &Envoy, count: usize, random: &mut Random) {
    let mut sent = 0;
    while sent < count {
        let listener = random.pick(&LISTENERS);
        // If Envoy or the module answers, Envoy drops a connection with three unanswered requests;
        // it takes the answers of an upstream in turn.
        let (methods, pipelined): (&[&str], _) = match listener {
            "upstream" => (&["GET", "POST", "DELETE"], 32),
            _ => (&["GET", "OPTIONS", "OPTIONS", "POST", "DELETE"], 2),
        };
        let mut connection = Connection::open(envoy.port(listener)).expect("a connection");
        for _ in 0..100 {
            let pipelined = pipelined.min(count - sent);
            let requests: Vec<_> = (0..pipelined)
                .map(|_| {
                    let mut lines = lines(random);
                    lines.push(("host", host(random)));
                    lines.push(("content-length", b"0".to_vec()));
                    http::request(random.pick(methods), &path(random), &borrowed(&lines))
                })
                .collect();
            sent += pipelined;
            // If Envoy refuses one request, it reads no further.
            let goes_on = connection.send(&requests.concat()).is_ok()
                && requests.iter().all(|_| {
                    connection
                        .receive(false)
                        .is_ok_and(|answer| answer.status != 400)
                });
            if !goes_on {
                break;
            }
        }
    }
}

/// One long value, in each header in turn, every second one of the maximum length.
pub fn large(envoy: &Envoy, count: usize, random: &mut Random) {
    let names = [
        "origin",
        "access-control-request-method",
        "access-control-request-headers",
        "access-control-request-private-network",
        "sec-fetch-site",
        "host",
        ":path",
    ];
    for index in 0..count {
        let length = match random.once_in(2) {
            true => 60 * 1024,
            false => 1 + random.below(60 * 1024),
        };
        let (mut path, mut long) = ("/x".to_owned(), random.bytes(length, byte));
        let name = names[index % names.len()];
        let mut lines = Vec::new();
        match name {
            "host" => long = b"a.".repeat(length / 2),
            ":path" => path = format!("/{}", "../%2e".repeat(length / 6)),
            "origin" if random.once_in(2) => {
                long = [b"https://".to_vec(), b"a.".repeat(length / 2)].concat()
            }
            "access-control-request-headers" if random.once_in(2) => {
                long = b"x-a,".repeat(length / 4)
            }
            _ => {}
        }
        for (ordinary, value) in [
            ("host", "api.example"),
            ("origin", APP),
            ("access-control-request-method", "PUT"),
        ] {
            if name != ordinary {
                lines.push((ordinary, value.into()));
            }
        }
        if name != ":path" {
            lines.push((name, long));
        }
        ask(
            envoy,
            index,
            &http::request("OPTIONS", &path, &borrowed(&lines)),
        );
    }
}

pub fn many_origins(envoy: &Envoy, count: usize, random: &mut Random) {
    for index in 0..count {
        let mut lines = vec![("host", b"api.example".to_vec())];
        lines.resize_with(101, || ("origin", crate::hostile::origin(random)));
        ask(envoy, index, &http::request("GET", "/x", &borrowed(&lines)));
    }
}

/// In one line, or in one line each.
pub fn many_names(envoy: &Envoy, count: usize, random: &mut Random) {
    for index in 0..count {
        let names = 1000 + random.below(3000);
        let item = random.pick(&["x", "", " ", "x-a", "X Y", "é"]);
        let mut lines = vec![
            ("host", b"api.example".to_vec()),
            ("origin", APP.into()),
            ("access-control-request-method", b"PUT".to_vec()),
        ];
        if random.once_in(2) {
            let list = vec![item; names].join(",").into_bytes();
            lines.push(("access-control-request-headers", list));
        } else {
            let one = ("access-control-request-headers", item.into());
            lines.resize(names / 2, one);
        }
        ask(
            envoy,
            index,
            &http::request("OPTIONS", "/x", &borrowed(&lines)),
        );
    }
}

pub fn websockets(envoy: &Envoy, count: usize, random: &mut Random) {
    for index in 0..count {
        let mut lines = lines(random);
        for (name, value) in [
            ("host", "api.example"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            lines.push((name, value.into()));
        }
        ask(
            envoy,
            index,
            &http::request("GET", &path(random), &borrowed(&lines)),
        );
    }
}

/// The client disconnects during the answer, with a part of the body unsent.
pub fn resets(envoy: &Envoy, count: usize, random: &mut Random) {
    for index in 0..count {
        let mut lines = lines(random);
        lines.push(("host", b"api.example".to_vec()));
        lines.push(("content-length", b"100".to_vec()));
        let mut bytes = http::request("POST", "/x", &borrowed(&lines));
        bytes.extend(vec![b'x'; random.below(100)]);
        let mut stream = connect(envoy, index);
        let _ = stream.set_read_timeout(Some(Duration::from_millis(5)));
        stream.write_all(&bytes).expect("Envoy to listen");
        // Unread data at the close of the socket turns the close into a reset.
        if random.once_in(2) {
            let _ = stream.peek(&mut [0]);
        }
    }
}

/// None of it is a request; Envoy's codec refuses it, or waits for more.
pub fn malformed(envoy: &Envoy, count: usize, random: &mut Random) {
    let pieces: [&[u8]; 16] = [
        b"GET / HTTP/1.1\r\n",
        b"OPTIONS * HTTP/1.1\r\n",
        b"GET / HTTP/0.9\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"host: a\r\n",
        b"host: a\r\nhost: b\r\n",
        b"origin: https://app.example\r\n",
        b"origin: a\0b\r\n",
        b"origin\r\n",
        b" origin: folded\r\n",
        b": empty\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        b"content-length: -1\r\n",
        b"\r\n",
        b"zz\r\n",
        b"\xff\xfe\x00",
    ];
    for index in 0..count {
        let mut stream = connect(envoy, index);
        for _ in 0..1 + random.below(8) {
            let piece = random.pick(&pieces);
            // Envoy may have closed the connection already.
            let _ = stream.write_all(piece);
        }
        let _ = stream.set_read_timeout(Some(Duration::from_millis(2)));
        let _ = stream.read(&mut [0; 256]);
    }
}

fn host(random: &mut Random) -> Vec<u8> {
    if random.once_in(2) {
        return b"api.example".to_vec();
    }
    let length = 1 + random.below(40);
    random.bytes(length, |random| random.pick(b"example-_.:0123456789[]%"))
}

fn ask(envoy: &Envoy, index: usize, request: &[u8]) {
    // Any answer is fine, also none or Envoy's own: the counters show what reached the module.
    let _ = http::exchange(envoy.port(LISTENERS[index % LISTENERS.len()]), request);
}

fn connect(envoy: &Envoy, index: usize) -> TcpStream {
    let port = envoy.port(LISTENERS[index % LISTENERS.len()]);
    TcpStream::connect(("127.0.0.1", port)).expect("a connection")
}

fn borrowed<'a>(lines: &'a [(&'static str, Vec<u8>)]) -> Vec<(&'a str, &'a [u8])> {
    lines
        .iter()
        .map(|(name, value)| (*name, value.as_slice()))
        .collect()
}
