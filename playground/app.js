// The page: connects the input fields, the module, the browser's rules and the output.

import { Assist } from "./assist.js";
import { isToken, readOrigin, readUrl } from "./browser.js";
import { Editor } from "./editor.js";
import { EXAMPLES, REQUEST } from "./examples.js";
import { Judge } from "./judge.js";
import { edited } from "./json.js";
import { fromHash, readHeaders, toHash } from "./link.js";
import { anchors, pages } from "./links.js";
import { manifests } from "./manifests.js";
import { PolicyReader, showHome } from "./policy.js";
import { besideMessage, describe } from "./story.js";
import { RequestTable, TABLE_STATE } from "./table-view.js";
import { connectTabs } from "./tabs.js";
import { showReading, showStory } from "./view.js";
import { connect, fillForm, forget as forgetPaste } from "./paste-view.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const DEFAULTS = { ...REQUEST, ...EXAMPLES[0].request, policy: EXAMPLES[0].policy, ...TABLE_STATE };
const editor = new Editor($("editor"), $("policy"), $("paint"), $("problems"));
const reader = new PolicyReader(() => {
  configured = undefined;
  update();
});
new Assist($("policy"), $("paint"), $("field-doc"), $("suggestions"));
const table = new RequestTable(() => Judge.start(bytes), chooseRequest, soon);
let bytes; // the module
let judge;
let configured; // what the text of the editor is to the module
let message; // from a browser's console, if one was pasted and the request is still the one it is about
let timer;
let clearing;

fillExamples();
$("pages").append(...anchors(pages()));
write(fromHash(location.hash, DEFAULTS));
listen();
await startModule();
requestAnimationFrame(() => performance.mark("verdict")); // painted next
// If registration fails, the page needs a network.
if ("serviceWorker" in navigator) navigator.serviceWorker.register("offline.js").catch(() => {});

async function startModule() {
  $("broken").hidden = true;
  $("verdict").ariaBusy = "true";
  try {
    const answer = await fetch("cors.wasm").catch(() => {
      throw new Error("cors.wasm could not be fetched");
    });
    if (!answer.ok) throw new Error(`cors.wasm: the server answered ${answer.status}`);
    bytes = await answer.arrayBuffer();
    judge = await Judge.start(bytes);
    $("module").textContent = `cors.wasm, ${Math.round(bytes.byteLength / 1024)} KiB`;
  } catch (error) {
    fail("The module did not load", error);
  }
  configured = undefined;
  update();
}

/** Reports that the module cannot be used now; the input stays. */
function fail(what, error) {
  judge = undefined;
  const retry = Object.assign(document.createElement("button"), { type: "button", textContent: "Try again" });
  retry.addEventListener("click", startModule);
  $("broken").replaceChildren(`${what}: ${error.message}. What you typed is still here.`, retry);
  $("broken").hidden = false;
  $("verdict").ariaBusy = "false";
}

/** Updates everything that depends on the state of the page. */
function update() {
  const state = read();
  remember(state);
  showProblem();
  if (!judge) {
    table.show();
    return showStory({ verdict: { title: "No verdict without the module", text: "" }, steps: [], fixes: [] });
  }
  try {
    if (configured?.text !== state.policy) configured = reader.configure(state.policy, judge);
    editor.show(configured.problems);
    showHome($("home"), configured, { choose: (index) => reader.choose(index), convert: applyPolicy });
    showHealth(configured);
    showManifest();
    if (configured.isPending || !configured.ok) table.show();
    if (configured.isPending) return showReading();
    if (!configured.ok) return showStory(refused(configured));
    showStory(judged(state), applyFix);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError || /module exited/.test(error.message))) throw error;
    fail("The module stopped", error);
  }
}

