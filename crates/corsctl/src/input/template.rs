//! Templates: variables in the texts of a document, `${NAME}`.
//!
//! A value only ever becomes part of a text, or items of a list: whatever it is, it cannot add a field.

use std::fmt;

use cors::config::fields::{POLICY_FIELDS, find};
use cors::config::json::Json;
use cors::diagnostic::join;
use cors::escape::Shown;

/// What is wrong with a template, at which path.
#[derive(Debug, Eq, PartialEq)]
pub struct Fault {
    pub path: String,
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", Shown(&self.path))?;
        }
        write!(f, "{}", Shown(&self.text))
    }
}

/// The document with the values of its variables.
pub fn fill(node: &Json, value_of: &dyn Fn(&str) -> Option<String>) -> Result<Json, Vec<Fault>> {
    let mut filler = Filler {
        value_of,
        faults: Vec::new(),
    };
    let filled = filler.node(node, "", Place::Text);
    if filler.faults.is_empty() {
        Ok(filled)
    } else {
        Err(filler.faults)
    }
}

struct Filler<'v> {
    value_of: &'v dyn Fn(&str) -> Option<String>,
    faults: Vec<Fault>,
}

/// What a text is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    Origin,
    Regex,
    Text,
}

impl Filler<'_> {
    fn node(&mut self, node: &Json, path: &str, place: Place) -> Json {
        match node {
            Json::Object(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| {
                    let path = join(path, key);
                    if key.contains("${") {
                        self.fault(&path, "has a variable in a name; write it in a value");
                    }
                    let place = match find(POLICY_FIELDS, key).map(|field| field.name) {
                        Some("allowOriginRegexes") => Place::Regex,
                        Some("allowOrigins") => Place::Origin,
                        _ => Place::Text,
                    };
                    (key.clone(), self.node(value, &path, place))
                });
                Json::Object(pairs.collect())
            }
            Json::List(items) => {
                let mut filled = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    match item {
                        Json::String(text) if is_list(text) => {
                            let words = self.words(text, &path, place);
                            filled.extend(words.into_iter().map(Json::String));
                        }
                        item => filled.push(self.node(item, &path, place)),
                    }
                }
                Json::List(filled)
            }
            Json::String(text) if text.contains("${") => self.text(text, path, place),
            node => node.clone(),
        }
    }

    fn text(&mut self, text: &str, path: &str, place: Place) -> Json {
        // JSON in a text, as Envoy's configurations have it.
        if text.trim_start().starts_with('{') && !text.trim_start().starts_with("${") {
            return match Json::parse_json(text.as_bytes()) {
                Ok(inner) => Json::String(self.node(&inner, path, Place::Text).to_string()),
                Err(error) => {
                    self.fault(
                        path,
                        &format!("is not JSON: {error}; put variables in quotes"),
                    );
                    Json::Null
                }
            };
        }
        if text.contains('\n') {
            let fault = "has variables in a text of several lines, where a value could mean anything; render that text as a separate template";
            self.fault(path, fault);
            return Json::Null;
        }
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            // `$${` is the two characters themselves.
            if let Some(before) = before.strip_suffix('$') {
                filled.push_str(before);
                filled.push_str("${");
                rest = after;
                continue;
            }
            filled.push_str(before);
            let Some((variable, after)) = after.split_once('}') else {
                self.fault(
                    path,
                    "has ${ without }; write $${ for the characters themselves",
                );
                return Json::Null;
            };
            let is_whole = text.len() == variable.len() + 3;
            filled.push_str(&self.variable(variable, path, place, is_whole));
            rest = after;
        }
        filled.push_str(rest);
        Json::String(filled)
    }

    /// The value of `NAME` or `NAME:form` as part of a text.
    fn variable(&mut self, variable: &str, path: &str, place: Place, is_whole: bool) -> String {
        let (name, form) = match variable.split_once(':') {
            Some((name, form)) => (name, Some(form)),
            None => (variable, None),
        };
        let Some(value) = self.value(name, path) else {
            return String::new();
        };
        match (form, place) {
            (Some("regex"), Place::Regex) => regex_lite::escape(&value),
            (Some("regex"), _) => {
                let fault = format!(
                    "has ${{{variable}}}, which is for allowOriginRegexes; write ${{{name}}}"
                );
                self.fault(path, &fault);
                String::new()
            }
            (Some("list"), _) => {
                let fault = format!(
                    "has ${{{variable}}} within a text; write it as a whole item of a list"
                );
                self.fault(path, &fault);
                String::new()
            }
            (Some(form), _) => {
                let fault = format!(
                    "has the form {form:?}, which is not known; write ${{{name}}}, ${{{name}:regex}} or ${{{name}:list}}"
                );
                self.fault(path, &fault);
                String::new()
            }
            (None, Place::Regex) => {
                let fault = format!(
                    "has ${{{name}}} in a regular expression, where its value could match anything; write ${{{name}:regex}}, which matches the value alone"
                );
                self.fault(path, &fault);
                String::new()
            }
            (None, Place::Origin) if !is_whole && !value.bytes().all(is_of_origin) => {
                let fault = format!(
                    "has ${{{name}}} within a pattern, and its value has other characters than letters, digits, and . - _ :"
                );
                self.fault(path, &fault);
                String::new()
            }
            (None, _) => value,
        }
    }

    /// The words of a variable that is an item of a list.
    fn words(&mut self, text: &str, path: &str, place: Place) -> Vec<String> {
        let name = text.strip_prefix("${").unwrap_or(text);
        let name = name.strip_suffix(LIST_END).unwrap_or(name);
        if place == Place::Regex {
            let fault = format!(
                "has ${{{name}:list}} for regular expressions, which are not read from variables"
            );
            self.fault(path, &fault);
            return Vec::new();
        }
        // An empty list is a list.
        if (self.value_of)(name).is_some_and(|value| value.is_empty()) {
            return Vec::new();
        }
        let value = self.value(name, path).unwrap_or_default();
        let words = value.split([',', ' ', '\n', '\t']);
        let words = words.filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    }

    fn value(&mut self, name: &str, path: &str) -> Option<String> {
        let is_name = !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            let fault = format!(
                "has ${{{name}}}, which is not the name of a variable; write $${{ for the characters themselves"
            );
            self.fault(path, &fault);
            return None;
        }
        match (self.value_of)(name) {
            Some(value) if !value.is_empty() => Some(value),
            Some(_) => {
                self.fault(path, &format!("needs the variable {name}, which is empty"));
                None
            }
            None => {
                self.fault(
                    path,
                    &format!("needs the variable {name}, which is not set"),
                );
                None
            }
        }
    }

    fn fault(&mut self, path: &str, text: &str) {
        self.faults.push(Fault {
            path: path.to_owned(),
            text: text.to_owned(),
        });
    }
}

