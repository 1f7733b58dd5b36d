//! A request and its response without a host: header lines in memory, carried through a plugin just
//! as the filter carries them through a proxy. For the command line and for tests; the module has
//! none of it.

use crate::http::header_block::HeaderBlock;
use crate::http::request::{Headers, HeadersMut, RequestContext};
use crate::select::judgement::Judgement;
use crate::select::policy_set::PolicySet;

/// Header lines by lower-case name. A second line of a name is joined to the first with a comma, as
/// Envoy does with the headers of CORS.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Lines(Vec<(String, Vec<u8>)>);

impl Lines {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter()
            .find(|(own, _)| *own == name)
            .map(|(_, value)| value)
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Lines {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut lines = Self::default();
        for (name, value) in pairs {
            lines.add(&name.as_ref().to_ascii_lowercase(), value.as_ref());
        }
        lines
    }
}

impl Headers for Lines {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.get(name).map(<[u8]>::to_vec)
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
            .collect()
    }
}

impl HeadersMut for Lines {
    fn add(&mut self, name: &str, value: &[u8]) {
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, before)) => {
                before.push(b',');
                before.extend(value);
            }
            None => self.0.push((name.to_owned(), value.to_vec())),
        }
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| own != name);
    }

    fn replace(&mut self, name: &str, value: &[u8]) {
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, before)) => *before = value.to_vec(),
            None => self.0.push((name.to_owned(), value.to_vec())),
        }
    }
}

/// A request with `:method`, `:authority` and `:path`, and what a proxy knows of its route.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    pub headers: Lines,
    pub route_name: Option<String>,
    /// The policy, or its name, in the route's metadata.
    pub route_policy: Option<String>,
}

impl Headers for Incoming {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.headers.value(name)
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.headers.pairs()
    }
}

impl RequestContext for Incoming {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        let text = match path {
            ["xds", "route_name"] => &self.route_name,
            ["xds", "route_metadata", "filter_metadata", _, "policy"] => &self.route_policy,
            _ => return None,
        };
        text.as_ref().map(|text| text.as_bytes().to_vec())
    }
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Response {
    pub status: u16,
    pub headers: Lines,
}

/// What became of a request.
#[derive(Debug)]
pub struct Exchange {
    pub judgement: Judgement,
    /// What the client gets.
    pub response: Response,
    /// The request headers as the upstream saw them; none if the filter answered.
    pub forwarded: Option<Lines>,
}

/// The headers of a reply, as a host reads them.
fn lines_of(headers: &HeaderBlock) -> Lines {
    headers
        .iter()
        .map(|(name, value)| (String::from_utf8_lossy(name), value))
        .collect()
}

/// Sends a request through the plugin to an upstream that gives this response.
pub fn exchange(plugin: &PolicySet, request: Incoming, upstream: Response) -> Exchange {
    let judgement = plugin.judge(&request);
    if let Some(reply) = judgement.reply() {
        return Exchange {
            judgement,
            response: Response {
                status: reply.status,
                headers: lines_of(&reply.headers),
            },
            forwarded: None,
        };
    }
    let (mut forwarded, mut response) = (request.headers, upstream);
    judgement.amend_request(&mut forwarded);
    judgement.amend_response(&mut response.headers);
    Exchange {
        judgement,
        response,
        forwarded: Some(forwarded),
    }
}
