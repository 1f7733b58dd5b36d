// Links out of the page: to the documents and the source, where scripts/site says they are, and to the other pages.

import { FIELDS } from "./field-names.js";

/** The attributes of <html> that scripts/site and scripts/demo fill in. */
const places = () => globalThis.document?.documentElement.dataset ?? {};

/**
 * Links of a diagnostic, {code, path}, to what the documents say about it and its field: [{text, href}]. `documents` is
 * the address of the documents; without one there are no links.
 */
export function linksOf({ code = "", path = "" }, documents = places().documents) {
  if (!documents) return [];
  const fields = path.match(/[A-Za-z]+(?=(?:\[\d+\])*(?:\.|$))/g) ?? [];
  const field = fields.reverse().find((name) => FIELDS.includes(name));
  return [
    ...(code ? [{ text: code, href: `${documents}reference/diagnostics.html#${code}` }] : []),
    ...(field ? [{ text: field, href: `${documents}reference/fields.html#${field}` }] : []),
  ];
}

/** Links of a message of messages.js to its row in the documents, if it has one. */
export function linksOfMessage(message, documents = places().documents) {
  const { cause, chromium, firefox, webkit } = message;
  const place = chromium || firefox || webkit ? `#${slug(cause)}` : "";
  return documents ? [{ text: "In the documents", href: `${documents}reference/browser-messages.html${place}` }] : [];
}

/** The pages that exist where this page is served: [{text, href}]. */
export function pages({ documents, live, repository } = /** @type {any} */ (places())) {
  return [
    ...(documents
      ? [
          { text: "Documents", href: `${documents}index.html` },
          { text: "Every field", href: `${documents}reference/fields.html` },
          { text: "Every diagnostic", href: `${documents}reference/diagnostics.html` },
        ]
      : []),
    ...(live ? [{ text: "Real requests to this Envoy", href: live }] : []),
    { text: "Check this browser", href: "device.html" },
    ...(repository ? [{ text: "Source", href: repository }] : []),
  ];
}

/** A cause as the name of its place in a document. */
export const slug = (cause) =>
  cause
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

/** The links as elements. */
export function anchors(links) {
  return links.map(({ text, href }) => Object.assign(document.createElement("a"), { href, textContent: text }));
}
