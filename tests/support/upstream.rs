//! An HTTP server behind Envoy: answers as the test says and remembers what it was asked.

use std::io::{BufReader, Write};
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
    /// Lines as they are sent, several with one name included.
    pub headers: Vec<(String, Vec<u8>)>,
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
        let headers = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        Self {
            status,
            headers: headers.collect(),
        }
    }
}

/// Answers one request after the other until Envoy closes the connection. Requests have no body.
fn serve(mut stream: TcpStream, reply: impl Fn(&Head) -> Reply, log: &Mutex<Vec<Head>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    while let Ok(head) = Head::read(&mut reader) {
        let Reply { status, headers } = reply(&head);
        log.lock().expect("the requests seen").push(head);
        let mut bytes = format!("HTTP/1.1 {status} Status\r\n").into_bytes();
        for (name, value) in headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(&value);
            bytes.extend_from_slice(b"\r\n");
        }
        if status >= 200 && status != 204 && status != 304 {
            bytes.extend_from_slice(b"content-length: 0\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        if stream.write_all(&bytes).is_err() {
            return;
        }
    }
}
