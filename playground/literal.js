// Reads the arguments of a call in JavaScript as far as they are literal: strings, numbers, lists, objects.

/** The arguments of the call whose `(` is at the start of `text`. What is not literal becomes {code: "…"}. */
export function readArguments(text) {
  let at = 0;
  const space = () => {
    at += /^(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/.exec(text.slice(at))[0].length;
    return text[at] ?? "";
  };
  const value = (depth) => {
    if (depth > 20) throw unreadable();
    const start = space();
    const from = at;
    let read;
    if (start === "[") read = list("]", depth);
    else if (start === "{") read = object(depth);
    else if (QUOTES.includes(start)) read = string();
    // A literal with something behind it is an expression: "Bearer " + token.
    if (read !== undefined && ENDS.includes(space())) return read;
    at = from;
    return { code: code() };
  };
  const list = (end, depth) => {
    const items = [];
    for (at++; space() !== end; ) {
      items.push(value(depth + 1));
      if (space() === ",") at++;
      else if (text[at] !== end) throw unreadable();
    }
    at++;
    return items;
  };
  const object = (depth) => {
    const fields = [];
    for (at++; space() !== "}"; ) {
      const name = key();
      if (name && space() === ":") {
        at++;
        fields.push([name, value(depth + 1)]);
        // `{ method }` names a variable; what is spread or is a function says nothing here.
      } else if (!code() && name) fields.push([name, { code: name }]);
      if (space() === ",") at++;
      else if (text[at] !== "}") throw unreadable();
    }
    at++;
    return Object.fromEntries(fields);
  };
  const key = () => {
    if (QUOTES.includes(text[at])) return string();
    const [name] = /^[\w$]*/.exec(text.slice(at));
    at += name.length;
    return name;
  };
  const string = () => {
    const [all, quote, inner] = /^(["'`])((?:\\[\s\S]|(?!\1)[^\\])*)\1/.exec(text.slice(at)) ?? [];
    if (all === undefined) throw unreadable();
    at += all.length;
    return (quote === "`" ? inner.replace(/\$\{[^}]*\}/g, "…") : inner).replace(ESCAPE, unescapeOne);
  };
  /** An expression up to the comma or bracket behind it. */
  const code = () => {
    const from = at;
    for (let open = 0; at < text.length; at++) {
      if (QUOTES.includes(text[at])) {
        string();
        at--;
      } else if ("([{".includes(text[at])) open++;
      else if (!open && ENDS.includes(text[at])) break;
      else if (")]}".includes(text[at])) open--;
    }
    return text.slice(from, at).trim();
  };
  return list(")", 0);
}

const QUOTES = ['"', "'", "`"];
const ENDS = [",", ")", "]", "}"];
const ESCAPE = /\\(?:u\{([\da-fA-F]+)\}|u([\da-fA-F]{4})|x([\da-fA-F]{2})|\r?\n|([\s\S]))/g;

function unescapeOne(_, braced, unicode, byte, letter) {
  const code = braced ?? unicode ?? byte;
  if (code !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff));
  return letter === undefined ? "" : ({ n: "\n", r: "\r", t: "\t" }[letter] ?? letter);
}

const unreadable = () => new Error("This call could not be read to its end. Paste it whole, and nothing else.");
