// The playground's links into the documents: node tests/page_links.mjs [SITE]
//
// Every diagnostic, field and message of a console has its place in the documents; with the folder that scripts/site
// made, the links lead to places of its pages.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { CODES } from "../playground/codes.js";
import { FIELDS } from "../playground/field-names.js";
import { linksOf, linksOfMessage, pages } from "../playground/links.js";
import { MESSAGES } from "../playground/messages.js";

const [site] = process.argv.slice(2);
const source = new URL("../docs/src/", import.meta.url);
const texts = new Map();
let followed = 0;

for (const code of CODES.filter(Boolean)) follow(linksOf({ code }, "docs/"), 1);
for (const name of FIELDS) follow(linksOf({ path: name }, "docs/"), 1);
for (const message of MESSAGES) follow(linksOfMessage(message, "docs/"), 1);
follow(
  pages({ documents: "docs/" }).filter(({ href }) => href.startsWith("docs/")),
  3,
);
assert(followed > 150, String(followed));

// The field of a path is the innermost known one.
const fieldOf = (path) => linksOf({ path }, "docs/").map(({ text }) => text);
assert.deepEqual(fieldOf("rules[0].policy.allowOrigins[12]"), ["allowOrigins"]);
assert.deepEqual(fieldOf("policies.maxAge.allowMethods"), ["allowMethods"]);
assert.deepEqual(fieldOf("grants[1]"), ["grants"]);
assert.deepEqual(fieldOf("origins"), []);
assert.deepEqual(fieldOf(""), []);
// Without documents there are no dead links.
assert.deepEqual([linksOf({ code: "not-json", path: "maxAge" }, ""), linksOfMessage(MESSAGES[0], "")], [[], []]);
assert.deepEqual(
  pages({}).map(({ href }) => href),
  ["device.html"],
);
console.log(`${followed} links lead to their places`);

function follow(links, count) {
  assert.equal(links.length, count, JSON.stringify(links));
  for (const { href } of links) {
    const [, page, place] = /^docs\/(.+)\.html(?:#(.+))?$/.exec(href);
    const name = site ? `${site}/docs/${page}.html` : new URL(`${page === "index" ? "introduction" : page}.md`, source);
    if (!texts.has(page)) texts.set(page, readFileSync(name, "utf8"));
    const text = texts.get(page);
    assert(!place || text.includes(`id="${place}"`) || (!site && text.includes(`\n### \`${place}\`\n`)), href);
    followed++;
  }
}
