//! A server of hyper whose answers have the CORS headers of a policy, without a proxy:
//!
//! cargo run --package cors-example-hyper -- '{"allowOrigins": ["https://app.example"]}'
//!
//! `Message` lends hyper's headers to the core, and `answer` is what a server does with them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;

use cors::{Headers, HeadersMut, PolicySet, RequestContext};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The headers of a request or a response. A request has its method, path and host under the names of HTTP/2.
#[derive(Default)]
struct Message {
    headers: HeaderMap,
    pseudo: Vec<(&'static str, String)>,
}

impl Message {
    fn of<B>(request: &Request<B>) -> Self {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let host = request
            .headers()
            .get("host")
            .and_then(|host| host.to_str().ok());
        let pseudo = vec![
            (":method", request.method().to_string()),
            (":path", path.to_owned()),
            (":authority", host.unwrap_or_default().to_owned()),
        ];
        Self {
            headers: request.headers().clone(),
            pseudo,
        }
    }
}

impl Headers for Message {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        let pseudo = self.pseudo.iter().find(|(known, _)| *known == name);
        let pseudo = pseudo.map(|(_, value)| value.clone().into_bytes());
        pseudo.or_else(|| Some(self.headers.get(name)?.as_bytes().to_vec()))
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let pseudo = self
            .pseudo
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        pseudo
            .chain(headers)
            .map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect()
    }
}

impl HeadersMut for Message {
    fn add(&mut self, name: &str, value: &[u8]) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value))
        {
            self.headers.append(name, value);
        }
    }

    fn remove(&mut self, name: &str) {
        self.headers.remove(name);
    }

    fn replace(&mut self, name: &str, value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }
}

impl RequestContext for Message {
    /// What a proxy knows of the request's route: here nothing.
    fn property(&self, _path: &[&str]) -> Option<Vec<u8>> {
        None
    }
}

/// The answer to a preflight, or the application's with CORS headers.
async fn answer<B>(policies: &PolicySet, request: Request<B>) -> Response<Full<Bytes>> {
    let mut asked = Message::of(&request);
    let judgement = policies.judge(&asked);
    let mut answered = Message::default();
    let (status, body) = if let Some(reply) = judgement.reply() {
        for (name, value) in reply.headers.iter() {
            answered.add(&String::from_utf8_lossy(name), value);
        }
        (StatusCode::from_u16(reply.status), reply.body)
    } else {
        // An application would now see the request with the headers of `asked`.
        judgement.amend_request(&mut asked);
        judgement.amend_response(&mut answered);
        (Ok(StatusCode::OK), "hello\n".to_owned())
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = answered.headers;
    response
}

/// Serves every connection, until the process ends.
async fn serve(listener: TcpListener, policies: PolicySet) -> std::io::Result<()> {
    let policies = Rc::new(policies);
    let tasks = tokio::task::LocalSet::new();
    tasks
        .run_until(async {
            loop {
                let (connection, _) = listener.accept().await?;
                let policies = policies.clone();
                tokio::task::spawn_local(async move {
                    let service = service_fn(|request: Request<Incoming>| async {
                        Ok::<_, Infallible>(answer(&policies, request).await)
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    http.serve_connection(TokioIo::new(connection), service)
                        .await
                });
            }
        })
        .await
}

fn main() -> ExitCode {
    let Some(configuration) = std::env::args().nth(1) else {
        eprintln!("needs a configuration; see the head of this file");
        return ExitCode::from(2);
    };
    let (policies, diagnostics) = PolicySet::from_bytes(configuration.as_bytes());
    for diagnostic in diagnostics.errors().chain(diagnostics.warnings()) {
        eprintln!("{diagnostic}");
    }
    match policies.map(run) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        None => ExitCode::from(2),
    }
}

fn run(policies: PolicySet) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
        println!("http://{}", listener.local_addr()?);
        serve(listener, policies).await
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    /// Starts the server in a thread, and returns its address.
    fn start(configuration: &str) -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (policies, diagnostics) = PolicySet::from_bytes(configuration.as_bytes());
        let policies = policies.unwrap_or_else(|| panic!("{diagnostics:?}"));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()
                .unwrap();
            runtime
                .block_on(async { serve(TcpListener::from_std(listener).unwrap(), policies).await })
        });
        address
    }

    /// The status and the headers of an answer, lower-case and sorted, without its date and length.
    fn send(address: SocketAddr, request: &str) -> Vec<String> {
        let mut stream = TcpStream::connect(address).unwrap();
        let end = "host: api.example\r\nconnection: close\r\n\r\n";
        write!(stream, "{request}\r\n{end}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
        let mut lines: Vec<_> = head.lines().map(str::to_owned).collect();
        lines.retain(|line| {
            !["date:", "content-length:", "connection:"]
                .iter()
                .any(|name| line.starts_with(name))
        });
        lines[1..].sort();
        lines
    }

    #[test]
    fn preflights_and_requests_are_answered_by_the_policy() {
        let policy = r#"{"allowOrigins": ["https://app.example"], "allowMethods": ["PUT"], "maxAge": "10m"}"#;
        let address = start(policy);
        let preflight = "OPTIONS / HTTP/1.1\r\naccess-control-request-method: PUT\r\norigin: ";
        assert_eq!(
            send(address, &format!("{preflight}https://app.example")),
            [
                "http/1.1 204 no content",
                "access-control-allow-methods: put",
                "access-control-allow-origin: https://app.example",
                "access-control-max-age: 600",
                "vary: origin",
            ]
        );
        assert_eq!(
            send(address, &format!("{preflight}https://evil.example")),
            [
                "http/1.1 403 forbidden",
                "cache-control: no-store",
                "vary: origin"
            ]
        );
        assert_eq!(
            send(address, "GET / HTTP/1.1\r\norigin: https://app.example"),
            [
                "http/1.1 200 ok",
                "access-control-allow-origin: https://app.example",
                "vary: origin"
            ]
        );
        assert_eq!(
            send(address, "GET / HTTP/1.1\r\norigin: https://evil.example"),
            ["http/1.1 200 ok", "vary: origin"]
        );
    }
}
