// Runs the table of cases through the shipped module in V8, without Envoy: node tests/node.mjs [dist/cors.wasm]
//
// Checks everything that a case can see of the host: who answered, the status, every CORS header and Vary, what the
// upstream received, and the verdict according to the counters. The table runs on a host like Envoy, which joins
// several lines of a header with commas, then on one that shows only the first line. Then every message about a
// configuration must be logged word for word, and many requests must not make memory grow.

import { readFileSync } from "node:fs";
import { load } from "../playground/host.js";

const here = new URL(".", import.meta.url);
const bytes = readFileSync(process.argv[2] ?? new URL("../dist/cors.wasm", here));
const groups = JSON.parse(readFileSync(new URL("cases.json", here), "utf8"));
const failures = [];
let passed = 0;

for (const joined of [true, false]) {
  for (const { name, config, cases } of groups) {
    const plugin = await load(bytes, { joined });
    const { ok, log } = plugin.configure(JSON.stringify(config));
    const title = `${joined ? "" : "first line only: "}${name}`;
    if (!ok) failures.push([title, ["configuration refused", ...log.map((line) => line.text)]]);
    for (const test of ok ? cases : []) {
      if (!joined && (repeats(test.request.headers) || repeats(test.upstream?.headers))) continue;
      const problems = check(plugin, test);
      if (problems.length) failures.push([`${title} / ${test.name}`, problems]);
      else passed++;
    }
  }
}

for (const entry of JSON.parse(readFileSync(new URL("messages.json", here), "utf8"))) {
  const problems = await checkMessages(entry);
  if (problems.length) failures.push([`messages: ${entry.name}`, problems]);
  else passed++;
}

const growth = await soak(100_000);
if (growth) failures.push(["linear memory", [`${growth} bytes more after 100,000 requests`]]);
else passed++;

for (const [title, problems] of failures.slice(0, 20)) console.log([title, ...problems].join("\n    "));
if (failures.length > 20) console.log(`and ${failures.length - 20} more`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length || !passed ? 1 : 0;

/** By how many bytes the module's memory grows with requests of each kind, after a first thousand. */
async function soak(count) {
  const plugin = await load(bytes);
  plugin.configure('{"allowOrigins": ["https://app.example"]}');
  const asks = ["access-control-request-method", "PUT"];
  const kinds = [
    { headers: [] },
    { headers: [["origin", "https://app.example"]] },
    { method: "OPTIONS", headers: [["origin", "https://app.example"], asks] },
    { method: "OPTIONS", headers: [["origin", "https://evil.example"], asks] },
  ];
  const send = (i) => plugin.request({ url: "https://api.example/", ...kinds[i % kinds.length] });
  for (let i = 0; i < 1_000; i++) send(i);
  const before = plugin.memory;
  for (let i = 0; i < count; i++) send(i);
  return plugin.memory - before;
}

/** What the module logs about a configuration other than the texts of messages.json. */
async function checkMessages({ config, text, errors = [], warnings = [], notes = [], summary }) {
  const plugin = await load(bytes);
  let log;
  try {
    log = plugin.configure(text ?? JSON.stringify(config)).log.map((line) => line.text);
  } catch (error) {
    return [`trapped: ${error.message}`];
  }
  const wanted = [
    ...errors.map((text) => `error: ${text}`),
    ...warnings.map((text) => `warning: ${text}`),
    ...notes.map((text) => `note: ${text}`),
    ...(summary ? [summary] : []),
  ];
  const said = log.map((line) => line.replace(/^cors: (version \S+, )?/, "").replace(/ \[cors-\d+\]$/, ""));
  const problems = [];
  for (let i = 0; i < Math.max(said.length, wanted.length); i++) {
    if (said[i] !== wanted[i]) problems.push(`${show(said[i])}, expected ${show(wanted[i])}`);
  }
  return problems;
}

/** The differences of the module's answer to one case, in lines. */
function check(plugin, { request, upstream, answer, verdict, receives = { present: [], absent: [] } }) {
  let seen;
  try {
    seen = plugin.request({ ...request, upstream });
  } catch (error) {
    return [`trapped: ${error.message}`];
  }
  const problems = [];
  const expect = (what, got, wanted) => {
    if (got !== wanted) problems.push(`${what}: ${show(got)}, expected ${show(wanted)}`);
  };
  expect("from", seen.from, answer.from);
  expect("status", seen.status, answer.status);

  const got = collect(seen.headers.filter(([name]) => isGoverned(name, seen.from)));
  const wanted = collect(Object.entries(answer.headers ?? {}));
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(got)])) {
    const form = name === "vary" ? tokens : (lines) => lines?.join("\n");
    expect(name, form(got[name]), form(wanted[name]));
  }

  const received = new Set(seen.upstreamRequest?.map(([name]) => name));
  for (const name of receives.present ?? []) expect(`upstream received ${name}`, received.has(name), true);
  for (const name of receives.absent ?? []) expect(`upstream received ${name}`, received.has(name), false);
  if (verdict) expect("verdict", counted(seen.counters), ["not-cors", "ungoverned"].includes(verdict) ? "" : verdict);
  return problems;
}

/** The headers that a case lists completely: none of them may appear unless the case has it. */
function isGoverned(name, from) {
  const ours = ["cache-control", "content-type", "x-content-type-options"];
  return (
    /^access-control-|^vary$|^allow$|^timing-allow-origin$/.test(name) || (from === "filter" && ours.includes(name))
  );
}

/** {name: [value of each line]} */
function collect(lines) {
  const headers = {};
  for (const [name, value] of lines) {
    headers[name.toLowerCase()] ??= [];
    headers[name.toLowerCase()].push(value);
  }
  return headers;
}

/** The tokens of Vary in one order; a duplicate stays visible. */
function tokens(lines) {
  return lines
    ?.join(",")
    .toLowerCase()
    .split(",")
    .map((token) => token.trim())
    .filter(Boolean)
    .sort()
    .join(", ");
}

/** The verdict according to the counters, whatever their prefix; empty if none was counted. */
function counted(counters) {
  const names = Object.keys(counters).join(" ");
  const [, refusal] = /\.refused\.(\w+)/.exec(names) ?? [];
  if (refusal) return /_refused( |$)/.test(names) ? `refused: ${refusal}` : `only .refused.${refusal} counted`;
  return /_allowed( |$)/.test(names) ? "allowed" : /_same_origin( |$)/.test(names) ? "same-origin" : "";
}

function repeats(lines = []) {
  const names = lines.map(([name]) => name.toLowerCase());
  return new Set(names).size < names.length;
}

function show(value) {
  return value === undefined ? "absent" : JSON.stringify(value);
}
