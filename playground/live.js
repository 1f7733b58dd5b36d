// Sends real cross-origin requests to the Envoy of scripts/demo, and compares each result with the playground's.

import { Judge } from "./judge.js";
import { toHash } from "./link.js";
import { describe } from "./story.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
/** @type {[string, {method: string, headers?: Record<string, string>, credentials?: string}][]} */
const REQUESTS = [
  ["A plain GET", { method: "GET" }],
  ["A form", { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" } }],
  [
    "JSON with a token",
    { method: "PUT", headers: { "content-type": "application/json", authorization: "Bearer demo" } },
  ],
  ["With credentials", { method: "GET", credentials: "include" }],
  ["A method that is not listed", { method: "PATCH" }],
  ["A header that is not listed", { method: "GET", headers: { "x-unlisted": "1" } }],
];
// The answer of the upstream in envoy/envoy.yaml.
const UPSTREAM = {
  status: 200,
  headers: [
    ["content-type", "text/plain"],
    ["x-request-id", "0"],
    ["vary", "accept-encoding"],
    ["access-control-allow-origin", "*"],
    ["access-control-expose-headers", "*"],
  ],
};

const waiting = new Map();
addEventListener("message", ({ data, source }) => {
  if (!frames.some(({ element }) => element.contentWindow === source)) return;
  waiting.get(data.id)?.(data.result);
  waiting.delete(data.id);
});

const frames = [];
let live;
let judge;
try {
  live = await read("live.json", (answer) => answer.json());
  judge = await Judge.start(await read("cors.wasm", (answer) => answer.arrayBuffer()));
  const { ok } = judge.configure(live.policy);
  if (!ok) throw new Error("the module rejects the policy of live.json");
  $("policy").textContent = live.policy;
  await openFrames();
  drawTable();
  $("send").addEventListener("click", sendAll);
} catch (error) {
  $("broken").textContent = `${error.message}. This page needs scripts/demo, which serves it and runs Envoy.`;
  $("broken").hidden = false;
  $("send").disabled = true;
}

async function read(file, take) {
  const answer = await fetch(file);
  if (!answer.ok) throw new Error(`${file}: the server answered ${answer.status}`);
  return take(answer);
}

/** This page from a listed origin, from an origin that is not listed, and from an opaque origin. */
async function openFrames() {
  const page = `:${location.port}${location.pathname.replace(/[^/]*$/, "")}live-frame.html`;
  for (const [src, sandbox] of [
    [`http://localhost${page}`],
    [`http://127.0.0.1${page}`],
    ["live-frame.html", "allow-scripts"],
  ]) {
    const element = document.createElement("iframe");
    if (sandbox) element.setAttribute("sandbox", sandbox);
    // A sandbox has an opaque origin, to which no message can be addressed.
    frames.push({ element, target: sandbox ? "*" : new URL(src).origin, origin: "" });
    element.src = src;
  }
  await Promise.all(
    frames.map(async (frame) => {
      const loaded = new Promise((resolve) => frame.element.addEventListener("load", resolve, { once: true }));
      $("frames").append(frame.element);
      await loaded;
      frame.origin = (await ask(frame)).origin;
    }),
  );
}

async function sendAll() {
  $("send").disabled = true;
  let [right, all] = [0, 0];
  for (const [row, [, init]] of REQUESTS.entries()) {
    await Promise.all(
      frames.map(async (frame, column) => {
        const state = stateOf(frame.origin, init);
        const predicted = describe(judge, JSON.parse(live.policy), { ...state, upstream: UPSTREAM }).verdict.good;
        const result = await ask(frame, state.url, init);
        const same = predicted === !result.error;
        [right, all] = [right + Number(same), all + 1];
        showResult($("results").tBodies[0].rows[row].cells[column + 1], result, same, state);
      }),
    );
  }
  $("sum").textContent = `${right} of ${all} results are as predicted.`;
  $("sum").classList.toggle("bad", right < all);
  $("send").disabled = false;
}

/** The result of a frame's `fetch`; without a URL, the frame's origin. */
function ask({ element, target }, url, init) {
  const id = crypto.randomUUID();
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    element.contentWindow.postMessage({ id, url, init }, target);
  });
}

function stateOf(origin, { method, headers = {}, credentials = "omit" }) {
  return {
    policy: live.policy,
    origin,
    url: `${live.envoy}/`,
    method,
    credentials: credentials === "include",
    headers: Object.entries(headers),
    status: 200,
    upstream: UPSTREAM.headers,
  };
}

function drawTable() {
  const table = $("results");
  const head = table.createTHead().insertRow();
  for (const text of ["Request", ...frames.map(({ origin }) => origin)]) {
    const cell = head.appendChild(document.createElement("th"));
    cell.scope = "col";
    cell.textContent = text === "null" ? "null (a sandboxed frame)" : text;
  }
  const body = table.createTBody();
  for (const [title, { method, headers = {}, credentials }] of REQUESTS) {
    const row = body.insertRow();
    const name = row.appendChild(document.createElement("th"));
    name.scope = "row";
    const code = document.createElement("code");
    code.textContent = [method, ...Object.keys(headers), ...(credentials ? ["credentials"] : [])].join(", ");
    name.append(title, document.createElement("br"), code);
    for (const { origin } of frames) {
      const cell = row.insertCell();
      cell.dataset.origin = origin;
      cell.textContent = "–";
    }
  }
}

function showResult(cell, { error, status, headers }, same, state) {
  cell.className = error ? "bad" : "good";
  const id = headers?.find(([name]) => name === "x-request-id");
  const text = document.createElement("b");
  text.textContent = error ? "✕ Blocked" : `✓ ${status}`;
  const why = document.createElement("a");
  why.href = `./#${toHash(state, {})}`;
  why.textContent = "why";
  why.ariaLabel = `why: ${state.method} from ${state.origin}`;
  const says = error ? "" : id ? ", x-request-id read" : ", x-request-id not read";
  cell.replaceChildren(text, `${says}${same ? "" : " – not as predicted!"} `, why);
}
