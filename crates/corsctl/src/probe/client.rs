//! One request at a time, each on its own connection, over HTTP/1.1 or HTTP/2. Redirects are not followed,
//! and of a body no more is read than what shows that there is one.

use std::future::Future;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cors::escape::Shown;
use cors::simulate::exchange::Lines;
use http::{HeaderName, HeaderValue, Method, Request as HttpRequest, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::probe::target::Target;
use crate::probe::tls::connector;

/// A request to the gateway.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub authority: String,
    /// The path with its query.
    pub path: String,
    pub headers: Vec<(String, Vec<u8>)>,
}

/// What the gateway answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The header lines as they came, names in lower case.
    pub lines: Vec<(String, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Version {
    /// What the gateway takes: HTTP/2 over TLS if it has it, else HTTP/1.1
    Auto,
    #[value(name = "1.1")]
    Http1,
    #[value(name = "2")]
    Http2,
}

pub struct Client {
    target: Target,
    version: Version,
    timeout: Duration,
    runtime: Runtime,
    tls: Option<TlsConnector>,
}

impl Version {
    /// The names of the protocols for ALPN, the preferred one first.
    fn protocols(self) -> &'static [&'static str] {
        match self {
            Self::Auto => &["h2", "http/1.1"],
            Self::Http1 => &["http/1.1"],
            Self::Http2 => &["h2"],
        }
    }
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

impl Answer {
    /// The values of every line of this lower-case name.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let lines = self.lines.iter().filter(move |(own, _)| own == name);
        lines.map(|(_, value)| value.as_slice())
    }

    pub fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    pub fn has_cors(&self) -> bool {
        let mut names = self.lines.iter().map(|(name, _)| name);
        names.any(|name| name.starts_with("access-control-"))
    }

    /// The lines with those of one name joined, as the plugin sees them.
    pub fn joined(&self) -> Lines {
        self.lines
            .iter()
            .map(|(name, value)| (name, value))
            .collect()
    }
}

impl Client {
    pub fn new(
        target: Target,
        version: Version,
        timeout: Duration,
        authorities: Option<&str>,
    ) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let tls =
            (target.url.scheme == "https").then(|| connector(version.protocols(), authorities));
        Ok(Self {
            target,
            version,
            timeout,
            runtime,
            tls: tls.transpose()?,
        })
    }

    /// Sends a request and reads the answer; the error says why there is none.
    pub fn send(&self, request: &Request) -> Result<Answer, String> {
        let start = Instant::now();
        let answer = self.runtime.block_on(async {
            let exchange = self.exchange(request);
            match tokio::time::timeout(self.timeout, exchange).await {
                Ok(answer) => answer,
                Err(_) => Err(format!(
                    "no whole answer within {} s",
                    start.elapsed().as_secs().max(self.timeout.as_secs())
                )),
            }
        });
        answer.map_err(|error| Shown(&error).to_string())
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, String> {
        let address = self.target.address;
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| format!("no connection to {address}: {error}"))?;
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            let is_http2 = self.version == Version::Http2;
            return self.speak(request, stream, is_http2).await;
        };
        let (host, _) = cors::origin::split_port(&request.authority);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| format!("{host} is not a name for TLS: {error}"))?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|error| format!("no TLS with {address}: {error}"))?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if self.version == Version::Http2 && !is_http2 {
            return Err(format!("{address} does not take HTTP/2"));
        }
        self.speak(request, stream, is_http2).await
    }

    async fn speak<S>(&self, request: &Request, stream: S, is_http2: bool) -> Result<Answer, String>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let request = self.build(request, is_http2)?;
        let stream = TokioIo::new(stream);
        if is_http2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            let (mut sender, connection) = builder
                .max_header_list_size(MAX_HEAD)
                .handshake(stream)
                .await
                .map_err(describe)?;
            return run(connection, async {
                answer(sender.send_request(request).await).await
            })
            .await;
        }
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD as usize)
            .max_headers(MAX_LINES)
            .handshake(stream)
            .await
            .map_err(describe)?;
        run(connection, async {
            answer(sender.send_request(request).await).await
        })
        .await
    }

    fn build(
        &self,
        request: &Request,
        is_http2: bool,
    ) -> Result<HttpRequest<Empty<Bytes>>, String> {
        let wrong =
            |what: &str, error: &dyn std::fmt::Display| format!("{what} cannot be sent: {error}");
        let uri = if is_http2 {
            format!(
                "{}://{}{}",
                self.target.url.scheme, request.authority, request.path
            )
        } else {
            request.path.clone()
        };
        let uri: Uri = uri.parse().map_err(|error| wrong("the path", &error))?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|error| wrong("the method", &error))?;
        let mut built = HttpRequest::new(Empty::new());
        *built.uri_mut() = uri;
        *built.method_mut() = method;
        let headers = built.headers_mut();
        let host = (!is_http2).then(|| ("host".to_owned(), request.authority.clone().into_bytes()));
        let agent = ("user-agent".to_owned(), AGENT.as_bytes().to_vec());
        let own = request.headers.iter().cloned();
        for (name, value) in host.into_iter().chain([agent]).chain(own) {
            let name_of = HeaderName::from_bytes(name.as_bytes());
            headers.append(
                name_of.map_err(|error| wrong(&name, &error))?,
                HeaderValue::from_bytes(&value).map_err(|error| wrong(&name, &error))?,
            );
        }
        Ok(built)
    }
}

/// Drives a connection until the exchange on it is over.
async fn run<C, E>(connection: C, exchange: E) -> Result<Answer, String>
where
    C: Future<Output = hyper::Result<()>>,
    E: Future<Output = Result<Answer, String>>,
{
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    let mut is_closed = false;
    std::future::poll_fn(|context| {
        if !is_closed {
            is_closed = connection.as_mut().poll(context).is_ready();
        }
        exchange.as_mut().poll(context)
    })
    .await
}

async fn answer(response: hyper::Result<Response<Incoming>>) -> Result<Answer, String> {
    let (head, mut body) = response.map_err(describe)?.into_parts();
    let lines = head.headers.iter();
    let answer = Answer {
        status: head.status.as_u16(),
        lines: lines
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
    };
    let mut length = 0;
    // The headers are what counts: a body without end is left alone.
    while length < MAX_BODY {
        match body.frame().await {
            Some(Ok(frame)) => length += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(error)) => return Err(describe(error)),
            None => break,
        }
    }
    Ok(answer)
}

/// What hyper says, with its causes.
fn describe(error: hyper::Error) -> String {
    let what = if error.is_parse() {
        "the answer is not HTTP: "
    } else {
        "no whole answer: "
    };
    let mut text = format!("{what}{error}");
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

const AGENT: &str = concat!("corsctl/", env!("CARGO_PKG_VERSION"));
const MAX_BODY: usize = 64 * 1024;
const MAX_HEAD: u32 = 128 * 1024;
const MAX_LINES: usize = 256;
