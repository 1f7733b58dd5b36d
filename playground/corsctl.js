// corsctl in the page: the same program as on the command line, as WebAssembly. It is fetched when it is first used.
//
//   await run(["check", "--output", "json", "cors.yaml"], { "cors.yaml": text });   // {code, stdout, stderr}

/** @type {Worker | undefined} */
let worker;
let last = 0;
/** @type {Map<number, {resolve: (result: Result) => void, reject: (error: Error) => void, timer: any}>} */
const waiting = new Map();

/**
 * @typedef {object} Result
 * @property {number | undefined} code the exit code; none if the program crashed
 * @property {string} stdout
 * @property {string} stderr
 */

/**
 * Runs corsctl with these arguments and files; "-" is its standard input. Rejects if it cannot be loaded, or takes
 * too long.
 * @param {string[]} args
 * @param {Record<string, string>} files
 * @returns {Promise<Result>}
 */
export function run(args, files = {}) {
  worker ??= start();
  const id = ++last;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => stop(new Error("corsctl takes too long for this text")), PATIENCE);
    waiting.set(id, { resolve, reject, timer });
    worker.postMessage({ id, args, files });
  });
}

function start() {
  const made = new Worker(new URL("corsctl-worker.js", import.meta.url), { type: "module" });
  made.addEventListener("message", ({ data: { id, result, error } }) => {
    const { resolve, reject, timer } = waiting.get(id) ?? {};
    if (!waiting.delete(id)) return;
    clearTimeout(timer);
    if (result) resolve(result);
    else reject(new Error(error));
  });
  made.addEventListener("error", () => stop(new Error("corsctl could not be started")));
  return made;
}

/** Ends the worker, and with it everything that waits for it. */
function stop(error) {
  worker?.terminate();
  worker = undefined;
  for (const { reject, timer } of waiting.values()) {
    clearTimeout(timer);
    reject(error);
  }
  waiting.clear();
}

/** In milliseconds; the first run includes the download. */
const PATIENCE = 20_000;
