// Draws the story.

import { anchors, linksOfMessage } from "./links.js";

const $ = (id) => document.getElementById(id);
let announcing;

/** Shows a story of story.js; `apply` is called with the edits of a fix that the reader chooses. */
export function showStory({ verdict, steps, fixes }, apply) {
  const state = verdict.good === undefined ? "" : verdict.good ? "good" : "bad";
  $("verdict").className = `verdict ${state}`;
  $("verdict").textContent = `${{ good: "✓ ", bad: "✕ ", "": "" }[state]}${verdict.title}`;
  $("verdict-text").textContent = verdict.text;
  $("verdict").ariaBusy = "false";
  $("fixes").replaceChildren(...fixes.map((fix) => fixCard(fix, apply)));
  $("steps").replaceChildren(...steps.map(stepItem));
  announce(`${verdict.title}. ${verdict.text}`);
}

/** Shows that the policy is still being read. */
export function showReading() {
  showStory({ verdict: { title: "Reading the policy…", text: "" }, steps: [], fixes: [] }, () => {});
  $("verdict").ariaBusy = "true";
}

/** Shows lines of text, one below the other. */
export function showLines(box, lines) {
  box.replaceChildren(...lines.flatMap((line) => [element("span", "", line), " "]));
}

/** Shows the meaning of a message from a browser's console, and what to change; without a message, hides the box. */
export function showMessage(message) {
  const box = $("message");
  box.hidden = !message;
  box.replaceChildren();
  if (!message) return;
  const remedy = element("p");
  for (const [index, part] of message.remedy.split("`").entries()) {
    remedy.append(index % 2 ? element("code", "", part) : part);
  }
  remedy.append(".");
  box.append(element("p", "at", "The message means"), element("h3", "", message.cause), remedy);
  const links = element("p", "links");
  links.append(...anchors(linksOfMessage(message)));
  if (links.childElementCount) box.append(links);
}

/** Announces only the verdict to screen readers, once typing has paused. */
function announce(text) {
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    if ($("announce").textContent !== text) $("announce").textContent = text;
  }, 600);
}

function fixCard({ text, edits, optional }, apply) {
  const card = element("div", `fix${optional ? " optional" : ""}`);
  const line = element("p");
  if (!optional) line.append(element("b", "", edits || /^(?!Or )/.test(text) ? "To fix it: " : ""));
  line.append(text);
  card.append(line);
  if (edits) {
    const button = element("button", optional ? "" : "primary", optional ? "Expose" : "Change the policy");
    button.type = "button";
    button.addEventListener("click", () => apply(edits));
    card.append(button);
  }
  return card;
}

function stepItem({ at, state, title, points, says, exchange }) {
  const item = element("li", `step ${state}`);
  const badge = element("span", "badge");
  badge.append(icon(state));
  const word = { good: "passed", bad: "blocked", none: "does not happen", info: "" }[state];
  const heading = element("h3", "", title);
  if (word) heading.append(element("span", "hidden", `: ${word}`));
  item.append(badge, element("p", "at", at), heading);
  if (points.length) {
    const list = element("ul", "points");
    list.append(...points.map(pointItem));
    item.append(list);
  }
  if (says) item.append(element("p", "says", says));
  if (exchange) item.append(exchangeFigure(exchange));
  return item;
}

function pointItem({ state, text }) {
  const item = element("li", state);
  item.append(icon(state), element("span", "", text));
  return item;
}

function exchangeFigure({ request, response }) {
  const both = element("div", "exchange");
  const { pathname, search, host } = new URL(request.url);
  both.append(
    message("Asked", `${request.method} ${pathname}${search}`, [["host", host], ...request.headers]),
    message(
      response.from === "filter" ? "Answered by the filter" : "Answered by the upstream, through the filter",
      `HTTP ${response.status}`,
      response.headers,
      response.body,
    ),
  );
  return both;
}

function message(title, first, headers, body) {
  const box = element("div");
  box.append(element("p", "caption", title));
  const text = element("div", "http");
  text.append(element("b", "", first));
  for (const [name, value] of headers) {
    const line = /^(access-control-|origin$|vary$)/.test(name) ? "name cors" : "name";
    text.append("\n", element("span", line, `${name}: `), value);
  }
  if (body) text.append("\n\n", body);
  box.append(text);
  return box;
}

function icon(state) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[state]);
  for (const [name, value] of Object.entries({
    fill: "none",
    stroke: "currentColor",
    "stroke-width": 2.4,
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  })) {
    path.setAttribute(name, String(value));
  }
  svg.append(path);
  return svg;
}

function element(name, classes = "", text = "") {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  if (text) made.textContent = text;
  return made;
}

const ICONS = {
  good: "M3 8.5 6.5 12 13 4.5",
  bad: "M4 4 12 12M12 4 4 12",
  info: "M3 8H13M9 4 13 8 9 12",
  none: "M4 8H12",
};
