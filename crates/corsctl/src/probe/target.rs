//! Where requests go: the address of the gateway.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use cors::escape::Shown;
use cors::origin::split_port;
use cors::simulate::browser::Url;

use crate::output::Failure;
use crate::output::code::Code;

/// A gateway under a URL.
#[derive(Clone, Debug)]
pub struct Target {
    pub url: Url,
    pub address: SocketAddr,
}

impl Target {
    /// Reads the URL and finds its address: by `--resolve host:port:address`, or by name. Only loopback
    /// addresses are taken, unless others are allowed.
    pub fn find(url: &str, resolve: &[String], allow_remote: bool) -> Result<Self, Failure> {
        let invalid = |text| Failure::new(Code::InvalidArgument, text);
        let read = Url::parse(url).ok_or_else(|| {
            invalid(format!(
                "--url {}: is not a URL of http or https, as in https://api.example.com/items",
                Shown(url)
            ))
        })?;
        let address = address(&read, resolve).map_err(invalid)?;
        if !address.ip().is_loopback() && !allow_remote {
            let text = format!(
                "{} has the address {}, which is not of this machine; if you may send it requests, add --allow-remote",
                Shown(&read.authority),
                address.ip()
            );
            return Err(Failure::new(Code::RemoteAddress, text));
        }
        Ok(Self { url: read, address })
    }
}

fn address(url: &Url, resolve: &[String]) -> Result<SocketAddr, String> {
    let (host, port) = split_port(&url.authority);
    let default = if url.scheme == "https" { 443 } else { 80 };
    let port = port.map_or(Ok(default), str::parse);
    let port = port.map_err(|_| format!("{}: has no valid port", Shown(&url.authority)))?;
    for entry in resolve {
        let (name, known) = read_resolve(entry)?;
        if name == (host.to_owned(), port) {
            return Ok(SocketAddr::new(known, port));
        }
    }
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    let found = (plain, port)
        .to_socket_addrs()
        .map_err(|error| format!("{}: has no address: {error}", Shown(host)))?;
    // What is not this machine decides: a name must not be loopback now and remote at the next look-up.
    let found: Vec<SocketAddr> = found.collect();
    let remote = found.iter().find(|address| !address.ip().is_loopback());
    let address = remote.or(found.first()).copied();
    address.ok_or_else(|| format!("{}: has no address", Shown(host)))
}

/// Reads `host:port:address` as curl has it.
fn read_resolve(entry: &str) -> Result<((String, u16), IpAddr), String> {
    let wrong = || {
        format!(
            "--resolve {}: is not HOST:PORT:ADDRESS, as in api.example.com:443:127.0.0.1",
            Shown(entry)
        )
    };
    let (host, rest) = match entry
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"))
    {
        Some((host, rest)) => (format!("[{host}]"), rest),
        None => {
            let (host, rest) = entry.split_once(':').ok_or_else(wrong)?;
            (host.to_ascii_lowercase(), rest)
        }
    };
    let (port, address) = rest.split_once(':').ok_or_else(wrong)?;
    let address = address.trim_start_matches('[').trim_end_matches(']');
    Ok((
        (host, port.parse().map_err(|_| wrong())?),
        address.parse().map_err(|_| wrong())?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_unless_allowed() {
        for (url, resolve, expected) in [
            ("http://127.0.0.1:8080/a", "", Ok("127.0.0.1:8080")),
            ("https://[::1]/", "", Ok("[::1]:443")),
            ("http://localhost:81", "", Ok("127.0.0.1:81")),
            (
                "https://API.example.com",
                "api.example.com:443:127.0.0.2",
                Ok("127.0.0.2:443"),
            ),
            (
                "https://api.example.com",
                "api.example.com:443:[::1]",
                Ok("[::1]:443"),
            ),
            (
                "https://api.example.com",
                "api.example.com:443:192.0.2.1",
                Err("--allow-remote"),
            ),
            ("https://192.0.2.1", "", Err("--allow-remote")),
            (
                "https://api.example.com",
                "api.example.com:443",
                Err("is not HOST:PORT:ADDRESS"),
            ),
            ("ftp://a.example", "", Err("is not a URL")),
        ] {
            let resolve: Vec<String> = [resolve]
                .iter()
                .filter(|entry| !entry.is_empty())
                .map(|entry| (*entry).to_owned())
                .collect();
            let target = Target::find(url, &resolve, false);
            match (target, expected) {
                (Ok(target), Ok(address)) => {
                    let got = target.address.to_string();
                    assert!(
                        got == address || got == address.replace("127.0.0.1", "[::1]"),
                        "{url}: {got}"
                    );
                }
                (Err(error), Err(words)) => assert!(error.text.contains(words), "{url}: {error}"),
                (got, _) => panic!("{url}: {got:?}"),
            }
        }
        let remote = Target::find("https://192.0.2.1:8443", &[], true).expect("it is allowed");
        assert_eq!(remote.address.to_string(), "192.0.2.1:8443");
    }
}
