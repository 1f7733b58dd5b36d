// The cases file of `corsctl test` for a table of requests.

import { yaml } from "./manifests.js";
import { NO_ORIGIN } from "./table.js";

/** The YAML text: each request of the table that is sent, with what the filter answers now. */
export function casesFile(table) {
  const cases = table.rows
    .flat()
    .flatMap(({ origin, exchanges }) => exchanges.map((exchange) => caseOf(origin, exchange, table)));
  return `${HEAD}${cases.map((made) => printable(yaml([made]))).join("\n")}\n`;
}

function caseOf(origin, { request, answer }, { url, upstream }) {
  const asked = request.headers.find(([name]) => name === "access-control-request-method");
  const what = asked ? `preflight for ${asked[1]}` : request.method;
  const who = origin === NO_ORIGIN ? "without Origin" : `from ${origin}`;
  const own = answer.headers.filter(([name]) => isListed(name, answer.from));
  const names = new Set(own.map(([name]) => name));
  // A header of several lines has no place in a case; the order of Vary does not count.
  const isPlain = [...names].every((name) => name === "vary" || own.filter(([other]) => other === name).length === 1);
  const value = (name) =>
    own
      .filter(([other]) => other === name)
      .map(([, value]) => value)
      .join(", ");
  const headers = Object.fromEntries([...names].map((name) => [name, value(name)]));
  const verdict = verdictOf(answer);
  return {
    name: `${what} ${who}`,
    request: { method: request.method, url, headers: Object.fromEntries(request.headers.filter(isJudged)) },
    ...(upstream.status === 200 && !upstream.headers.length ? {} : { upstream: written(upstream) }),
    ...(verdict ? { verdict } : {}),
    ...(isPlain || !verdict ? { answer: { from: answer.from, status: answer.status, headers } } : {}),
  };
}

/** The answer of the upstream; headers with several lines are pairs. */
function written({ status, headers }) {
  const isPlain = new Set(headers.map(([name]) => name.toLowerCase())).size === headers.length;
  return { status, headers: isPlain ? Object.fromEntries(headers) : headers };
}

/** The verdict in the words of `corsctl test`; none where the page cannot know it. */
function verdictOf({ says, source }) {
  if (!says) return undefined;
  if (!source) return "ungoverned";
  if (/^request without Origin: /.test(says)) return "not-cors";
  const [, refusal] = /(?:"|Origin) refused: (\w+): /.exec(says) ?? [];
  if (refusal) return `refused: ${refusal}`;
  if (/" passed: it is of the same origin/.test(says)) return "same-origin";
  return /" allowed/.test(says) ? "allowed" : undefined;
}

/** The model of the browser combines lines of one name; `accept` in a preflight decides nothing. */
const isJudged = ([name, value]) => name !== "accept" || value !== "*/*";

/** The headers that a case lists completely. */
function isListed(name, from) {
  if (/^access-control-|^vary$|^allow$|^timing-allow-origin$/.test(name)) return true;
  return from === "filter" && ["cache-control", "content-type", "x-content-type-options"].includes(name);
}

/** What YAML does not permit in a text, escaped. */
function printable(text) {
  return text.replace(
    /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const HEAD = `# yaml-language-server: $schema=cors-cases.schema.json
# corsctl test CONFIGURATION cors-cases.yaml
# Cases with the same policy, from the table of requests of the playground.
`;
