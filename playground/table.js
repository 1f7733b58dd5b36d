// A table of requests: origins × methods under one policy, each judged by the module and the browser's rules.

import { isToken, plan, readOrigin, readUrl, run } from "./browser.js";
import { governed, isRejection } from "./story.js";

/** The row of requests that no script sends: from curl, from a server, or from the address bar. */
export const NO_ORIGIN = "no Origin";

/**
 * The rows and columns that show most of a policy: an example of each of its origin patterns, origins that only look
 * like them, `null` and no Origin; its methods and one more. `judge` has the first of the policies, and a table that
 * compares has a second one; `request` is {url, headers, upstream}.
 */
export function prefill(judge, policies, request) {
  const patterns = policies.flatMap((policy) => patternsOf(policy).slice(0, MAX_PATTERNS));
  const tried = patterns.map((pattern) => exampleOf(pattern, request.url)).filter((origin) => isOrigin(origin));
  const examples = [...new Set(tried)];
  const others = patterns.filter((pattern) => pattern !== "*").map((pattern) => lookAlike(pattern, request.url));
  const strangers = [...new Set(others)].filter((origin) => isOrigin(origin) && !examples.includes(origin));
  const origins = [...examples, ...(strangers.length ? strangers.slice(0, 2) : ["https://evil.example"])];
  return {
    origins: [...new Set([...origins, "null", NO_ORIGIN])],
    methods: methodsOf(judge, examples.length ? examples : origins, policies.slice(1), request),
  };
}

/** Origins as a person writes them, one per line. */
export function readOrigins(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  if (lines.length > MAX_ROWS) throw new Error(`${lines.length} origins are too many; write ${MAX_ROWS} at most`);
  return [...new Set(lines.map((line) => (/^\s*no origin\s*$/i.test(line) ? NO_ORIGIN : readOrigin(line))))];
}

/** Methods as a person writes them, with commas or spaces between them. */
export function readMethods(text) {
  const methods = text.split(/[\s,]+/).filter(Boolean);
  const bad = methods.find((method) => !isToken(method));
  if (bad) throw new Error(`${JSON.stringify(bad)} is not a method`);
  if (methods.length > MAX_COLUMNS)
    throw new Error(`${methods.length} methods are too many; write ${MAX_COLUMNS} at most`);
  return [...new Set(methods)];
}

/**
 * The judged table: {origins, methods, url, rows}, each row a list of cells (see `cell`).
 */
export function judgeTable(judge, policy, { origins, methods, url: address, headers, upstream }) {
  const url = readUrl(address).href;
  const send = (sent) => {
    const answer = governed(judge.send(sent, upstream), policy);
    return { ...answer, own: answer.object?.reduce((node, part) => node?.[part], policy) };
  };
  const rows = origins.map((origin) => methods.map((method) => cell(send, { headers, url, origin, method })));
  return { origins, methods, url, upstream, rows };
}

/**
 * One request, with and without credentials: {origin, method, level, word, note, by, readable, exchanges}. `level` is
 * what the script gets: 0 nothing, 1 the answer to a request without credentials, 2 also with them; undefined where
 * CORS decides nothing. `by` is what decided about the origin; `note` what else there is to know.
 */
function cell(sendNow, { origin, method, url, headers }) {
  // What the filter answers does not depend on the credentials.
  const exchanges = new Map();
  const send = (request) => {
    const key = JSON.stringify([request.method, request.headers]);
    if (!exchanges.has(key)) exchanges.set(key, { request, answer: sendNow(request) });
    return exchanges.get(key).answer;
  };
  if (origin === NO_ORIGIN) {
    const answer = send({ method, url, headers });
    const note = answer.from === "filter" ? `the filter answers ${answer.status}` : "passes";
    return { origin, method, word: "Not CORS", note, by: by(answer), exchanges: [...exchanges.values()] };
  }
  const call = plan({ origin, url, method, headers, credentials: false });
  const result = run(call, send);
  const called = plan({ origin, url, method, headers, credentials: true });
  const isAllowedWith = !run(called, send).blocked;
  const decided = result.preflight ?? result.actual;
  const made = {
    origin,
    method,
    by: decided
      ? by(
          decided,
          call.unsafe.map(({ name }) => name),
        )
      : "",
    exchanges: [...exchanges.values()],
  };
  if (result.blocked || isRejection(result.actual))
    return { ...made, level: 0, word: "Blocked", note: blockedNote(result) };
  if (call.sameOrigin) return { ...made, word: "Same origin", note: "no permission is needed" };
  const note = isAllowedWith ? "also with credentials" : "without credentials";
  return { ...made, level: isAllowedWith ? 2 : 1, word: "Allowed", note, readable: result.readable };
}

