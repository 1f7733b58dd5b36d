// What browsers print when CORS stops a script, what it means, and what to change: the documents' table and this page
// share it. `chromium`, `firefox` and `webkit` are what those engines print in tests/browser/console.json; `others` has
// wordings of other versions and libraries.

/**
 * @typedef {object} Message
 * @property {string} cause what happened, as a heading
 * @property {string} remedy what to change; `code` is between backticks
 * @property {string[]} [chromium]
 * @property {string[]} [firefox]
 * @property {string[]} [webkit]
 * @property {string[]} [others]
 * @property {string} [kind] which check failed, in the words of browser.js
 * @property {boolean} [isVague] it does not say why: another line does
 * @property {boolean} [isHarmless] the request may have succeeded nevertheless
 * @property {boolean} [includesCredentials]
 */

const NONE = "No 'Access-Control-Allow-Origin' header is present on the requested resource.";

/** In the README's order. */
export const MESSAGES = /** @type {Message[]} */ ([
  {
    cause: "The origin is not allowed",
    chromium: [NONE],
    firefox: ["(Reason: CORS header ‘Access-Control-Allow-Origin’ missing)."],
    webkit: ["Origin {origin} is not allowed by Access-Control-Allow-Origin."],
    others: ["(Reason: CORS header ‘Access-Control-Allow-Origin’ missing)"],
    remedy:
      "List the origin in `allowOrigins` as the message writes it, with scheme and port. If it is listed, the access " +
      "log says why it was refused. If the log has no reason, no policy governs this host or path, or a filter " +
      "before the plugin answers: put the plugin first",
    kind: "origin",
  },
  {
    cause: "The origin is null",
    chromium: [`Access to fetch at '{url}' from origin 'null' has been blocked by CORS policy: ${NONE}`],
    webkit: ["Origin null is not allowed by Access-Control-Allow-Origin."],
    remedy:
      "The page is a file or in a sandbox: serve it from its own origin. Or the request was redirected from " +
      'one other origin to a second one: request the second address directly. `allowOrigins: ["*"]` without ' +
      "credentials, or `null`, allows every such page of any site to read",
    kind: "origin",
  },
  {
    cause: "The origin is not allowed after a redirect",
    chromium: [
      `Access to fetch at '{url}' (redirected from '{from}') from origin '{origin}' has been blocked by CORS policy: ` +
        `${NONE}`,
    ],
    remedy:
      "Request the second address directly, or redirect within one origin: after a redirect between two foreign " +
      "origins the browser sends `Origin: null`",
    kind: "origin",
  },
  {
    cause: "The method is not allowed",
    chromium: ["Method {method} is not allowed by Access-Control-Allow-Methods in preflight response."],
    firefox: ["(Reason: Did not find method in CORS header ‘Access-Control-Allow-Methods’)."],
    webkit: ["Method {method} is not allowed by Access-Control-Allow-Methods."],
    remedy: "Add the method to `allowMethods`",
    kind: "method",
  },
  {
    cause: "The method is written in lower case",
    chromium: ["Method patch is not allowed by Access-Control-Allow-Methods in preflight response."],
    others: ["Method patch is not allowed by Access-Control-Allow-Methods."],
    remedy: "Write `PATCH` in the script: browsers convert only GET, HEAD, POST, PUT, DELETE and OPTIONS to upper case",
    kind: "method",
  },
  {
    cause: "A request header is not allowed",
    chromium: ["Request header field {header} is not allowed by Access-Control-Allow-Headers in preflight response."],
    firefox: [
      "(Reason: header ‘{header}’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS " +
        "preflight response).",
    ],
    webkit: ["Request header field {header} is not allowed by Access-Control-Allow-Headers."],
    others: [
      "(Reason: missing token ‘{header}’ in CORS header ‘Access-Control-Allow-Headers’ from CORS preflight channel)",
    ],
    remedy: "Add the header to `allowHeaders`",
    kind: "header",
  },
  {
    cause: "Credentials are not allowed",
    chromium: [
      "The value of the 'Access-Control-Allow-Credentials' header in the response is '{allowed}' which must be " +
        "'true' when the request's credentials mode is 'include'.",
    ],
    firefox: ["(Reason: expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’)."],
    webkit: ['Credentials flag is true, but Access-Control-Allow-Credentials is not "true".'],
    remedy: '`allowCredentials: true`, or no `credentials: "include"` (`withCredentials`) in the script',
    kind: "credentials",
    includesCredentials: true,
  },
  {
    cause: "“*” is not enough for a request with credentials",
    chromium: [
      "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the " +
        "request's credentials mode is 'include'.",
    ],
    firefox: ["(Reason: Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’)."],
    webkit: ["Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true."],
    remedy: 'List the origins and `allowCredentials: true`, or no `credentials: "include"` in the script',
    kind: "wildcard",
    includesCredentials: true,
  },
  {
    cause: "Two layers write Access-Control-Allow-Origin",
    chromium: [
      "The 'Access-Control-Allow-Origin' header contains multiple values '{value},{other}', but only one is allowed. " +
        "Have the server send the header with a valid value.",
    ],
    firefox: ["(Reason: CORS header ‘Access-Control-Allow-Origin’ does not match ‘{value},{other}’)."],
    webkit: ["Access-Control-Allow-Origin cannot contain more than one origin."],
    others: [
      "The 'Access-Control-Allow-Origin' header contains multiple values '{value}', but only one is allowed.",
      "(Reason: Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed)",
    ],
    remedy:
      "Remove the CORS headers from the route's `response_headers_to_add`, and every other CORS filter from the " +
      "chain",
  },
  {
    cause: "Another layer writes Access-Control-Allow-Origin",
    chromium: [
      "The 'Access-Control-Allow-Origin' header has a value '{value}' that is not equal to the supplied origin. Have " +
        "the server send the header with a valid value.",
    ],
    firefox: ["(Reason: CORS header ‘Access-Control-Allow-Origin’ does not match ‘{value}’)."],
    others: [
      "The 'Access-Control-Allow-Origin' header has a value '{value}' that is not equal to the supplied origin.",
      "The 'Access-Control-Allow-Origin' header contains the invalid value '{value}'.",
    ],
    remedy:
      "The filter writes only the origin of the request or `*`. Remove the header from the route or the filter " +
      "before the plugin that writes it; with `upstreamCors: keep` it is the upstream's own. A cache that ignores " +
      "`Vary: Origin` also gives one origin the answer of another",
  },
  {
    cause: "The preflight is answered with an error",
    chromium: ["It does not have HTTP ok status."],
    firefox: ["(Reason: CORS preflight response did not succeed). Status code: {status}."],
    webkit: ["Preflight response is not successful. Status code: {status}"],
    others: [
      "(Reason: CORS preflight response did not succeed)",
      "(Reason: CORS preflight channel did not succeed)",
      "Preflight response is not successful",
    ],
    remedy:
      "The upstream answers preflights (`unmatchedPreflights: forward`) but does not support them: list the origin " +
      "here. Or a filter before the plugin, such as one that checks tokens, answers them: put the plugin first",
    kind: "status",
  },
  {
    cause: "The preflight, or the request, is refused with 403",
    firefox: ["(Reason: CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 403."],
    webkit: ["Preflight response is not successful. Status code: 403"],
    remedy:
      "The filter sends this answer if the origin is not allowed: list it in `allowOrigins`. If the access log has " +
      "no reason, a filter before the plugin answers: put the plugin first",
    kind: "origin",
  },
  {
    cause: "The preflight is redirected",
    chromium: ["Redirect is not allowed for a preflight request."],
    firefox: ["(Reason: CORS header ‘Access-Control-Allow-Origin’ missing). Status code: {redirect}."],
    webkit: ["Preflight response is not successful. Status code: {redirect}"],
    others: ["(Reason: CORS request external redirect not allowed)"],
    remedy:
      "No policy governs this host or path, so the route's redirect answers the preflight: add a rule, or use " +
      "the address after the redirect",
    kind: "status",
  },
  {
    cause: "A response header is not exposed",
    chromium: ['Refused to get unsafe header "{exposed}"'],
    remedy: "Add the header to `exposeHeaders`. `fetch` prints nothing and returns `null`",
    isHarmless: true,
  },
  {
    cause: "A WebSocket is refused",
    chromium: [
      "WebSocket connection to '{url}' failed: Error during WebSocket handshake: Unexpected response code: 403",
    ],
    firefox: ["Firefox can’t establish a connection to the server at {url}."],
    webkit: ["WebSocket connection to '{url}' failed: The server did not accept the WebSocket handshake."],
    others: ["WebSocket connection to '{url}' failed"],
    remedy: "Under `unmatchedRequests: reject`: list the origin",
    kind: "origin",
  },
  {
    cause: "The local network is closed to this page",
    chromium: ["Permission was denied for this request to access the `{space}` address space."],
    others: ["Local Network Access permission required:"],
    remedy: "Nothing at the gateway: the browser's user or administrator denied access",
    isHarmless: true,
  },
  {
    cause: "Another layer writes lists that browsers cannot read",
    chromium: ["Cannot parse Access-Control-Allow-Methods response header field in preflight response."],
    firefox: ["(Reason: invalid token ‘{bad}’ in CORS header ‘Access-Control-Allow-Methods’)."],
    webkit: ["Header Access-Control-Allow-Methods has an invalid value: {bad}"],
    others: [
      "Cannot parse Access-Control-Allow-Headers response header field in preflight response.",
      "(Reason: invalid token ‘{bad}’ in CORS header ‘Access-Control-Allow-Headers’)",
      "Header Access-Control-Allow-Headers has an invalid value: {bad}",
    ],
    remedy:
      "The filter always writes lists of names. Find the layer that answers this preflight: a filter before the " +
      "plugin, or the upstream under `unmatchedPreflights: forward`",
  },
  {
    cause: "The address cannot be fetched with CORS",
    others: [
      "(Reason: CORS request not HTTP)",
      "Cross origin requests are only supported for protocol schemes:",
      "Cross origin requests are only supported for HTTP.",
    ],
    remedy: "Only `http` and `https` can. Serve the page and the file from a server instead of opening them as files",
    isHarmless: true,
  },
  {
    cause: "This line does not say why",
    firefox: ["(Reason: CORS request did not succeed). Status code: (null)."],
    others: ["(Reason: CORS request did not succeed)"],
    remedy:
      "Firefox prints it after a refused preflight: paste the line before it, which has another reason. If it is " +
      "alone, there was no answer: check the address, its certificate and the server",
    isVague: true,
  },
  {
    cause: "This line does not say why",
    webkit: [
      "Fetch API cannot load {url} due to access control checks.",
      "Cannot load image {url} due to access control checks.",
      "EventSource cannot load {url} due to access control checks.",
      "Beacon API cannot load {url}.",
      "XMLHttpRequest cannot load {url} due to access control checks.",
    ],
    others: ["cannot load {url} due to access control checks"],
    remedy:
      "Safari prints two lines: paste the one before it, such as `Origin … is not allowed by " +
      "Access-Control-Allow-Origin`",
    isVague: true,
  },
  {
    cause: "This line does not say why",
    chromium: ["TypeError: Failed to fetch"],
    firefox: ["TypeError: NetworkError when attempting to fetch resource."],
    webkit: ["TypeError: Load failed"],
    others: ["net::ERR_FAILED", "NetworkError when attempting to fetch resource", "AxiosError: Network Error"],
    remedy:
      "Scripts never learn why. Open the browser's console (F12) and paste the line that begins with `Access to " +
      "fetch at` (Chromium), `Cross-Origin Request Blocked` (Firefox), or the line before `due to access control " +
      "checks` (Safari). If there is none, it is not CORS: the server did not answer",
    isVague: true,
  },
]);

