//! The load of `scripts/bench requests`: windows of a fixed number of requests over eight connections, each of
//! which has one request under way.
//!
//! `load FILE` reads lines `PORT COUNT` from its input, sends the request in the file so often, and prints a line
//! after each window. The connections of a port stay open.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::{env, fs};

const CONNECTIONS: usize = 8;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let request = fs::read(env::args_os().nth(1).ok_or("needs a file with a request")?)?;
    let mut ports: HashMap<u16, Vec<Connection>> = HashMap::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (port, count) = line.split_once(' ').ok_or("a line is PORT COUNT")?;
        let (port, count) = (port.parse()?, count.parse()?);
        let connections = ports.entry(port).or_default();
        while connections.len() < CONNECTIONS {
            connections.push(Connection::open(port)?);
        }
        send(connections, &request, count)?;
        println!("{count}");
    }
    Ok(())
}

fn send(connections: &mut [Connection], request: &[u8], count: usize) -> Result<()> {
    let under_way = connections.len().min(count);
    for connection in connections.iter_mut().take(under_way) {
        connection.stream.write_all(request)?;
    }
    for index in 0..count {
        let place = index % under_way;
        let connection = connections.get_mut(place).ok_or("a connection")?;
        connection.receive()?;
        if index + under_way < count {
            connection.stream.write_all(request)?;
        }
    }
    Ok(())
}

struct Connection {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    line: Vec<u8>,
}

impl Connection {
    fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let reader = BufReader::new(stream.try_clone()?);
        Ok(Self {
            stream,
            reader,
            line: Vec::new(),
        })
    }

    /// Reads one response, whose body has the length that its header says.
    fn receive(&mut self) -> Result<()> {
        let mut length = 0;
        loop {
            self.line.clear();
            self.reader.read_until(b'\n', &mut self.line)?;
            match self.line.as_slice() {
                [] => return Err("Envoy closed the connection".into()),
                b"\r\n" => break,
                line => {
                    if let Some(value) = line.strip_prefix(b"content-length: ") {
                        length = std::str::from_utf8(value)?.trim().parse()?;
                    }
                }
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok(())
    }
}
