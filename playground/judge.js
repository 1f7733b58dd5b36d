// The module, run twice: once just as configured, for the exact answers, and once with `debug`, for its explanations.

import { CODES } from "./codes.js";
import { load } from "./host.js";

export class Judge {
  #exact;
  #talking;

  /** Compiles the bytes of cors.wasm; rejects where they are not the module. */
  static async start(bytes) {
    const judge = new Judge();
    // Time advances by a second at each call, because the module writes at most ten lines per second.
    let time = 0;
    [judge.#exact, judge.#talking] = await Promise.all([load(bytes), load(bytes, { now: () => (time += 1000) })]);
    return judge;
  }

  /** Offers a configuration as it was typed: {ok, problems: [{level, path, text, code}]}. */
  configure(text) {
    const { ok, log } = this.#exact.configure(text);
    if (ok) this.#talking.configure(withDebug(JSON.parse(text.trim() || "{}")));
    const problems = log.map((line) => readProblem(line.text)).filter(Boolean);
    return { ok, problems };
  }

  /**
   * Sends a request through the filter to an upstream with this answer. In addition to the answer, the result has the
   * text that the filter `says`, the `source` of the policy that decided, if a policy governs the request, and its
   * `grant`, if it has several.
   */
  send(request, upstream) {
    const answer = this.#exact.request({ ...request, upstream });
    const { log } = this.#talking.request({ ...request, upstream });
    const says = log.map(({ text }) => text.replace(/^cors: (shadow: )?/, "")).join("\n");
    const [, source] = SOURCE.exec(says) ?? [];
    const [, grant] = GRANT.exec(says) ?? [];
    return { ...answer, says, source, grant };
  }
}

/**
 * `{}` alone is the preset `open`; with `debug` it would be no policy at all. A policy that is off would not say that
 * it governs: one in shadow replaces it.
 */
function withDebug(configuration) {
  const isEmpty = Object.keys(configuration).length === 0;
  const talking = { ...(isEmpty ? { presets: ["open"] } : configuration), debug: true };
  return JSON.stringify(talking, (_, value) => {
    if (!/^off$/i.test(value?.mode)) return value;
    const { policies, rules, debug } = value;
    return { policies, rules, debug, allowOrigins: ["null"], mode: "shadow" };
  });
}

/** A line of the module's log, unless it only greets. */
function readProblem(line) {
  const [, level, text, number] = /^cors: (error|warning|note): ([\s\S]*?)(?: \[cors-(\d+)\])?$/.exec(line) ?? [];
  const code = CODES[number];
  if (!level) return line.startsWith("cors: version") ? undefined : { level: "error", path: "", text: line };
  const [, path, rest] = /^((?:"(?:[^"\\]|\\.)*"|[^\s:"])+): ([\s\S]*)$/.exec(text) ?? [];
  return path === undefined ? { level, path: "", text, code } : { level, path, text: rest, code };
}

const SOURCE = /(?:\(|; )(top-level policy|rules\[\d+\](?: ".*")?|conflicting rules)\)$/;
const GRANT = /; (the policy's own fields|grants\[\d+\]); /;