/** Why a script does not get the answer, in addition to what `by` says about the origin. */
function blockedNote({ blocked, preflight, actual }) {
  if (blocked?.at === "call") return blocked.because;
  const because = ["method", "header", "status", "list"].includes(blocked?.kind) ? [blocked.because] : [];
  if (preflight && !actual) return [...because, "not sent"].join("; ");
  return isRejection(actual)
    ? `the filter answers ${actual.status}`
    : [...because, "sent, but not readable"].join("; ");
}

/** What decided: the pattern that allowed the origin or the reason of the refusal, the grant, and the policy. */
function by({ says, source, grant, mode, own }, asked = []) {
  if (!source) return "no policy governs it";
  if (mode === "off") return `${source} is off`;
  // Text, then in brackets the pattern that allowed the origin, the grant, and the policy.
  const tail = `${grant ? `${grant}; ` : ""}${source})`;
  const text = says.endsWith(tail) ? says.slice(0, -tail.length) : says;
  const [, refusal] = /(?:"|Origin) refused: \w+: ([\s\S]*) \($/.exec(text) ?? [];
  const [, pattern] = /" allowed[^(\n]* \(([\s\S]*); $/.exec(text) ?? [];
  const place = [grant, source === "top-level policy" ? "" : source].filter(Boolean).join(" of ");
  const families = refusal ? [] : familiesOf(asked, own);
  return [refusal ?? pattern, ...families, place, mode === "shadow" ? "in shadow" : ""].filter(Boolean).join(", ");
}

/** The families of allowHeaders, such as `x-amz-*`, by which these request headers are allowed. */
function familiesOf(names, { allowHeaders, allow_headers: entries = allowHeaders } = /** @type {any} */ ({})) {
  const listed = list(entries).map((entry) => String(entry).toLowerCase());
  const families = listed.filter((entry) => /^.+\*$/.test(entry));
  const found = names
    .filter((name) => !listed.includes(name))
    .map((name) => families.find((family) => name.startsWith(family.slice(0, -1))));
  return [...new Set(found.filter(Boolean))];
}

/**
 * How each cell of a table differs from the same one under another policy: rows of {change, was}. `change` is "wider",
 * "narrower", "changed" (both), or "" for neither.
 */
export function compare(before, after) {
  return after.rows.map((cells, row) =>
    cells.map((cell, column) => {
      const was = before.rows[row][column];
      const [old, own] = [rights(was), rights(cell)];
      const isWider = [...own].some((right) => !old.has(right));
      const isNarrower = [...old].some((right) => !own.has(right));
      const change = isWider && isNarrower ? "changed" : isWider ? "wider" : isNarrower ? "narrower" : "";
      const headers = difference(old, own).filter((right) => right.startsWith("header "));
      const detail = was.word === cell.word && headers.length ? `: ${headers.join(", ")}` : "";
      return { change, was: `${was.word}${was.note ? ` (${was.note})` : ""}${detail}` };
    }),
  );
}

/** What a cell permits, as a set of which more is wider. */
function rights({ level, readable = [], exchanges, word, note }) {
  const isPassed = exchanges.some(({ request, answer }) => request.method !== "OPTIONS" && answer.from === "upstream");
  return new Set([
    ...(isPassed ? ["reaches the upstream"] : []),
    ...(level >= 1 ? ["readable", ...readable.map((name) => `header ${name}`)] : []),
    ...(level === 2 ? ["credentials"] : []),
    ...(word === "Not CORS" ? [note] : []),
  ]);
}

/** What only one of the two has: gone with a minus. */
function difference(old, own) {
  const only = (set, other) => [...set].filter((item) => !other.has(item));
  return [...only(own, old), ...only(old, own).map((item) => item.replace("header ", "header -"))];
}

// What to ask about

/** The origins in all lists of a policy, each once. */
function patternsOf(policy) {
  const found = new Set();
  for (const { allowOrigins, allow_origins: origins = allowOrigins, ...holder } of holdersOf(policy)) {
    const { allowOriginRegexes, allow_origin_regexes: regexes = allowOriginRegexes } = holder;
    for (const origin of list(origins)) found.add(origin);
    for (const regex of list(regexes)) found.add(`/${regex}/`);
  }
  if (list(policy?.presets).includes("open") || !Object.keys(policy ?? {}).length) found.add("*");
  return [...found].filter((pattern) => typeof pattern === "string" && pattern !== "null");
}

/** What has lists: a policy, its named policies and those of rules, and the grants of each. */
function holdersOf(policy) {
  const own = [policy, ...Object.values(policy?.policies ?? {}), ...list(policy?.rules).map((rule) => rule?.policy)];
  return own
    .flatMap((holder) => [holder, ...list(holder?.grants)])
    .filter((holder) => holder && typeof holder === "object");
}

/** An origin that a pattern probably allows; the module judges it like any other. */
function exampleOf(pattern, url) {
  if (pattern === "*") return "https://any.example";
  const [tenant] = readUrl(url).hostname.split(".");
  const plain = pattern.startsWith("/") ? sampleOf(pattern.slice(1, -1)) : pattern.replace(/\{[^}]*\}/g, tenant);
  return plain.replace(/\/$/, "").replace(/:\*$/, ":8443").replace("://*.", "://app.").replace(/\*/g, "1");
}

