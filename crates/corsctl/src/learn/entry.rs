//! One line of an access log, in JSON or in text.

use std::borrow::Cow;
use std::fmt;

use cors::http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORITY, METHOD, ORIGIN, PATH,
    SEC_FETCH_SITE,
};
use cors::origin::{Origin, TupleOrigin, split_port};
use cors::simulate::exchange::Incoming;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::learn::fields::Field;

/// What a line says of a request. A value that is absent, empty or `-` is `None`.
#[derive(Debug, Default)]
pub struct Entry<'l>([Option<Cow<'l, str>>; Field::COUNT]);

/// Why there is no entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unread {
    /// Cut off, or not text.
    Torn,
    /// Nothing in it is called origin.
    OtherFormat,
}

/// Whose request it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sender<'e> {
    /// A request without Origin.
    None,
    Malformed,
    Null,
    /// The service's own pages, which need no permission.
    Same,
    Other(TupleOrigin<'e>),
}

impl<'l> Entry<'l> {
    /// Reads a line without its end.
    pub fn parse(line: &'l str) -> Result<Self, Unread> {
        let object = line.find('{');
        let json = object.and_then(|start| line.get(start..));
        match json {
            // What collects logs may have put a time before it.
            Some(json) if line.trim_end().ends_with('}') => Self::parse_json(json),
            Some(_) if line.trim_start().starts_with('{') => Err(Unread::Torn),
            _ => Self::parse_text(line),
        }
    }

    fn parse_json(text: &'l str) -> Result<Self, Unread> {
        let fields: Fields = serde_json::from_str(text).map_err(|_| Unread::Torn)?;
        let mut entry = fields.entry;
        if let Some(inner) = entry.take(Field::Wrapped) {
            // One level: what is wrapped twice is nobody's access log.
            let inner = inner.into_owned();
            return Entry::parse(inner.trim_end()).map(Entry::into_owned);
        }
        if fields.has_origin {
            Ok(entry)
        } else {
            Err(Unread::OtherFormat)
        }
    }

    /// Reads `name="value"` from anywhere in the line.
    fn parse_text(line: &'l str) -> Result<Self, Unread> {
        let mut entry = Self::default();
        let mut has_origin = false;
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("=\"") {
            let name = before.rsplit([' ', '\t']).next().unwrap_or(before);
            let field = Field::of(name);
            let Some((value, behind)) = quoted(after) else {
                if field.is_some() {
                    return Err(Unread::Torn);
                }
                break;
            };
            if let Some(field) = field {
                // A quote in a value can look like the start of another field.
                if has_origin && field == Field::Origin {
                    return Err(Unread::Torn);
                }
                has_origin |= field == Field::Origin;
                entry.set(field, Cow::Borrowed(value));
            }
            rest = behind;
        }
        match has_origin {
            true => Ok(entry),
            // Our format ends in the origin.
            false if entry.get(Field::Method).is_some() => Err(Unread::Torn),
            false => Err(Unread::OtherFormat),
        }
    }

    pub fn get(&self, field: Field) -> Option<&str> {
        self.0.get(field as usize)?.as_deref()
    }

    pub fn sender(&self) -> Sender<'_> {
        let Some(value) = self.get(Field::Origin) else {
            return Sender::None;
        };
        match Origin::parse(value.as_bytes()) {
            None => Sender::Malformed,
            Some(Origin::Null) => Sender::Null,
            Some(Origin::Tuple(origin)) if !origin.is_serialized() => Sender::Malformed,
            Some(Origin::Tuple(origin)) if self.is_same_origin(&origin) => Sender::Same,
            Some(Origin::Tuple(origin)) => Sender::Other(origin),
        }
    }

    /// Whether the page is of the service itself: as the browser says, or by host and port.
    fn is_same_origin(&self, origin: &TupleOrigin) -> bool {
        if let Some(site) = self.get(Field::Site) {
            return site == "same-origin";
        }
        self.get(Field::Host).is_some_and(|authority| {
            let (host, port) = split_port(authority);
            let port = port.map(str::as_bytes);
            host.as_bytes().eq_ignore_ascii_case(origin.host())
                && origin.port() == port.filter(|port| !origin.is_default_port(port))
        })
    }

    /// The method that the browser asks for, if it is a preflight.
    pub fn asked_method(&self) -> Option<&str> {
        self.get(Field::AskedMethod)
            .filter(|_| self.get(Field::Method) == Some("OPTIONS"))
    }

    /// The path without the query.
    pub fn path(&self) -> Option<&str> {
        let path = self.get(Field::Path)?;
        path.split(['?', '#']).next()
    }

    /// The request as the plugin would see it.
    pub fn request(&self) -> Incoming {
        let lines = [
            (METHOD, self.get(Field::Method).or(Some("GET"))),
            (AUTHORITY, self.get(Field::Host)),
            (PATH, self.path().or(Some("/"))),
            (ORIGIN, self.get(Field::Origin)),
            (ACCESS_CONTROL_REQUEST_METHOD, self.get(Field::AskedMethod)),
            (
                ACCESS_CONTROL_REQUEST_HEADERS,
                self.get(Field::AskedHeaders),
            ),
            (SEC_FETCH_SITE, self.get(Field::Site)),
        ];
        let lines = lines.into_iter();
        Incoming {
            headers: lines
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
            route_name: self.get(Field::RouteName).map(str::to_owned),
            route_policy: None,
        }
    }

    fn set(&mut self, field: Field, value: Cow<'l, str>) {
        if let Some(slot) = self.0.get_mut(field as usize) {
            *slot = Some(value).filter(|value| !matches!(&**value, "" | "-"));
        }
    }

    fn take(&mut self, field: Field) -> Option<Cow<'l, str>> {
        self.0.get_mut(field as usize)?.take()
    }

    fn into_owned<'o>(self) -> Entry<'o> {
        Entry(
            self.0
                .map(|value| value.map(|value| Cow::Owned(value.into_owned()))),
        )
    }
}

