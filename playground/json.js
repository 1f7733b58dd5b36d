// Places in a JSON text: a diagnostic about `rules[0].policy.maxAge` is shown at that place.

/**
 * Finds the values at some paths, as the module writes them: {path: {start, end, key: {start, end}}}. A path that
 * does not exist (a missing field) gives its nearest ancestor. The text must be JSON; keys may be in snake_case.
 * `form` converts a key to the form that paths use.
 */
export function locate(text, paths, form = shown) {
  const wanted = new Set(paths.flatMap(ancestors));
  const found = {};
  let at = 0;
  const space = () => {
    while (/[ \t\r\n]/.test(text[at] ?? "x")) at++;
  };
  const string = () => {
    const start = at++;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    return { start, end: ++at };
  };
  const isEnd = () => {
    space();
    return at >= text.length || /[\]}]/.test(text[at]);
  };
  const value = (path, key) => {
    space();
    const start = at;
    const [open] = text[at] ?? "";
    if (open === '"') string();
    else if (open === "{" || open === "[") {
      at++;
      for (let index = 0; !isEnd(); index++) {
        if (open === "[") value(`${path}[${index}]`);
        else {
          const key = string();
          space();
          at++; // the colon
          const written = JSON.parse(text.slice(key.start, key.end));
          const name = form(path === form("policies") ? written : canonical(written));
          value(path ? `${path}.${name}` : name, key);
        }
        space();
        if (text[at] === ",") at++;
      }
      at++;
    } else while (/[^\s,\]}]/.test(text[at] ?? " ")) at++;
    // If a key is repeated, the second one is shown.
    if (wanted.has(path)) found[path] = { start, end: at, key };
  };
  value("");
  return Object.fromEntries(paths.map((path) => [path, found[ancestors(path).find((above) => found[above])]]));
}

/** The offset where serde_json stopped, from its `line` and `column`, which counts bytes. */
export function offsetOf(text, line, column) {
  let start = 0;
  for (let i = 1; i < line; i++) start = text.indexOf("\n", start) + 1;
  const end = text.indexOf("\n", start);
  const bytes = new TextEncoder().encode(text.slice(start, end < 0 ? text.length : end));
  const before = new TextDecoder().decode(bytes.subarray(0, Math.max(0, column - 1)));
  return Math.min(text.length, start + before.length);
}

/** Line and column of an offset, from 1. */
export function positionOf(text, offset) {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

/**
 * The text with items added to a list in one of its objects, or with a field set; the rest does not change.
 * `edit` is {object, field, add: [...]}, or {object, field, value}; `object` is its path as a list, such as
 * ["policies", "a.b"]; `base` is the list to extend if the field is missing.
 */
export function edited(text, { object, field, add, value, base = [] }) {
  if (!text.trim()) text = "{}";
  const place = (...below) => {
    const path = exact([...object, ...below]);
    return locate(text, [path], JSON.stringify)[path];
  };
  const holder = object.reduce((node, part) => node[part], JSON.parse(text));
  const name = Object.keys(holder).find((key) => canonical(key) === field);
  const old = name === undefined ? undefined : holder[name];
  const wanted =
    value === undefined ? [...(old ?? base), ...add.filter((item) => !(old ?? base).includes(item))] : value;
  const written = Array.isArray(wanted)
    ? `[${wanted.map((item) => JSON.stringify(item)).join(", ")}]`
    : JSON.stringify(wanted);
  if (old !== undefined) {
    const { start, end } = place(field);
    const isOneLine = !text.slice(start, end).includes("\n");
    if (value !== undefined || isOneLine || !old.length) return text.slice(0, start) + written + text.slice(end);
    // If a list has one item per line, so do the new items.
    const last = place(field, old.length - 1);
    const indent = /\n[ \t]*$/.exec(text.slice(0, last.start))?.[0] ?? " ";
    const more = wanted.slice(old.length).map((item) => `,${indent}${JSON.stringify(item)}`);
    return text.slice(0, last.end) + more.join("") + text.slice(last.end);
  }
  const { start, end } = place();
  const inside = text.slice(start + 1, end - 1);
  const rest = inside.trimEnd();
  const indent = /\n[ \t]*(?=")/.exec(inside)?.[0] ?? (inside.includes("\n") || !rest ? "\n  " : " ");
  const close = rest && /\s*$/.exec(inside)[0];
  const line = `${rest ? "," : ""}${indent}${JSON.stringify(field)}: ${written}`;
  return text.slice(0, start + 1) + rest + line + (rest ? close : "\n") + text.slice(end - 1);
}

/** A key as the module writes it in a path: in quotes, unless it is plain. */
function shown(key) {
  if (/^[\w$@#-]+$/.test(key)) return key;
  // Characters that control a terminal are escaped too, although JSON does not require it.
  const unsafe = /[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
  return JSON.stringify(key).replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A path given as a list, as an unambiguous text: keys in quotes. */
function exact(parts) {
  return parts
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${JSON.stringify(part)}`))
    .join("")
    .slice(parts.length ? 1 : 0);
}

/** A path, and all paths above it. */
function ancestors(path) {
  const all = [path];
  for (let rest = path; rest; all.push(rest)) {
    rest = rest.slice(0, Math.max(0, rest.lastIndexOf("."), rest.lastIndexOf("[")));
  }
  return all;
}

/** A key as the module names it: `max_age` is `maxAge`. */
function canonical(key) {
  const isSnakeCase = !/^[_@$#]|_$|__|[A-Z]/.test(key);
  const name = isSnakeCase ? key.replace(/_(.)/g, (_, char) => char.toUpperCase()) : key;
  return name === "optionsSuccessStatus" ? "preflightStatus" : name;
}
