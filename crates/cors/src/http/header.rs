//! Names and tables of the Fetch standard, tokens and lists of RFC 9110.

use crate::http::token::is_token;

/// [`Access-Control-Allow-Credentials`](https://fetch.spec.whatwg.org/#http-access-control-allow-credentials)
pub const ACCESS_CONTROL_ALLOW_CREDENTIALS: &str = "access-control-allow-credentials";

/// [`Access-Control-Allow-Headers`](https://fetch.spec.whatwg.org/#http-access-control-allow-headers)
pub const ACCESS_CONTROL_ALLOW_HEADERS: &str = "access-control-allow-headers";

/// [`Access-Control-Allow-Methods`](https://fetch.spec.whatwg.org/#http-access-control-allow-methods)
pub const ACCESS_CONTROL_ALLOW_METHODS: &str = "access-control-allow-methods";

/// [`Access-Control-Allow-Origin`](https://fetch.spec.whatwg.org/#http-access-control-allow-origin)
pub const ACCESS_CONTROL_ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// [`Access-Control-Allow-Private-Network`](https://wicg.github.io/private-network-access/#headers)
pub const ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK: &str = "access-control-allow-private-network";

/// [`Access-Control-Expose-Headers`](https://fetch.spec.whatwg.org/#http-access-control-expose-headers)
pub const ACCESS_CONTROL_EXPOSE_HEADERS: &str = "access-control-expose-headers";

/// [`Access-Control-Max-Age`](https://fetch.spec.whatwg.org/#http-access-control-max-age)
pub const ACCESS_CONTROL_MAX_AGE: &str = "access-control-max-age";

/// [`Access-Control-Request-Headers`](https://fetch.spec.whatwg.org/#http-access-control-request-headers)
pub const ACCESS_CONTROL_REQUEST_HEADERS: &str = "access-control-request-headers";

/// [`Access-Control-Request-Method`](https://fetch.spec.whatwg.org/#http-access-control-request-method)
pub const ACCESS_CONTROL_REQUEST_METHOD: &str = "access-control-request-method";

/// [`Access-Control-Request-Private-Network`](https://wicg.github.io/private-network-access/#headers)
pub const ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK: &str = "access-control-request-private-network";

/// [`Allow`](https://www.rfc-editor.org/rfc/rfc9110#name-allow)
pub const ALLOW: &str = "allow";

/// The authority of the request, as a proxy-wasm host names it.
pub const AUTHORITY: &str = ":authority";

/// [`Cache-Control`](https://www.rfc-editor.org/rfc/rfc9111#name-cache-control)
pub const CACHE_CONTROL: &str = "cache-control";

/// [`Content-Type`](https://www.rfc-editor.org/rfc/rfc9110#name-content-type)
pub const CONTENT_TYPE: &str = "content-type";

/// The method of the request, as a proxy-wasm host names it.
pub const METHOD: &str = ":method";

/// [`Origin`](https://fetch.spec.whatwg.org/#origin-header)
pub const ORIGIN: &str = "origin";

/// The path and query of the request, as a proxy-wasm host names it.
pub const PATH: &str = ":path";

/// [`Sec-Fetch-Site`](https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header)
pub const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// [`Timing-Allow-Origin`](https://www.w3.org/TR/resource-timing/#sec-timing-allow-origin)
pub const TIMING_ALLOW_ORIGIN: &str = "timing-allow-origin";

/// [`Vary`](https://www.rfc-editor.org/rfc/rfc9110#name-vary)
pub const VARY: &str = "vary";

/// [`X-Content-Type-Options`](https://fetch.spec.whatwg.org/#x-content-type-options-header)
pub const X_CONTENT_TYPE_OPTIONS: &str = "x-content-type-options";

/// The request headers that show an upstream that CORS is in use; `hideCorsFromUpstream` removes them.
/// Not `Sec-Fetch-Storage-Access`, by which a browser asks the upstream for access to its cookies.
pub const CORS_REQUEST_HEADERS: [&str; 8] = [
    ORIGIN,
    ACCESS_CONTROL_REQUEST_METHOD,
    ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK,
    "sec-fetch-dest",
    "sec-fetch-mode",
    SEC_FETCH_SITE,
    "sec-fetch-user",
];

/// A [CORS-safelisted method](https://fetch.spec.whatwg.org/#cors-safelisted-method) needs no
/// listing.
pub fn is_cors_safelisted_method(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"POST")
}

/// A [forbidden method](https://fetch.spec.whatwg.org/#forbidden-method) no browser sends.
pub fn is_forbidden_method(method: &str) -> bool {
    is_one_of(method, &["CONNECT", "TRACE", "TRACK"])
}