function judged(state) {
  let call;
  try {
    const origin = field("origin", readOrigin);
    field("url", readUrl);
    const headers = field("headers", readLines);
    field("status", checkStatus);
    call = { ...state, origin, headers, upstream: { status: state.status, headers: field("upstream", readLines) } };
    const policy = JSON.parse(configured.policy.trim() || "{}");
    const story = describe(judge, policy, call);
    table.show({ judge, policy, call, text: configured.policy });
    return message ? { ...story, verdict: besideMessage(message, story.verdict) } : story;
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw error;
    showProblem(error.message);
    table.show();
    return { verdict: { title: "The request cannot be read", text: error.message }, steps: [], fixes: [] };
  }
}

function refused({ problems, policy }) {
  const errors = problems.filter(({ level }) => level === "error").length;
  const what = errors === 1 ? "It has an error" : `It has ${errors} errors`;
  const title = policy ? "The module rejects this policy" : "This policy cannot be read";
  const text = policy ? `${what}. Envoy would not start with it, or would keep its current configuration.` : `${what}.`;
  return { verdict: { good: false, title, text }, steps: [], fixes: [] };
}

/** Header lines, each of which must be valid. Values are bytes; a character above U+00FF is not a byte. */
function readLines(text) {
  for (const line of text.split("\n").filter((line) => line.trim())) {
    const [name, ...value] = line.split(":");
    if (!isToken(name.trim()) || !value.length)
      throw new Error(`${JSON.stringify(line)} is not a header; write name: value`);
    if (/[^\x00-\xff…]/.test(line))
      throw new Error(`${JSON.stringify(line)} has a character that no header can contain.`);
  }
  return readHeaders(text.replaceAll("…", "..."));
}

function checkStatus(text) {
  if (text.trim() && !/^\s*[2-5]\d\d\s*$/.test(text))
    throw new Error(`${JSON.stringify(text)} is not the status of an answer; write 200 to 599`);
}

/** The value of a field, parsed; if parsing fails, the field is marked. */
function field(id, reading) {
  try {
    return reading($(id).value);
  } catch (error) {
    $(id).setAttribute("aria-invalid", "true");
    $(id).closest("details")?.setAttribute("open", "");
    throw error;
  }
}

function showProblem(text = "") {
  $("request-problem").textContent = text;
  if (!text)
    for (const marked of $("request").querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
}

function showHealth({ ok, problems, isPending }) {
  if (isPending) {
    $("health").className = "health";
    $("health").textContent = "corsctl reads this text…";
    return;
  }
  const count = (level, word = level) => {
    const number = problems.filter((problem) => problem.level === level).length;
    return number ? [`${number} ${word}${number > 1 ? "s" : ""}`] : [];
  };
  const counts = [...count("error"), ...count("warning"), ...count("note")].join(", ");
  $("health").className = `health ${!ok ? "bad" : counts.includes("warning") ? "warn" : "good"}`;
  $("health").textContent = !ok
    ? `✕ Rejected: ${counts}`
    : `✓ Accepted by the module${counts ? `, with ${counts}` : ""}`;
  $("policy").setAttribute("aria-invalid", String(!ok));
}

/** Puts the request of a cell of the table into the form, and shows its story. */
function chooseRequest({ origin, method }) {
  forget();
  $("origin").value = origin;
  $("method").value = method;
  update();
  $("verdict").focus();
}

/** Applies the edits of a fix to the policy, and keeps the rest of the text. */
function applyFix(edits) {
  applyPolicy(edits.reduce((text, edit) => edited(text, edit), configured.policy));
  $("verdict").focus();
}

function applyPolicy(text) {
  editor.text = text;
  update();
}

// The state of the page

function read() {
  return {
    policy: editor.text,
    origin: $("origin").value,
    url: $("url").value,
    method: $("method").value || "GET",
    credentials: $("credentials").checked,
    headers: readHeaders($("headers").value),
    status: Number($("status").value) || DEFAULTS.status,
    upstream: readHeaders($("upstream").value),
    ...table.state,
  };
}

function write(state) {
  const lines = (headers) => headers.map(([name, value]) => `${name}: ${value}`).join("\n");
  editor.text = state.policy;
  for (const name of ["origin", "url", "method"]) $(name).value = state[name];
  $("credentials").checked = state.credentials;
  $("headers").value = lines(state.headers);
  $("headers").rows = Math.max(2, state.headers.length);
  $("status").value = state.status;
  $("upstream").value = lines(state.upstream);
  table.state = state;
  const example = EXAMPLES.find(({ policy }) => policy === state.policy);
  $("example").value = example?.id ?? "";
  $("example-note").textContent = example?.note ?? "";
}

/** Keeps the address up to date, unless it would be too long for a link. */
function remember(state) {
  const hash = toHash(state, DEFAULTS);
  if (hash !== undefined && location.hash.slice(1) !== hash) {
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  }
}

async function share() {
  const hash = toHash(read(), DEFAULTS);
  if (hash === undefined) return say("Too long for a link: copy the policy itself.");
  const link = `${location.origin}${location.pathname}${hash && `#${hash}`}`;
  await copy(link, "Link copied");
}

async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    say(done);
  } catch {
    say("The browser did not permit copying; copy it from the address bar or the page.");
  }
}