fn is_list(text: &str) -> bool {
    text.starts_with("${") && text.find('}') == Some(text.len() - 1) && text.ends_with(LIST_END)
}

fn is_of_origin(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_:".contains(&byte)
}

const LIST_END: &str = ":list}";

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String, String> {
        let values = [
            ("HOST", "app.example.com"),
            ("PORT", "8443"),
            ("TEAM", "a.b"),
            ("STAR", "*"),
            ("QUOTE", r#""],"allowCredentials":true,"x":[""#),
            (
                "LIST",
                "https://a.example,https://b.example\nhttps://c.example",
            ),
            ("EMPTY", ""),
        ];
        let value_of = |name: &str| {
            let mut values = values.iter();
            values.find_map(|(known, value)| (*known == name).then(|| (*value).to_owned()))
        };
        let node = Json::parse_json(template.as_bytes()).expect(template);
        fill(&node, &value_of)
            .map(|node| node.to_string())
            .map_err(|faults| {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                faults.join("; ")
            })
    }

    #[test]
    fn values_become_texts_and_items() {
        for (template, expected) in [
            (
                r#"{"allowOrigins": ["https://${HOST}", "https://${HOST}:${PORT}"]}"#,
                r#"{"allowOrigins": ["https://app.example.com", "https://app.example.com:8443"]}"#,
            ),
            (
                r#"{"allowOrigins": ["${LIST:list}", "${EMPTY:list}", "${STAR}"]}"#,
                r#"{"allowOrigins": ["https://a.example", "https://b.example", "https://c.example", "*"]}"#,
            ),
            (
                r#"{"allow_origin_regexes": ["https://[a-z]+-${TEAM:regex}\\.example\\.com"]}"#,
                r#"{"allow_origin_regexes": ["https://[a-z]+-a\\.b\\.example\\.com"]}"#,
            ),
            (
                r#"{"a": "$${HOST} $HOST ${PORT}"}"#,
                r#"{"a": "${HOST} $HOST 8443"}"#,
            ),
            (
                r#"{"value": "{\"allowHeaders\": [\"${QUOTE}\"]}"}"#,
                r#"{"value": "{\"allowHeaders\": [\"\\\"],\\\"allowCredentials\\\":true,\\\"x\\\":[\\\"\"]}"}"#,
            ),
        ] {
            assert_eq!(filled(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_could_mean_anything_is_a_fault() {
        for (template, expected) in [
            (
                r#"{"allowOriginRegexes": ["https://${HOST}"]}"#,
                "write ${HOST:regex}",
            ),
            (
                r#"{"v": "{\"allowOriginRegexes\": [\"${HOST}\"]}"}"#,
                "write ${HOST:regex}",
            ),
            (
                r#"{"allowOriginRegexes": ["${LIST:list}"]}"#,
                "not read from variables",
            ),
            (
                r#"{"allowOrigins": ["https://${STAR}.example.com"]}"#,
                "within a pattern",
            ),
            (
                r#"{"allowOrigins": ["https://${QUOTE}"]}"#,
                "within a pattern",
            ),
            (
                r#"{"allowOrigins": ["https://${HOST:regex}"]}"#,
                "is for allowOriginRegexes",
            ),
            (
                r#"{"allowOrigins": ["https://${LIST:list}"]}"#,
                "within a text",
            ),
            (r#"{"allowOrigins": ["${HOST:upper}"]}"#, "is not known"),
            (
                r#"{"allowOrigins": ["${NOWHERE}"]}"#,
                "allowOrigins[0]: needs the variable NOWHERE",
            ),
            (r#"{"allowOrigins": ["${EMPTY}"]}"#, "which is empty"),
            (
                r#"{"allowOrigins": ["${NOWHERE:list}"]}"#,
                "which is not set",
            ),
            (r#"{"${HOST}": 1}"#, "in a name"),
            (r#"{"a": "${HOST"}"#, "without }"),
            (r#"{"a": "${A-B}"}"#, "is not the name"),
            (r#"{"a": "{\"b\": ${PORT}}"}"#, "in quotes"),
            (r#"{"a": "b: ${HOST}\nc: d"}"#, "of several lines"),
        ] {
            let faults = filled(template).expect_err(template);
            assert!(faults.contains(expected), "{template}: {faults}");
        }
    }
}
