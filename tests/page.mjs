// Compares the page's parts with the table of cases, the module and each other: node tests/page.mjs [dist/cors.wasm]
//
// The model of the browser gets every answer of the table that a browser can request, and must let the script read it
// exactly when a simple reading of the policy allows it; the module's own explanation must agree. Then: which calls
// need a preflight, how pasted texts are read, links, and whether every fix that the page offers works.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { checkCors, checkPreflight, plan, readOrigin, run } from "../playground/browser.js";
import { EXAMPLES, REQUEST } from "../playground/examples.js";
import { Judge } from "../playground/judge.js";
import { edited, locate, offsetOf } from "../playground/json.js";
import { fromHash, toHash } from "../playground/link.js";
import { slug } from "../playground/links.js";
import { manifests } from "../playground/manifests.js";
import { fill, findMessage, MESSAGES, pattern, straight, wordings } from "../playground/messages.js";
import { readPaste } from "../playground/paste.js";
import { besideMessage, describe } from "../playground/story.js";
import { otherSystem } from "../playground/systems.js";

const here = new URL(".", import.meta.url);
const bytes = readFileSync(process.argv[2] ?? new URL("../dist/cors.wasm", here));
const judge = await Judge.start(bytes);
let checked = 0;
// Systems that are read from the files of another.
const FROM = {
  "aws-rest": "aws",
  "envoy-filter": "istio",
  "envoy-gateway": "gateway-api",
  "gloo-tables": "gloo",
  "higress-ingress": "ingress-nginx",
};

// The presets according to their documentation.
const [METHODS, HEADERS, EXPOSED] = ["Methods", "Request headers", "Exposed headers"].map(readPresets);
assert(HEADERS.mcp.includes("mcp-param-*") && EXPOSED.tus.includes("location"), "the page of presets");

// The table

const groups = JSON.parse(readFileSync(new URL("cases.json", here), "utf8"));
const seen = { preflight: 0, actual: 0, skipped: 0 };
for (const { name, config, cases } of groups) {
  assert(judge.configure(JSON.stringify(config)).ok, name);
  for (const test of cases) {
    for (const credentials of [false, true]) {
      const kind = checkCase(config, test, credentials, `${name} / ${test.name} (credentials ${credentials})`);
      seen[kind ?? "skipped"]++;
    }
  }
}
// Most skipped cases are requests that no browser sends, or decisions of the upstream.
assert(seen.preflight > 200 && seen.actual > 200, JSON.stringify(seen));

