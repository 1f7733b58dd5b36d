// Policies to start from, each with a request that shows its effect.

const json = (value) => {
  // Short lists stay on one line, as a person writes them.
  const text = JSON.stringify(value, null, 2);
  return text.replace(/\[\s+([^[\]{}]*?)\s+\]/g, (all, inside) => {
    const line = `[${inside.replace(/\s*\n\s*/g, " ")}]`;
    return line.length > 66 ? all : line;
  });
};

const example = (id, group, title, note, policy, request = {}) => ({
  id,
  group,
  title,
  note,
  policy: json(policy),
  request,
});

export const EXAMPLES = [
  example(
    "app",
    "Start here",
    "One application, one API",
    "A page that sends JSON with a token, and cookies.",
    {
      allowOrigins: ["https://app.example.com", "https://*.dev.example.com"],
      allowMethods: ["GET", "POST", "PUT", "DELETE"],
      allowHeaders: ["content-type", "authorization"],
      exposeHeaders: ["x-request-id"],
      allowCredentials: true,
      maxAge: "10m",
    },
    {
      method: "PUT",
      credentials: true,
      headers: [
        ["content-type", "application/json"],
        ["authorization", "Bearer …"],
      ],
    },
  ),
  example(
    "missing",
    "Start here",
    "A header was forgotten",
    "The most frequent CORS error, and its fix.",
    {
      allowOrigins: ["https://app.example.com"],
      allowMethods: ["GET", "POST", "PUT"],
    },
    { method: "PUT", headers: [["content-type", "application/json"]] },
  ),
  example(
    "public",
    "Start here",
    "A public API",
    "Anybody may read; nobody's cookies are involved.",
    {
      allowOrigins: ["*"],
      exposeHeaders: ["etag", "x-ratelimit-remaining"],
      maxAge: "1h",
    },
    { origin: "https://anybody.example", headers: [] },
  ),
  example(
    "local",
    "Start here",
    "Local development",
    "Any port of the developer's own machine.",
    {
      allowOrigins: ["http://localhost:*", "http://127.0.0.1:*"],
      allowMethods: ["*"],
      allowHeaders: ["*"],
      allowCredentials: true,
    },
    { origin: "http://localhost:5173", url: "http://localhost:8080/api", method: "PATCH", headers: [["x-debug", "1"]] },
  ),
  example(
    "rules",
    "One plugin, many routes",
    "Rules for hosts and paths",
    "The admin area allows only its own page.",
    {
      policies: { public: { allowOrigins: ["*"] } },
      rules: [
        { name: "docs", match: { hostnames: ["docs.example.com"] }, policyRef: "public" },
        { name: "api", match: { hostnames: ["api.example.com"] }, policy: { allowOrigins: ["https://*.example.com"] } },
        {
          name: "admin",
          match: { hostnames: ["api.example.com"], pathPrefixes: ["/admin"] },
          policy: { allowOrigins: ["https://admin.example.com"], allowCredentials: true, unmatchedRequests: "reject" },
        },
      ],
    },
    { url: "https://api.example.com/admin/users", headers: [] },
  ),
  example(
    "previews",
    "One plugin, many routes",
    "Preview deployments",
    "One part of the host name varies: letters, digits, hyphens, never a dot.",
    {
      allowOrigins: ["https://pr-*.example.com", "https://app-*-team.vercel.app"],
      allowMethods: ["GET", "PUT"],
      allowCredentials: true,
    },
    { origin: "https://pr-17.example.com", method: "PUT", credentials: true, headers: [] },
  ),
  example(
    "grants",
    "One plugin, many routes",
    "Partners and everybody else",
    "Different rights for different origins on the same routes.",
    {
      allowOrigins: ["https://partner.example.com"],
      allowMethods: ["GET", "PUT", "DELETE"],
      allowCredentials: true,
      grants: [{ allowOrigins: ["*"], allowMethods: ["GET"] }],
    },
    { origin: "https://partner.example.com", method: "PUT", credentials: true, headers: [] },
  ),
  example(
    "tenants",
    "One plugin, many routes",
    "Tenants",
    "A tenant's page reads its own API, and no other tenant's.",
    {
      rules: [
        {
          match: { hostnames: ["{tenant}.api.example.com"] },
          policy: { allowOrigins: ["https://{tenant}.example.com"], allowCredentials: true },
        },
      ],
    },
    { origin: "https://acme.example.com", url: "https://globex.api.example.com/items", credentials: true, headers: [] },
  ),
  example(
    "shadow",
    "One plugin, many routes",
    "Watch before you enforce",
    "Judges, counts and logs; changes nothing.",
    {
      allowOrigins: ["https://app.example.com"],
      mode: "shadow",
    },
    { origin: "https://partner.example", headers: [] },
  ),
  example(
    "families",
    "Protocols",
    "Headers that begin alike",
    "An SDK sends a set of headers that grows.",
    {
      allowOrigins: ["https://app.example.com"],
      allowHeaders: ["authorization", "content-type", "x-stainless-*"],
    },
    {
      method: "POST",
      headers: [
        ["content-type", "application/json"],
        ["x-stainless-os", "Linux"],
      ],
    },
  ),
  example(
    "mcp",
    "Protocols",
    "An MCP server",
    "The session and the login hint are exposed; other origins get 403.",
    {
      allowOrigins: ["https://inspector.example.com"],
      presets: ["mcp"],
      unmatchedRequests: "reject",
    },
    {
      origin: "https://inspector.example.com",
      url: "https://mcp.example.com/mcp",
      method: "POST",
      headers: [
        ["content-type", "application/json"],
        ["authorization", "Bearer …"],
        ["mcp-protocol-version", "2025-06-18"],
      ],
      status: 401,
      upstream: [
        ["www-authenticate", 'Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource"'],
      ],
    },
  ),
  example(
    "grpc-web",
    "Protocols",
    "gRPC-Web",
    "The status of a call is in response headers, which must be exposed.",
    {
      allowOrigins: ["https://app.example.com"],
      presets: ["grpc-web"],
      maxAge: "2h",
    },
    {
      url: "https://grpc.example.com/shop.v1.Orders/List",
      method: "POST",
      headers: [
        ["content-type", "application/grpc-web+proto"],
        ["x-grpc-web", "1"],
      ],
      upstream: [
        ["content-type", "application/grpc-web+proto"],
        ["grpc-status", "0"],
      ],
    },
  ),
  example(
    "kgateway",
    "From other gateways",
    "kgateway, Gateway API",
    "The CORS filter of an HTTPRoute. The slash after the origin is read as in kgateway.",
    {
      allowCredentials: true,
      allowHeaders: ["Origin"],
      allowMethods: ["GET", "POST", "OPTIONS"],
      allowOrigins: ["https://example.com/"],
      exposeHeaders: ["Origin", "X-HTTPRoute-Header"],
      maxAge: 86400,
    },
    { origin: "https://example.com", url: "https://cors.example/get", method: "POST", credentials: true, headers: [] },
  ),
  example(
    "krakend",
    "From other gateways",
    "KrakenD",
    "security/cors as in KrakenD: snake_case, durations and comments are accepted.",
    {
      "@comment": "extra_config of KrakenD",
      allow_origins: ["*"],
      allow_methods: ["GET", "HEAD", "POST"],
      expose_headers: ["Content-Length", "Content-Type"],
      allow_headers: ["Accept-Language"],
      max_age: "12h",
      allow_credentials: false,
      debug: false,
    },
    { headers: [["accept-language", "de"]] },
  ),
  example(
    "traefik-hub",
    "From other gateways",
    "Traefik Hub",
    "Its default. Any origin with credentials lets every site act as your users: see the warning.",
    {
      allowOrigins: ["*"],
      allowCredentials: true,
      allowHeaders: ["*"],
      allowMethods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"],
    },
    { origin: "https://evil.example", method: "DELETE", credentials: true, headers: [] },
  ),
  example(
    "istio",
    "From other gateways",
    "Istio VirtualService",
    "corsPolicy with an exact origin and a regular expression.",
    {
      allowOrigins: ["https://example.com"],
      allowOriginRegexes: ["https://[a-z0-9-]+\\.example\\.com"],
      allowMethods: ["POST", "GET"],
      allowHeaders: ["X-Foo-Bar"],
      maxAge: "24h",
      unmatchedPreflights: "ignore",
    },
    { origin: "https://shop.example.com", method: "POST", headers: [["x-foo-bar", "1"]] },
  ),
  example(
    "envoy",
    "From other gateways",
    "Envoy's own filter",
    "CorsPolicy, where lists of names are comma-separated texts and origins are matchers.",
    {
      allowOriginRegexes: ["https://.*\\.example\\.com"],
      allowMethods: ["GET", "PUT", "POST"],
      allowHeaders: ["authorization", "content-type"],
      exposeHeaders: ["x-request-id"],
      allowCredentials: true,
      maxAge: 1728000,
    },
    { method: "PUT", credentials: true, headers: [["authorization", "Bearer …"]] },
  ),
  example(
    "higress",
    "From other gateways",
    "Higress",
    "The options of its cors plugin, origins with any port.",
    {
      allowOrigins: ["https://*.example.com:*"],
      allowMethods: ["GET", "POST", "PUT", "OPTIONS"],
      allowHeaders: ["Token", "Content-Type", "Authorization"],
      exposeHeaders: ["*"],
      allowCredentials: false,
      maxAge: 3600,
    },
    { origin: "https://app.example.com:8443", method: "PUT", headers: [["token", "…"]] },
  ),
  example(
    "mistakes",
    "Mistakes, explained",
    "Everything wrong at once",
    "Every error is reported at once, at its place, with what to write instead.",
    {
      allowOrigins: ["https://app.example.com/login", "https://example.*", "*"],
      allowMethod: ["GET"],
      allowHeaders: "content-type",
      allowCredentials: "yes",
      maxAge: "10 minutes",
    },
    { headers: [] },
  ),
];

/** The request that examples change parts of. */
export const REQUEST = {
  origin: "https://app.example.com",
  url: "https://api.example.com/orders/7",
  method: "GET",
  credentials: false,
  headers: [],
  status: 200,
  upstream: [
    ["content-type", "application/json"],
    ["x-request-id", "8d2c"],
    ["access-control-allow-origin", "*"],
  ],
};
