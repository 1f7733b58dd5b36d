//! WebSocket, and requests as gRPC-Web and MCP send them.

use serde_json::json;

use crate::{FAILED, in_every_engine, policy};

/// CORS does not apply to WebSockets: without `unmatchedRequests: reject` any page may open one.
#[test]
fn web_socket() {
    let listeners = [
        policy("forward", json!({"allowOrigins": ["$APP"]})),
        policy(
            "reject",
            json!({"allowOrigins": ["$APP"], "unmatchedRequests": "reject"}),
        ),
    ];
    in_every_engine(&listeners, |stage| {
        let open = |listener| {
            let url = stage.url(listener, "/socket").replace("http:", "ws:");
            stage.run(SOCKET, json!(url))
        };
        stage.browser.open(&stage.app);
        for listener in ["forward", "reject"] {
            assert_eq!(open(listener), "open");
            stage.answered(listener, &["GET /socket 101 $APP -"]);
        }
        stage.browser.open(&stage.evil);
        assert_eq!(open("forward"), "open");
        stage.answered("forward", &["GET /socket 101 - origin top-level policy"]);
        assert_eq!(open("reject"), "closed 1006");
        stage.answered("reject", &["GET /socket 403 - origin top-level policy"]);
        // The same applies to requests that CORS does not stop.
        let blind = json!({"method": "POST", "mode": "no-cors", "body": "x"});
        assert_eq!(stage.fetch("reject", "/", blind), "0 ");
        stage.answered("reject", &["POST / 403 - origin top-level policy"]);
    });
}

#[test]
fn grpc_web() {
    let listeners = [
        policy(
            "with",
            json!({"allowOrigins": ["$APP"], "presets": ["grpc-web"]}),
        ),
        policy("without", json!({"allowOrigins": ["$APP"]})),
    ];
    in_every_engine(&listeners, |stage| {
        let script =
            "const headers = {'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1',
            'x-user-agent': 'grpc-web-javascript/0.1', 'grpc-timeout': '1S'};
        const body = new Uint8Array(5);
        const response = await fetch(given, {method: 'POST', headers, body});
        return response.headers.get('grpc-status') + ' ' + response.headers.get('grpc-message');";
        let call = |listener| stage.run(script, json!(stage.url(listener, "/grpc")));
        stage.browser.open(&stage.app);
        assert_eq!(call("with"), "5 no such book");
        stage.answered(
            "with",
            &["OPTIONS /grpc 204 $APP -", "POST /grpc 200 $APP -"],
        );
        assert_eq!(call("without"), FAILED);
        stage.answered("without", &["OPTIONS /grpc 204 $APP -"]);
        stage.browser.open(&stage.evil);
        assert_eq!(call("with"), FAILED);
        stage.answered("with", &["OPTIONS /grpc 403 - origin top-level policy"]);
    });
}

#[test]
fn mcp() {
    let listeners = [
        policy(
            "with",
            json!({"allowOrigins": ["$APP"], "presets": ["mcp"]}),
        ),
        policy("without", json!({"allowOrigins": ["$APP"]})),
    ];
    in_every_engine(&listeners, |stage| {
        // A session begins, is used, and ends.
        let script =
            "const headers = {'content-type': 'application/json', authorization: 'Bearer 1',
            accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-06-18'};
        const started = await fetch(given, {method: 'POST', headers, body: '{}'});
        headers['mcp-session-id'] = started.headers.get('mcp-session-id');
        headers['last-event-id'] = '1';
        const stream = await fetch(given, {headers});
        const ended = await fetch(given, {method: 'DELETE', headers});
        return [await started.text(), await stream.text(), await ended.text()].join();";
        let call = |listener| stage.run(script, json!(stage.url(listener, "/mcp")));
        stage.browser.open(&stage.app);
        assert_eq!(call("with"), "none,s1,s1");
        // One preflight for all of them.
        stage.answered(
            "with",
            &[
                "OPTIONS /mcp 204 $APP -",
                "POST /mcp 200 $APP -",
                "GET /mcp 200 $APP -",
                "DELETE /mcp 200 $APP -",
            ],
        );
        assert_eq!(call("without"), FAILED);
        stage.answered("without", &["OPTIONS /mcp 204 $APP -"]);
        stage.browser.open(&stage.evil);
        assert_eq!(call("with"), FAILED);
        stage.answered("with", &["OPTIONS /mcp 403 - origin top-level policy"]);
    });
}

/// Opens a WebSocket.
const SOCKET: &str = "const socket = new WebSocket(given);
    const state = await new Promise(done => {
        socket.onopen = () => done('open');
        socket.onclose = event => done('closed ' + event.code);
    });
    socket.close();
    return state;";
