//! What people read about each preset, for the reference page. The module does not use it, and so does
//! not hold these texts.

use crate::config::choices::Preset;

/// What people read about a preset.
#[derive(Debug)]
pub struct Entry {
    pub preset: Preset,
    /// The protocol, with its version where that matters.
    pub protocol: &'static str,
    /// The clients whose requests pass.
    pub clients: &'static str,
    /// The pages that define the names.
    pub definitions: &'static [&'static str],
    /// What the protocol also needs, or what to know. Markdown.
    pub advice: &'static str,
    /// A configuration: JSON.
    pub example: &'static str,
}

/// An entry for each preset, in order of name.
pub const PRESET_REFERENCE: &[Entry] = &[
    Entry {
        preset: Preset::A2a,
        protocol: "Agent2Agent, versions 0.3 and 1.0, over JSON-RPC and HTTP+JSON",
        clients: "`@a2a-js/sdk`",
        definitions: &[
            "https://a2a-protocol.org/latest/specification/",
            "https://a2a-protocol.org/v0.3.0/topics/extensions/",
        ],
        advice: "An agent card at `/.well-known/agent-card.json` needs the same policy.",
        example: r#"{"allowOrigins": ["https://app.example.com"], "presets": ["a2a"]}"#,
    },
    Entry {
        preset: Preset::Connect,
        protocol: "Connect",
        clients: "`@connectrpc/connect-web`",
        definitions: &[
            "https://connectrpc.com/docs/cors",
            "https://connectrpc.com/docs/protocol",
        ],
        advice: "Add `authorization` to `allowHeaders` if calls carry a token, and to `exposeHeaders` the metadata that your \
                 scripts read; `trailer-*` stands for all trailers of unary calls.",
        example: r#"{"allowOrigins": ["https://app.example.com"], "presets": ["connect"], "allowHeaders": ["authorization"], "exposeHeaders": ["trailer-*"]}"#,
    },
    Entry {
        preset: Preset::GrpcWeb,
        protocol: "gRPC-Web",
        clients: "`grpc-web`, `@connectrpc/connect-web`, `@improbable-eng/grpc-web`",
        definitions: &[
            "https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md",
            "https://connectrpc.com/docs/cors",
        ],
        advice: "Add `authorization` to `allowHeaders` if calls carry a token.",
        example: r#"{"allowOrigins": ["https://app.example.com"], "presets": ["grpc-web"], "allowHeaders": ["authorization"]}"#,
    },
    Entry {
        preset: Preset::Llm,
        protocol: "The HTTP APIs of language models",
        clients: "`openai`, `@anthropic-ai/sdk`, `@google/genai`",
        definitions: &[
            "https://github.com/openai/openai-node",
            "https://github.com/anthropics/anthropic-sdk-typescript",
            "https://github.com/googleapis/js-genai",
        ],
        advice: "These protocols have no page about CORS: the names are those that the SDKs send and read. A key in a page is \
                 a key for every visitor; let the gateway add the real one.",
        example: r#"{"allowOrigins": ["https://app.example.com"], "presets": ["llm"]}"#,
    },
    Entry {
        preset: Preset::Mcp,
        protocol: "Model Context Protocol over Streamable HTTP, from version 2025-03-26 to 2026-07-28, with its authorization",
        clients: "`@modelcontextprotocol/client`, `@modelcontextprotocol/sdk`",
        definitions: &[
            "https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http",
            "https://modelcontextprotocol.io/specification/2025-06-18/basic/transports",
            "https://modelcontextprotocol.io/seps/2243-http-standardization",
        ],
        advice: "The protocol obliges servers to check `Origin`, so many servers themselves answer a browser with 403. Let the \
                 filter check it, with `unmatchedRequests` and `hosts`, and hide it from the server with \
                 `hideCorsFromUpstream`.",
        example: r#"{
  "allowOrigins": ["https://app.example.com"],
  "presets": ["mcp"],
  "unmatchedRequests": "reject",
  "hosts": ["mcp.example.com"],
  "hideCorsFromUpstream": true
}"#,
    },
    Entry {
        preset: Preset::Open,
        protocol: "Any",
        clients: "All that send no credentials",
        definitions: &["https://fetch.spec.whatwg.org/#http-cors-protocol"],
        advice: "Any origin, any request header and any response header. This is also the policy of an empty configuration.",
        example: r#"{"presets": ["open"]}"#,
    },
    Entry {
        preset: Preset::S3,
        protocol: "Amazon S3 and services that speak its protocol",
        clients: "`@aws-sdk/client-s3`",
        definitions: &[
            "https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonRequestHeaders.html",
            "https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html",
        ],
        advice: "`x-amz-*` includes the metadata of objects, `x-amz-meta-…`.",
        example: r#"{"allowOrigins": ["https://app.example.com"], "presets": ["s3"]}"#,
    },
    Entry {
        preset: Preset::SignalR,
        protocol: "ASP.NET Core SignalR",
        clients: "`@microsoft/signalr`",
        definitions: &[
            "https://learn.microsoft.com/aspnet/core/signalr/security",
            "https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/TransportProtocols.md",
        ],
        advice: "The client includes credentials: add `allowCredentials`, or set `withCredentials: false` in the client. The \
                 browser does not protect its WebSockets: add `unmatchedRequests`.",
        example: r#"{
  "allowOrigins": ["https://app.example.com"],
  "presets": ["signalr"],
  "allowCredentials": true,
  "unmatchedRequests": "reject"
}"#,
    },
    Entry {
        preset: Preset::Tracing,
        protocol: "Trace headers: W3C Trace Context and Baggage, B3, Datadog, Elastic, Sentry",
        clients: "OpenTelemetry, `@sentry/browser`, `@datadog/browser-rum`, `@elastic/apm-rum`, Zipkin's",
        definitions: &[
            "https://www.w3.org/TR/trace-context/",
            "https://www.w3.org/TR/baggage/",
            "https://github.com/openzipkin/b3-propagation",
            "https://docs.datadoghq.com/real_user_monitoring/correlate_with_other_telemetry/apm/",
            "https://www.elastic.co/docs/reference/apm/agents/rum-js/distributed-tracing",
            "https://docs.sentry.io/platforms/javascript/tracing/distributed-tracing/",
        ],
        advice: "An agent adds these headers to every request of a page, and so makes a preflight of each: add the preset to \
                 every API that the page calls. A collector behind the filter also needs `content-type` in `allowHeaders`.",
        example: r#"{"allowOrigins": ["https://app.example.com"], "presets": ["tracing"], "allowHeaders": ["content-type"]}"#,
    },
    Entry {
        preset: Preset::Tus,
        protocol: "tus resumable uploads, version 1.0",
        clients: "`tus-js-client`, `@uppy/tus`",
        definitions: &["https://tus.io/protocols/resumable-upload"],
        advice: "Uploads go to the address in `Location`: it must be one that the browser reaches.",
        example: r#"{"allowOrigins": ["https://app.example.com"], "presets": ["tus"]}"#,
    },
];
