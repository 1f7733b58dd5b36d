//! The upstream: its answer depends only on the path.

use data_encoding::BASE64;
use sha1::{Digest, Sha1};

use crate::{clients, reply};
use support::http::Head;
use support::upstream::Reply;

pub fn answer(head: &Head) -> Reply {
    let target = head.start.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |name| {
        let value = head.headers.only(name).unwrap_or(b"none");
        String::from_utf8_lossy(value).into_owned()
    };
    match path {
        // Grants everything to every origin, as many upstreams do.
        "/" => {
            let headers = [
                ("access-control-allow-origin", "*"),
                ("access-control-expose-headers", "x-internal"),
                ("x-internal", "7"),
                ("x-request-id", "42"),
            ];
            reply(200, &headers, "hello")
        }
        "/authorization" => reply(200, &[], header("authorization")),
        "/cached" => reply(200, &[("cache-control", "max-age=600")], "hello"),
        "/cookie" => reply(200, &[], header("cookie")),
        "/mine" => reply(200, &[("cache-control", "max-age=600")], header("origin")),
        "/etag" => {
            let headers = [("cache-control", "no-cache"), ("etag", "\"1\"")];
            match header("if-none-match").as_str() {
                "none" => reply(200, &headers, "hello"),
                _ => reply(304, &headers, ""),
            }
        }
        "/events" => reply(
            200,
            &[("content-type", "text/event-stream")],
            "data: hello\n\n",
        ),
        "/font.ttf" => reply(200, &[], include_bytes!("triangle.ttf")),
        "/grants/missing" => reply(404, &[("access-control-allow-origin", "*")], "nothing here"),
        "/grpc" => reply(
            200,
            &[
                ("content-type", "application/grpc-web+proto"),
                ("grpc-status", "5"),
                ("grpc-message", "no such book"),
            ],
            "",
        ),
        "/image.svg" => reply(
            200,
            &[("content-type", "image/svg+xml")],
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>"#,
        ),
        "/login" => reply(200, &[("set-cookie", "session=1; HttpOnly")], "welcome"),
        "/mcp" => reply(
            200,
            &[
                ("content-type", "application/json"),
                ("mcp-session-id", "s1"),
            ],
            header("mcp-session-id"),
        ),
        "/module.js" => reply(
            200,
            &[("content-type", "text/javascript")],
            "export default 'hello'",
        ),
        "/origin" => reply(200, &[], header("origin")),
        // An API without this filter: it answers scripts correctly, but without Vary.
        "/reflects" => {
            let mut answer = reply(200, &[("cache-control", "max-age=600")], "hello");
            if let Some(origin) = head.headers.only("origin") {
                let name = "access-control-allow-origin".into();
                answer.headers.push((name, origin.to_vec()));
            }
            answer
        }
        "/socket" => {
            let key = header("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
            let accept = BASE64.encode(&Sha1::digest(key));
            let headers = [
                ("upgrade", "websocket"),
                ("connection", "upgrade"),
                ("sec-websocket-accept", &accept),
            ];
            // A frame that closes the connection with status 1000.
            reply(101, &headers, *b"\x88\x02\x03\xe8")
        }
        "/star" => {
            let headers = [
                ("access-control-allow-origin", "*"),
                ("access-control-allow-headers", "*"),
                ("access-control-max-age", "600"),
            ];
            reply(200, &headers, header("authorization"))
        }
        "/to" => reply(302, &[("location", query)], ""),
        _ => clients::answer(head, path).unwrap_or_else(|| reply(404, &[], "nothing here")),
    }
}
