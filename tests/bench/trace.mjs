// Compares two modules call by call: for each kind of request of the bench both must make the same host
// calls in the same order and give the same answer. Otherwise a comparison of their times would be meaningless.
//
//   node tests/bench/trace.mjs POLICY.json KINDS.json ONE.wasm OTHER.wasm
import { readFileSync } from "node:fs";
import { load } from "../../playground/host.js";

const [policy, kinds, ...modules] = process.argv.slice(2);
const traces = await Promise.all(
  modules.map(async (file) => {
    const plugin = await load(readFileSync(file));
    const { ok, log } = plugin.configure(readFileSync(policy, "utf8"));
    if (!ok) throw new Error(`${file} refuses the policy: ${JSON.stringify(log)}`);
    return JSON.parse(readFileSync(kinds, "utf8")).map(({ name, method, headers }) => {
      const url = "http://127.0.0.1/";
      const seen = plugin.request({ method, url, headers: Object.entries(headers) });
      const { from, status, headers: answer, calls, counters, properties } = seen;
      return { name, from, status, answer, calls, counters, properties };
    });
  }),
);
const [one, other] = traces;
for (const [index, trace] of one.entries()) {
  const [text, otherText] = [trace, other[index]].map((trace) => JSON.stringify(trace, null, 1));
  if (text !== otherText) {
    console.error(`${trace.name}: ${modules[0]} does\n${text}\n${modules[1]} does\n${otherText}`);
    process.exitCode = 1;
  }
}