/// A value up to the quote that ends it: Envoy does not escape quotes within values.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let ends = text.match_indices('"').map(|(at, _)| at);
    let mut ends = ends.filter(|at| {
        let behind = text.get(at + 1..).unwrap_or_default();
        behind.is_empty() || behind.starts_with([' ', '\t'])
    });
    let end = ends.next()?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// The fields of a line in JSON.
struct Fields<'l> {
    entry: Entry<'l>,
    has_origin: bool,
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line of an access log")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields {
            entry: Entry::default(),
            has_origin: false,
        };
        while let Some(Text(key)) = map.next_key()? {
            let field = key.as_deref().and_then(Field::of);
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            fields.has_origin |= field == Field::Origin;
            let Text(value) = map.next_value()?;
            if let Some(value) = value {
                fields.entry.set(field, value);
            }
        }
        Ok(fields)
    }
}

/// A string, borrowed where it has no escapes; `None` for any other value.
struct Text<'l>(Option<Cow<'l, str>>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"method":"OPTIONS","host":"api.example.com","path":"/a?token=1","asked_method":"PUT","asked_headers":null,"site":null,"origin":"https://app.example.com"}"#;

    #[test]
    fn both_forms_and_what_wraps_them_say_the_same() {
        let text = r#"2026-01-01 "GET /" method="OPTIONS" host="api.example.com" path="/a?token=1" asked_method="PUT" asked_headers="-" site="-" origin="https://app.example.com""#;
        let docker =
            serde_json::json!({"log": format!("{JSON}\n"), "stream": "stdout"}).to_string();
        let kubernetes = format!("2026-01-01T00:00:00.1Z stdout F {JSON}");
        for line in [JSON, text, &docker, &kubernetes] {
            let entry = Entry::parse(line).unwrap_or_else(|why| panic!("{line}: {why:?}"));
            assert_eq!(entry.asked_method(), Some("PUT"), "{line}");
            assert_eq!(entry.path(), Some("/a"), "{line}");
            assert_eq!(entry.get(Field::AskedHeaders), None, "{line}");
            let Sender::Other(origin) = entry.sender() else {
                panic!("{line}: {:?}", entry.sender());
            };
            assert_eq!(origin.as_str(), "https://app.example.com");
        }
    }

    #[test]
    fn a_line_that_was_cut_off_anywhere_has_no_entry() {
        let text = r#"method="GET" path="/a" origin="https://app.example.com""#;
        for line in [JSON, text] {
            for end in 1..line.len() {
                let cut = line.get(..end).expect("ASCII");
                assert!(Entry::parse(cut).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn other_formats_are_known_as_such() {
        for line in [
            "",
            r#"[2026-01-01T00:00:00.000Z] "GET / HTTP/1.1" 200 - 0 2 1 0 "-" "curl" "id" "a.example" "-""#,
            r#"{"method":"GET","path":"/","response_code":200}"#,
            r#"level=info msg="started""#,
        ] {
            assert_eq!(
                Entry::parse(line).err(),
                Some(Unread::OtherFormat),
                "{line}"
            );
        }
        for line in [
            r#"{"origin": "https://a.exam"#,
            "{}{}",
            "\0{\"origin\":\0}",
            r#"origin="https://a.example" origin="https://b.example""#,
        ] {
            assert_eq!(Entry::parse(line).err(), Some(Unread::Torn), "{line}");
        }
    }

    #[test]
    fn a_sender_is_another_origin_only_if_no_browser_calls_it_the_same() {
        let sender = |fields: &str| {
            let line = format!("{{{fields}}}");
            format!("{:?}", Entry::parse(&line).expect("an entry").sender())
        };
        for (fields, expected) in [
            (r#""origin":"-""#, "None"),
            (r#""origin":null"#, "None"),
            (r#""origin":"null""#, "Null"),
            (r#""origin":"https://a.example/x""#, "Malformed"),
            (r#""origin":"https://a.example:443""#, "Malformed"),
            (r#""origin":"https://a.example","host":"A.example""#, "Same"),
            (
                r#""origin":"https://a.example","host":"a.example:443""#,
                "Same",
            ),
            (
                r#""origin":"https://a.example","site":"same-origin""#,
                "Same",
            ),
        ] {
            assert_eq!(sender(fields), expected, "{fields}");
        }
        for fields in [
            r#""origin":"https://a.example","host":"a.example:8443""#,
            r#""origin":"https://a.example","host":"a.example","site":"same-site""#,
        ] {
            assert!(sender(fields).starts_with("Other"), "{fields}");
        }
    }
}
