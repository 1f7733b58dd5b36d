// What a browser does with a call of fetch() across origins: a small model of the Fetch standard,
// https://fetch.spec.whatwg.org/. It does not know policies; its texts are those of `corsctl explain`.
//
//   const call = plan({ origin, url, method, headers, credentials });   // what it will send, and why
//   run(call, send);                                                    // sends it, and says what the script gets
//
// Header values are byte strings, as in host.js.

/**
 * How the browser handles a call of fetch(): `blocked` before anything is sent, or `preflight` (if one is needed,
 * with the reasons) and `request`. `headers` are [name, value] as the script sets them; `credentials` whether they are
 * included.
 */
export function plan({ origin, url, method, headers, credentials }) {
  const target = readUrl(url);
  const sameOrigin = origin === target.origin;
  const sent = normalizeMethod(method);
  const dropped = headers.filter(([name]) => isForbiddenRequestHeaderName(name)).map(([name]) => name);
  const set = combine(headers.filter(([name]) => !isForbiddenRequestHeaderName(name)));
  const call = { origin, url: target.href, method: sent, credentials, sameOrigin, dropped, unsafe: unsafeNames(set) };

  const bad = headers.find(([name, value]) => !isToken(name) || /[\0\r\n]/.test(value));
  if (!isToken(sent)) return { ...call, blocked: `${JSON.stringify(method)} is not a method` };
  if (isForbiddenMethod(sent)) return { ...call, blocked: `no script can send ${sent.toUpperCase()}` };
  if (bad) return { ...call, blocked: `${JSON.stringify(bad.join(": "))} is not a header` };
  if (isMixedContent(origin, target)) {
    return { ...call, blocked: "a page loaded over https may not fetch from http (mixed content)" };
  }

  const own = (method) => [
    ...(sameOrigin && /^(GET|HEAD)$/.test(method) ? [] : [["origin", origin]]),
    // Only sent to trustworthy servers.
    ...(isTrustworthy(target)
      ? [
          ["sec-fetch-site", site(origin, target)],
          ["sec-fetch-mode", "cors"],
        ]
      : []),
  ];
  call.request = { method: sent, url: target.href, headers: [...set, ...own(sent)] };
  if (!sameOrigin && (!isSafelistedMethod(sent) || call.unsafe.length)) {
    const names = call.unsafe.map(({ name }) => name);
    const asks = [
      ["access-control-request-method", sent],
      ...(names.length ? [["access-control-request-headers", names.join(",")]] : []),
    ];
    call.preflight = { method: "OPTIONS", url: target.href, headers: [["accept", "*/*"], ...asks, ...own("OPTIONS")] };
  }
  return call;
}

/**
 * Sends the planned requests; `send` takes a request and returns {status, headers}. The result: the answers, where it
 * ended (`blocked: {at: "call" | "preflight" | "actual", kind, because}`), and the `readable` and `hidden` header
 * names.
 */
export function run(call, send) {
  const result = { blocked: undefined, preflight: undefined, actual: undefined, readable: [], hidden: [] };
  if (call.blocked) return { ...result, blocked: { at: "call", kind: "call", because: call.blocked } };
  if (call.preflight) {
    result.preflight = send(call.preflight);
    const problem = checkPreflight(call, result.preflight);
    if (problem) return { ...result, blocked: { at: "preflight", ...problem } };
  }
  result.actual = send(call.request);
  const problem = call.sameOrigin ? undefined : checkCors(call, result.actual);
  if (problem) return { ...result, blocked: { at: "actual", ...problem } };
  return { ...result, ...exposed(call, result.actual) };
}