/** A text that a simple regular expression matches. */
function sampleOf(regex) {
  return regex
    .replace(/^\^|\$$/g, "")
    .replace(/\((?:\?:|\?P?<\w+>)?([^()|]*)[^()]*\)[?*]?/g, "$1")
    .replace(/(?:\[0-9\]|\\d)(?:[+*]|\{[^}]*\})?/g, "7")
    .replace(/(?:\[[^\]]*\]|\\w|(?<!\\)\.)(?:[+*]|\{[^}]*\})/g, "app")
    .replace(/\[([^\]\\^])[^\]]*\]/g, "$1")
    .replace(/.\?/g, "")
    .replace(/\\(.)/g, "$1");
}

/** An origin that a careless comparison would take for one of the pattern. */
function lookAlike(pattern, url) {
  const [, host] = /^[a-z][a-z0-9+.-]*:\/\/\*\.([^:/*]+)/.exec(pattern) ?? [];
  if (host) return `https://evil${host}`;
  return exampleOf(pattern, url).replace(/^([^:]+:\/\/[^:/]+).*$/, "$1.evil.example");
}

/** The methods that preflights from these origins are answered with, those of the other policies, and one more. */
function methodsOf(judge, origins, others, { url, headers, upstream }) {
  const found = new Set();
  for (const origin of origins) {
    const asks = [...headers.filter(([name]) => /^sec-/i.test(name)), ["origin", origin]];
    const asked = { method: "OPTIONS", url, headers: [...asks, ["access-control-request-method", "GET"]] };
    const { from, headers: answered } = judge.send(asked, upstream);
    const names = from === "filter" ? answered.filter(([name]) => name === "access-control-allow-methods") : [];
    for (const [, value] of names) for (const name of value.split(",")) found.add(name.trim());
  }
  for (const { allowMethods, allow_methods: methods = allowMethods } of others.flatMap(holdersOf)) {
    for (const name of list(methods)) found.add(name);
  }
  const sent = [...found].filter((name) => isToken(name) && name !== "*" && !/^(CONNECT|TRACE|TRACK)$/.test(name));
  const methods = sent.length ? sent : ["GET", "POST"];
  const more = ["PUT", "DELETE", "PATCH", "QUERY"].find((method) => !methods.includes(method));
  return [...methods.slice(0, MAX_METHODS), more].filter(Boolean);
}

function isOrigin(text) {
  try {
    return readOrigin(text) === text;
  } catch {
    return false;
  }
}

const list = (value) => (Array.isArray(value) ? value : []);

const MAX_PATTERNS = 6;
const MAX_METHODS = 6;
const MAX_ROWS = 40;
const MAX_COLUMNS = 12;