/** The message in a pasted text, with the values in its placeholders: the most specific one, if any. */
export function findMessage(text) {
  const plain = straight(text);
  let best;
  for (const message of MESSAGES) {
    for (const wording of wordings(message)) {
      const match = pattern(wording).exec(plain);
      const weight = weigh(message, wording);
      if (match && (!best || weight > best.weight)) best = { message, names: { ...match.groups }, weight };
    }
  }
  return best && { message: best.message, names: best.names };
}

/** The message for the check that failed, in the words of browser.js, with these headers of the answer. */
export function messageOf(kind, headers) {
  const values = headers.filter(([name]) => name.toLowerCase() === "access-control-allow-origin");
  const isForeign = kind === "origin" && values.length > 0;
  const isTwice = values.length > 1 || values[0]?.[1].includes(",");
  const cause = `${isTwice ? "Two layers write" : "Another layer writes"} Access-Control-Allow-Origin`;
  return MESSAGES.find((message) => (isForeign ? message.cause === cause : message.kind === kind && !message.isVague));
}

/** All wordings of a message. */
export function wordings({ chromium = [], firefox = [], webkit = [], others = [] }) {
  return [...chromium, ...firefox, ...webkit, ...others];
}

/** A wording with `values` in its placeholders, by default the examples of the README. */
export function fill(wording, values = {}) {
  return wording.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? PLACES[name].example);
}

