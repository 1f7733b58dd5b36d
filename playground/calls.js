// Reads a handwritten call of axios or of XMLHttpRequest, as far as its arguments are literal.

import { readArguments } from "./literal.js";

/** A request and what is missing in the call: {request, notes}; undefined if the text is not such a call. */
export function readCall(text) {
  const [call, method] = /\baxios(?:\.(\w+))?\s*\(/.exec(text) ?? [];
  if (call) return readAxios(method, readArguments(text.slice(text.indexOf(call) + call.length - 1)));
  if (/\.open\s*\(/.test(text)) return readXhr(text);
  return undefined;
}

function readAxios(method, given) {
  const isConfig = !method || method === "request";
  const [first, ...rest] = given;
  const hasData = /^(post|put|patch)/.test(method ?? "");
  const options = isConfig ? (isText(first) ? rest[0] : first) : rest[hasData ? 1 : 0];
  const notes = [];
  if (options?.code) notes.push(`The value of ${options.code.slice(0, 40)} is not in the call: enter it.`);
  const config = options && !options.code ? options : {};
  const path = isConfig && !isText(first) ? config.url : first;
  const base = isText(config.baseURL) ? config.baseURL : "";
  const url = isText(path)
    ? isAbsolute(path)
      ? path
      : base && `${base.replace(/\/$/, "")}/${path.replace(/^\//, "")}`
    : "";
  if (!url) notes.push(`The URL is not in the call, only ${shown(path)}: enter it.`);
  if (config.method?.code) notes.push("The method is not in the call: enter it.");
  const own = (isText(config.method) ? config.method : isConfig ? "GET" : method.replace(/Form$/, "")).toUpperCase();
  const headers = literalHeaders(config.headers, notes);
  const data = hasData ? rest[0] : config.data;
  const type = /Form$/.test(method ?? "") ? "multipart/form-data" : typeOf(data);
  if (type && !/^(GET|HEAD)$/.test(own) && !headers.some(([name]) => name.toLowerCase() === "content-type")) {
    headers.push(["content-type", type]);
    notes.push(`axios sends this body with content-type: ${type}.`);
  }
  if (config.auth) headers.push(["authorization", "…"]);
  const credentials = config.withCredentials?.code === "true";
  return { kind: "call of axios", request: { url: url || undefined, method: own, headers, credentials }, notes };
}

function readXhr(text) {
  const notes = [];
  const [method, url] = argumentsOf(text, /\.open\s*\(/g)[0];
  if (!isText(url)) notes.push(`The URL is not in the call, only ${shown(url)}: enter it.`);
  const lines = argumentsOf(text, /\.setRequestHeader\s*\(/g).filter(([name]) => isText(name));
  const headers = lines.map(([name, value]) => [name, isText(value) ? value : "…"]);
  const credentials = /\.withCredentials\s*=\s*true/.test(text);
  const request = { url: isText(url) ? url : undefined, method: isText(method) ? method : "GET", headers, credentials };
  return { kind: "use of XMLHttpRequest", request, notes };
}

/** The arguments of each call whose beginning up to its bracket matches. */
function argumentsOf(text, pattern) {
  return [...text.matchAll(pattern)].map((match) => readArguments(text.slice(match.index + match[0].length - 1)));
}

/** The headers of an object in a call; values that are not literal are left open. */
function literalHeaders(headers, notes) {
  if (!headers || isText(headers)) return [];
  if (headers.code) {
    notes.push("The names of the headers are not in the call: enter them.");
    return [];
  }
  return Object.entries(headers).map(([name, value]) => [name, isText(value) ? value : "…"]);
}

/** The content-type that axios gives a body: https://axios-http.com/docs/urlencoded and …/docs/multipart */
function typeOf(data) {
  if (data === undefined || data.code === "null" || data.code === "undefined") return undefined;
  if (isText(data) || /^new\s+URLSearchParams/.test(data.code ?? "")) return "application/x-www-form-urlencoded";
  if (/^new\s+FormData|^form/i.test(data.code ?? "")) return "multipart/form-data";
  return "application/json";
}

const isText = (value) => typeof value === "string";
const isAbsolute = (url) => /^[a-z][a-z\d+.-]*:\/\//i.test(url);
const shown = (value) => (isText(value) ? JSON.stringify(value.slice(0, 40)) : (value?.code ?? "nothing").slice(0, 40));
