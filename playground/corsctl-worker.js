// Runs corsctl for corsctl.js, so that the page stays responsive.

import { runProgram } from "./wasi.js";

const worker = /** @type {any} */ (self);
/** @type {Promise<WebAssembly.Module>} */
let program;

worker.addEventListener("message", async ({ data: { id, args, files } }) => {
  try {
    program ??= load();
    worker.postMessage({ id, result: runProgram(await program, args, files) });
  } catch (error) {
    program = undefined;
    worker.postMessage({ id, error: error.message });
  }
});

async function load() {
  const answer = await fetch("corsctl.wasm").catch(() => {
    throw new Error("corsctl.wasm could not be fetched");
  });
  if (!answer.ok) throw new Error(`corsctl.wasm: the server answered ${answer.status}`);
  return WebAssembly.compile(await answer.arrayBuffer());
}