/** The CORS check, https://fetch.spec.whatwg.org/#cors-check: the failure, or nothing. */
export function checkCors({ origin, credentials }, { headers }) {
  const value = get(headers, "access-control-allow-origin");
  if (value === undefined) return { kind: "origin", because: "there is no Access-Control-Allow-Origin" };
  if (value === "*") {
    if (!credentials) return undefined;
    const because = 'Access-Control-Allow-Origin is "*", which is not enough for a request that includes credentials';
    return { kind: "wildcard", because };
  }
  if (value !== origin)
    return { kind: "origin", because: `Access-Control-Allow-Origin is "${value}", not "${origin}"` };
  if (!credentials || get(headers, "access-control-allow-credentials") === "true") return undefined;
  const because = 'Access-Control-Allow-Credentials is not "true", and the request includes credentials';
  return { kind: "credentials", because };
}

/** The end of the CORS-preflight fetch, https://fetch.spec.whatwg.org/#cors-preflight-fetch. */
export function checkPreflight(call, response) {
  const problem = checkCors(call, response);
  if (problem) return problem;
  const { status, headers } = response;
  if (status < 200 || status > 299) {
    return { kind: "status", because: `the preflight is answered with ${status}, not with 200 to 299` };
  }
  const methods = list(headers, "access-control-allow-methods");
  const names = list(headers, "access-control-allow-headers");
  if (!methods) return { kind: "list", because: "Access-Control-Allow-Methods is not a list of names" };
  if (!names) return { kind: "list", because: "Access-Control-Allow-Headers is not a list of names" };

  const star = (items) => !call.credentials && items.includes("*");
  if (!methods.includes(call.method) && !isSafelistedMethod(call.method) && !star(methods)) {
    const because = `${call.method} is not in Access-Control-Allow-Methods`;
    return { kind: "method", method: call.method, because };
  }
  const listed = new Set(names.map((name) => name.toLowerCase()));
  const missing = call.unsafe
    .map(({ name }) => name)
    // `*` never includes Authorization: https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
    .filter((name) => !listed.has(name) && (name === "authorization" || !star(names)));
  if (!missing.length) return undefined;
  const because = `${missing[0]} is not in Access-Control-Allow-Headers`;
  return { kind: "header", names: missing, because };
}

/** Which headers of a response the script may read, and which it may not. */
function exposed({ sameOrigin, credentials }, { headers }) {
  const names = [...new Set(headers.map(([name]) => name.toLowerCase()))];
  const listed = (list(headers, "access-control-expose-headers") ?? []).map((name) => name.toLowerCase());
  const all = sameOrigin || (!credentials && listed.includes("*"));
  const may = (name) => !/^set-cookie2?$/.test(name) && (all || listed.includes(name) || SAFELISTED_RESPONSE.has(name));
  return { readable: names.filter(may), hidden: names.filter((name) => !may(name)) };
}

/** Reads a URL of http or https; its path is sent as the standard serializes it. */
export function readUrl(text) {
  let url;
  try {
    url = new URL(text.trim());
  } catch {
    throw new Error(`${JSON.stringify(text)} is not a URL; write it whole, as in https://api.example.com/orders`);
  }
  if (!/^https?:$/.test(url.protocol)) throw new Error(`${url.protocol} is not fetched with CORS; use https: or http:`);
  url.hash = url.username = url.password = "";
  return url;
}

/** The origin of a page as the browser serializes it, from what a person types or pastes. */
export function readOrigin(text) {
  text = text.trim();
  if (text === "null" || /^file:/.test(text)) return "null";
  let url;
  try {
    url = new URL(text);
  } catch {
    throw new Error(
      `${JSON.stringify(text)} is not an origin; write scheme://host[:port], as in https://app.example.com`,
    );
  }
  if (url.origin !== "null") return url.origin;
  // Schemes that the URL standard does not know: extensions, applications.
  if (!url.host) throw new Error(`${JSON.stringify(text)} has no host; an origin is scheme://host[:port], or null`);
  return `${url.protocol}//${url.host}`;
}

/** https://fetch.spec.whatwg.org/#concept-method-normalize: `patch` stays as it is. */
function normalizeMethod(method) {
  const upper = method.trim().toUpperCase();
  return /^(DELETE|GET|HEAD|OPTIONS|POST|PUT)$/.test(upper) ? upper : method.trim();
}

