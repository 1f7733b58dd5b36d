// Reads what developers have at hand: a curl command, "Copy as fetch", or the error on a browser's console.

import { isForbiddenRequestHeaderName } from "./browser.js";

/**
 * What a pasted text says about a request: {kind, found: {origin, url, method, headers, credentials}, notes}. Only what the
 * text says is in `found`. Throws an error for people where it says nothing.
 */
export function readPaste(text) {
  text = text.trim();
  if (!text) throw new Error("There is nothing to read yet.");
  if (text.length > 100_000)
    throw new Error("That is over 100,000 characters: not a command, and not an error message.");
  if (/^(\$ )?curl\b/.test(text)) return readCurl(text.replace(/^\$ /, ""));
  if (/^(await )?fetch\(/.test(text)) return readFetch(text);
  const error = readConsole(text);
  if (error) return error;
  throw new Error(
    "This is no curl command, no fetch(…) call, and no CORS error of Chromium, Firefox or Safari. What you pasted is still there.",
  );
}

function readCurl(text) {
  const words = split(text).slice(1);
  const request = { headers: [] };
  const notes = [];
  const header = (line) => {
    const [, name, value] = /^([^:;]+)[:;]\s*([^]*)$/.exec(line) ?? [];
    if (name) request.headers.push([name.trim(), value.trim()]);
  };
  let body = false;
  for (let i = 0; i < words.length; i++) {
    const take = () => words[++i] ?? "";
    // -sXPUT and --header=… carry more than an option: what follows it becomes a word of its own.
    const [, option, rest] = /^(--[\w-]+)=([^]*)$/.exec(words[i]) ?? /^(-[A-Za-z#0-9])([^]+)$/.exec(words[i]) ?? [];
    if (option) words.splice(i, 1, option, option.startsWith("--") || TAKES_VALUE.has(option) ? rest : `-${rest}`);
    const word = words[i];
    if (/^(-X|--request)$/.test(word)) request.method = take();
    else if (/^(-H|--header)$/.test(word)) header(take());
    else if (/^(-A|--user-agent|-e|--referer)$/.test(word)) take();
    else if (/^(-b|--cookie)$/.test(word)) take(), (request.credentials = true);
    else if (/^(-u|--user|--oauth2-bearer)$/.test(word)) take(), request.headers.push(["authorization", "…"]);
    else if (/^(-d|--data(-\w+)*|--json|-F|--form|--url-query)$/.test(word)) (body = word), take();
    else if (word === "--url") request.url = take();
    else if (/^(-I|--head)$/.test(word)) request.method ??= "HEAD";
    else if (/^(-G|--get)$/.test(word)) request.method ??= "GET";
    else if (/^(-T|--upload-file)$/.test(word)) take(), (request.method ??= "PUT");
    else if (TAKES_VALUE.has(word)) take();
    else if (!word.startsWith("-")) request.url ??= word;
  }
  if (!request.url) throw new Error("This curl command has no URL.");
  // curl adds the scheme; here only to what looks like a host.
  if (/^(localhost|[^/?#]+[.:][^/?#]+)([/?#]|$)/i.test(request.url)) request.url = `http://${request.url}`;
  request.method ??= body ? "POST" : "GET";
  const has = (name) => request.headers.some(([own]) => own.toLowerCase() === name);
  if (body && !has("content-type") && request.method !== "GET") {
    const type = { "--json": "application/json", "-F": "multipart/form-data", "--form": "multipart/form-data" }[body];
    request.headers.push(["content-type", type ?? "application/x-www-form-urlencoded"]);
  }
  return { kind: "curl command", found: asScript(request, notes), notes };
}

/** "Copy as fetch" of the browsers: a URL and an object in JSON. */
function readFetch(text) {
  const [, quoted, , rest] = /^(?:await )?fetch\(\s*(("|')[^]*?\2)\s*(?:,([^]*))?\)[;\s]*$/.exec(text) ?? [];
  if (!quoted) throw new Error("This fetch(…) call could not be read: its URL has to be a text in quotes.");
  let options = {};
  try {
    if (rest?.trim()) options = JSON.parse(rest.trim().replace(/,\s*$/, "")) ?? {};
  } catch {
    throw new Error('The second argument of this fetch(…) call is not JSON; use the browser\'s "Copy as fetch".');
  }
  const notes = [];
  const request = {
    url: quoted.slice(1, -1),
    method: String(options.method ?? "GET"),
    headers: Object.entries(Object(options.headers)).map(([name, value]) => [name, String(value)]),
    credentials: options.credentials === "include",
  };
  if (
    options.referrer &&
    !request.headers.some(([name]) => name.toLowerCase() === "origin") &&
    URL.canParse(options.referrer)
  ) {
    request.headers.push(["origin", new URL(options.referrer).origin]);
  }
  return { kind: "fetch call", found: asScript(request, notes), notes };
}

/** A request as it is on the wire, turned into what the script asked for. */
function asScript({ url, method, headers, credentials = false }, notes) {
  if (!/^[a-z][a-z\d+.-]*:\/\/[^/?#]/i.test(url)) {
    throw new Error(
      `${JSON.stringify(url)} is no URL with a host; write it whole, as in https://api.example.com/orders`,
    );
  }
  const take = (name) => headers.find(([own]) => own.toLowerCase() === name)?.[1];
  const found = { url, method, credentials };
  if (take("origin")) found.origin = take("origin");
  if (take("cookie")) found.credentials = true;
  const asked = take("access-control-request-method");
  if (method === "OPTIONS" && asked) {
    found.method = asked;
    const names = (take("access-control-request-headers") ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter(Boolean);
    const value = (name) => (name.toLowerCase() === "content-type" ? "application/json" : "…");
    found.headers = names.map((name) => [name, value(name)]);
    notes.push(`It is a preflight: read as the ${asked} that it asks for.`);
    return found;
  }
  const own = (name) =>
    !isForbiddenRequestHeaderName(name) && name.toLowerCase() !== "user-agent" && !name.startsWith(":");
  found.headers = headers
    .filter(([name]) => own(name))
    .map(([name, value]) => [name, /^(bearer|basic) /i.test(value) ? value.replace(/ .*/, " …") : value]);
  const dropped = headers.map(([name]) => name).filter((name) => !own(name) && !/^(origin|cookie)$/i.test(name));
  if (dropped.length) notes.push(`Left out what the browser sets itself: ${dropped.join(", ")}.`);
  if (!found.origin) notes.push("It names no origin: enter the page that the script runs on.");
  return found;
}

/** The words of Chromium, Firefox and Safari. */
function readConsole(text) {
  const take = (pattern) => pattern.exec(text)?.[1];
  const chromium =
    /Access to (.+?) at '([^']+)'(?: \(redirected from '[^']*'\))? from origin '([^']+)' has been blocked by CORS policy/.exec(
      text,
    );
  const firefox = /Cross-Origin Request Blocked: .*? at (\S+?)\.? \(Reason: (.*?)\)\./s.exec(text);
  const safari = take(/(?:Fetch API|XMLHttpRequest) cannot load (\S+?)\.? due to access control checks/);
  const safariOrigin = take(/Origin (\S+) is not allowed by Access-Control-Allow-Origin/);
  const unsafeHeader = take(/Refused to get unsafe header "(.+?)"/);
  const webSocket = take(/WebSocket connection to 'ws(s?:[^']+)' failed/);
  const isLocal = /Permission was denied for this request to access the `?\w+`? address space/.test(text);
  // A line out of the middle of a message says something, too.
  const isPart =
    /Access-Control-(Allow|Request)-[A-Z]|does not have HTTP ok status|Redirect is not allowed for a preflight/.test(
      text,
    );
  if (![chromium, firefox, safari, safariOrigin, unsafeHeader, webSocket, isLocal, isPart].some(Boolean))
    return undefined;

  const found = {};
  const notes = [];
  const origin = chromium?.[3] ?? safariOrigin;
  const url = chromium?.[2] ?? firefox?.[1] ?? safari ?? (webSocket && `http${webSocket}`);
  if (origin) found.origin = origin;
  else notes.push("The message does not say the origin: enter the page that the script runs on.");
  if (url) found.url = url;
  else notes.push("The message does not say the URL.");
  const method =
    take(/Method (\S+) is not allowed by Access-Control-Allow-Methods/) ??
    (/Did not find method/.test(text) ? "PUT" : undefined);
  const header =
    take(/[Rr]equest header field (\S+) is not allowed by Access-Control-Allow-Headers/) ??
    take(/header [‘'](\S+?)[’'] is not allowed according to header/);
  if (method) found.method = method;
  if (/Did not find method/.test(text)) notes.push("Firefox does not say which method; PUT stands for it.");
  if (header) found.headers = [[header, header.toLowerCase() === "content-type" ? "application/json" : "…"]];
  if (/credentials mode is 'include'|Allow-Credentials|Credential is not supported/.test(text))
    found.credentials = true;
  if (/preflight|HTTP ok status/.test(text) && !method && !header) {
    found.headers = [["content-type", "application/json"]];
    notes.push("There was a preflight, the message does not say why; a JSON body stands for the reason.");
  }
  if (unsafeHeader) notes.push(`To let the script read ${unsafeHeader}, add it to exposeHeaders.`);
  if (webSocket)
    notes.push(
      'Browsers check no CORS on a WebSocket: the handshake is judged like this GET, and "unmatchedRequests": "reject" alone refuses it.',
    );
  if (isLocal) notes.push("The browser's user or administrator said no; nothing at the gateway changes that.");
  if (/redirected from/.test(text))
    notes.push("The answer that was blocked came after a redirect; this is the URL it led to.");
  return { kind: "console error", found, notes };
}

/** The words of a shell command: quotes, backslashes, lines that go on. */
function split(text) {
  const words = [];
  const pattern = /\\\r?\n|\s+|\$'((?:\\[^]|[^'\\])*)'|'([^']*)'|"((?:\\[^]|[^"\\])*)"|\\([^])|([^\s'"\\]+)|(['"\\])/g;
  let word;
  for (const [all, ansi, single, double, escaped, plain, unclosed] of text.matchAll(pattern)) {
    if (unclosed) throw new Error(`This curl command has a ${unclosed} that is not closed.`);
    if (/^\\\r?\n$/.test(all) || /^\s+$/.test(all)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    const part =
      single ??
      plain ??
      escaped ??
      double?.replace(/\\(["\\$`])/g, "$1") ??
      ansi.replace(/\\([^])/g, (_, c) => ({ n: "\n", t: "\t" })[c] ?? c);
    word = (word ?? "") + part;
  }
  return word === undefined ? words : [...words, word];
}

// Options of curl whose value must not be taken for the URL.
const TAKES_VALUE = new Set(
  `
  -A -b -c -C -d -D -e -E -F -H -K -m -o -P -Q -r -t -T -u -U -w -x -X -y -Y -z
  --abstract-unix-socket --alt-svc --aws-sigv4 --cacert --capath --cert --cert-type --ciphers --config --connect-timeout
  --connect-to --continue-at --cookie-jar --create-file-mode --crlfile --curves --delegation --dns-interface --dns-ipv4-addr
  --dns-ipv6-addr --dns-servers --doh-url --dump-header --engine --etag-compare --etag-save --expect100-timeout --form-string
  --ftp-port --happy-eyeballs-timeout-ms --haproxy-clientip --hsts --interface --keepalive-time --key --key-type --libcurl
  --limit-rate --local-port --login-options --max-filesize --max-redirs --max-time --netrc-file --noproxy --output
  --output-dir --parallel-max --pass --pinnedpubkey --preproxy --proto --proto-default --proto-redir --proxy --proxy-cacert
  --proxy-header --proxy-user --proxy1.0 --quote --range --rate --request-target --resolve --retry --retry-delay
  --retry-max-time --service-name --socks4 --socks4a --socks5 --socks5-hostname --speed-limit --speed-time --stderr
  --time-cond --tls-max --tls13-ciphers --trace --trace-ascii --unix-socket --variable --write-out
`
    .trim()
    .split(/\s+/),
);
