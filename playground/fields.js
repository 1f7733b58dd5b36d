// What the JSON Schema of the configuration says about a place in a text, which may be incomplete: the field there, its
// description, and what can be written.

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} description
 * @property {string} type in words
 * @property {unknown} [standard] its default
 * @property {unknown} [example]
 *
 * @typedef {object} Suggestion
 * @property {string} label
 * @property {string} insert
 * @property {number} caret where the caret is afterwards, within `insert`
 * @property {Field} [field]
 */

/**
 * The field at an offset of a text, and the suggestions for what is being written there, which replace the text from
 * `start` to `end`.
 * @param {string} text
 * @param {number} offset
 * @param {any} schema
 * @returns {{field?: Field, suggestions: Suggestion[], start: number, end: number}}
 */
export function fieldAt(text, offset, schema) {
  const { stack, word } = contextAt(text, offset);
  const top = stack.at(-1);
  const outer = stack.slice(0, -1).reduce((node, frame) => below(node, frame, schema), schema);
  const parent = resolve(outer, schema);
  if (!top) return { suggestions: [], ...word };
  if (top.isObject && !top.isValue) {
    const name = word.whole || top.key;
    const own = name === undefined ? undefined : property(parent, name);
    const suggestions = fields(parent)
      .filter(([key]) => matches(key, word.typed) && !top.seen.has(key))
      .sort(([a], [b]) => Number(!begins(a, word.typed)) - Number(!begins(b, word.typed)))
      .map(([key, node]) => keySuggestion(key, resolve(node, schema), text.slice(word.end)));
    // Inside of an object of the reader's own names, the field around it is the one to explain.
    const field = (own && describe(name, own, schema)) ?? named(stack.slice(0, -1), schema);
    return { field, suggestions, ...word };
  }
  const node = below(parent, top, schema);
  const choices = values(resolve(node, schema)).filter((choice) => matches(String(choice), word.typed));
  const suggestions = choices.map((choice) => {
    const insert = JSON.stringify(choice);
    return { label: String(choice), insert, caret: insert.length };
  });
  return { field: named(stack, schema), suggestions, ...word };
}

/** The field that a line of YAML names, by its name alone. */
export function fieldOfLine(text, offset, schema) {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1).split("\n", 1)[0];
  const [, name] = /^\s*(?:- )?["']?([\w$]+)["']?\s*:/.exec(line) ?? [];
  if (name === undefined) return undefined;
  for (const node of [schema, schema.$defs.rule, schema.$defs.match, schema.$defs.policy, schema.$defs.grant]) {
    const own = Object.hasOwn(node.properties, name) ? node.properties[name] : undefined;
    if (own) return describe(name, own, schema);
  }
  return undefined;
}

/**
 * Where an offset is: the objects and lists around it, outermost first, and the word that is being written. A word in
 * quotes includes them; an open one ends at the offset.
 */
function contextAt(text, offset) {
  const stack = [];
  let at = 0;
  while (at < offset) {
    const top = stack.at(-1);
    const char = text[at];
    if (char === '"') {
      const [string] = /^"(?:\\.|[^"\\\n])*"?/.exec(text.slice(at, at + MAX_STRING)) ?? [char];
      const end = at + string.length;
      const isClosed = string.length > 1 && string.endsWith('"');
      if (offset < end || (offset === end && !isClosed)) {
        const isWord = isClosed && /^"[\w*@$#.-]*"$/.test(string);
        const whole = isWord ? string.slice(1, -1) : text.slice(at + 1, offset);
        return { stack, word: { start: at, end: isWord ? end : offset, typed: text.slice(at + 1, offset), whole } };
      }
      if (top?.isObject && !top.isValue) {
        top.key = string.replaceAll('"', "");
        top.seen.add(top.key);
      }
      at = end;
      continue;
    }
    if (char === "{" || char === "[")
      stack.push({ isObject: char === "{", isValue: false, key: undefined, seen: new Set() });
    else if (char === "}" || char === "]") stack.pop();
    else if (char === ":" && top) top.isValue = true;
    else if (char === "," && top?.isObject) [top.isValue, top.key] = [false, undefined];
    at++;
  }
  const [typed] = /[A-Za-z_]*$/.exec(text.slice(Math.max(0, offset - 64), offset)) ?? [""];
  return { stack, word: { start: offset - typed.length, end: offset, typed, whole: typed } };
}

/** The schema of what a frame holds at its current place. */
function below(node, { isObject, isValue, key }, schema) {
  const own = resolve(node, schema);
  if (!own) return undefined;
  if (!isObject) return own.items;
  return isValue && key !== undefined ? property(own, key) : undefined;
}

function property(node, name) {
  if (!node) return undefined;
  if (node.properties && Object.hasOwn(node.properties, name)) return node.properties[name];
  return typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
}

function resolve(node, schema) {
  const [, name] = /^#\/\$defs\/(\w+)$/.exec(node?.$ref ?? "") ?? [];
  return name === undefined ? node : schema.$defs[name];
}

/** The fields of an object, in camelCase alone. */
function fields(node) {
  return Object.entries(node?.properties ?? {}).filter(([key]) => !key.includes("_"));
}

/** The innermost field around a place. */
function named(stack, schema) {
  let node = schema;
  let found;
  for (const frame of stack) {
    node = below(node, frame, schema);
    if (node && frame.isObject && node.description) found = describe(frame.key, node, schema);
  }
  return found;
}

function describe(name, node, schema) {
  if (!node.description) return undefined;
  const { description, default: standard, examples } = node;
  return { name, description, type: words(resolve(node, schema)), standard, example: examples?.[0] };
}

/** The values that a field can have, if they are few. */
function values(node) {
  if (!node) return [];
  const options = [node, ...(node.anyOf ?? [])];
  const choices = options.flatMap((option) => option.enum ?? ("const" in option ? [option.const] : []));
  return node.type === "boolean" ? [true, false] : choices;
}

function words(node) {
  const choices = values(node);
  if (choices.length) return choices.map((choice) => JSON.stringify(choice)).join(" or ");
  const named = { array: "a list", object: "an object", string: "a text", integer: "a number" };
  return named[node?.type] ?? (node?.anyOf ? "a number or a text" : "a value");
}

function keySuggestion(key, node, rest) {
  const isNamed = /^\s*:/.test(rest);
  const empty = { array: "[]", object: "{}", string: '""' }[node?.type ?? (values(node).length ? "string" : "")] ?? "";
  const insert = isNamed ? JSON.stringify(key) : `${JSON.stringify(key)}: ${empty}`;
  const inside = !isNamed && empty ? 1 : 0;
  return { label: key, insert, caret: insert.length - inside, field: node && { ...node, name: key } };
}

/** Whether a choice contains what was typed, in any case and with or without underscores. */
const matches = (choice, typed) => choice.toLowerCase().includes(plain(typed));
const begins = (choice, typed) => choice.toLowerCase().startsWith(plain(typed));
const plain = (typed) => typed.replaceAll("_", "").toLowerCase();

const MAX_STRING = 4096;
