//! The table of cases: requests and what is expected to become of them, in JSON or YAML.

use std::collections::BTreeMap;
use std::fmt;

use cors::escape::Shown;
use cors::simulate::browser::Url;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::input::cursor::Value;
use crate::input::source::Source;
use crate::output::code::Code;
use crate::output::{Failure, at};

/// A case, and where it is.
pub struct Listed {
    pub case: Case,
    pub line: Option<usize>,
    place: String,
}

/// Reads a table.
pub fn read(file: &str) -> Result<Vec<Listed>, Failure> {
    let source = Source::read(file)?;
    let cases: Vec<Value> = source
        .documents
        .iter()
        .flat_map(|document| Value::of(document).items())
        .collect();
    if cases.is_empty() {
        let text = format!("{}holds no list of cases", at(&source.name, None));
        return Err(Failure::new(Code::NoCases, text));
    }
    let cases = cases.iter().enumerate();
    cases
        .map(|(index, value)| {
            let line = value.line_of("");
            let place = format!("{}case {}", at(&source.name, line), index + 1);
            match value.read() {
                Ok(case) => Ok(Listed { case, line, place }),
                Err(error) => Err(invalid(&place, &error.to_string())),
            }
        })
        .collect()
}

impl Listed {
    /// Why nothing can be said about the case.
    pub fn invalid(&self, error: &str) -> Failure {
        invalid(&self.place, error)
    }
}

fn invalid(place: &str, error: &str) -> Failure {
    Failure::new(Code::InvalidCase, format!("{place}: {}", Shown(error)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub request: Request,
    #[serde(default)]
    pub route: Route,
    #[serde(default)]
    pub upstream: Upstream,
    /// Without it only the verdict counts.
    pub answer: Option<Answer>,
    pub verdict: Option<String>,
    #[serde(default)]
    pub receives: Receives,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: String,
    pub url: String,
    #[serde(default)]
    pub headers: HeaderList,
}

/// What Envoy knows of the route.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    pub name: Option<String>,
    pub policy: Option<String>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Upstream {
    pub status: u16,
    pub headers: HeaderList,
}

/// Names and values of headers: a list of pairs, or an object.
#[derive(Default)]
pub struct HeaderList(pub Vec<(String, String)>);

impl<'de> Deserialize<'de> for HeaderList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeaderVisitor).map(Self)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers as {name: value} or [[name, value]]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut headers = Vec::new();
        while let Some(header) = map.next_entry()? {
            headers.push(header);
        }
        Ok(headers)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut headers = Vec::new();
        while let Some(header) = seq.next_element()? {
            headers.push(header);
        }
        Ok(headers)
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            status: 200,
            headers: HeaderList::default(),
        }
    }
}

/// What the client gets: of the headers of CORS, these and no others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub from: String,
    pub status: u16,
    pub headers: BTreeMap<String, String>,
}

/// Names of request headers that the upstream must, or must not, see.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Receives {
    pub absent: Vec<String>,
    pub present: Vec<String>,
}

impl Request {
    pub fn url(&self) -> Result<Url, String> {
        Url::parse(&self.url).ok_or_else(|| format!("{:?} is not a URL", self.url))
    }
}

/// In a table one character up to U+00FF is one byte.
pub fn bytes(headers: &[(String, String)]) -> Result<Vec<(String, Vec<u8>)>, String> {
    headers
        .iter()
        .map(|(name, value)| {
            let bytes = value
                .chars()
                .map(u8::try_from)
                .collect::<Result<Vec<u8>, _>>();
            let bytes =
                bytes.map_err(|_| format!("{name}: a character above U+00FF is no byte"))?;
            Ok((name.clone(), bytes))
        })
        .collect()
}
