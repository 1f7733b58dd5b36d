// The policy's editor: a textarea, and below it a coloured copy of the text that marks the module's diagnostics.

import { locate, offsetOf, positionOf } from "./json.js";
import { anchors, linksOf } from "./links.js";

export class Editor {
  #frame;
  #area;
  #paint;
  #list;
  #problems = [];

  constructor(frame, area, paint, list) {
    [this.#frame, this.#area, this.#paint, this.#list] = [frame, area, paint, list];
  }

  get text() {
    return this.#area.value;
  }

  set text(text) {
    this.#area.value = text;
    this.#problems = [];
    this.paint();
  }

  /** Shows problems, {level, path, text, code}, in the text and as a list with links into the text. */
  show(problems) {
    this.#problems = place(this.text, problems).sort((a, b) => (a.start ?? -1) - (b.start ?? -1));
    this.paint();
    this.#list.replaceChildren(...this.#problems.map((problem) => this.#item(problem)));
  }

  /** Colours the current text. A long text stays plain, so that typing stays fast. */
  paint() {
    const { text } = this;
    const isPlain = text.length > MAX_PAINTED;
    this.#frame.classList.toggle("plain", isPlain);
    if (isPlain) return this.#paint.replaceChildren();
    let start = 0;
    const lines = text.split("\n").map((line) => {
      const painted = this.#line(line, start);
      start += line.length + 1;
      return painted;
    });
    this.#paint.replaceChildren(...lines);
  }

  #line(text, start) {
    const line = element("span", "line");
    const marks = this.#problems.filter((problem) => problem.start < start + text.length + 1 && problem.end > start);
    const first = this.#problems.filter((problem) => problem.start >= start && problem.start <= start + text.length);
    for (const level of ["error", "warning"])
      if (first.some((problem) => problem.level === level)) line.classList.add(level);
    if (line.classList.contains("error")) line.classList.remove("warning");
    for (const [token, string, colon, literal] of text.matchAll(TOKENS)) {
      const kind = string ? (colon ? "k" : "s") : literal ? "l" : "";
      const word = string ?? token;
      line.append(...this.#pieces(word, start, kind, marks));
      start += word.length;
      if (string && colon) {
        line.append(...this.#pieces(colon, start, "", marks));
        start += colon.length;
      }
    }
    return line;
  }

  /** A token, split where a mark begins or ends. */
  #pieces(text, start, kind, marks) {
    const cuts = marks
      .flatMap((mark) => [mark.start - start, mark.end - start])
      .filter((cut) => cut > 0 && cut < text.length);
    const edges = [0, ...new Set(cuts.sort((a, b) => a - b)), text.length];
    return edges.slice(1).map((end, i) => {
      const mark = marks.find((mark) => mark.start - start <= edges[i] && mark.end - start >= end);
      return element("span", `${kind} ${mark ? `mark ${mark.level}` : ""}`.trim(), text.slice(edges[i], end));
    });
  }

  #item(problem) {
    const { level, path, text, start, end } = problem;
    const button = element("button", level);
    button.type = "button";
    const line = start === undefined ? "" : `, line ${positionOf(this.text, start).line}`;
    const where = path ? [element("span", "where", path), " "] : [];
    button.append(
      element("span", "kind", `${ICONS[level]} ${level[0].toUpperCase()}${level.slice(1)}${line}: `),
      ...where,
      text,
    );
    button.addEventListener("click", () => {
      this.#area.focus();
      if (start === undefined) return;
      this.#area.setSelectionRange(start, end);
      this.#reveal(start);
    });
    const item = element("li");
    item.append(button);
    const links = linksOf(problem);
    if (links.length) {
      const line = element("p", "links");
      line.append(...anchors(links));
      item.append(line);
    }
    return item;
  }

  #reveal(start) {
    const { line, column } = positionOf(this.text, start);
    this.#paint.children[line - 1]?.scrollIntoView({ block: "center" });
    // A plain text scrolls itself; its lines have about the same height.
    const lines = this.text.split("\n");
    const share = (line - 1 + column / (lines[line - 1].length + 1)) / lines.length;
    this.#area.scrollTop = share * this.#area.scrollHeight - this.#area.clientHeight / 2;
  }
}

/** Adds the place in the text, `start` and `end`, to each problem that has one. */
function place(text, problems) {
  if (problems.some((problem) => "line" in problem)) return problems.map((problem) => ofLine(text, problem));
  const broken = problems.find(({ code }) => code === "not-json");
  const stop = / at line (\d+) column (\d+)(?:;|$)/.exec(broken?.text);
  if (stop) {
    const end = offsetOf(text, Number(stop[1]), Number(stop[2]));
    const start = Math.min(end, text.length - 1);
    return problems.map((problem) => ({ ...problem, start: Math.max(0, start), end: start + 1 }));
  }
  const places =
    text.trim() && problems.length
      ? locate(
          text,
          problems.map(({ path }) => path),
        )
      : {};
  return problems.map((problem) => {
    const found = problem.path ? places[problem.path] : undefined;
    if (!found) return problem;
    // Of some diagnostics the key is what is wrong; a long object is named by its key.
    const isKey = found.key && (OF_KEYS.includes(problem.code) || found.end - found.start > 200);
    const { start, end } = isKey ? found.key : found;
    return { ...problem, start, end: Math.min(end, start + 200) };
  });
}

/** A problem whose line is known, with the content of that line as its place. */
function ofLine(text, problem) {
  if (problem.line === undefined) return problem;
  const lines = text.split("\n");
  const line = lines[problem.line - 1] ?? "";
  const before = lines.slice(0, problem.line - 1).reduce((sum, { length }) => sum + length + 1, 0);
  const start = before + line.length - line.trimStart().length;
  return { ...problem, start, end: Math.max(start + 1, before + line.trimEnd().length) };
}

function element(name, classes = "", text = "") {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  if (text) made.textContent = text;
  return made;
}

const ICONS = { error: "✕", warning: "!", note: "·" };
const OF_KEYS = ["duplicate-field", "field-in-comment", "misplaced-field", "unknown-field"];
const MAX_PAINTED = 60_000;
/** A string, with the colon that makes it a key; a number or word; anything else up to the next of these. */
const TOKENS = /("(?:\\.|[^"\\])*"?)(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)|[^"\dtfn-]+|[\s\S]/g;
