// How the page reads what people paste: node tests/pastes.mjs. BLESS=1 writes the table, tests/pastes/readings.json.
//
// Every file of tests/pastes has its reading in the table; what each engine's console prints is read as the refusal
// that caused it; no secret of a paste gets into the page or its link.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { REQUEST } from "../playground/examples.js";
import { isPluginJson, looksLikePolicy } from "../playground/homes.js";
import { toHash } from "../playground/link.js";
import { readPaste } from "../playground/paste.js";

const folder = new URL("pastes/", import.meta.url);
const read = (name) => readFileSync(new URL(name, folder), "utf8");
let checked = 0;

// The table

/** What the page has before: an answer alone belongs to this request. */
const form = { origin: "https://app.example.com", url: "https://api.example.com/", method: "GET", credentials: true };
const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));
const readings = Object.fromEntries(files.map((file) => [file, reading(read(file))]));
if (process.env.BLESS) writeFileSync(new URL("readings.json", folder), `${JSON.stringify(readings, null, 2)}\n`);
assert.deepEqual(readings, JSON.parse(read("readings.json")));
checked += files.length;
// The copies of one request are the same call, whatever wrote them.
const call = (file) => {
  const { found } = readings[file];
  return { ...found, headers: found.headers.map((line) => line.toLowerCase()).sort() };
};
const copies = files.filter((file) => /^(axios|chromium|fetch|firefox|har|request|safari|xml)/.test(file));
for (const file of copies.filter((file) => !/console/.test(file))) {
  const { origin, ...same } = call("chromium-curl-bash.txt");
  const own = call(file);
  // Code does not say where it runs.
  assert.deepEqual(own, /^(axios|fetch|xml)/.test(file) ? same : { origin, ...same }, file);
  checked++;
}

function reading(text) {
  assert.match(text, /S3CR3T/);
  assert(!looksLikePolicy(text), text);
  const { kind, found, notes, message, answer } = readPaste(text, form);
  const lines = (headers) => headers?.map(([name, value]) => `${name}: ${value}`);
  const shown = {
    kind,
    found: found && { ...found, ...(found.headers && { headers: lines(found.headers) }) },
    notes,
    message: message?.cause,
    answer: answer && { ...answer, headers: lines(answer.headers) },
  };
  const defaults = { ...REQUEST, policy: "{}" };
  const upstream = answer?.headers ?? [];
  const link = decodeURIComponent(toHash({ ...defaults, ...found, upstream }, defaults));
  assert(!/s3cr3t/i.test(`${link} ${JSON.stringify(shown)}`), `${link} ${JSON.stringify(shown)}`);
  return JSON.parse(JSON.stringify(shown));
}

// All lines that each engine prints for a refusal, in the order in which they came, and what a console adds.

const consoles = JSON.parse(readFileSync(new URL("browser/console.json", import.meta.url), "utf8"));
for (const row of consoles) {
  for (const engine of ["chromium", "firefox", "webkit"]) {
    if (!row[engine]?.length) continue;
    const printed = row[engine].map((line) =>
      line.replaceAll("URL", "https://api.example/x").replaceAll("ORIGIN", "https://app.example"),
    );
    const text = printed.join("\n");
    const alone = readPaste(text);
    const around = printed.map((line) => `[Error] ${line} (app.js, line 12)`);
    const title = `${row.refusal} in ${engine}: ${text}`;
    for (const other of [printed.toReversed().join("\n\n"), around.join("\n"), `${text}\nTypeError: Failed to fetch`]) {
      const { kind, message } = readPaste(other);
      assert.deepEqual([kind, message?.cause], [alone.kind, alone.message?.cause], title);
    }
    assert(!looksLikePolicy(text), title);
    assert(alone.message, title);
    // Several lines, of which one says why.
    if (printed.length > 1 && row.kind) assert(!alone.message.isVague, title);
    checked++;
  }
}

// A policy is one, whatever the home.

const here = new URL("../", import.meta.url);
for (const file of ["envoy/envoy.yaml", "envoy/istio/wasm-plugin.yaml", "envoy/envoy-gateway/extension-policy.yaml"]) {
  assert(looksLikePolicy(readFileSync(new URL(file, here), "utf8")), file);
  checked++;
}
// A request is not, whatever is in its body.
for (const text of [
  'POST /x HTTP/1.1\nHost: api.example\n\n{\n  "kind": "a",\n  "rules": []\n}',
  'curl https://api.example/ -d \'{\n"kind": "a"\n}\'',
  'const a = await fetch("https://api.example/", {\n  policies: 1,\n});',
]) {
  assert(!looksLikePolicy(text), text);
  assert(readPaste(text).found, text);
  checked++;
}
const imports = new URL("crates/corsctl/tests/import/", here);
let known = 0;
const configurations = readdirSync(imports, { recursive: true, encoding: "utf8" }).filter(
  (name) => /\.(json|ya?ml|toml|xml)$/.test(name) && !name.endsWith("outcomes.yaml"),
);
for (const name of configurations) if (looksLikePolicy(readFileSync(new URL(name, imports), "utf8"))) known++;
assert(known > configurations.length * 0.9, `${known} of ${configurations.length}`);
checked += known;

// It takes no text long to be recognised, even if it looks like the beginning of many.
for (const part of [
  "\n",
  " ",
  "{",
  "- ",
  "a: ",
  "kind: ",
  "gateway.envoyproxy.io/",
  "spring.",
  "ingress: ",
  "plugins: {",
  "\ncors:\n",
  "> A HTTP/\n",
]) {
  const text = part.repeat(200_000 / part.length);
  const start = performance.now();
  looksLikePolicy(`x${text}`);
  isPluginJson(text);
  assert(performance.now() - start < 3000, `${JSON.stringify(part)}: ${performance.now() - start} ms`);
  checked++;
}

console.log(`${checked} pasted texts are read as they should be`);
