//! An HTTP server behind Envoy: answers as the test says and records its requests.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::http::{Head, Lines};

pub struct Upstream {
    pub port: u16,
    seen: Arc<Mutex<Vec<Head>>>,
}

#[derive(Default)]
pub struct Reply {
    pub status: u16,
    /// Lines as they are sent, also several with one name.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Upstream {
    /// Serves on a free port of the loopback address until the test ends.
    pub fn start(reply: impl Fn(&Head) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (reply, log) = (Arc::new(reply), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (reply, log) = (Arc::clone(&reply), Arc::clone(&log));
                thread::spawn(move || serve(stream, &*reply, &log));
            }
        });
        Self { port, seen }
    }

    /// The requests whose `x-case` header has this value, in their order.
    pub fn seen(&self, case: &str) -> Vec<Lines> {
        let seen = self.seen.lock().expect("the requests seen");
        let of_case = seen
            .iter()
            .filter(|head| head.headers.only("x-case") == Some(case.as_bytes()));
        of_case.map(|head| head.headers.clone()).collect()
    }
}

impl Reply {
    pub fn new(status: u16, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter();
        Self::of(
            status,
            headers.map(|(name, value)| (*name, value.as_bytes())),
        )
    }

    pub fn of<'a>(status: u16, headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_vec()));
        Self {
            status,
            headers: headers.collect(),
            body: Vec::new(),
        }
    }
}

/// Answers one request after the other until Envoy closes the connection.
fn serve(mut stream: TcpStream, reply: impl Fn(&Head) -> Reply, log: &Mutex<Vec<Head>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    while let Ok(head) = Head::read(&mut reader) {
        if skip_body(&head, &mut reader).is_err() {
            return;
        }
        let Reply {
            status,
            headers,
            body,
        } = reply(&head);
        log.lock().expect("the requests seen").push(head);
        let mut bytes = format!("HTTP/1.1 {status} Status\r\n").into_bytes();
        for (name, value) in headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(&value);
            bytes.extend_from_slice(b"\r\n");
        }
        if status >= 200 && status != 204 && status != 304 {
            bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&body);
        if stream.write_all(&bytes).is_err() {
            return;
        }
        if status == 101 {
            // The bytes after it are not HTTP. The client speaks once: to a connection that is reset, it would complain.
            let _ = reader.read(&mut [0; 64]);
            return;
        }
    }
}

/// Reads a request's body, which Envoy passes on with its length.
fn skip_body(head: &Head, reader: &mut impl BufRead) -> io::Result<u64> {
    let length = head.headers.only("content-length").unwrap_or(b"0");
    let length = String::from_utf8_lossy(length).parse();
    io::copy(
        &mut reader.take(length.map_err(io::Error::other)?),
        &mut io::sink(),
    )
}
