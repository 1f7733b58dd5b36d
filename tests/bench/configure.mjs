// Prints the cost of configuring a module: bytes, CPU ms of a warm VM, linear memory.
//
//   node tests/bench/configure.mjs cors.wasm CONFIGURATION.json
import { readFileSync } from "node:fs";
import { load } from "../../playground/host.js";

const [module, file] = process.argv.slice(2).map((path) => readFileSync(path));
const runs = [];
for (let run = 0; run < 5; run++) {
  const plugin = await load(module);
  const before = process.cpuUsage();
  const { ok, log } = plugin.configure(file);
  const { user, system } = process.cpuUsage(before);
  if (!ok) throw new Error(`the configuration is refused: ${JSON.stringify(log)}`);
  runs.push({ bytes: file.length, cpu_ms: (user + system) / 1000, memory: plugin.memory });
}
runs.sort((one, other) => one.cpu_ms - other.cpu_ms);
console.log(JSON.stringify(runs[2]));
