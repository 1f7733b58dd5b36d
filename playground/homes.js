// Reads what the editor can hold besides plugin JSON: YAML, every resource that contains the plugin's configuration,
// and the configurations of other gateways. corsctl reads them, as `corsctl check` and `corsctl import` do.

import { readHar } from "./exchange.js";
import { FIELDS } from "./field-names.js";
import { findMessage } from "./messages.js";
import { otherSystem } from "./systems.js";

/**
 * @typedef {object} Problem
 * @property {string} level error, warning or note
 * @property {string} path
 * @property {string} text
 * @property {string} [code]
 * @property {number} [line] of the text, from 1
 *
 * @typedef {object} Configuration
 * @property {string} place where it is, in words
 * @property {string} policy plugin JSON
 * @property {boolean} good
 * @property {Problem[]} problems
 *
 * @typedef {object} Home
 * @property {string} says what the text is; "" if it is plugin JSON after all
 * @property {Configuration[]} configurations
 * @property {Problem[]} problems about the text as a whole
 */

/**
 * Whether a text is plugin JSON at first sight, perhaps with a field that does not exist, or JSON with a mistake: the
 * module alone reads these.
 */
export function isPluginJson(text) {
  const plain = text.trim();
  if (!plain) return true;
  let read;
  try {
    read = JSON.parse(plain);
  } catch {
    return /^[{[]/.test(plain) && !OF_A_HOME.test(plain);
  }
  if (typeof read !== "object" || read === null) return true;
  const keys = Object.keys(read);
  const known = keys.filter((key) => NAMES.has(key.replaceAll("_", "").toLowerCase()) || /^[_@$#]/.test(key));
  if (Array.isArray(read) || known.length === keys.length) return !Array.isArray(read);
  // Other systems have some of the names too.
  return known.length * 2 > keys.length && !otherSystem(plain);
}

/** Whether a text is a policy or a configuration, and not a request or a message. */
export function looksLikePolicy(text) {
  const plain = text.trim();
  if (OF_A_REQUEST.test(plain) || OF_HTTP.test(plain) || readHar(plain)) return false;
  if (plain.length < MAX_MESSAGE && findMessage(plain)) return false;
  if (/^[{[]/.test(plain) && isJson(plain)) return true;
  return A_FIELD.test(plain) || otherSystem(plain) !== undefined;
}

/**
 * Reads any other text.
 * @param {string} text
 * @param {(args: string[], files: Record<string, string>) => Promise<import("./corsctl.js").Result>} run
 * @returns {Promise<Home>}
 */
export async function readHome(text, run) {
  const files = { [NAME]: text };
  const checked = await ask(run, ["check", NAME], files);
  const [file] = checked.files;
  const own = file.configurations.map(({ place, good, configuration, remarks }) => ({
    place,
    good,
    policy: configuration && pretty(configuration),
    problems: remarks.map((remark) => problem(remark)),
  }));
  const problems = file.findings.map((finding) => problem(finding, finding.place));
  // What looks like a misspelt policy can be one of another gateway.
  const isDoubtful = own.length === 1 && !own[0].good && !own[0].place;
  if (own.length && !isDoubtful) return { says: saysOwn(own, text), configurations: own, problems };
  const imported = await ask(run, ["import", NAME], files).catch((error) => error);
  if (imported.configuration) {
    const [first, ...others] = imported.remarks;
    const configuration = {
      place: "",
      good: true,
      policy: pretty(imported.configuration),
      problems: others.map((remark) => problem(remark)),
    };
    return { says: saysImported(first), configurations: [configuration], problems: [] };
  }
  if (own.length) return { says: saysOwn(own, text), configurations: own, problems };
  const reasons = imported.remarks?.filter(({ severity }) => severity === "error").map((remark) => problem(remark));
  const unreadable = file.unreadable && [problem(file.unreadable)];
  // If import knows the system, its reasons count; otherwise those of check.
  const known = reasons?.some(({ code }) => code !== "file-malformed" && code !== "unknown-system") && reasons;
  return { says: "", configurations: [], problems: known || unreadable || problems };
}

/** What a command says as JSON. */
async function ask(run, args, files) {
  const { stdout, stderr } = await run([...args, "--output", "json"], files);
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(stderr.trim().replace(/^corsctl: /, "") || "corsctl has no answer for this text");
  }
}

function problem({ severity, code, line, path, value, text }, place = "") {
  const level = { error: "error", warning: "warning", wider: "warning" }[severity] ?? "note";
  const kind = ["error", "warning", "note"].includes(severity) ? "" : `${severity}: `;
  const where = [place, path].filter(Boolean).join(": ");
  return { level, code, path: where, text: `${kind}${value ? `${value} ` : ""}${text}`, line: line ?? undefined };
}

function saysOwn(own, text) {
  if (own.length > 1) return `${own.length} configurations`;
  if (own[0].place) return own[0].place;
  if (!/^\s*[{[]/.test(text)) return "YAML";
  return own[0].problems.some(({ code }) => code === "wrapped-configuration") ? "JSON" : "";
}

/** "read as Istio: 2 policies in …" */
function saysImported({ text }) {
  return text.replace(/^read as /, "");
}

/** JSON with objects on separate lines and lists of texts on one line, as corsctl writes it. */
export function pretty(value, indent = "") {
  const inner = `${indent}  `;
  const isLong = Array.isArray(value) ? typeof value[0] === "object" : value && typeof value === "object";
  if (!isLong)
    return Array.isArray(value) ? `[${value.map((item) => pretty(item)).join(", ")}]` : JSON.stringify(value);
  const isList = Array.isArray(value);
  const lines = isList
    ? value.map((item) => inner + pretty(item, inner))
    : Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${pretty(item, inner)}`);
  const [open, close] = isList ? "[]" : "{}";
  return lines.length ? `${open}\n${lines.join(",\n")}\n${indent}${close}` : open + close;
}

function isJson(text) {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

const NAME = "policy";
const MAX_MESSAGE = 100_000;
/** How commands, calls and messages begin. */
const OF_A_REQUEST =
  /^((\$|>|PS [^>\n]*>) )?(curl|await|return|const|let|var|async|function|fetch|axios|Invoke-\w+|HTTP|Access to)\b/;
const OF_HTTP = /^[A-Z]+ \S+ HTTP\//;
/** A field at the beginning of a line that policies and resources have. */
const A_FIELD =
  /^[ \t]*(- )?["']?(apiVersion|kind|static_resources|policies|rules|maxAge|(allow|expose)(_|[A-Z])\w+)["']?\s*:/m;
/** What a resource or an Envoy configuration has, and plugin JSON does not. */
const OF_A_HOME = /"(apiVersion|kind|static_resources|dynamic_resources|typed_config|http_filters|pluginConfig)"\s*:/;
/** The fields of plugin JSON and their other names, in lower case. */
const NAMES = new Set([...FIELDS, "optionsPassthrough", "optionsSuccessStatus"].map((name) => name.toLowerCase()));
