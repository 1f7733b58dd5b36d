// The editor's help: the documentation of the field under the caret or the mouse, and suggestions while typing.

import { fieldAt, fieldOfLine } from "./fields.js";
import { anchors, linksOf } from "./links.js";

export class Assist {
  #area;
  #paint;
  #note;
  #list;
  /** @type {any} the JSON Schema, once it is loaded */
  #schema;
  #found = { suggestions: [], start: 0, end: 0 };
  #chosen = 0;

  /** Connects a textarea, the coloured copy of its text, a box for the documentation, and an empty list. */
  constructor(area, paint, note, list) {
    [this.#area, this.#paint, this.#note, this.#list] = [area, paint, note, list];
    area.addEventListener("focus", () => this.#load(), { once: true });
    area.addEventListener("input", ({ inputType }) => this.#suggest(/^insertText/.test(inputType ?? "")));
    area.addEventListener("keydown", (event) => this.#press(event));
    area.addEventListener("blur", () => this.#close());
    document.addEventListener("selectionchange", () => {
      if (document.activeElement === area) this.#explain(area.selectionStart);
    });
    // Not every browser reports the selection of a textarea.
    for (const name of ["keyup", "click"]) area.addEventListener(name, () => this.#explain(area.selectionStart));
    area.addEventListener("mousemove", ({ clientX, clientY }) => this.#point(clientX, clientY));
  }

  async #load() {
    try {
      const answer = await fetch("cors.schema.json");
      if (answer.ok) this.#schema = await answer.json();
    } catch {
      // The editor works without the schema, and then shows no help.
    }
    this.#explain(this.#area.selectionStart);
  }

  /** Shows the documentation of the field at an offset; without one, the last remains. */
  #explain(offset) {
    if (!this.#schema) return;
    const text = this.#area.value;
    const field = isJson(text) ? fieldAt(text, offset, this.#schema).field : fieldOfLine(text, offset, this.#schema);
    if (!field || this.#note.dataset.field === field.name) return;
    this.#note.dataset.field = field.name;
    const facts = [field.type];
    if (field.standard !== undefined) facts.push(`default ${JSON.stringify(field.standard)}`);
    if (field.example !== undefined) facts.push(`example ${JSON.stringify(field.example)}`);
    const name = element("b", "");
    const [link = field.name] = anchors(linksOf({ path: field.name }));
    name.append(link);
    this.#note.hidden = false;
    this.#note.replaceChildren(name, " ", ...coded(field.description), " ", element("span", facts.join("; ")));
  }

  /** Explains the key under the mouse, in YAML that of the line; the coloured copy lies below the textarea. */
  #point(x, y) {
    if (!this.#schema) this.#load();
    const under = document.elementsFromPoint(x, y).filter((own) => this.#paint.contains(own));
    const line = under.find((own) => own.classList.contains("line"));
    if (!line) return;
    const index = [...this.#paint.children].indexOf(line);
    const lines = this.#area.value.split("\n").slice(0, index);
    const start = lines.reduce((sum, { length }) => sum + length + 1, 0);
    if (!isJson(this.#area.value)) return this.#explain(start);
    const key = under.find((own) => own.classList.contains("k"));
    if (!key) return;
    const within = [...line.childNodes].slice(0, [...line.childNodes].indexOf(key));
    this.#explain(within.reduce((sum, node) => sum + node.textContent.length, start) + 1);
  }

  /** Looks for suggestions; while typing only if a word has begun. */
  #suggest(isTyping, isAsked = false) {
    const { selectionStart, selectionEnd, value } = this.#area;
    if (!this.#schema || !isJson(value) || selectionStart !== selectionEnd || !(isTyping || isAsked))
      return this.#close();
    this.#found = fieldAt(value, selectionStart, this.#schema);
    const { suggestions, start } = this.#found;
    // What is written out needs no suggestion.
    const isDone =
      suggestions.length === 1 && value.slice(start, this.#found.end).replaceAll('"', "") === suggestions[0].label;
    if (!suggestions.length || isDone || (!isAsked && start === selectionStart)) return this.#close();
    this.#chosen = 0;
    this.#show();
  }

  /** Shows the suggestions around the chosen one: a list that scrolls would have to take the focus. */
  #show() {
    const { suggestions } = this.#found;
    const first = Math.max(0, Math.min(this.#chosen - MAX_SHOWN + 2, suggestions.length - MAX_SHOWN));
    const shown = suggestions.slice(first, first + MAX_SHOWN);
    this.#list.replaceChildren(...shown.map((suggestion, index) => this.#item(suggestion, first + index)));
    this.#list.hidden = false;
    this.#area.setAttribute("aria-activedescendant", `suggestion-${this.#chosen}`);
    this.#place();
  }

  #item({ label, field }, index) {
    const item = element("li", label);
    item.id = `suggestion-${index}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(index === this.#chosen));
    item.setAttribute("aria-posinset", String(index + 1));
    item.setAttribute("aria-setsize", String(this.#found.suggestions.length));
    if (field?.description) item.title = field.description;
    // The textarea keeps the focus.
    item.addEventListener("mousedown", (event) => {
      event.preventDefault();
      this.#accept(index);
    });
    return item;
  }

  /** Puts the list below the word. */
  #place() {
    const before = this.#area.value.slice(0, this.#found.start).split("\n");
    const line = this.#paint.children[before.length - 1];
    if (!line) return;
    const frame = this.#list.parentElement.getBoundingClientRect();
    const at = line.getBoundingClientRect();
    const [{ width = 0 } = {}] = [measure(line, before.at(-1).length)];
    this.#list.style.top = `${at.bottom - frame.top}px`;
    const left = Math.min(at.left - frame.left + width, frame.width - this.#list.offsetWidth);
    this.#list.style.left = `${Math.max(0, left)}px`;
  }

  #press(event) {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      this.#suggest(false, true);
    } else if (!this.#list.hidden) this.#choose(event);
  }

  #choose(event) {
    const count = this.#found.suggestions.length;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.#chosen = (this.#chosen + step + count) % count;
      this.#show();
    } else if (event.key === "Enter") this.#accept(this.#chosen);
    else if (event.key === "Escape") this.#close();
    else return;
    event.preventDefault();
  }

  #accept(index) {
    const { start, end, suggestions } = this.#found;
    const { insert, caret } = suggestions[index];
    this.#close();
    this.#area.setSelectionRange(start, end);
    // This way the change can be undone, where the browser has the command.
    if (!document.execCommand?.("insertText", false, insert)) {
      this.#area.setRangeText(insert, start, end, "end");
      this.#area.dispatchEvent(new Event("input", { bubbles: true }));
    }
    this.#area.setSelectionRange(start + caret, start + caret);
    this.#close();
  }

  #close() {
    this.#list.hidden = true;
    this.#area.removeAttribute("aria-activedescendant");
  }
}

/** The place of the character at an index of a line. */
function measure(line, index) {
  const range = document.createRange();
  range.selectNodeContents(line);
  let left = index;
  const texts = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const { length } = text.textContent;
    if (left <= length) {
      range.setEnd(text, left);
      break;
    }
    left -= length;
  }
  const boxes = [...range.getClientRects()];
  const last = boxes.at(-1);
  return { width: last ? last.right - boxes[0].left : 0 };
}

const isJson = (text) => /^\s*[{[]/.test(text);

/** A text with code between backticks. */
function coded(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", part) : part));
}

function element(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}

const MAX_SHOWN = 9;
