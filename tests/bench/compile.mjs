// Compiles a module.
//
//   node --no-liftoff --no-wasm-lazy-compilation --single-threaded tests/bench/compile.mjs MODULE.wasm
import { readFileSync } from "node:fs";

new WebAssembly.Module(readFileSync(process.argv[2]));
