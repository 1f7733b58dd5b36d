//! Each preset with the protocol's own client: the call succeeds under exactly the preset, and without it ends at the
//! preflight. The clients are in the folder `clients`; their server answers as little as they need.

use std::{env, fs};

use serde_json::json;

use crate::{Stage, in_engines, policy, reply};
use support::browser::Engine;
use support::http::Head;
use support::upstream::Reply;

#[test]
fn clients() {
    let mut listeners = vec![policy("without", json!({"allowOrigins": ["$APP"]}))];
    for preset in [
        "a2a", "connect", "grpc-web", "llm", "mcp", "s3", "signalr", "tracing", "tus",
    ] {
        let with = json!({"allowOrigins": ["$APP"], "presets": [preset]});
        listeners.push(policy(preset, with));
    }
    in_engines(&[Engine::Chromium], &listeners, |stage| {
        stage.browser.open(&stage.app);
        let load = "const script = document.createElement('script');
            script.src = '/clients.js';
            const loaded = new Promise((done, fail) => { script.onload = done; script.onerror = fail; });
            document.head.append(script);
            await loaded;
            return Object.keys(clients).length;";
        assert_eq!(stage.run(load, json!(null)), CALLS.len().to_string());
        for call in &CALLS {
            call.check(stage);
        }
    });
}

/// The file that scripts/test 60-browser makes of the clients.
pub fn bundle() -> Reply {
    let file = env::var("CORS_CLIENTS").expect("CORS_CLIENTS, which scripts/test 60-browser sets");
    let script = fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    reply(200, &[("content-type", "text/javascript")], script)
}

/// What the server of a client answers; `None` where the path is none of theirs.
pub fn answer(head: &Head, path: &str) -> Option<Reply> {
    let json = ("content-type", "application/json");
    Some(match path {
        "/a2a" => {
            let body = r#"{"jsonrpc": "2.0", "id": 1, "result": {"message": {
                "messageId": "2", "role": "ROLE_AGENT", "parts": [{"text": "hello"}]}}}"#;
            reply(200, &[json], body)
        }
        // It names the address for the messages.
        "/a2a/.well-known/agent-card.json" => {
            let host = head.headers.only("host").unwrap_or_default();
            let address = format!("http://{}/a2a", String::from_utf8_lossy(host));
            let interface =
                json!({"url": address, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"});
            let card = json!({"name": "greeter", "description": "", "version": "1", "capabilities": {},
                "defaultInputModes": [], "defaultOutputModes": [], "skills": [],
                "supportedInterfaces": [interface]});
            reply(200, &[json], card.to_string())
        }
        "/connect/Greet" => reply(200, &[json], "\"hello\""),
        // Each poll: the handshake, a call of the server, and the end of the connection.
        "/hub" if head.start.starts_with("GET ") => reply(
            200,
            &[],
            "{}\u{1e}{\"type\": 1, \"target\": \"greet\", \"arguments\": [\"hello\"]}\u{1e}{\"type\": 7}\u{1e}",
        ),
        "/hub" => reply(200, &[], ""),
        "/hub/negotiate" => {
            let body = r#"{"negotiateVersion": 1, "connectionId": "c1", "connectionToken": "t1",
                "availableTransports": [{"transport": "LongPolling", "transferFormats": ["Text"]}]}"#;
            reply(200, &[json], body)
        }
        "/llm/chat/completions" => {
            let body = r#"{"id": "c1", "object": "chat.completion", "choices": []}"#;
            reply(200, &[json, ("x-request-id", "r1")], body)
        }
        "/llm/v1/messages" => {
            let body = r#"{"id": "m1", "type": "message", "content": []}"#;
            reply(200, &[json, ("request-id", "r1")], body)
        }
        "/mcp-server" if head.headers.only("mcp-method") == Some(b"server/discover") => {
            let body = r#"{"jsonrpc": "2.0", "id": "server-discover-probe-1", "result": {
                "resultType": "complete", "supportedVersions": ["2026-07-28"], "ttlMs": 0, "cacheScope": "private",
                "capabilities": {"tools": {}}, "serverInfo": {"name": "tools", "version": "1"}}}"#;
            reply(200, &[json], body)
        }
        "/mcp-server" if head.headers.only("mcp-name") == Some(b"greet") => {
            let body = r#"{"jsonrpc": "2.0", "id": 0, "result": {
                "resultType": "complete", "content": [{"type": "text", "text": "hello"}]}}"#;
            reply(200, &[json], body)
        }
        // The stream of a session is optional.
        "/mcp-server" if head.start.starts_with("GET ") => reply(405, &[], ""),
        "/mcp-server" if head.headers.has("mcp-session-id") => {
            reply(200, &[json], r#"{"jsonrpc": "2.0", "id": 1, "result": {}}"#)
        }
        "/mcp-server" => {
            let body = r#"{"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-06-18",
                "capabilities": {}, "serverInfo": {"name": "tools", "version": "1"}}}"#;
            reply(200, &[json, ("mcp-session-id", "s1")], body)
        }
        "/s3/b/k" => reply(200, &[("etag", "\"e1\"")], ""),
        "/traced" => {
            let names = ["traceparent", "sentry-trace"];
            let sent = names.iter().filter(|name| head.headers.has(name));
            reply(200, &[], sent.copied().collect::<Vec<_>>().join(" "))
        }
        "/tus" => reply(201, &[("location", "/tus/1"), TUS_VERSION], ""),
        "/tus/1" => reply(204, &[("upload-offset", "4"), TUS_VERSION], ""),
        _ => return None,
    })
}

/// A call with a client.
struct Call {
    client: &'static str,
    preset: &'static str,
    /// Where the first request goes.
    path: &'static str,
    /// What the caller reads.
    read: &'static str,
}

impl Call {
    fn check(&self, stage: &Stage) {
        let call = |listener| {
            let given = json!({"client": self.client, "url": stage.url(listener, "")});
            stage.run("return await clients[given.client](given.url);", given)
        };
        assert_eq!(call(self.preset), self.read, "{}", self.client);
        assert_ne!(call("without"), self.read, "{}", self.client);
        // The origin is allowed, and the answer does not name a header that the client sends.
        let stopped = format!("OPTIONS {} 204 $APP -", self.path);
        stage.answered("without", &[&stopped]);
    }
}

const fn call(
    client: &'static str,
    preset: &'static str,
    path: &'static str,
    read: &'static str,
) -> Call {
    Call {
        client,
        preset,
        path,
        read,
    }
}

const CALLS: [Call; 12] = [
    call("a2a", "a2a", "/a2a/.well-known/agent-card.json", "hello"),
    call("anthropic", "llm", "/llm/v1/messages", "m1 r1"),
    call("connect", "connect", "/connect/Greet", "hello"),
    call("grpcWeb", "grpc-web", "/grpc", "5 no such book"),
    call("mcp", "mcp", "/mcp-server", "tools s1"),
    call("mcpWithoutSession", "mcp", "/mcp-server", "hello"),
    call("openai", "llm", "/llm/chat/completions", "c1 r1"),
    call("openTelemetry", "tracing", "/traced", "traceparent"),
    call("s3", "s3", "/s3/b/k?x-id=PutObject", "\"e1\""),
    call("sentry", "tracing", "/traced", "sentry-trace"),
    call(
        "signalR",
        "signalr",
        "/hub/negotiate?negotiateVersion=1",
        "hello",
    ),
    call("tus", "tus", "/tus", "/tus/1"),
];

const TUS_VERSION: (&str, &str) = ("tus-resumable", "1.0.0");
