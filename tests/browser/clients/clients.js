// One call with each client. It takes the address of a listener and returns what the caller reads of the answer.

import { ClientFactory } from "@a2a-js/sdk/client";
import Anthropic from "@anthropic-ai/sdk";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { EmptySchema, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { createConnectTransport } from "@connectrpc/connect-web";
import { HttpTransportType, HubConnectionBuilder, LogLevel } from "@microsoft/signalr";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { FetchInstrumentation } from "@opentelemetry/instrumentation-fetch";
import { WebTracerProvider } from "@opentelemetry/sdk-trace-web";
import * as Sentry from "@sentry/browser";
import grpcWeb from "grpc-web";
import OpenAI from "openai";
import { Upload } from "tus-js-client";

const { GrpcWebClientBase, MethodDescriptor, MethodType } = grpcWeb;

globalThis.clients = {
  /** The agent's card, then a message; each has the version in a header. */
  async a2a(url) {
    const client = await new ClientFactory().createFromUrl(`${url}/a2a/`);
    const message = { messageId: "1", role: "ROLE_USER", parts: [{ content: { $case: "text", value: "x" } }] };
    const { parts } = await client.sendMessage({ message });
    return parts[0].content.value;
  },

  async anthropic(url) {
    const sdk = new Anthropic({ apiKey: "key", baseURL: `${url}/llm`, dangerouslyAllowBrowser: true, maxRetries: 0 });
    const message = await sdk.messages.create({
      model: "m",
      max_tokens: 1,
      messages: [{ role: "user", content: "x" }],
    });
    return `${message.id} ${message._request_id}`;
  },

  async connect(url) {
    const transport = createConnectTransport({ baseUrl: url });
    const method = {
      kind: "rpc",
      methodKind: "unary",
      name: "Greet",
      localName: "greet",
      parent: { typeName: "connect" },
      input: EmptySchema,
      output: StringValueSchema,
    };
    const { message } = await transport.unary(method, undefined, 9000, undefined, {});
    return message.value;
  },

  /** The error's code and text are in headers, which must be exposed. */
  grpcWeb(url) {
    const client = new GrpcWebClientBase({ format: "binary" });
    const write = () => new Uint8Array();
    const method = new MethodDescriptor("/grpc", MethodType.UNARY, Object, Object, write, Object);
    const deadline = String(Date.now() + 9000);
    return new Promise((done) => {
      client.rpcCall(`${url}/grpc`, {}, { deadline }, method, (error) => done(`${error.code} ${error.message}`));
    });
  },

  /** A session begins, which needs a response header, and is used. */
  async mcp(url) {
    const client = new Client({ name: "page", version: "1" });
    const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp-server`));
    await client.connect(transport);
    await client.ping();
    return `${client.getServerVersion().name} ${transport.sessionId}`;
  },

  /** Version 2026-07-28 has no sessions, and puts the names of the method and of the tool into headers. */
  async mcpWithoutSession(url) {
    const client = new Client({ name: "page", version: "1" }, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp-server`)));
    const { content } = await client.callTool({ name: "greet", arguments: {} });
    return content[0].text;
  },

  async openai(url) {
    const sdk = new OpenAI({ apiKey: "key", baseURL: `${url}/llm`, dangerouslyAllowBrowser: true, maxRetries: 0 });
    const answer = await sdk.chat.completions.create({ model: "m", messages: [{ role: "user", content: "x" }] });
    return `${answer.id} ${answer._request_id}`;
  },

  async openTelemetry(url) {
    new WebTracerProvider().register();
    const instrumentation = new FetchInstrumentation({ propagateTraceHeaderCorsUrls: [/./] });
    const undo = registerInstrumentations({ instrumentations: [instrumentation] });
    try {
      const response = await fetch(`${url}/traced`);
      return await response.text();
    } finally {
      undo();
    }
  },

  async s3(url) {
    const client = new S3Client({
      endpoint: `${url}/s3`,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: "id", secretAccessKey: "secret" },
      maxAttempts: 1,
    });
    const put = new PutObjectCommand({ Bucket: "b", Key: "k", Body: "text", Metadata: { author: "me" } });
    const { ETag } = await client.send(put);
    return ETag;
  },

  async sentry(url) {
    Sentry.init({
      dsn: "https://key@sentry.example/1",
      integrations: [Sentry.browserTracingIntegration()],
      tracesSampleRate: 1,
      tracePropagationTargets: [/./],
      transport: () => ({ send: async () => ({}), flush: async () => true }),
    });
    try {
      const response = await fetch(`${url}/traced`);
      return await response.text();
    } finally {
      await Sentry.close();
    }
  },

  /** A connection by long polling, on which the server calls the page. */
  signalR(url) {
    const connection = new HubConnectionBuilder()
      .withUrl(`${url}/hub`, { transport: HttpTransportType.LongPolling, withCredentials: false })
      .configureLogging(LogLevel.None)
      .build();
    return new Promise((done, fail) => {
      connection.on("greet", done);
      connection.start().catch(fail);
    });
  },

  tus(url) {
    return new Promise((done, fail) => {
      const upload = new Upload(new Blob(["text"]), {
        endpoint: `${url}/tus`,
        metadata: { filename: "text" },
        retryDelays: null,
        onError: fail,
        onSuccess: () => done(new URL(upload.url).pathname),
      });
      upload.start();
    });
  },
};