/** Quotes as they are on keyboards: some consoles and chats change them. */
export const straight = (text) => text.replace(/[‘’]/g, "'").replace(/[“”]/g, '"');

/** A line that says why counts more than one that does not, and a longer wording more than a shorter one. */
function weigh({ isVague = false }, wording) {
  const fixed = wording.replace(/\{(\w+)\}/g, (place) => (place === "{redirect}" ? "302" : ""));
  return (isVague ? 0 : 10_000) + fixed.length;
}

/** The regular expression of a wording. */
export function pattern(wording) {
  // People often copy a line without its last dot; a URL has dots too, so the dot after it counts.
  const isUrlLast = wording.endsWith("{url}.");
  const parts = straight(isUrlLast ? wording : wording.replace(/\.$/, "")).split(/\{(\w+)\}/);
  const source = parts.map((part, index) => (index % 2 ? `(?<${part}>${PLACES[part].pattern})` : literal(part)));
  return new RegExp(source.join("") + (isUrlLast ? "(?!\\S)" : ""));
}

/** Text as a pattern. Chromium's part about the preflight is optional, and any kind of resource may be named. */
function literal(text) {
  return text
    .replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")
    .replace("Access to fetch at", "Access to [\\w ]{1,30}? at")
    .replace("blocked by CORS policy: ", `$&(?:${PREFLIGHT})?`);
}

const PREFLIGHT = "Response to preflight request doesn't pass access control check: ";
const PLACES = {
  url: { pattern: "\\S+?", example: "URL" },
  from: { pattern: "[^']+", example: "URL" },
  origin: { pattern: "[^\\s',]+", example: "ORIGIN" },
  other: { pattern: "[^']+?", example: "ORIGIN" },
  value: { pattern: "[^']*?", example: "*" },
  bad: { pattern: "[^']*?", example: "(" },
  allowed: { pattern: "[^']*", example: "" },
  method: { pattern: "\\S+", example: "PUT" },
  header: { pattern: "[^\\s']+", example: "x-one" },
  exposed: { pattern: '[^"]+', example: "x-request-id" },
  status: { pattern: "\\d+", example: "404" },
  redirect: { pattern: "30[12378]", example: "302" },
  space: { pattern: "\\w+", example: "loopback" },
};
