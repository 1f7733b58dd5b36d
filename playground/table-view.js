// Draws the table of requests, and keeps its rows, its columns and the policy it is compared with.

import { casesFile } from "./cases.js";
import { run } from "./corsctl.js";
import { compare, judgeTable, prefill, readMethods, readOrigins } from "./table.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(`table-${id}`);

/** The fields of the page's state that the table has; rows and columns are empty while they are those of the policy. */
export const TABLE_STATE = { rows: "", columns: "", before: "" };

export class RequestTable {
  #start;
  #choose;
  #own = false; // whether the rows or columns are the reader's own
  #shown; // what was given to `show`
  #drawn; // the table that is on the page
  #earlier; // the judge of the policy before
  #judged; // the text that it has, and whether it accepts it

  /**
   * `start` makes another judge; `choose` is called with the {origin, method} of a cell that the reader chooses, and
   * `update` when the state has changed.
   */
  constructor(start, choose, update) {
    [this.#start, this.#choose] = [start, choose];
    const typed = (own) => () => {
      this.#own ||= own;
      update();
    };
    for (const id of ["origins", "methods"]) $(id).addEventListener("input", typed(true));
    $("before").addEventListener("input", typed(false));
    $("refill").addEventListener("click", () => {
      this.#own = false;
      this.#draw();
      update();
    });
    $("keep").addEventListener("click", () => {
      $("before").value = this.#shown?.text ?? "";
      update();
    });
    $("cases").addEventListener("click", () => this.#download());
    $("exact").addEventListener("click", () => this.#compareAll());
  }

  get state() {
    const [rows, columns] = this.#own ? [$("origins").value, $("methods").value] : ["", ""];
    return { rows, columns, before: $("before").value };
  }

  set state({ rows, columns, before }) {
    this.#own = Boolean(rows || columns);
    [$("origins").value, $("methods").value, $("before").value] = [rows, columns, before];
    $("compare").open = Boolean(before);
  }

  /**
   * Shows the table for {judge, policy, text, call}: a judge that has the policy, the policy's text, and the request
   * above; without an argument, that there is none.
   */
  show(shown) {
    this.#shown = shown;
    this.#draw();
  }

  #draw() {
    const shown = this.#shown;
    this.#drawn = undefined;
    $("problem").textContent = "";
    for (const id of ["origins", "methods", "before"]) $(id).removeAttribute("aria-invalid");
    if (!shown && !this.#own) $("origins").value = $("methods").value = "";
    if (!shown) return this.#paint("No table without an accepted policy and a request.");
    const { judge, policy, call } = shown;
    const asked = { url: call.url, headers: call.headers, upstream: call.upstream };
    if (!this.#own) {
      const { origins, methods } = prefill(judge, [policy, ...earlierPolicy()], asked);
      $("origins").value = origins.join("\n");
      $("methods").value = methods.join(", ");
    }
    try {
      const axes = { origins: field("origins", readOrigins), methods: field("methods", readMethods) };
      this.#drawn = judgeTable(judge, policy, { ...asked, ...axes });
      if (!$("before").value.trim()) return this.#paint();
      this.#compare(this.#drawn, { ...asked, ...axes });
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) throw error;
      this.#report(error);
    }
  }

  /** Shows a table, compared with the same one under the policy before. */
  async #compare(table, asked) {
    const text = $("before").value;
    try {
      this.#earlier ??= await this.#start();
      // Another table may have been drawn meanwhile.
      if (this.#drawn !== table) return;
      if (this.#judged?.text !== text) this.#judged = { text, ...this.#earlier.configure(text) };
      if (!this.#judged.ok) {
        const { path, text } = this.#judged.problems.find(({ level }) => level === "error");
        throw new Error(`The policy before is rejected: ${[path, text].filter(Boolean).join(" ")}`);
      }
      this.#paint(undefined, compare(judgeTable(this.#earlier, JSON.parse(text.trim()), asked), table));
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) this.#earlier = this.#judged = undefined;
      $("before").setAttribute("aria-invalid", "true");
      this.#paint();
      $("problem").textContent = error.message;
    }
  }

  /** Shows what `corsctl diff` reports about the two policies. */
  async #compareAll() {
    const table = this.#drawn;
    const show = (text) => {
      if (this.#drawn !== table) return;
      $("diff").textContent = text;
      $("diff").hidden = false;
    };
    show("corsctl compares…");
    try {
      const files = { "before.json": $("before").value, "now.json": this.#shown.text };
      const { stdout, stderr } = await run(["diff", "before.json", "now.json"], files);
      show(stdout.trimEnd() || stderr.trimEnd());
    } catch (error) {
      show(`${error.message}. Save the two policies and run: corsctl diff before.json now.json`);
    }
  }

  #report(error) {
    this.#drawn = undefined;
    this.#paint("");
    $("problem").textContent = error.message;
  }

  #paint(instead, changes) {
    const table = /** @type {any} */ (document.querySelector("#table"));
    $("cases").disabled = !this.#drawn;
    $("sum").textContent = instead ?? sum(this.#drawn, changes);
    $("limit").hidden = !changes;
    $("diff").hidden = true;
    table.replaceChildren();
    if (instead !== undefined) return;
    const { origins, methods, rows } = this.#drawn;
    const head = table.createTHead().insertRow();
    head.append(header("col", "Origin"), ...methods.map((method) => header("col", method)));
    const body = table.createTBody();
    for (const [row, cells] of rows.entries()) {
      const line = body.insertRow();
      const [first] = cells;
      const isShared = cells.every(({ by }) => by === first?.by);
      const name = header("row", origins[row]);
      name.className = "mono";
      if (isShared && first?.by) name.append(element("small", first.by));
      line.append(name);
      for (const [column, cell] of cells.entries()) {
        line.append(this.#cell(cell, isShared, changes?.[row][column]));
      }
    }
  }

  #cell(cell, isShared, { change = "", was = "" } = {}) {
    const { level, word, note, by, origin, method } = cell;
    const state = level === undefined ? "none" : level ? "good" : "bad";
    const made = element("td", "", `${state} ${change}`.trim());
    const button = element("button", `${{ good: "✓", bad: "✕", none: "–" }[state]} ${word}`);
    button.setAttribute("aria-label", `${word}: ${method} from ${origin}; show why`);
    button.type = "button";
    button.addEventListener("click", () => this.#choose({ origin, method }));
    // A script's request to another origin has an Origin: without one, show none.
    made.append(state === "none" && word === "Not CORS" ? element("b", button.textContent) : button);
    const notes = [note, isShared ? "" : by].filter(Boolean);
    made.append(...notes.map((text) => element("small", text)));
    if (change) {
      const what = change === "changed" ? "Wider and narrower" : change[0].toUpperCase() + change.slice(1);
      made.append(element("small", `${what}; before: ${was}`, "change"));
    }
    return made;
  }

  #download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([casesFile(this.#drawn)], { type: "application/yaml" }));
    link.download = "cors-cases.yaml";
    link.click();
    // The browser reads it first.
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}

/** The policy before, if it can be read. */
function earlierPolicy() {
  try {
    return [JSON.parse($("before").value)];
  } catch {
    return [];
  }
}

/** What a comparison found, for the requests of the table only. */
function sum({ rows }, changes) {
  const all = rows.flat();
  if (!changes) {
    const allowed = all.filter(({ level }) => level).length;
    return `${allowed} of ${count(all.length, "request")} allowed.`;
  }
  const of = (change) => changes.flat().filter((cell) => cell.change === change).length;
  const parts = ["wider", "narrower", "changed"].filter(of).map((change) => `${of(change)} ${WORDS[change]}`);
  const found = parts.length ? `${parts.join(", ")}, of ` : "No difference in ";
  return `${found}${count(all.length, "request")}.`;
}

/** The value of a field, parsed; if parsing fails, the field is marked. */
function field(id, reading) {
  try {
    return reading($(id).value);
  } catch (error) {
    $(id).setAttribute("aria-invalid", "true");
    throw error;
  }
}

function header(scope, text) {
  const made = document.createElement("th");
  made.scope = scope;
  made.textContent = text;
  return made;
}

function element(name, text, classes = "") {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  made.textContent = text;
  return made;
}

const WORDS = { wider: "wider", narrower: "narrower", changed: "both wider and narrower" };
const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