/** Which kind of request was checked, if any. */
function checkCase(config, { request, upstream = {}, answer, verdict }, credentials, title) {
  const get = (name) => request.headers.filter(([own]) => own.toLowerCase() === name).map(([, value]) => value);
  const [origin, ...more] = get("origin");
  const sent = judge.send(request, upstream);
  const policy = governing(config, sent.source);
  // Which of several grants holds is for the model of the core.
  if (policy?.grants) return undefined;
  if (origin === undefined || more.length || !isBrowsers(origin) || !URL.canParse(request.url) || !policy)
    return undefined;
  const method = get("access-control-request-method")[0];
  const isPreflight = request.method === "OPTIONS" && method;
  const names = get("access-control-request-headers")
    .join(",")
    .split(",")
    .map((item) => item.trim().toLowerCase())
    .filter(Boolean);
  if (isPreflight && ![method, ...names].every((token) => /^[\w!#$%&'*+.^`|~-]+$/.test(token))) return undefined;
  const call = plan({
    origin,
    credentials,
    url: request.url,
    method: isPreflight ? method : request.method,
    headers: isPreflight ? names.map((name) => [name, "…"]) : [],
  });
  // A browser changes the case of some methods and the form of some URLs, and drops headers that no script can set.
  if (
    call.sameOrigin ||
    call.blocked ||
    call.url !== request.url ||
    call.dropped.length ||
    (isPreflight && call.method !== method)
  )
    return undefined;
  if (
    answer.from === "upstream" &&
    (policy.upstreamCors === "keep" || policy.mode === "shadow" || policy.mode === "off")
  )
    return undefined;

  const response = { status: answer.status, headers: Object.entries(answer.headers) };
  const open = Boolean(policy.allowOrigins?.includes("*")) && !policy.allowCredentials;
  const granted = (verdict === "allowed" || open) && (!credentials || Boolean(policy.allowCredentials));
  if (!isPreflight) {
    assert.equal(!checkCors(call, response), granted, title);
    const { readable } = run({ ...call, preflight: undefined }, () => response);
    const exposed = list(policy, "exposeHeaders", EXPOSED);
    if (granted) {
      for (const [name] of response.headers) {
        const may = exposed.includes("*") || exposed.some((listed) => isCovered(listed, name));
        if (!(policy.allowCredentials && exposed.includes("*")))
          assert.equal(readable.includes(name), may, `${title}: ${name}`);
      }
    }
    checked++;
    return "actual";
  }
  if (call.preflight) {
    const asks = Object.fromEntries(call.preflight.headers);
    assert.equal(asks["access-control-request-method"], method, title);
    const unsafe = names.filter((name) => call.unsafe.some((one) => one.name === name)).sort();
    assert.equal(asks["access-control-request-headers"] ?? "", [...new Set(unsafe)].join(","), title);
  }
  const methods = ["GET", "HEAD", "POST", ...list(policy, "allowMethods", METHODS, (item) => item)];
  const headers = list(policy, "allowHeaders", HEADERS);
  // With credentials no header has the value "*", not even if "*" is a requested name.
  const covers = (names, name) =>
    policy.allowCredentials && name === "*"
      ? false
      : names.includes("*") || names.some((listed) => isCovered(listed, name));
  // A longer method is not echoed, and a literal "*" is not sent.
  const isEchoed = methods.includes(method) || method.length <= 64;
  // Of families at most 64 names are echoed.
  const ofFamilies = headers.includes("*") ? [] : call.unsafe.filter(({ name }) => !headers.includes(name));
  const listed =
    isEchoed &&
    covers(methods, method) &&
    ofFamilies.length <= 64 &&
    call.unsafe.every(({ name }) => covers(headers, name));
  assert.equal(
    !checkPreflight(call, response),
    granted && answer.from === "filter" && verdict === "allowed" && listed,
    title,
  );
  if (verdict === "allowed") assert.equal(/the browser blocks it/.test(sent.says), !listed, `${title}: ${sent.says}`);
  checked++;
  return "preflight";
}

/** Whether an entry is the header name, or a family of it. */
function isCovered(listed, name) {
  if (listed === "*" || !listed.endsWith("-*")) return listed === name;
  return name.startsWith(listed.slice(0, -1)) && name.length >= listed.length;
}

/** What the presets add to one list, by preset. */
function readPresets(title) {
  const page = readFileSync(new URL("../docs/src/reference/presets.md", here), "utf8");
  const read = (section) => {
    const line = new RegExp(`^- ${title}: (.*)$`, "m").exec(section)?.[1] ?? "";
    return [/`(.+)`/.exec(section)?.[1], [...line.matchAll(/`([^`]+)`/g)].map(([, name]) => name)];
  };
  return Object.fromEntries(page.split(/^## /m).slice(1).map(read));
}

function isBrowsers(origin) {
  try {
    return readOrigin(origin) === origin;
  } catch {
    return false;
  }
}

/** The policy that the module names, with camelCase fields. */
function governing(config, source) {
  const camel = (object) =>
    Object.fromEntries(
      Object.entries(object).map(([key, value]) => [key.replace(/(?<=.)_(.)/g, (_, c) => c.toUpperCase()), value]),
    );
  const plain = JSON.stringify(config) === "{}" ? { presets: ["open"] } : camel(config);
  const rule = camel(plain.rules?.[/^rules\[(\d+)\]/.exec(source ?? "")?.[1]] ?? {});
  const found = source === "top-level policy" ? plain : camel(rule.policy ?? plain.policies?.[rule.policyRef] ?? {});
  if (!Object.keys(found).length) return undefined;
  return found.presets?.includes("open") ? { allowOrigins: ["*"], ...found } : found;
}

function list(policy, field, presets, form = (item) => item.toLowerCase()) {
  return [...(policy[field] ?? []), ...(policy.presets ?? []).flatMap((preset) => presets[preset] ?? [])].map(form);
}

// Which calls need a preflight, by the standard's tables

const call = {
  origin: "https://app.example",
  url: "https://api.example/",
  method: "GET",
  headers: [],
  credentials: false,
};
for (const [change, asks] of /** @type {[object, string | undefined][]} */ ([
  [{}, undefined],
  [{ method: "post" }, undefined],
  [{ method: "put" }, "PUT "],
  [{ method: "patch" }, "patch "],
  [{ headers: [["Content-Type", "text/plain;charset=utf-8"]] }, undefined],
  [{ headers: [["Content-Type", "application/json"]] }, "GET content-type"],
  [
    {
      headers: [
        ["Accept", "text/html"],
        ["X-B", ""],
        ["X-A", ""],
      ],
    },
    "GET x-a,x-b",
  ],
  [{ headers: [["Accept", '"quoted"']] }, "GET accept"],
  [{ headers: [["Range", "bytes=0-99"]] }, undefined],
  [{ headers: [["Range", "bytes=-99"]] }, "GET range"],
  [{ headers: [["Accept-Language", "de;q=0.5"]] }, undefined],
  [{ headers: [["Accept-Language", "de(CH)"]] }, "GET accept-language"],
  [{ headers: [["Accept", "a".repeat(129)]] }, "GET accept"],
  [
    {
      headers: [
        ["Cookie", "a"],
        ["Sec-X", "1"],
        ["Host", "b"],
      ],
    },
    undefined,
  ],
  [{ url: "https://app.example/", method: "DELETE", headers: [["X-A", "1"]] }, undefined],
])) {
  const { preflight } = plan({ ...call, ...change });
  const asked = preflight && Object.fromEntries(preflight.headers);
  const got = asked && `${asked["access-control-request-method"]} ${asked["access-control-request-headers"] ?? ""}`;
  assert.equal(got, asks, JSON.stringify(change));
  checked++;
}
for (const [change, because] of /** @type {[object, RegExp][]} */ ([
  [{ method: "TRACE" }, /no script can send TRACE/],
  [{ method: "a b" }, /is not a method/],
  [{ headers: [["a b", "c"]] }, /is not a header/],
  [{ url: "http://api.example/" }, /mixed content/],
])) {
  assert.match(plan({ ...call, ...change }).blocked, because);
  checked++;
}
assert.equal(plan({ ...call, url: "http://127.0.0.1:8080/" }).blocked, undefined);
assert.throws(() => plan({ ...call, url: "api.example" }), /is not a URL/);

// The checks, with answers that this filter never gives

const answer = (...headers) => ({ status: 200, headers: headers.map((line) => line.split(": ")) });
const origin = "access-control-allow-origin: https://app.example";
for (const [credentials, response, wrong] of /** @type {[boolean, any, string | undefined][]} */ ([
  [false, answer(), "origin"],
  [false, answer("access-control-allow-origin: *"), undefined],
  [true, answer("access-control-allow-origin: *"), "wildcard"],
  [true, answer(origin), "credentials"],
  [true, answer(origin, "access-control-allow-credentials: True"), "credentials"],
  [true, answer(origin, "access-control-allow-credentials: true"), undefined],
  [false, answer(origin, origin), "origin"],
  [false, answer("access-control-allow-origin: https://app.example/"), "origin"],
])) {
  assert.equal(checkCors({ ...call, credentials }, response)?.kind, wrong, JSON.stringify(response));
  checked++;
}
const star = answer(
  "access-control-allow-origin: *",
  "access-control-allow-methods: *",
  "access-control-allow-headers: *",
);
const wants = (name) => plan({ ...call, method: "PUT", headers: [[name, "1"]] });
assert.equal(checkPreflight(wants("x-a"), star), undefined);
assert.equal(checkPreflight(wants("authorization"), star).kind, "header");
assert.equal(checkPreflight(wants("x-a"), { ...star, status: 302 }).kind, "status");

// Pasted texts

for (const [text, expected] of [
  ["curl https://api.example/", { url: "https://api.example/", method: "GET" }],
  [
    "curl -i -XPUT 'https://api.example/x' \\\n  -H \"Origin: https://app.example\" -H 'X-A: it'\\''s' -b a=b",
    {
      url: "https://api.example/x",
      method: "PUT",
      origin: "https://app.example",
      credentials: true,
      headers: [["X-A", "…"]],
    },
  ],
  [
    "curl https://api.example/ -d '{}' -o out",
    { method: "POST", headers: [["content-type", "application/x-www-form-urlencoded"]] },
  ],
  [
    "curl -iX OPTIONS -vH 'Origin: https://app.example' -so /dev/null api.example/x",
    { url: "http://api.example/x", method: "OPTIONS", origin: "https://app.example" },
  ],
  [
    "curl -sX POST -# --max-filesize 100 -kLu a:b localhost:8080",
    { url: "http://localhost:8080", method: "POST", headers: [["authorization", "…"]] },
  ],
  ["curl -sIL --retry 3 [::1]:80/x", { url: "http://[::1]:80/x", method: "HEAD" }],
  ["curl -T file https://api.example/", { method: "PUT" }],
  ['fetch("https://api.example/", null)', { url: "https://api.example/", method: "GET", headers: [] }],
  ['fetch("https://api.example/", {"headers": null})', { headers: [] }],
  [
    "curl --request=OPTIONS https://api.example/ -H 'Origin: null' -H 'Access-Control-Request-Method: DELETE' -H " +
      "'Access-Control-Request-Headers: x-a, x-b'",
    {
      method: "DELETE",
      origin: "null",
      headers: [
        ["x-a", "…"],
        ["x-b", "…"],
      ],
    },
  ],
  [
    'fetch("https://api.example/", {"headers": {"x-a": "1", "sec-fetch-mode": "cors"}, "method": "PATCH", ' +
      '"credentials": "include"});',
    { method: "PATCH", credentials: true, headers: [["x-a", "…"]] },
  ],
  [
    "Access to fetch at 'https://api.example/x' from origin 'https://app.example' has been blocked by CORS policy: " +
      "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
    { url: "https://api.example/x", origin: "https://app.example", method: "PUT" },
  ],
  [
    "Access to XMLHttpRequest at 'https://api.example/' from origin 'null' has been blocked by CORS policy: The " +
      "value of the 'Access-Control-Allow-Credentials' header in the response is '' which must be 'true' when the " +
      "request's credentials mode is 'include'.",
    { origin: "null", credentials: true },
  ],
  [
    "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at " +
      "https://api.example/. (Reason: header ‘x-a’ is not allowed according to header ‘Access-Control-Allow-Headers’ " +
      "from CORS preflight response).",
    { url: "https://api.example/", headers: [["x-a", "…"]] },
  ],
  [
    "WebSocket connection to 'wss://api.example/chat' failed: Error during WebSocket handshake: Unexpected response " +
      "code: 403",
    { url: "https://api.example/chat", method: undefined },
  ],
  [
    "Origin https://app.example is not allowed by Access-Control-Allow-Origin. Status code: 200",
    { origin: "https://app.example" },
  ],
]) {
  const { found } = readPaste(text);
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(found[name], value, `${text}: ${name}`);
  checked++;
}
// Calls and requests as people write them: their content is read, and missing parts are requested.
for (const [text, expected, asks = /./] of /** @type {[string, object, RegExp?][]} */ ([
  ["fetch(url, {method: 'PUT'})", { url: undefined, method: "PUT" }, /The URL is not in the call, only url: enter it/],
  [
    "const answer = await fetch(`https://api.example/items/${id}?token=${token}`, {\n  method: 'patch', // a note\n" +
      "  headers: { 'Content-Type': 'application/json', Authorization: 'Bearer ' + t, 'x-b': f([2]), [name]: 3 },\n" +
      "  credentials: 'include', body: JSON.stringify({ a: [1, '}'] }), ...rest,\n}).then((answer) => answer.json());",
    {
      url: "https://api.example/items/…?token=…",
      method: "patch",
      credentials: true,
      headers: [
        ["Content-Type", "application/json"],
        ["Authorization", "…"],
        ["x-b", "…"],
      ],
    },
  ],
  [
    "fetch('https://api.example/', {headers: {accept: 'a: \"b\"', Range: 'bytes=0-9', 'a b': 1}})",
    {
      headers: [
        ["accept", '"…"'],
        ["Range", "bytes=0-9"],
      ],
    },
    /The name of a header could not be read/,
  ],
  ["fetch('https://api.example/', options)", { method: "GET" }, /The value of options is not in the call: enter it/],
  [
    "fetch('https://api.example/', { method, headers })",
    { headers: [] },
    /The method is not in .* names of the headers/,
  ],
  ["fetch('https://api.example/', {headers: [['x-a', 'b']], mode: 'no-cors'})", { headers: [["x-a", "…"]] }, /no-cors/],
  ['window.fetch("https://api.example/\\u0061", undefined);', { url: "https://api.example/a", headers: [] }],
  [
    "irm https://api.example/x -Method Put -Headers @{ 'X-A' = 'it''s'; Accept = \"text/html\" } -Body '{}'",
    {
      url: "https://api.example/x",
      method: "PUT",
      headers: [
        ["X-A", "…"],
        ["Accept", "text/html"],
        ["content-type", "application/x-www-form-urlencoded"],
      ],
    },
  ],
  [
    "OPTIONS /items HTTP/1.1\r\nHost: api.example:8443\r\nOrigin: https://app.example\r\n" +
      "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: content-type,x-a\r\n\r\n",
    {
      url: "https://api.example:8443/items",
      method: "PUT",
      origin: "https://app.example",
      headers: [
        ["content-type", "application/json"],
        ["x-a", "…"],
      ],
    },
    /read as the PUT/,
  ],
  [
    "OPTIONS /items HTTP/1.1\nOrigin: https://app.example",
    { url: undefined, method: "OPTIONS", origin: "https://app.example" },
    /no host/,
  ],
  [
    "Origin: https://app.example\nAccess-Control-Request-Method: DELETE",
    { method: "DELETE", origin: "https://app.example" },
  ],
  [
    ":authority: api.example\n:method: POST\n:path: /x?a=b\n:scheme: http\norigin: null\ncontent-type: text/plain",
    { url: "http://api.example/x?a=…", method: "POST", origin: "null", headers: [["content-type", "text/plain"]] },
  ],
  ["GET https://api.example/x?a=b net::ERR_FAILED 200 (OK)", { url: "https://api.example/x?a=…", method: "GET" }],
  // Over plain http a copy has no Sec-Fetch-Mode to distinguish it from a script's own request.
  [
    'fetch("http://api.example/", {"headers": {"cache-control": "no-cache"}, "referrer": "http://app.example/",\n' +
      '  "referrerPolicy": "origin", "body": null, "method": "GET", "mode": "cors", "credentials": "omit"});',
    { headers: [], origin: "http://app.example" },
    /If your script sets it, add it again/,
  ],
  [
    '$session.UserAgent = "x"\nInvoke-WebRequest -Uri "http://api.example/" -Headers @{\n"pragma"="no-cache"\n}',
    { headers: [] },
    /add it again/,
  ],
  ["curl http://api.example/ -H 'User-Agent: Mozilla/5.0' -H 'Pragma: no-cache'", { headers: [] }, /add it again/],
  [
    "const xhr = new XMLHttpRequest();\nxhr.open('PUT', url);\nxhr.setRequestHeader('X-A', f(1));",
    { url: undefined, method: "PUT", headers: [["X-A", "…"]] },
    /The URL is not in the call, only url: enter it/,
  ],
  [
    "axios.get('https://api.example/x', {params: {a: 1}})",
    { url: "https://api.example/x", method: "GET", headers: [] },
  ],
  ["await axios('https://api.example/x')", { url: "https://api.example/x", method: "GET" }],
  ["axios.post(`${base}/x`, {})", { url: undefined, method: "POST" }, /The URL is not in the call/],
  [
    "axios.request({url: 'https://api.example/', method: 'DELETE', auth: {username: 'a', password: 'b'}})",
    { method: "DELETE", headers: [["authorization", "…"]] },
  ],
  [
    "axios.post('https://api.example/', 'a=b')",
    { headers: [["content-type", "application/x-www-form-urlencoded"]] },
    /axios sends this body with content-type: application\/x-www-form-urlencoded/,
  ],
  ["axios.postForm('https://api.example/', {a: 1})", { headers: [["content-type", "multipart/form-data"]] }],
  ["axios.post('https://api.example/')", { method: "POST", headers: [] }],
  ["axios.delete('https://api.example/', options)", { method: "DELETE" }, /The value of options is not in the call/],
  // HTTP/2's own fields, as Chromium copied them until 118.
  [
    'fetch("https://api.example/", {"headers": {"authority": "api.example", "sec-ch-ua": "x", "x-a": "1"}})',
    { headers: [["x-a", "…"]] },
  ],
  // "Copy all": the first of several requests.
  [
    "curl 'https://api.example/a' -H 'x-a: 1' ;\ncurl 'https://api.example/b' -X PUT -H 'x-b: 1'",
    { url: "https://api.example/a", method: "GET", headers: [["x-a", "…"]] },
    /There are several commands: only the first was read/,
  ],
  [
    'curl ^"https://api.example/a^" ^\r\n  -H ^"x-a: 1^" &\r\ncurl ^"https://api.example/b^" -X PUT',
    { url: "https://api.example/a", method: "GET", headers: [["x-a", "…"]] },
    /several/,
  ],
])) {
  const { found, notes } = readPaste(text);
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(found[name], value, `${text}: ${name}`);
  assert.match(`${notes.join(" ")} `, asks, text);
  checked++;
}
for (const [text, says] of /** @type {[string, RegExp][]} */ ([
  ["$.ajax({url: 'https://api.example/'})", /Send it once in the browser, then paste its copy: .*Copy as cURL/],
  ["const xhr = new XMLHttpRequest();\nxhr.send()", /This call cannot be read/],
  ["fetch(request)", /write it in quotes/],
  ["fetch('https://api.example/', {method: 'PUT'", /Paste it whole/],
  ["Invoke-WebRequest -Uri $url", /write it after -Uri/],
  ['curl ^"https://api.example/', /is not closed/],
  ["GET /x", /To copy a request/],
])) {
  assert.throws(() => readPaste(text), says, text);
  checked++;
}

// The configurations of other systems are recognised as theirs, and those of this plugin as no other's.
const imports = new URL("../crates/corsctl/tests/import/", here);
const folders = readdirSync(imports, { withFileTypes: true }).filter((entry) => entry.isDirectory());
for (const { name } of folders.filter(({ name }) => name !== "refused")) {
  const files = readdirSync(new URL(`${name}/`, imports)).filter((file) => file !== "outcomes.yaml");
  const found = files.map((file) => otherSystem(readFileSync(new URL(`${name}/${file}`, imports), "utf8"))?.argument);
  const known = found.filter((argument) => argument === (FROM[name] ?? name)).length;
  // Some files are parts, empty, or of several systems.
  assert(known * 4 >= files.length * 3, `${name}: ${found}`);
  checked++;
}
for (const { name, config } of groups) assert.equal(otherSystem(JSON.stringify(config)), undefined, name);

// A handwritten request means exactly its content, except headers that browsers always send.
const byHand = readPaste("curl https://a.example/ -H 'Cache-Control: no-store' -H 'If-None-Match: x'");
assert.deepEqual(byHand.found.headers, [
  ["Cache-Control", "…"],
  ["If-None-Match", "…"],
]);

/** The result of reading a text with S3CR3T, the page and its link do not contain the secret. */
function withoutSecret(text) {
  assert(/s3cr3t/i.test(text), text);
  let shown = "";
  try {
    const { found = {}, notes, kind } = readPaste(text);
    const defaults = { ...REQUEST, policy: "{}" };
    const link = decodeURIComponent(toHash({ ...defaults, ...found }, defaults));
    shown = `${link} ${JSON.stringify(found)} ${notes} ${kind}`;
  } catch (error) {
    shown = error.message;
  }
  assert(!/s3cr3t/i.test(shown), `${text}\n${shown}`);
  checked++;
}
const headerForms = [
  "x-key: S3CR3T",
  "Authorization: Token S3CR3T",
  "Cookie: a=S3CR3T",
  "X: Bearer S3CR3T",
  "Referer: http://a/S3CR3T",
];
const urls = [
  "https://api.example/x?S3CR3T",
  "https://api.example/x?a=b&token=S3CR3T=S3CR3T&S3CR3T",
  "https://S3CR3T@api.example/",
  "https://user:S3CR3T@api.example/x",
  "https://user:p@S3CR3T@api.example/x",
  "https://api.example/x;session=S3CR3T/y",
  "https://api.example/#access_token=S3CR3T",
];
for (const url of urls) {
  for (const text of [
    `curl '${url}'`,
    `curl ^"${url}^" ^\r\n  -H ^"accept: */*^"`,
    `fetch("${url}")`,
    `fetch('${url}', {method: 'PUT'})`,
    `Invoke-WebRequest -Uri "${url}"`,
    `irm ${url} -Method Put`,
    `GET ${url} HTTP/1.1\nHost: api.example`,
    `GET ${url.replace(/^.*example/, "") || "/"} HTTP/1.1\nHost: api.example\nX: S3CR3T`,
    `Access to fetch at '${url}' from origin 'https://app.example' has been blocked by CORS policy: It does not have ` +
      `HTTP ok status.`,
    `Access to fetch at '${url}' (redirected from '${url}') from origin 'https://app.example' has been blocked by ` +
      `CORS policy: x`,
    `Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at ‘${url}’. ` +
      `(Reason: CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 200.`,
    `Fetch API cannot load ${url} due to access control checks.`,
    `Origin https://app.example is not allowed by Access-Control-Allow-Origin. Status code: 200\nFetch API cannot ` +
      `load ${url} due to access control checks.`,
    `GET ${url} net::ERR_FAILED 200 (OK)`,
    `WebSocket connection to '${url.replace("http", "ws")}' failed: Error during WebSocket handshake: Unexpected ` +
      `response code: 403`,
  ]) {
    withoutSecret(text);
  }
}
for (const header of headerForms) {
  const [name, value] = header.split(": ");
  for (const text of [
    `curl https://api.example/ -H '${header}'`,
    `curl https://api.example/ --header='${header}' -u S3CR3T:S3CR3T -d S3CR3T --oauth2-bearer S3CR3T`,
    `curl ^"https://api.example/^" -H ^"${header}^"`,
    `fetch("https://api.example/", {"headers": {"${name}": "${value}"}})`,
    `fetch(url, {headers: {'${name}': \`${value}\`}, body: 'S3CR3T'})`,
    `fetch(url, {headers: [['${name}', 'S3CR3T' + x]], body: S3CR3T, method})`,
    `Invoke-RestMethod https://api.example/ -Headers @{ ${/^\w+$/.test(name) ? name : `'${name}'`} = "${value}" } ` +
      `-Body 'S3CR3T'`,
    `GET /x HTTP/1.1\nHost: api.example\n${header}`,
    `:authority: api.example\n:path: /?S3CR3T\n${header}`,
  ]) {
    withoutSecret(text);
  }
}

// Every message of every engine is recognised, also with other quotes and in the middle of other lines.
const places = {
  url: "https://api.example/x",
  from: "https://old.example/",
  origin: "https://app.example",
  method: "DELETE",
  header: "x-two",
};
for (const message of MESSAGES) {
  for (const wording of wordings(message)) {
    const isSocket = wording.includes("WebSocket") || wording.includes("establish a connection");
    const line = fill(wording, { ...places, ...(isSocket ? { url: "wss://api.example/x" } : {}) });
    const noise = `TypeError: NetworkError when attempting to fetch resource.\n    at x.js:1:1\n${line}\n\tat app.js:7`;
    for (const text of message.isVague ? [line] : [line, noise, straight(line), line.replaceAll("'", "’")]) {
      const read = readPaste(text);
      assert.equal(read.kind, "console error", text);
      assert.equal(read.message, message, `${text}\nis read as: ${read.message?.cause}`);
      const { found } = read;
      if (message.isVague) assert.equal(found, undefined, text);
      else if (wording.includes("{url}")) assert.equal(found.url, "https://api.example/x", text);
      if (wording.includes("{origin}")) assert.equal(found.origin, "https://app.example", text);
      if (wording.includes("{method}")) assert.equal(found.method, "DELETE", text);
      if (wording.includes("{header}")) assert.deepEqual(found.headers, [["x-two", "…"]], text);
      checked++;
    }
  }
}
// What tests/browser recorded is recognised, and what the data says that an engine prints was recorded. `fetch` rejects
// with a TypeError, which is not printed.
/** @type {{refusal: string, kind: string | null, chromium: string[], firefox: string[], webkit: string[]}[]} */
const recorded = JSON.parse(readFileSync(new URL("browser/console.json", here), "utf8"));
for (const engine of /** @type {const} */ (["chromium", "firefox", "webkit"])) {
  for (const { refusal, kind, [engine]: said } of recorded) {
    for (const line of said) {
      const { message } = findMessage(line) ?? {};
      assert(message, `${engine} prints for ${refusal}, but messages.js does not know: ${line}`);
      assert(message.isVague || !message.kind || message.kind === kind, `${engine}, ${refusal}: ${line}`);
      checked++;
    }
  }
  const printed = recorded.flatMap(({ [engine]: said }) => said).map(straight);
  for (const wording of MESSAGES.flatMap(({ [engine]: said }) => said ?? [])) {
    const wasPrinted = printed.some((line) => pattern(wording).test(line)) || wording.startsWith("TypeError: ");
    assert(wasPrinted, `${engine} never printed: ${wording}`);
    checked++;
  }
}
// With a message, the verdict says whether this policy can be its cause.
const from =
  "Access to fetch at 'https://api.example/' from origin 'https://app.example' has been blocked by CORS policy:";
const [it, other, elsewhere] = ["It is what the message says", "not what the message says", "come from elsewhere"];
const app = { allowOrigins: ["https://app.example"] };
const socket = fill(
  MESSAGES.flatMap(wordings).find((wording) => wording.startsWith("WebSocket")),
  { url: "wss://api.example/" },
);
for (const [policy, line, says] of /** @type {[object, string, string][]} */ ([
  [app, `${from} Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.`, it],
  [{ ...app, allowMethods: ["PUT"] }, `${from} Method PUT is not allowed by Access-Control-Allow-Methods`, elsewhere],
  [{ allowOrigins: ["https://c.example"] }, `${from} Method PUT is not allowed by Access-Control-Allow-Methods`, other],
  [app, `${from} Request header field x-one is not allowed by Access-Control-Allow-Headers`, it],
  [app, "Origin https://b.example is not allowed by Access-Control-Allow-Origin.", it],
  [app, "Origin https://app.example is not allowed by Access-Control-Allow-Origin.", elsewhere],
  [app, `${from} ${MESSAGES.find(({ kind }) => kind === "credentials").chromium[0]}`, it],
  [{ allowOrigins: ["*"] }, `${from} ${MESSAGES.find(({ kind }) => kind === "wildcard").chromium[0]}`, it],
  [{ allowOrigins: ["https://c.example"], unmatchedRequests: "reject" }, socket, it],
  [app, socket, elsewhere],
  [app, 'Refused to get unsafe header "x-request-id"', "Status 200"],
])) {
  const { found, message } = readPaste(line);
  const fetched = { ...call, headers: [], ...found, upstream: { status: 200, headers: [] } };
  assert(judge.configure(JSON.stringify(policy)).ok, line);
  const { verdict } = describe(judge, policy, { ...fetched, method: found.method ?? "GET" });
  assert.match(besideMessage(message, verdict).text, new RegExp(says), `${line}\n${JSON.stringify(policy)}`);
  checked++;
}
// The two tables of the page are those of the data.
const code = (text) => (text.includes("`") ? `\`\`${text}\`\`` : `\`${text}\``);
const lines = (list, missing = "") => (list ?? []).map((wording) => code(fill(wording).trim())).join("<br>") || missing;
const ofChromium = MESSAGES.filter(({ chromium, isVague }) => chromium && !isVague);
const ofOthers = MESSAGES.filter(({ firefox, webkit }) => firefox || webkit);
const page = readFileSync(new URL("../docs/src/reference/browser-messages.md", here), "utf8");
// The page links to the first row of each cause.
const linked = new Set();
const place = ({ cause }) => {
  const isFirst = !linked.has(cause);
  linked.add(cause);
  return isFirst ? `<a id="${slug(cause)}"></a>` : "";
};
for (const table of [
  [
    "| what the browser says | what to change |",
    "|---|---|",
    ...ofChromium.map((message) => `| ${place(message)}${lines(message.chromium)} | ${message.remedy} |`),
  ],
  [
    "| cause | Firefox | Safari |",
    "|---|---|---|",
    ...ofOthers.map(
      (message) =>
        `| ${place(message)}${message.cause} | ${lines(message.firefox, "–")} | ${lines(message.webkit, "–")} |`,
    ),
  ],
]) {
  const text = `\n${table.join("\n")}\n\n`;
  assert(
    page.includes(text),
    `docs/src/reference/browser-messages.md does not have this table of playground/messages.js:\n${text}`,
  );
  checked++;
}

for (const nonsense of [
  "",
  "hello",
  "curl",
  "curl 'unclosed",
  "curl OPTIONS",
  "curl 100",
  "curl $URL/x",
  "fetch(x)",
  'fetch("/api")',
  "Access to fetch at nowhere",
  "\0",
  "{}",
  "x".repeat(200_000),
]) {
  assert.throws(
    () => readPaste(nonsense),
    (/** @type {any} */ error) => error.constructor === Error && error.message.length > 20,
    nonsense.slice(0, 40),
  );
  checked++;
}

// No pasted text takes long to read or reject.
for (const part of [
  "Access to fetch at 'a' ",
  "Cross-Origin Request Blocked: at ' ",
  "Access-Control-Allow-Origin' does not match '",
  "curl ^\\^",
  "fetch([{a:",
  'irm -Uri "`',
  "a: b\n",
  "GET http://a;b=",
]) {
  const start = performance.now();
  for (const before of ["", "curl 'http://a/' ", 'fetch("http://a/", ', "GET / HTTP/1.1\n"]) {
    try {
      readPaste((before + part.repeat(100_000 / part.length)).slice(0, 100_000));
    } catch (error) {
      assert.equal(error.constructor, Error, error.stack);
    }
  }
  assert(performance.now() - start < 4000, `${part}: ${performance.now() - start} ms`);
  checked++;
}

// Links, places, manifests

const defaults = { policy: "{}", origin: "a", credentials: true, status: 200, headers: [["a", "b"]] };
for (const state of [
  defaults,
  { policy: '{"a": "é&=#+ %"}\n', origin: "null", credentials: false, status: 404, headers: [] },
  {
    ...defaults,
    headers: [
      ["x", "1: 2"],
      ["y", ""],
    ],
  },
]) {
  assert.deepEqual(fromHash(`#${toHash(state, defaults)}`, defaults), state);
  checked++;
}
const text = '{"a": [1, {"max_age": "é"}],\n "policies": {"x.y z": {"allowOrigins": ["b"]}, "x_y": {"max_age": 1}}}';
const placed = (path) => ((found) => found && text.slice(found.start, found.end))(locate(text, [path])[path]);
assert.equal(placed("a[1].maxAge"), '"é"');
assert.equal(placed('policies."x.y z".allowOrigins[0]'), '"b"');
assert.equal(placed("policies.x_y.maxAge"), "1");
assert.equal(placed("a[0].missing"), "1");
assert.equal(text.slice(offsetOf(text, 2, 2))[0], '"');
assert.equal("é,x".slice(offsetOf("é,x", 1, 4)), "x");
for (const { policy, id } of EXAMPLES) {
  for (const [name, manifest] of Object.entries(manifests(policy)))
    assert(manifest.includes(name === "envoy" ? policy.split("\n")[1].trim() : "apiVersion"), id);
}

// Apart from the policy, a manifest is the same as the tested ones in envoy/.
for (const [name, file] of [
  ["envoy", "envoy.yaml"],
  ["istio", "istio/wasm-plugin.yaml"],
  ["gateway", "envoy-gateway/extension-policy.yaml"],
]) {
  const original = readFileSync(new URL(`../envoy/${file}`, here), "utf8")
    .split("\n")
    .map((line) => line.trim());
  const own = manifests('{"allowOrigins": []}')
    [name].split("\n")
    .map((line) => line.trim());
  const strange = own.filter((line) => line && !/^#|allowOrigins|^filename: /.test(line) && !original.includes(line));
  assert.deepEqual(strange, [], file);
  const order = (lines) => lines.filter((line) => line.includes("before: "));
  assert.deepEqual(order(own), order(original), file);
  checked++;
}

// Every example is accepted, except the one with mistakes, and every fix works

for (const { id, policy, request } of EXAMPLES) {
  const { ok, problems } = judge.configure(policy);
  assert.equal(ok, id !== "mistakes", `${id}: ${JSON.stringify(problems)}`);
  if (!ok) assert(problems.length > 4 && problems.every(({ path }) => path), id);
  for (const change of ok
    ? [
        {},
        { method: "TRY" },
        {
          headers: [
            ["x-new", "1"],
            ["authorization", "…"],
          ],
        },
        { origin: "https://other.example" },
        { credentials: true },
        { url: "https://nobody.example/" },
      ]
    : []) {
    const { status, upstream, ...fetched } = { ...REQUEST, ...request, ...change };
    fixAll(policy, { ...fetched, upstream: { status, headers: upstream } }, `${id} with ${JSON.stringify(change)}`);
  }
}

// A policy whose name has a dot is fixed in its place; one that is off is not, and no other is widened instead.
const api = { hostnames: ["api.example.com"] };
for (const [config, fix] of /** @type {[object, (config: any) => void][]} */ ([
  [
    {
      rules: [{ match: api, policyRef: "a.b_c" }],
      policies: { a: { allowOrigins: ["*"] }, "a.b_c": { allowOrigins: ["https://b.example"] } },
    },
    ({ policies }) =>
      (policies["a.b_c"] = {
        allowOrigins: ["https://b.example", REQUEST.origin],
        allowMethods: ["GET", "HEAD", "POST", "PUT"],
      }),
  ],
  [{ rules: [{ match: api, policy: { mode: "off" } }], allowOrigins: ["https://b.example"] }, () => {}],
  [
    {
      rules: [{ match: api, policy_ref: "a.b" }],
      policies: { "a.b": { allow_origins: [REQUEST.origin], mode: "Off" } },
      mode: "off",
    },
    () => {},
  ],
  [{ rules: [{ match: { hostnames: ["docs.example.com"] }, policy: { allowOrigins: ["*"] } }], mode: "off" }, () => {}],
])) {
  const before = JSON.stringify(config, null, 2);
  const after = fixAll(before, { ...REQUEST, method: "PUT", upstream: { status: 200, headers: [] } }, before);
  fix(config);
  assert.deepEqual(JSON.parse(after), config);
}

/**
 * Applies the first fix that the page offers until there is none; then the script must be able to read the answer, or
 * the change is not one of the policy. Returns the resulting policy.
 */
function fixAll(policy, fetched, title) {
  for (let turn = 0; turn < 6; turn++) {
    const { ok, problems } = judge.configure(policy);
    assert(ok, `${title}: ${policy}: ${JSON.stringify(problems)}`);
    const { verdict, fixes } = describe(judge, JSON.parse(policy), fetched);
    checked++;
    if (verdict.good) return policy;
    assert(fixes.length, `${title}: no fix for ${verdict.text}`);
    if (!fixes[0].edits) return policy;
    policy = fixes[0].edits.reduce(edited, policy);
  }
  assert.fail(`${title}: the fixes do not end: ${policy}`);
}

console.log(`${checked} passed; of the table ${seen.preflight} preflights and ${seen.actual} actual requests`);