function say(text) {
  $("shared").textContent = text;
  clearTimeout(clearing);
  clearing = setTimeout(() => ($("shared").textContent = ""), 4000);
}

// Controls

function soon() {
  $("verdict").ariaBusy = "true";
  clearTimeout(timer);
  timer = setTimeout(update, editor.text.length > 100_000 ? 600 : 120);
}

function listen() {
  $("policy").addEventListener("input", () => {
    editor.paint();
    $("example").value = "";
    $("example-note").textContent = "";
    soon();
  });
  $("request").addEventListener("input", () => {
    forget();
    soon();
  });
  $("request").addEventListener("submit", (event) => event.preventDefault());
  $("example").addEventListener("change", () => {
    const example = EXAMPLES.find(({ id }) => id === $("example").value);
    forget();
    write({ ...REQUEST, ...example.request, policy: example.policy, ...TABLE_STATE });
    update();
  });
  $("share").addEventListener("click", share);
  $("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the part after the # is the state
    $("verdict").focus();
  });
  $("copy").addEventListener("click", () => copy($("manifest").textContent, "Copied"));
  connect({ form: read, takePolicy, takeRequest });
  addEventListener("hashchange", () => {
    forget();
    write(fromHash(location.hash, DEFAULTS));
    update();
  });
  connectTabs(() => {
    showManifest();
    editor.paint();
  });
}

function showManifest() {
  const tab = document.querySelector("[role=tab][aria-selected=true]").id.slice("tab-".length);
  if (tab === "json") return;
  let text;
  try {
    text = configured?.ok === false ? undefined : manifests(configured?.policy ?? editor.text)[tab];
  } catch {
    // Without the module, only this step detects a text that is not JSON.
  }
  $("copy").hidden = text === undefined;
  $("manifest").textContent = text ?? "The policy has errors: see the tab JSON.";
}

/** Takes a request, an answer or a message, as paste.js reads them. */
function takeRequest(pasted) {
  fillForm(pasted);
  message = pasted.answer ? undefined : pasted.message;
  update();
}

function takePolicy(text) {
  message = undefined;
  $("example").value = "";
  $("example-note").textContent = "";
  applyPolicy(text);
}

/** Forgets the pasted message: the request has changed. */
function forget() {
  message = undefined;
  forgetPaste();
}

function fillExamples() {
  $("example").append(new Option("Your own", ""));
  for (const group of new Set(EXAMPLES.map(({ group }) => group))) {
    const examples = EXAMPLES.filter((example) => example.group === group);
    const options = document.createElement("optgroup");
    options.label = group;
    options.append(...examples.map(({ id, title }) => new Option(title, id)));
    $("example").append(options);
  }
}
