// Compares the page with the command line: node tests/page_and_corsctl.mjs CORSCTL MODULE
//
// For every example and some changes of its request, both have the same conclusion, reason, answers and advice.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { plan, run } from "../playground/browser.js";
import { EXAMPLES, REQUEST } from "../playground/examples.js";
import { Judge } from "../playground/judge.js";
import { describe } from "../playground/story.js";

const [corsctl, module] = process.argv.slice(2);
const judge = await Judge.start(readFileSync(module));
const changes = [
  {},
  { method: "patch" },
  { method: "TRACE" },
  {
    headers: [
      ["x-new", "1"],
      ["Authorization", "1"],
      ["Cookie", "1"],
    ],
  },
  { origin: "https://other.example" },
  { origin: "null" },
  { credentials: true },
  { url: "https://nobody.example//admin" },
  { origin: "https://api.example.com", method: "DELETE" },
];
let compared = 0;
const advised = new Set();
for (const { id, policy, request } of EXAMPLES) {
  if (!judge.configure(policy).ok) continue;
  for (const change of changes) {
    const fetched = { ...REQUEST, ...request, ...change };
    const title = `${id} with ${JSON.stringify(change)}`;
    const explained = explain(policy, fetched);
    const call = plan(fetched);
    const { blocked, preflight, actual, readable } = run(call, (sent) =>
      judge.send(sent, { status: 200, headers: [] }),
    );
    assert.equal(!blocked, explained.readable, title);
    assert.equal(blocked?.because ?? null, explained.because ?? null, title);
    assert.equal(blocked?.at ?? null, explained.blocked_at ?? null, title);
    const answers = [preflight, actual].filter(Boolean);
    assert.deepEqual(
      answers.map(({ status }) => status),
      explained.exchanges.map(({ status }) => status),
      title,
    );
    for (const [index, { headers }] of answers.entries()) {
      assert.deepEqual(sorted(headers), sorted(explained.exchanges[index].headers), title);
    }
    // The command line names the listed headers, the page those of the response.
    const listed = explained.exposed.map((name) => name.toLowerCase());
    if (!call.sameOrigin) for (const name of readable) assert(listed.includes(name), `${title}: ${name}`);
    // Under shadow the page first says that nothing is enforced; it names all missing headers, not only the first.
    if (explained.remedy && !/"mode": "shadow"/.test(policy)) {
      const [advice] = describe(judge, JSON.parse(policy), {
        ...fetched,
        upstream: { status: 200, headers: [] },
      }).fixes;
      const said = advice.text.replace(/(add "[^"]+")(, "[^"]+")+/i, "$1").toLowerCase();
      assert(said.includes(explained.remedy.toLowerCase()), `${title}: ${advice.text} / ${explained.remedy}`);
      advised.add(explained.remedy.replace(/"[^"]*"/g, "…").replace(/ (of|in) rules.*/, ""));
    }
    compared++;
  }
}
assert(compared > 100 && advised.size > 5, [...advised].join("\n"));
console.log(`${compared} conclusions are the same`);

function explain(policy, { origin, method, url, headers, credentials }) {
  const names = headers.map(([name]) => name).join(",");
  const given = ["explain", "-", "--output", "json", "--origin", origin, "--method", method, "--url", url];
  if (names) given.push("--request-headers", names);
  if (credentials) given.push("--credentials");
  const { status, stdout, stderr } = spawnSync(corsctl, given, { input: policy, encoding: "utf8" });
  assert(status === 0 || status === 1, `${given}: ${stderr}`);
  return JSON.parse(stdout);
}

function sorted(headers) {
  return headers.map((line) => line.join(": ")).sort();
}
