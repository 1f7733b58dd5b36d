//! What a line of an access log says of a request: the fields, their names, and the format that makes Envoy
//! write them.

/// What is read of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Field {
    Origin,
    Method,
    Host,
    Path,
    AskedMethod,
    AskedHeaders,
    Site,
    RouteName,
    Verdict,
    /// The line as another program has wrapped it.
    Wrapped,
}

impl Field {
    pub const COUNT: usize = 10;

    /// The field of a key in JSON, or before `=` in text.
    pub fn of(key: &str) -> Option<Self> {
        let mut names = NAMES.iter();
        let (field, _) = names.find(|(_, names)| names.contains(&key))?;
        Some(*field)
    }
}

/// The setting of Envoy's access log that writes the fields as JSON.
pub fn json_format() -> String {
    let fields: Vec<String> = FORMAT
        .iter()
        .map(|(name, command)| format!("\"{name}\": \"{command}\""))
        .collect();
    format!("\"json_format\": {{{}}}", fields.join(", "))
}

/// The setting of Envoy's access log that writes the fields as text.
pub fn text_format() -> String {
    let fields: Vec<String> = FORMAT
        .iter()
        .map(|(name, command)| format!("{name}=\\\"{command}\\\""))
        .collect();
    format!(
        "\"text_format_source\": {{\"inline_string\": \"{}\\n\"}}",
        fields.join(" ")
    )
}

/// The names of each field, the name that our format writes first. The others are those of Istio's default
/// format and of common formats of Envoy and NGINX.
const NAMES: [(Field, &[&str]); Field::COUNT] = [
    (
        Field::Method,
        &[
            "method",
            ":method",
            "request_method",
            "req_method",
            "http_method",
        ],
    ),
    (
        Field::Host,
        &[
            "host",
            "authority",
            ":authority",
            "http_host",
            "request_host",
        ],
    ),
    (
        Field::Path,
        &[
            "path",
            ":path",
            "uri",
            "request_uri",
            "request_path",
            "x_envoy_original_path",
        ],
    ),
    (
        Field::AskedMethod,
        &[
            "asked_method",
            "access_control_request_method",
            "http_access_control_request_method",
            "access-control-request-method",
        ],
    ),
    (
        Field::AskedHeaders,
        &[
            "asked_headers",
            "access_control_request_headers",
            "http_access_control_request_headers",
            "access-control-request-headers",
        ],
    ),
    (
        Field::Site,
        &[
            "site",
            "sec_fetch_site",
            "http_sec_fetch_site",
            "sec-fetch-site",
        ],
    ),
    (Field::RouteName, &["route_name"]),
    (Field::Verdict, &["verdict", "cors_verdict", "cors"]),
    (
        Field::Origin,
        &["origin", "http_origin", "request_origin", "req_origin"],
    ),
    // Docker's json-file driver.
    (Field::Wrapped, &["log"]),
];

/// Our format: the names and what Envoy puts there. The origin is last, so that a line that was cut off has
/// none. The path has no query, which can hold secrets; the lengths keep the log small.
const FORMAT: [(&str, &str); 9] = [
    ("method", "%REQ(:METHOD)%"),
    ("host", "%REQ(:AUTHORITY)%"),
    ("path", "%PATH(NQ)%"),
    ("asked_method", "%REQ(ACCESS-CONTROL-REQUEST-METHOD):64%"),
    (
        "asked_headers",
        "%REQ(ACCESS-CONTROL-REQUEST-HEADERS):2048%",
    ),
    ("site", "%REQ(SEC-FETCH-SITE):16%"),
    ("route_name", "%ROUTE_NAME%"),
    ("verdict", "%FILTER_STATE(wasm.cors_verdict:PLAIN)%"),
    ("origin", "%REQ(ORIGIN):400%"),
];

/// At which length our format cuts the list of asked header names.
pub const MAX_ASKED_HEADERS: usize = 2048;
