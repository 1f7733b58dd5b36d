// Reads what was sent and answered: a HAR of a browser's network panel, the output of curl, raw headers.

import { checkCors, checkPreflight, plan } from "./browser.js";

/**
 * @typedef {object} Answer an answer as it arrived
 * @property {number} status
 * @property {[string, string][]} headers
 */

/** A HAR, or one entry of it: {request, answer, isPreflight, notes}; undefined if the text is neither. */
export function readHar(text) {
  if (!/^[{[]/.test(text) || !/"request"\s*:/.test(text)) return undefined;
  let read;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  const entries = [read?.log?.entries ?? read?.entries ?? read].flat().filter((entry) => isEntry(entry));
  if (!entries.length) return undefined;
  const entry = entries.find(isBlocked) ?? entries.find(isCrossOrigin) ?? entries[0];
  const { request } = entry;
  // Of a blocked request only its preflight may have an answer.
  const preflight = isBlocked(entry) && entries.find((own) => isPreflight(own) && own.request.url === request.url);
  const { response } = preflight || entry;
  const notes = entries.length > 1 ? [`It has ${entries.length} requests: read the ${why(entry)}.`] : [];
  const headers = pairs(request.headers);
  return {
    request: { url: request.url, method: String(request.method), headers, credentials: request.cookies?.length > 0 },
    isPreflight: Boolean(preflight),
    answer: response?.status >= 200 ? { status: response.status, headers: pairs(response.headers) } : undefined,
    notes,
  };
}

/**
 * Divides a text into a request and an answer, each as raw lines: {request, answer}. It reads the output of `curl -v`
 * and `curl -i`, and headers as browsers show them. undefined if the text has no answer.
 */
export function splitExchange(text) {
  const lines = text.split(/\r?\n/);
  const marked = (mark) => lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(1).trim());
  if (lines.some((line) => /^[<>] ?(HTTP\/|[A-Z]+ \S+ HTTP\/)/.test(line))) {
    // After a redirect, the last request and its answer are those that the script sees.
    const sent = marked(">");
    const last = sent.slice(
      Math.max(
        0,
        sent.findLastIndex((line) => /^[A-Z]+ \S+ HTTP\//.test(line)),
      ),
    );
    const end = last.indexOf("");
    return { request: last.slice(0, end < 0 ? last.length : end).join("\n"), answer: readAnswer(marked("<")) };
  }
  const start = lines.findIndex((line) => STATUS.test(line.trim()));
  if (start >= 0) return { request: lines.slice(0, start).join("\n").trim(), answer: readAnswer(lines.slice(start)) };
  const answer = readAnswer(["HTTP/1.1 200", ...lines]);
  const isAnswer = answer?.headers.some(([name]) =>
    /^(access-control-(allow|expose|max)-|set-cookie$|server$)/i.test(name),
  );
  return isAnswer && !/^(origin|host|:authority|access-control-request-method):/im.test(text)
    ? { request: "", answer, isPart: true }
    : undefined;
}

/** Why the browser does not accept this answer to a call, or to its preflight: {kind, because}; none if it does. */
export function blockedBy({ origin, url, method = "GET", headers = [], credentials = false }, answer) {
  const call = plan({ origin, url, method, headers, credentials });
  if (call.sameOrigin || call.blocked) return undefined;
  return answer.isPreflight ? checkPreflight(call, answer) : checkCors(call, answer);
}

/** The last answer of some lines: others before it are redirects and interim answers. */
function readAnswer(lines) {
  const start = lines.findLastIndex((line) => STATUS.test(line.trim()));
  if (start < 0) return undefined;
  const status = Number(STATUS.exec(lines[start].trim())[1]);
  const headers = [];
  for (const line of lines.slice(start + 1)) {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*(.*)$/.exec(line.trim()) ?? [];
    if (name) headers.push([name.toLowerCase(), value]);
    else if (!/^:/.test(line)) break;
  }
  return { status, headers };
}

const pairs = (list) => (Array.isArray(list) ? list.map(({ name, value }) => [String(name), String(value)]) : []);
const isEntry = (entry) => typeof entry?.request?.url === "string" && /^(https?|wss?):/i.test(entry.request.url);
const isPreflight = ({ request }) =>
  request.method === "OPTIONS" && hasHeader(request, "access-control-request-method");
const hasHeader = ({ headers }, wanted) => pairs(headers).some(([name]) => name.toLowerCase() === wanted);
const isCrossOrigin = (entry) => hasHeader(entry.request, "origin") && !isPreflight(entry);
/** Browsers give the script, and the HAR, no answer to a request that CORS blocks. */
const isBlocked = (entry) => isCrossOrigin(entry) && !(entry.response?.status > 0);
const why = (entry) =>
  isBlocked(entry) ? "first without an answer" : isCrossOrigin(entry) ? "first with an Origin" : "first";

const STATUS = /^HTTP\/[\d.]+ (\d{3})\b/;
