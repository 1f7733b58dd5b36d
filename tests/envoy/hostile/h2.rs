//! Hostile HTTP/2: many streams on one connection, with any byte that a header value can hold.

use bytes::Bytes;
use h2::client::{self, SendRequest};
use http::{HeaderName, HeaderValue, Request};
use tokio::net::TcpStream;
use tokio::task::{self, LocalSet};

use crate::hostile::{LISTENERS, lines, path};
use support::envoy::Envoy;
use support::random::Random;

/// Streams at a time on a connection.
const STREAMS: usize = 100;

pub fn random(envoy: &Envoy, count: usize, random: &mut Random) {
    send(envoy, count, random, false);
}

/// Every stream is reset as soon as its request is sent.
pub fn resets(envoy: &Envoy, count: usize, random: &mut Random) {
    send(envoy, count, random, true);
}

fn send(envoy: &Envoy, count: usize, random: &mut Random, resets: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        for index in 0..count / STREAMS {
            let port = envoy.port(LISTENERS[index % LISTENERS.len()]);
            let mut client = connect(port).await;
            let mut streams = Vec::new();
            for _ in 0..STREAMS {
                client = client.ready().await.expect("a connection that lives");
                let (answer, mut stream) = client
                    .send_request(request(random), !resets)
                    .expect("a stream");
                streams.push(task::spawn_local(async move {
                    if resets {
                        // The request is sent; its body never follows.
                        task::yield_now().await;
                        stream.send_reset(h2::Reason::CANCEL);
                    }
                    // Envoy may refuse a stream; the counters show what reached the module.
                    let _ = answer.await;
                }));
            }
            for stream in streams {
                stream.await.expect("no panic");
            }
        }
    });
}

async fn connect(port: u16) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("a connection");
    let (client, connection) = client::handshake(stream).await.expect("a handshake");
    task::spawn_local(async move {
        // It ends when the client disconnects, or when Envoy closes the connection.
        let _ = connection.await;
    });
    client
}

fn request(random: &mut Random) -> Request<()> {
    let method = random.pick(&["GET", "OPTIONS", "OPTIONS", "POST", "DELETE"]);
    let path = path(random).replace(['\\', ' ', '"', '<', '>'], "%5c");
    let uri = format!("http://api.example{path}");
    let uri = uri
        .parse()
        .unwrap_or(http::Uri::from_static("http://api.example/x"));
    let mut request = Request::new(());
    *request.method_mut() = method.parse().expect("a method");
    *request.uri_mut() = uri;
    for (name, value) in lines(random) {
        // HTTP/2 allows no white space at the ends.
        let value = HeaderValue::from_bytes(value.trim_ascii()).expect("a value");
        request
            .headers_mut()
            .append(HeaderName::from_static(name), value);
    }
    request
}
