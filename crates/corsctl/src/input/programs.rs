//! Configurations of NGINX, HAProxy and Caddy. They set headers by commands and conditions, which is a
//! program and not a policy: it is recognised, and not read.

use cors::config::json::Json;

/// Says what the text is, and the policy that its static headers amount to, with the line of the first
/// of these.
pub fn recognise(text: &str) -> Option<(usize, String)> {
    let lines = text.lines().enumerate();
    let headers: Vec<_> = lines
        .filter_map(|(index, line)| Header::parse(index + 1, line))
        .collect();
    let first = headers.first()?;
    let server = first.server;
    let words = match recipe(&headers) {
        Ok(policy) => format!(
            "as far as these lines show, the policy is {policy}; the conditions around them become rules"
        ),
        Err(why) => format!(
            "{why}: list the origins that are meant, as in {{\"allowOrigins\": [\"https://app.example.com\"]}}"
        ),
    };
    let text = format!(
        "is a program of {server}, which sets CORS headers by commands: import reads policies only; {words}"
    );
    Some((first.line, text))
}

/// A command that sets a header of CORS.
struct Header<'t> {
    server: &'static str,
    line: usize,
    /// In lower case, without `access-control-`.
    name: String,
    value: &'t str,
}

impl<'t> Header<'t> {
    fn parse(line: usize, text: &'t str) -> Option<Self> {
        let text = text.trim();
        let (server, rest) = COMMANDS.iter().find_map(|(command, server)| {
            let (before, rest) = text.split_once(command)?;
            // In HAProxy and Caddy a matcher may come first; in NGINX the command may follow a brace.
            let is_command = before.is_empty() || before.ends_with([' ', '\t', '{', ';']);
            (is_command && !before.starts_with('#')).then_some((*server, rest))
        })?;
        let at = rest.to_ascii_lowercase().find(PREFIX)?;
        let rest = rest.get(at + PREFIX.len()..)?;
        let end = rest.find(|char: char| !(char.is_ascii_alphanumeric() || char == '-'))?;
        let (name, value) = rest.split_at_checked(end)?;
        let value = value.trim_start_matches(['"', '\'', ' ', '\t']);
        let value = value.trim_end_matches([';', '}', ' ']);
        let value = value.strip_suffix("always").unwrap_or(value).trim_end();
        let (value, _) = value.split_once(" if ").unwrap_or((value, ""));
        Some(Self {
            server,
            line,
            name: name.to_ascii_lowercase(),
            value: value.trim_matches(['"', '\'']),
        })
    }
}

/// The policy of static headers, or why there is none.
fn recipe(headers: &[Header]) -> Result<Json, String> {
    let values = |name: &str| {
        let own = headers.iter().filter(move |header| header.name == name);
        let mut values: Vec<_> = own.map(|header| header.value).collect();
        values.sort_unstable();
        values.dedup();
        values
    };
    // A variable, a placeholder or a log format stands for what the program computes.
    let is_static = |value: &str| !value.is_empty() && !value.contains(['$', '{', '%']);
    let origins = values("allow-origin");
    if origins.is_empty() {
        return Err("which origins it allows is in none of these lines".to_owned());
    }
    if let Some(computed) = origins.iter().find(|value| !is_static(value)) {
        return Err(format!(
            "it answers with an origin that it computes ({computed})"
        ));
    }
    let list = |texts: &[&str]| {
        let texts = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
        let texts = texts.filter(|text| is_static(text));
        Json::List(texts.map(|text| Json::String(text.to_owned())).collect())
    };
    let mut pairs = vec![("allowOrigins".to_owned(), list(&origins))];
    for (header, field) in LISTS {
        if let Json::List(items) = list(&values(header))
            && !items.is_empty()
        {
            pairs.push((field.to_owned(), Json::List(items)));
        }
    }
    // Any origin with credentials never worked: browsers refuse the literal star.
    let is_any = origins.contains(&"*");
    if !is_any && values("allow-credentials") == ["true"] {
        pairs.push(("allowCredentials".to_owned(), Json::Bool(true)));
    }
    if let [age] = values("max-age").as_slice()
        && let Ok(seconds) = age.parse::<u32>()
    {
        pairs.push(("maxAge".to_owned(), Json::Number(seconds.into())));
    }
    Ok(Json::Object(pairs))
}

/// How a header is set, and by whom. NGINX's are the first, because Caddy's command is a part of them.
const COMMANDS: [(&str, &str); 7] = [
    ("add_header", "NGINX"),
    ("more_set_headers", "NGINX"),
    ("http-response set-header", "HAProxy"),
    ("http-response add-header", "HAProxy"),
    ("http-after-response set-header", "HAProxy"),
    ("rspadd", "HAProxy"),
    ("header ", "Caddy"),
];
const LISTS: [(&str, &str); 3] = [
    ("allow-methods", "allowMethods"),
    ("allow-headers", "allowHeaders"),
    ("expose-headers", "exposeHeaders"),
];
const PREFIX: &str = "access-control-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn static_headers_become_a_recipe() {
        for (text, line, words) in [
            (
                "server {\n  add_header 'Access-Control-Allow-Origin' 'https://a.example' always;\n  add_header Access-Control-Allow-Methods \"GET, PUT\";\n  add_header Access-Control-Allow-Credentials true;\n}",
                2,
                r#"NGINX, which sets CORS headers by commands: import reads policies only; as far as these lines show, the policy is {"allowOrigins": ["https://a.example"], "allowMethods": ["GET", "PUT"], "allowCredentials": true}"#,
            ),
            (
                "add_header Access-Control-Allow-Origin *;\nadd_header Access-Control-Allow-Credentials true;",
                1,
                r#"the policy is {"allowOrigins": ["*"]};"#,
            ),
            (
                "# add_header Access-Control-Allow-Origin *;\nif ($x) { add_header Access-Control-Allow-Origin $http_origin; }",
                2,
                "an origin that it computes ($http_origin): list the origins",
            ),
            (
                "frontend web\n  http-response set-header Access-Control-Allow-Origin \"https://a.example\" if { var(txn.cors) }\n  http-response set-header Access-Control-Max-Age 600",
                2,
                r#"HAProxy, which sets CORS headers by commands: import reads policies only; as far as these lines show, the policy is {"allowOrigins": ["https://a.example"], "maxAge": 600}"#,
            ),
            (
                "example.com {\n\theader @cors Access-Control-Allow-Origin \"{header.Origin}\"\n}",
                2,
                "Caddy, which sets CORS headers by commands: import reads policies only; it answers with an origin that it computes",
            ),
            (
                "header Access-Control-Expose-Headers x-a",
                1,
                "which origins it allows is in none of these lines",
            ),
        ] {
            let (at, said) = recognise(text).expect("a program");
            assert_eq!(at, line, "{text}");
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn other_texts_are_not_programs() {
        for text in ["a: 1", "headers: Access-Control-Allow-Origin", "listen 80;"] {
            assert!(recognise(text).is_none(), "{text}");
        }
    }
}
