// What the worst regular expressions that are accepted cost in V8, in milliseconds of a request, the least of several
// runs; without them, what a request costs anyway: node tests/bench/regexes.mjs [dist/cors.wasm]
//
// tests/bounds.py counts the instructions of these and of many more; this shows that so many take at most 5 ms.

import { readFileSync } from "node:fs";
import { load } from "../../playground/host.js";

const bytes = readFileSync(process.argv[2] ?? new URL("../../dist/cors.wasm", import.meta.url));
const labels = `${"a".repeat(61)}.`.repeat(4);
const origins = [`https://${"a.".repeat(126)}a`, `https://${labels}aaaaa`, `${"s".repeat(64)}://${labels}aaaaa:65535`];
const worst = [".*[!]", ".*a[!]", "(?i).*a.*[!]", ".*()()()()()()()()[!]", "(?:(?:[^x]|.)*)[!]"];

for (const source of [undefined, ...worst]) {
  const [count, plugin] = await most(source);
  const times = origins.map((origin) => least(plugin, origin));
  console.log(
    `${Math.max(...times).toFixed(2)} ms: ${source === undefined ? "no expression" : `${count} of ${source}`}`,
  );
}

/** The plugin with as many of the expression as it accepts. */
async function most(source) {
  const plugin = await load(bytes);
  const accepts = (count) => {
    const allowOriginRegexes = Array(count).fill(source);
    return plugin.configure(JSON.stringify({ allowOrigins: ["https://app.example"], allowOriginRegexes })).ok;
  };
  let count = 0;
  while (source !== undefined && count < 1000 && accepts(count + 1)) count++;
  accepts(count);
  return [count, plugin];
}

function least(plugin, origin) {
  const ask = () => plugin.request({ url: "https://api.example/", headers: [["origin", origin]] });
  // Until V8 has optimised the module.
  for (const end = performance.now() + 500; performance.now() < end; ) ask();
  let time = Infinity;
  for (let run = 0; run < 200; run++) {
    const start = performance.now();
    ask();
    time = Math.min(time, performance.now() - start);
  }
  return time;
}