/** Several lines of one name become one, https://fetch.spec.whatwg.org/#concept-header-list-get. */
function combine(headers) {
  const lines = new Map();
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    const trimmed = value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
    lines.set(key, lines.has(key) ? `${lines.get(key)}, ${trimmed}` : trimmed);
  }
  return [...lines];
}

/** https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names, with the reason for each. */
function unsafeNames(headers) {
  const unsafe = [];
  const safe = [];
  let size = 0;
  for (const [name, value] of headers) {
    const why = unsafeReason(name, value);
    if (why) unsafe.push({ name, why });
    else {
      safe.push(name);
      size += value.length;
    }
  }
  const why = "the safelisted headers together are over 1,024 bytes";
  if (size > 1024) unsafe.push(...safe.map((name) => ({ name, why })));
  return unsafe.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Why a header needs permission; nothing for a CORS-safelisted request-header. */
function unsafeReason(name, value) {
  const hasUnsafeByte = /[\x00-\x08\x0a-\x1f"():<>?@[\\\]{}\x7f]/.test(value);
  const bad = `its value is not a safelisted one`;
  if (!/^(accept|accept-language|content-language|content-type|range)$/.test(name))
    return "it is not a safelisted header";
  if (value.length > 128) return "its value is over 128 bytes";
  if (name === "accept") return hasUnsafeByte ? bad : "";
  if (name.endsWith("-language")) return /^[0-9A-Za-z *,\-.;=]*$/.test(value) ? "" : bad;
  if (name === "range") return /^bytes=\d+-\d*$/.test(value) ? "" : bad;
  const essence = value.split(";")[0].trim().toLowerCase();
  const isForm = /^(application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)$/.test(essence);
  return isForm && !hasUnsafeByte ? "" : `${essence || "an empty type"} is not one of the three form types`;
}

const isSafelistedMethod = (method) => /^(GET|HEAD|POST)$/.test(method);
const isForbiddenMethod = (method) => /^(CONNECT|TRACE|TRACK)$/i.test(method);
export const isToken = (text) => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);

/** https://fetch.spec.whatwg.org/#forbidden-request-header: the browser drops them silently. */
export function isForbiddenRequestHeaderName(name) {
  return /^(proxy-|sec-)/i.test(name) || FORBIDDEN_REQUEST.has(name.toLowerCase());
}

/**
 * https://fetch.spec.whatwg.org/#extract-header-list-values: the names in a header; undefined if the value is not a
 * list.
 */
function list(headers, name) {
  const items = (get(headers, name) ?? "")
    .split(",")
    .map((item) => item.trim())
    .filter(Boolean);
  return items.every(isToken) ? items : undefined;
}

function get(headers, name) {
  const lines = headers.filter(([own]) => own.toLowerCase() === name);
  return lines.length ? lines.map(([, value]) => value).join(", ") : undefined;
}

const isLoopback = ({ hostname }) => /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
const isTrustworthy = (url) => url.protocol === "https:" || isLoopback(url);
const isMixedContent = (origin, url) => origin.startsWith("https:") && !isTrustworthy(url);

/**
 * The site of the page, seen from the server. The page does not know the public suffixes, so it compares two labels.
 */
function site(origin, url) {
  if (origin === url.origin) return "same-origin";
  const domain = (host) => (/^[\d.]+$|^\[/.test(host) ? host : host.split(".").slice(-2).join("."));
  const page = URL.canParse?.(origin) ? new URL(origin) : undefined;
  const isSameSite = page?.protocol === url.protocol && domain(page.hostname) === domain(url.hostname);
  return isSameSite ? "same-site" : "cross-site";
}

// https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name
const SAFELISTED_RESPONSE = new Set([
  "cache-control",
  "content-language",
  "content-length",
  "content-type",
  "expires",
  "last-modified",
  "pragma",
]);
const FORBIDDEN_REQUEST = new Set([
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
]);
