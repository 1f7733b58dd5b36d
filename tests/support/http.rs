//! HTTP/1.1 as bytes: requests are sent unchanged, and header lines are read without merging.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Header lines in their order, names in lower case.
#[derive(Clone, Debug, Default)]
pub struct Lines(Vec<(String, Vec<u8>)>);

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Lines,
    pub body: Vec<u8>,
}

/// The first line of a message and its header lines.
#[derive(Clone, Debug)]
pub struct Head {
    pub start: String,
    pub headers: Lines,
}

/// The bytes of a request without body.
pub fn request(method: &str, path: &str, headers: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Sends the bytes to a port of this machine and reads the answer.
pub fn exchange(port: u16, request: &[u8]) -> io::Result<Response> {
    let mut connection = Connection::open(port)?;
    connection.send(request)?;
    connection.receive(request.starts_with(b"HEAD "))
}

/// A connection that takes several requests.
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects to a port of this machine.
    pub fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self(BufReader::new(stream)))
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// Reads the next answer; the one to a HEAD has no body.
    pub fn receive(&mut self, is_head: bool) -> io::Result<Response> {
        let head = Head::read(&mut self.0)?;
        let status = head
            .start
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status =
            status.ok_or_else(|| io::Error::other(format!("no status: {}", head.start)))?;
        let mut body = Vec::new();
        if !(is_head || status == 204 || status == 304 || status < 200) {
            read_body(&mut self.0, &head.headers, &mut body)?;
        }
        Ok(Response {
            status,
            headers: head.headers,
            body,
        })
    }
}

/// Sends a GET and returns the body.
pub fn get(port: u16, path: &str) -> io::Result<Vec<u8>> {
    let response = exchange(port, &request("GET", path, &[("host", b"localhost")]))?;
    match response.status {
        200 => Ok(response.body),
        status => Err(io::Error::other(format!("{path} answered {status}"))),
    }
}

impl Lines {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The values of every line with this lower-case name.
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.0.iter().filter(move |(own, _)| own == name);
        lines.map(|(_, value)| value.as_slice())
    }

    /// The value of the only line with this name; `None` if there is no line or more than one.
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    pub fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    pub fn push(&mut self, name: &str, value: Vec<u8>) {
        self.0.push((name.to_ascii_lowercase(), value));
    }

    /// Replaces all lines with this name by one, in the place of the first.
    pub fn set(&mut self, name: &str, value: Vec<u8>) {
        let first = self.0.iter().position(|(own, _)| own == name);
        self.remove(name);
        let at = first.unwrap_or(self.0.len());
        self.0.insert(at, (name.into(), value));
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| own != name);
    }
}

impl Head {
    pub fn read(reader: &mut impl BufRead) -> io::Result<Self> {
        let start = String::from_utf8_lossy(&line(reader)?).into_owned();
        let mut headers = Lines::default();
        loop {
            let line = line(reader)?;
            if line.is_empty() {
                return Ok(Self { start, headers });
            }
            let colon = line.iter().position(|byte| *byte == b':');
            let (name, value) = line.split_at(colon.ok_or_else(|| io::Error::other("no colon"))?);
            let name = String::from_utf8_lossy(name).into_owned();
            headers.push(&name, value[1..].trim_ascii().to_vec());
        }
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(line.to_vec()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn read_body(reader: &mut impl BufRead, headers: &Lines, body: &mut Vec<u8>) -> io::Result<()> {
    if headers.only("transfer-encoding") == Some(b"chunked") {
        loop {
            let size = String::from_utf8_lossy(&line(reader)?).into_owned();
            let size = u64::from_str_radix(&size, 16).map_err(io::Error::other)?;
            reader.take(size).read_to_end(body)?;
            line(reader)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
    let length = headers.only("content-length");
    let length = length.and_then(|length| str::from_utf8(length).ok()?.parse().ok());
    reader.take(length.unwrap_or(u64::MAX)).read_to_end(body)?;
    Ok(())
}

/// Longer than a browser's script may run.
const TIMEOUT: Duration = Duration::from_secs(120);
