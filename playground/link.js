// The state of the page in its address, behind the #: it is never sent to a server, and a person can write it by hand.
//
//   #origin=https://app.example.com&url=https://api.example.com/&method=PUT&header=x-a:+1&policy={…}

/** The state as the part of an address behind the `#`; what is as by default is left out. None if it is too long. */
export function toHash(state, defaults) {
  if (state.policy.length > MAX_LINK) return undefined;
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (Array.isArray(value)) {
      if (JSON.stringify(value) === JSON.stringify(defaults[name])) continue;
      if (!value.length) fields.append(name, "");
      for (const [header, text] of value) fields.append(name, `${header}: ${text}`);
    } else if (value !== defaults[name]) fields.append(name, String(value));
  }
  const hash = fields.toString();
  return hash.length > MAX_LINK ? undefined : hash;
}

/** The state that a hash holds, over the defaults. Fields that are not known are left aside. */
export function fromHash(hash, defaults) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { ...defaults };
  for (const [name, standard] of Object.entries(defaults)) {
    if (!fields.has(name)) continue;
    if (Array.isArray(standard)) state[name] = readHeaders(fields.getAll(name).join("\n"));
    else if (typeof standard === "boolean") state[name] = fields.get(name) === "true";
    else if (typeof standard === "number") state[name] = Number(fields.get(name)) || standard;
    else state[name] = fields.get(name);
  }
  return state;
}

/** Header lines as a person writes them: "name: value". */
export function readHeaders(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  return lines.map((line) => {
    const colon = line.indexOf(":", 1);
    return colon < 0 ? [line.trim(), ""] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
}

/** A link longer than this is cut or refused by chats and mail. */
const MAX_LINK = 32_000;
