// The documentation and the suggestions of the editor: node tests/fields.mjs. A bar is the caret.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fieldAt, fieldOfLine } from "../playground/fields.js";

const schema = JSON.parse(readFileSync(new URL("../envoy/cors.schema.json", import.meta.url), "utf8"));
let checked = 0;

/**
 * The name of the field, the labels of the suggestions, and the text after the first of them.
 * @returns {[string | undefined, string[], string | undefined]}
 */
function at(marked) {
  const caret = marked.indexOf("|");
  const text = marked.replace("|", "");
  const { field, suggestions, start, end } = fieldAt(text, caret, schema);
  const [first] = suggestions;
  const after = first && text.slice(0, start) + first.insert + text.slice(end);
  const shown = first && `${after.slice(0, start + first.caret)}|${after.slice(start + first.caret)}`;
  return [field?.name, suggestions.map(({ label }) => label), shown];
}

for (const [text, field, labels, after] of /** @type {[string, string | undefined, string[] | number, string?][]} */ ([
  ['{"allowCred|"}', undefined, ["allowCredentials"], '{"allowCredentials": |}'],
  ['{"allowCredentials|": true}', "allowCredentials", ["allowCredentials"], '{"allowCredentials"|: true}'],
  ["{allowM|", undefined, ["allowMethods"], '{"allowMethods": [|]'],
  ['{"mode": "s|"}', "mode", ["shadow"], '{"mode": "shadow"|}'],
  ['{"mode": |}', "mode", ["enforce", "shadow", "off"], '{"mode": "enforce"|}'],
  ['{"allowCredentials": t|}', "allowCredentials", ["true"], '{"allowCredentials": true|}'],
  ['{"preflightStatus": |}', "preflightStatus", ["200", "204"], '{"preflightStatus": 200|}'],
  ['{"presets": ["gr|', "presets", ["grpc-web"], '{"presets": ["grpc-web"|'],
  ['{"allowOrigins": ["https://a|"]}', "allowOrigins", []],
  ['{"rules": [{"ma|', "rules", ["match"], '{"rules": [{"match": {|}'],
  ['{"rules": [{"match": {"hostn|": []}}]}', "match", ["hostnames"], '{"rules": [{"match": {"hostnames"|: []}}]}'],
  [
    '{"rules": [{"match": {"hostnames|": []}}]}',
    "hostnames",
    ["hostnames"],
    '{"rules": [{"match": {"hostnames"|: []}}]}',
  ],
  [
    '{"policies": {"a.b": {"allow_m|": []}}}',
    undefined,
    ["allowMethods"],
    '{"policies": {"a.b": {"allowMethods"|: []}}}',
  ],
  ['{"policies": {"mine|": {}}}', "policies", []],
  ['{"grants": [{"allow_methods": ["GET|"]}]}', "allow_methods", []],
  [
    '{"allowOrigins": [], "allowO|',
    undefined,
    ["allowOriginRegexes", "timingAllowOrigin"],
    '{"allowOrigins": [], "allowOriginRegexes": [|]',
  ],
  ['{"nonsense": {"a|', undefined, []],
  ['{"a": "\\"{", "mo|', undefined, ["mode"], '{"a": "\\"{", "mode": "|"'],
  ['{"a": "open\n "mo|', undefined, [], undefined],
  ["|", undefined, []],
  ["]]}}|", undefined, []],
])) {
  const [own, found, shown] = at(text);
  if (field) assert.equal(own, field, text);
  assert.deepEqual(found, labels, text);
  assert.equal(shown, after, text);
  checked++;
}
// Every field has a description wherever it is written, and can be completed there.
for (const [before, properties] of [
  ["{", schema.properties],
  ['{"rules": [{', schema.$defs.rule.properties],
  ['{"rules": [{"policy": {', schema.$defs.policy.properties],
  ['{"policies": {"a": {', schema.$defs.policy.properties],
  ['{"grants": [{', schema.$defs.grant.properties],
  ['{"rules": [{"match": {', schema.$defs.match.properties],
]) {
  for (const name of Object.keys(properties)) {
    const [field] = at(`${before}"${name}|"`);
    assert.equal(field, name, before);
    if (!name.includes("_")) assert(at(`${before}"${name.slice(0, 4)}|`)[1].includes(name), `${before}${name}`);
    checked++;
  }
}
assert(!at('{"allow|')[1].some((name) => name.includes("_")));
const yaml = "spec:\n  pluginConfig:\n    allow_origins:\n      - https://a.example\n    rules:\n      - match: {}\n";
for (const [word, name] of [
  ["allow_origins", "allow_origins"],
  ["https", undefined],
  ["rules", "rules"],
  ["match", "match"],
  ["spec", undefined],
]) {
  assert.equal(fieldOfLine(yaml, yaml.indexOf(word), schema)?.name, name, word);
  checked++;
}
console.log(`${checked} places are explained`);
