// Reads what developers can copy: a curl command, "Copy as fetch" or a handwritten call, a PowerShell command, a HAR, a
// request or an answer as it is sent, or the error in a browser's console.
//
// CORS uses the names of headers and only a few values. All other values, and those of the URL's query, are removed
// here, so that no secret gets into the page or its link.

import { isForbiddenRequestHeaderName, isToken } from "./browser.js";
import { readCall } from "./calls.js";
import { readCurl } from "./curl.js";
import { blockedBy, readHar, splitExchange } from "./exchange.js";
import { readArguments } from "./literal.js";
import { findMessage, messageOf, straight } from "./messages.js";

/**
 * @typedef {object} Request a request as it is on the wire
 * @property {string} [url]
 * @property {string} [method]
 * @property {[string, string][]} headers
 * @property {boolean} [credentials]
 * @property {boolean} [isCopy] a browser wrote it
 */

/**
 * What a pasted text says about a request: {kind, found: {origin, url, method, headers, credentials}, notes, message,
 * answer}. `found` has only what the text contains; `message` is a message of messages.js; `answer` is the upstream's,
 * {status, headers}. `form` has what the page knows about the request already. Throws an error with a text for the
 * reader if the text says nothing.
 */
export function readPaste(text, form = {}) {
  text = text.trim();
  if (!text) throw new Error("There is nothing to read yet.");
  const har = text.length <= MAX_HAR ? readHar(text) : undefined;
  if (har) {
    const call = asScript("HAR", har.request, har.notes);
    return withAnswer({ ...call, isPreflight: har.isPreflight }, har.answer, form);
  }
  if (text.length > 100_000) {
    throw new Error("That is over 100,000 characters: not a command, and not an error message.");
  }
  const command = text.replace(/^(\$|>|PS [^>\n]*>) +/, "");
  if (/^curl(\.exe)?(\s|$)/.test(command) && !splitExchange(text)) {
    const { isFirst, ...request } = readCurl(command);
    return asScript("curl command", request, isFirst ? ["There are several commands: only the first was read."] : []);
  }
  if (/^(const \w+ = |return )?(await )?(window\.)?fetch\s*\(/.test(command)) return readFetch(command);
  if (/\b(Invoke-(WebRequest|RestMethod)|iwr|irm)\b/i.test(command)) return readPowerShell(command);
  const exchange = readExchange(text, form);
  if (exchange) return exchange;
  const isMessage = Boolean(findMessage(text));
  const call = isMessage ? undefined : readCall(text);
  if (call) return asScript(call.kind, call.request, call.notes);
  const inside = isMessage ? -1 : text.search(/\bfetch\s*\(/);
  if (inside >= 0) return readFetch(text.slice(inside));
  const error = readConsole(text);
  if (error) return error;
  if (/\$\.ajax|\bky\b|\bgot\(|\baxios\b|\bXMLHttpRequest\b/.test(text)) {
    throw new Error(`This call cannot be read. Send it once in the browser, then paste its copy: ${COPY}.`);
  }
  throw new Error(
    "This is not a curl command, a fetch(…) call, a HAR, a request, an answer, a policy, or a CORS error of " +
      "Chromium, Firefox or Safari in English. " +
      `What you pasted is still there. To copy a request: ${COPY}.`,
  );
}

/** A request and its answer, or one of both, as they are on the wire. */
function readExchange(text, form) {
  const { request = text, answer, isPart } = splitExchange(text) ?? {};
  const raw = request && readRaw(request);
  if (!answer) return raw && asScript("request", raw);
  if (raw) return withAnswer(asScript("request with its answer", raw), answer, form);
  const notes = isPart ? ["It has no status: 200 is assumed."] : [];
  return withAnswer({ kind: "answer", found: undefined, notes }, answer, form);
}

/** Adds an answer to what was read, and what the browser makes of it. */
function withAnswer(read, answer, form) {
  if (!answer) return read;
  const names = answer.headers.map(([name]) => name.toLowerCase());
  const isPreflight = read.isPreflight || (!read.found && names.some((name) => IN_PREFLIGHTS.has(name)));
  const call = { ...form, ...read.found };
  const reason = call.origin && call.url ? blockedBy(call, { ...answer, isPreflight }) : undefined;
  const notes = [...read.notes];
  const says = reason ? `blocks it: ${reason.because}` : "accepts it";
  notes.push(`The browser gets this answer${isPreflight ? " to the preflight" : ""} and ${says}.`);
  if (isPreflight) return { ...read, notes, message: reason && messageOf(reason.kind, answer.headers) };
  notes.push("It is taken as the upstream's answer, whose CORS headers the filter replaces.");
  const headers = answer.headers
    .filter(
      ([name]) => isToken(name) && !/^(content-length|content-encoding|transfer-encoding|connection)$/i.test(name),
    )
    .map(([name, value]) => [name.toLowerCase(), SHOWN_OF_ANSWERS.test(name) ? value : "…"]);
  const message = reason && messageOf(reason.kind, answer.headers);
  return { ...read, notes, message, answer: { status: answer.status, headers } };
}

/** "Copy as fetch" of the browsers, or the literal parts of a handwritten call. */
function readFetch(text) {
  const [url, options] = readArguments(text.slice(text.indexOf("(")));
  const isText = (value) => typeof value === "string";
  const notes = [];
  if (!isText(url)) {
    if (!url?.code || !options) {
      throw new Error(
        "This fetch(…) call has no URL that can be read: write it in quotes, as in " +
          'fetch("https://api.example.com/items")',
      );
    }
    notes.push(`The URL is not in the call, only ${url.code.slice(0, 40)}: enter it.`);
  }
  const isNothing = (value) => !value || value.code === "null" || value.code === "undefined";
  const isKnown = options && (!options.code || isNothing(options));
  if (options && !isKnown) notes.push(`The value of ${options.code.slice(0, 40)} is not in the call: enter it.`);
  const { method, headers, credentials, referrer, mode, referrerPolicy } = isKnown ? options : {};
  if (method?.code) notes.push("The method is not in the call: enter it.");
  if (headers?.code && !isNothing(headers)) notes.push("The names of the headers are not in the call: enter them.");
  const entries = isNothing(headers) || headers.code ? [] : Array.isArray(headers) ? headers : Object.entries(headers);
  const request = {
    url: isText(url) ? url : undefined,
    method: isText(method) ? method : "GET",
    headers: entries.filter((entry) => isText(entry[0])).map(([name, value]) => [name, isText(value) ? value : "…"]),
    credentials: credentials === "include",
    // Scripts rarely set these, but browsers' copies always have them.
    isCopy: Boolean(mode && (referrer || referrerPolicy)),
  };
  if (mode === "no-cors")
    notes.push("With mode no-cors the script never reads the answer; the request is judged without this mode.");
  const hasOrigin = request.headers.some(([name]) => name.toLowerCase() === "origin");
  if (isText(referrer) && !hasOrigin && URL.canParse(referrer)) {
    request.headers.push(["origin", new URL(referrer).origin]);
  }
  return asScript("fetch call", request, notes);
}

/** "Copy as PowerShell" of Chromium, or a handwritten command. */
function readPowerShell(text) {
  const string = `(?:"((?:\`[\\s\\S]|""|[^"\`])*)"|'((?:''|[^'])*)')`;
  const value = (match) => match && (match[1]?.replace(/`([\s\S])|""/g, (_, kept) => kept ?? '"') ?? match[2]);
  const option = (name) => value(new RegExp(`\\s-${name}[\\s:]+${string}`, "i").exec(text));
  const bare = /\s(?:-Uri\s+)?(https?:\/\/[^\s"'`]+)/i.exec(text)?.[1];
  const url = option("Uri") ?? value(new RegExp(`(?:Invoke-\\w+|iwr|irm)\\s+${string}`, "i").exec(text)) ?? bare;
  if (!url)
    throw new Error('This PowerShell command has no URL: write it after -Uri, as in -Uri "https://api.example.com/"');
  const [, table = ""] = /-Headers\s+@\{([\s\S]*?)\n?\}/i.exec(text) ?? [];
  const entry = new RegExp(`(?:${string}|([\\w-]+))\\s*=\\s*${string}`, "g");
  const headers = [...table.matchAll(entry)].map(([, double, single, name, ...own]) => [
    double ?? single ?? name,
    value([undefined, ...own]) ?? "",
  ]);
  const type = option("ContentType");
  if (type) headers.push(["content-type", type]);
  const hasBody = /\s-Body\b/i.test(text);
  const method = option("Method") ?? /\s-Method\s+(\w+)/i.exec(text)?.[1] ?? "GET";
  if (hasBody && !type) headers.push(["content-type", "application/x-www-form-urlencoded"]);
  return asScript("PowerShell command", {
    url,
    method: method.toUpperCase(),
    headers,
    credentials: /\.Cookies\.Add\(/i.test(text),
    isCopy: /\$session\.UserAgent\b/.test(text),
  });
}

/** A request as it is sent: its first line and its headers, or only headers, if they identify a request. */
function readRaw(text) {
  const [first, ...rest] = text.split(/\r?\n/);
  const [, method, target] = /^([A-Z]+)\s+(\S+)\s+HTTP\/[\d.]+$/.exec(first.trim()) ?? [];
  const lines = method ? rest : [first, ...rest];
  const end = lines.findIndex((line) => !line.trim());
  const head = end < 0 ? lines : lines.slice(0, end);
  const headers = head.map((line) => /^(:?[\w!#$%&'*+.^`|~-]+):[ \t]*(.*)$/.exec(line.trim())?.slice(1));
  if (headers.some((line) => !line)) return undefined;
  const get = (name) => headers.find(([own]) => own.toLowerCase() === name)?.[1];
  if (!method && !get(":authority") && !(get("host") && get("origin")) && !get("access-control-request-method")) {
    return undefined;
  }
  const host = get("host") ?? get(":authority");
  const path = target ?? get(":path") ?? "/";
  const url = /^https?:\/\//.test(path)
    ? path
    : host && `${get(":scheme") ?? "https"}://${host}${path === "*" ? "/" : path}`;
  return {
    url,
    method: method ?? get(":method") ?? (get("access-control-request-method") ? "OPTIONS" : "GET"),
    headers,
  };
}

/** Converts a request as it is on the wire into the call that the script made. */
function asScript(kind, { url, method, headers, credentials = false, isCopy = false }, notes = []) {
  if (url !== undefined && !/^[a-z][a-z\d+.-]*:\/\/[^/?#]/i.test(url)) {
    throw new Error(
      `${JSON.stringify(url.split(/[?#]/)[0].slice(0, 80))} is not a URL with a host; write it whole, as in ` +
        `https://api.example.com/orders`,
    );
  }
  const take = (name) => headers.find(([own]) => own.toLowerCase() === name)?.[1];
  const found = { method, credentials };
  if (url === undefined)
    notes.push(...(notes.some((note) => /URL/.test(note)) ? [] : ["It has no host: enter the URL."]));
  else found.url = withoutSecrets(url);
  const page = take("referer");
  if (take("origin")) found.origin = take("origin").slice(0, MAX_ORIGIN);
  else if (page && URL.canParse(page)) found.origin = new URL(page).origin;
  else notes.push("It has no origin: enter the origin of the page.");
  if (take("cookie")) found.credentials = true;
  const asked = take("access-control-request-method");
  if (method === "OPTIONS" && asked) {
    found.method = asked;
    const names = (take("access-control-request-headers") ?? "").split(",").map((name) => name.trim());
    found.headers = names.filter(Boolean).map((name) => [name, standIn(name)]);
    notes.push(`It is a preflight: read as the ${asked} request that it announces.`);
    return { kind, found, notes, isPreflight: true };
  }
  const isMarked = isCopy || headers.some(([name, value]) => isMark(name, value));
  const isBrowsers = (name) =>
    isForbiddenRequestHeaderName(name) || name.startsWith(":") || ALWAYS_BROWSERS.has(name.toLowerCase());
  const isPerhaps = (name) => isMarked && !isBrowsers(name) && PERHAPS_BROWSERS.has(name.toLowerCase());
  const names = (list) => [...new Set(list.map(([name]) => name))].join(", ");
  const own = headers.filter(([name]) => isToken(name) && !isBrowsers(name) && !isPerhaps(name));
  found.headers = own.map(([name, value]) => [name, LOOKED_AT.has(name.toLowerCase()) ? plain(value) : "…"]);
  const isBroken = ([name]) => !isToken(name) && !isBrowsers(name);
  if (headers.some(isBroken)) notes.push("The name of a header could not be read: check the headers.");
  const dropped = headers.filter(([name]) => isBrowsers(name) && !/^(:.*|origin|cookie)$/i.test(name));
  const perhaps = headers.filter(([name]) => isPerhaps(name));
  if (perhaps.length) {
    const it = perhaps.length > 1 ? "them" : "it";
    notes.push(`Removed ${names(perhaps)}, which browsers also add. If your script sets ${it}, add ${it} again.`);
  }
  if (dropped.length) notes.push(`Removed headers that the browser sets itself: ${names(dropped)}.`);
  if (found.url !== url || own.some(([name]) => !LOOKED_AT.has(name.toLowerCase()))) {
    notes.push("Values that CORS does not use are removed.");
  }
  return { kind, found, notes };
}

/** The messages of Chromium, Firefox and Safari. */
function readConsole(text) {
  const plain = straight(text);
  const known = findMessage(text);
  const take = (pattern) => pattern.exec(plain)?.[1];
  const chromium = CHROMIUM.exec(plain);
  const firefox = take(/Cross-Origin Request Blocked: [^\n]{0,120}? at '?(\S+?)'?\.? \(Reason: /);
  const failed = /\b([A-Z]+) (https?:\/\/\S+) net::ERR_FAILED/.exec(plain);
  // A line from the middle of a message is useful, too.
  const isPart = /Access-Control-(Allow|Request)-[A-Z]/.test(plain);
  if (!known && !chromium && !firefox && !isPart) return undefined;

  const { message, names = {} } = known ?? {};
  const found = {};
  const notes = [];
  const origin = chromium?.[2] ?? (names.origin && message?.kind === "origin" ? names.origin : undefined);
  const safari = take(/cannot load (?:image |script |stylesheet |font )?(\w+:\/\/\S+?)\.?(?: |$)/im);
  const url = (chromium?.[1] ?? firefox ?? failed?.[2] ?? safari ?? names.url)?.replace(/^ws/, "http");
  const isNull = message?.cause === "The origin is null";
  if (origin || isNull) found.origin = isNull ? "null" : origin.slice(0, MAX_ORIGIN);
  if (url) found.url = withoutSecrets(url);
  // If the line has no information, the form keeps its content.
  if (message?.isVague && !failed) return { kind: "console error", found: undefined, notes, message };
  if (!found.origin) notes.push("The message does not have the origin: enter the origin of the page.");
  if (!url) notes.push("The message does not have the URL.");
  const method = names.method ?? failed?.[1];
  const header = names.header;
  if (method) found.method = method;
  else if (message?.kind === "method") {
    const isLower = message.cause.includes("lower case");
    found.method = isLower ? "patch" : "PUT";
    if (!isLower) notes.push("Firefox does not name the method; PUT is an example.");
  }
  if (header) found.headers = [[header, standIn(header)]];
  if (message?.includesCredentials) found.credentials = true;
  if (/preflight|HTTP ok status/i.test(`${plain} ${message?.cause}`) && !found.method && !header) {
    found.headers = [["content-type", "application/json"]];
    notes.push("There was a preflight, but the message does not say why; a JSON body is an example of a reason.");
  }
  if (/^A WebSocket/.test(message?.cause)) {
    notes.push(
      "Browsers do not check CORS on a WebSocket: the handshake is judged like this GET, and " +
        '"unmatchedRequests": "reject" alone refuses it.',
    );
  }
  if (/redirected from/.test(plain)) {
    notes.push("The blocked answer came after a redirect; this is the URL that the redirect led to.");
  }
  return { kind: "console error", found, notes, message };
}

/** A URL without the parts that only its server uses: user, values of the query and of path parameters, fragment. */
function withoutSecrets(url) {
  const [, start, path, query] = /^([a-z][a-z\d+.-]*:\/\/[^/?#]*)([^?#]*)(\?[^#]*)?/i.exec(url) ?? [];
  if (start === undefined) return url;
  const host = start.replace(/\/\/.*@/s, "//");
  const fields = (query ?? "").slice(1).split("&");
  const kept = fields.map((field) => (field.includes("=") ? field.replace(/=[\s\S]*/, "=…") : field && "…"));
  const parameters = path.replace(/(;[^/;=]*=)(?:(?!%2f)[^/;])*/gi, "$1…");
  return `${host}${parameters}${query ? `?${kept.join("&")}` : ""}`;
}

/** Whether only a browser writes this header, or this value of it. */
function isMark(name, value) {
  return /^(sec-(fetch|ch|gpc)|priority$)/i.test(name) || (/^user-agent$/i.test(name) && /^Mozilla\/5\.0/.test(value));
}

/** A value that CORS uses. A value of another form could be a secret; a quoted placeholder is as unsafe for CORS. */
const plain = (value) => (/^[\w*+./;=, "-]{0,256}$/.test(value) || value === "…" ? value : '"…"');

/** A value for a header of which only the name is known. For JSON, browsers name this header in a preflight. */
const standIn = (name) => (name.toLowerCase() === "content-type" ? "application/json" : "…");

/** Headers that browsers add themselves, although scripts could. */
const ALWAYS_BROWSERS = new Set(["user-agent", "priority", "upgrade-insecure-requests"]);
/** Headers that they add sometimes: without their cache, to revalidate a copy, for HTTP/2, as hints. */
const PERHAPS_BROWSERS = new Set(
  `cache-control pragma if-none-match if-modified-since if-range authority method path scheme save-data
  device-memory dpr viewport-width width downlink ect rtt purpose x-client-data referrer-policy`.split(/\s+/),
);
/** The headers whose value counts: https://fetch.spec.whatwg.org/#cors-safelisted-request-header */
const LOOKED_AT = new Set(["accept", "accept-language", "content-language", "content-type", "range"]);
/** The beginning of most messages of Chromium. */
const CHROMIUM =
  /Access to [\w ]{1,30} at '([^']+)'(?: \(redirected from '[^']*'\))? from origin '([^']+)' has been blocked by CORS/;
/** What only an answer to a preflight has. */
const IN_PREFLIGHTS = new Set([
  "access-control-allow-methods",
  "access-control-allow-headers",
  "access-control-max-age",
]);
/** The headers of an answer whose values are no secrets. */
const SHOWN_OF_ANSWERS = /^(access-control-.*|vary|content-type|cache-control|timing-allow-origin)$/i;
const MAX_ORIGIN = 400;
/** Browsers copy all requests of a page, with the bodies of the answers. */
const MAX_HAR = 20_000_000;
const COPY = "in DevTools' network panel, right-click it, Copy, Copy as cURL or Copy as fetch";