/// A [forbidden request-header](https://fetch.spec.whatwg.org/#forbidden-request-header) name no
/// script can set, so that no preflight asks for it.
///
/// The names that are forbidden only for certain values (`X-HTTP-Method` and its like) are not
/// included.
pub fn is_forbidden_request_header_name(name: &str) -> bool {
    let starts_with = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    is_one_of(name, &FORBIDDEN_REQUEST_HEADER_NAMES) || starts_with("proxy-") || starts_with("sec-")
}

/// A [CORS-safelisted response-header name](https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name)
/// is readable without being exposed.
pub fn is_cors_safelisted_response_header_name(name: &str) -> bool {
    is_one_of(
        name,
        &[
            "cache-control",
            "content-language",
            "content-length",
            "content-type",
            "expires",
            "last-modified",
            "pragma",
        ],
    )
}

/// Whether a response header with this lower-case name may be in an expanded `exposeHeaders: ["*"]`:
/// not safelisted, no pseudo-header, not one that no script may see, not one for the next hop only.
pub fn is_exposable(name: &str) -> bool {
    is_token(name.as_bytes())
        && !name.starts_with("access-control-")
        && !is_cors_safelisted_response_header_name(name)
        && !is_one_of(
            name,
            &[
                "connection",
                "keep-alive",
                "proxy-authenticate",
                "proxy-connection",
                "set-cookie",
                "set-cookie2",
                "te",
                "trailer",
                "transfer-encoding",
                "upgrade",
            ],
        )
}

/// Whether the value of a `Vary` says that the response depends on `Origin`.
pub fn varies_by_origin(vary: &[u8]) -> bool {
    vary.split(|byte| *byte == b',').any(|item| {
        let item = item.trim_ascii();
        item == b"*" || item.eq_ignore_ascii_case(ORIGIN.as_bytes())
    })
}

/// Reads the lines of `Access-Control-Request-Headers` into the names asked for, lower-case, joined
/// with `,` as browsers write them.
///
/// Returns `None` for values that no browser and no proxy sends: an item that is not a token, more than 8 KiB,
/// more than 16 empty items.
pub fn read_request_header_names<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut names = Vec::new();
    let mut length = 0;
    let mut empty_items = 0;
    for line in lines {
        length += line.len();
        if length > MAX_REQUEST_HEADERS_LENGTH {
            return None;
        }
        for item in line.split(|byte| *byte == b',') {
            let item = item.trim_ascii();
            if item.is_empty() {
                empty_items += 1;
                if empty_items > MAX_EMPTY_ITEMS {
                    return None;
                }
                continue;
            }
            if !is_token(item) {
                return None;
            }
            if !names.is_empty() {
                names.push(b',');
            }
            names.extend(item.iter().map(u8::to_ascii_lowercase));
        }
    }
    Some(names)
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| name.eq_ignore_ascii_case(one))
}

const MAX_REQUEST_HEADERS_LENGTH: usize = 8 * 1024;

const MAX_EMPTY_ITEMS: usize = 16;

const FORBIDDEN_REQUEST_HEADER_NAMES: [&str; 22] = [
    "accept-charset",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "expect",
    "host",
    "keep-alive",
    "origin",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_header_names_are_read_from_any_lines() {
        let read = |lines: &[&str]| {
            read_request_header_names(lines.iter().map(|line| line.as_bytes()))
                .map(|names| String::from_utf8(names).unwrap())
        };
        assert_eq!(read(&[]).as_deref(), Some(""));
        assert_eq!(
            read(&["X-B,  x-a ", ",Authorization"]).as_deref(),
            Some("x-b,x-a,authorization")
        );
        assert_eq!(read(&["a b"]), None);
        assert_eq!(read(&[&",".repeat(15)]).as_deref(), Some(""));
        assert_eq!(read(&[&",".repeat(16)]), None);
        assert_eq!(read(&["a", &"b".repeat(8191)]).unwrap().len(), 8193);
        assert_eq!(read(&["a", &"b".repeat(8192)]), None);
    }

    #[test]
    fn safelisted_methods_are_case_sensitive() {
        for method in ["GET", "HEAD", "POST"] {
            assert!(is_cors_safelisted_method(method.as_bytes()), "{method}");
        }
        for method in ["get", "PUT", "OPTIONS", ""] {
            assert!(!is_cors_safelisted_method(method.as_bytes()), "{method}");
        }
    }

    #[test]
    fn forbidden_names() {
        for name in [
            "Cookie",
            "HOST",
            "sec-fetch-site",
            "Proxy-Authorization",
            "via",
        ] {
            assert!(is_forbidden_request_header_name(name), "{name}");
        }
        for name in ["authorization", "content-type", "secret", "proxy", "x-host"] {
            assert!(!is_forbidden_request_header_name(name), "{name}");
        }
    }

    #[test]
    fn a_vary_that_depends_on_origin() {
        assert!(varies_by_origin(b"Accept-Encoding , ORIGIN"));
        assert!(varies_by_origin(b"accept,\t*"));
        assert!(!varies_by_origin(b"X-Origin, originate, a*"));
    }
}
