// Many streams through the shipped module in V8: node tests/soak.mjs MODULE STREAMS
//
// With a new configuration from time to time. Afterwards, linear memory is as large as after the first streams, the
// module has dropped all of their contexts, and nothing was logged except the lines of each configuration.

import { readFileSync } from "node:fs";
import { load } from "../playground/host.js";

const [module, count] = [process.argv[2], Number(process.argv[3])];
const WARM_UP = 20_000;
const RECONFIGURE = 10_000; // streams on one configuration
const app = ["origin", "https://app.example"];
const asks = ["access-control-request-method", "PUT"];
const requests = [
  { headers: [] },
  { headers: [app] },
  { headers: [["origin", "https://a.b.example"]] },
  { headers: [["origin", "https://evil.example"]] },
  { headers: [["origin", "\xff".repeat(50)]] },
  { method: "POST", headers: [["origin", "null"]], upstream: { status: 200, headers: [["vary", "accept"]] } },
  { method: "OPTIONS", headers: [app, asks] },
  { method: "OPTIONS", headers: [app, asks, ["access-control-request-headers", "x-a,".repeat(20)]] },
  { method: "OPTIONS", headers: [["origin", "https://evil.example"], asks] },
];
const policy = {
  allowOrigins: ["https://app.example", "https://*.example"],
  allowHeaders: ["*"],
  allowCredentials: true,
};
const configurations = [
  policy,
  { rules: [{ match: { pathPrefixes: ["/"] }, policy: { ...policy, exposeHeaders: ["*"] } }] },
  { ...policy, allowOrigins: [], allowOriginRegexes: ["https://[a-z]+\\.example"], unmatchedRequests: "reject" },
];

const contexts = watchContexts();
let lines = 0;
let configured = 0;
const plugin = await load(readFileSync(module), { log: () => lines++ });
let perConfiguration = 0;
let memory;
const start = Date.now();
for (let i = 0; i < count; i++) {
  if (i % RECONFIGURE === 0) {
    const { ok, log } = plugin.configure(JSON.stringify(configurations[configured++ % configurations.length]));
    if (!ok) throw new Error("configuration refused");
    perConfiguration += log.length;
  }
  plugin.request({ url: "https://api.example/a/b?c", ...requests[i % requests.length] });
  if (i === Math.max(WARM_UP, RECONFIGURE * configurations.length)) memory = plugin.memory;
}
const seconds = ((Date.now() - start) / 1000).toFixed(0);
const byRequests = lines - perConfiguration;
const root = contexts.made.lastIndexOf(0);
const known = contexts.made.findIndex((_, id) => id !== root && contexts.isKnown(id));
const problems = [
  [plugin.memory !== memory, `linear memory went from ${memory} to ${plugin.memory} bytes`],
  [known !== -1, `the module still knows the context ${known}`],
  [!contexts.isKnown(root), "the module does not know its own root: the line before shows nothing"],
  [byRequests !== 0, `${byRequests} lines were logged by requests`],
].filter(([is]) => is);
for (const [, text] of problems) console.log(text);
console.log(
  `${count} streams, ${configured} configurations, ${seconds} s: ${plugin.memory / 1024} KiB of linear memory, ` +
    `${contexts.made.length - 1} contexts made and ${known === -1 ? "all" : "not all"} forgotten but the root, ` +
    `${byRequests} log lines`,
);
process.exitCode = problems.length || !memory ? 1 : 0;

/**
 * Records the contexts that the host creates: `made` has the root of each, by its id, and 0 for a root. At the end
 * the test sends a request to each one, or to a new stream of a root: the module logs a line if it has no such context.
 */
function watchContexts() {
  const made = [];
  /** @type {any} */
  let exports;
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = /** @type {any} */ (
    async (module, imports) => {
      exports = /** @type {any} */ (await instantiate(module, imports)).exports;
      const create = (id, root) => {
        made[id] = root;
        exports.proxy_on_context_create(id, root);
      };
      return { exports: { ...exports, proxy_on_context_create: create } };
    }
  );
  const isKnown = (id) => {
    if (made[id] === undefined) return false;
    const before = lines;
    const stream = made[id] ? id : made.length;
    if (!made[id]) exports.proxy_on_context_create(stream, id);
    exports.proxy_on_request_headers(stream, 0, 1);
    exports.proxy_on_delete(stream);
    return lines === before;
  };
  return { made, isKnown };
}
