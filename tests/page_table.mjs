// The playground's table of requests: node tests/page_table.mjs MODULE [CORSCTL]
//
// Each cell says what the story says of the same request; a policy compared with itself has no difference, and with
// another one exactly those that the judgements have. With CORSCTL, the cases that the page makes pass `corsctl test`
// under their policy, and do not under another.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { casesFile } from "../playground/cases.js";
import { EXAMPLES, REQUEST } from "../playground/examples.js";
import { Judge } from "../playground/judge.js";
import { describe } from "../playground/story.js";
import { compare, judgeTable, NO_ORIGIN, prefill, readMethods, readOrigins } from "../playground/table.js";

const [module, corsctl] = process.argv.slice(2);
const judge = await Judge.start(readFileSync(module));
const policies = EXAMPLES.filter(({ policy }) => judge.configure(policy).ok).map((example) => ({
  ...example,
  request: { ...REQUEST, ...example.request },
}));
// Policies and requests that the examples do not have.
const extra = {
  nothing: {},
  off: { mode: "off", allowOrigins: ["https://a.example"] },
  "reject, and the upstream's own headers": {
    allowOrigins: ["https://a.example", "null"],
    unmatchedRequests: "reject",
    upstreamCors: "keep",
    allowHeaders: ["*"],
  },
  forward: { allowOrigins: ["https://a.example"], upstreamCors: "keep", unmatchedPreflights: "forward" },
  "a rule with brackets in its name": {
    rules: [
      {
        name: "a (b; c)",
        match: { hostnames: ["api.example.com"] },
        policy: { allowOriginRegexes: ["https://(a|b)\\.example"] },
      },
    ],
  },
  "no rule for this host": { rules: [{ match: { hostnames: ["other.example"] }, policy: { allowOrigins: ["*"] } }] },
};
for (const [id, policy] of Object.entries(extra)) {
  policies.push({ ...EXAMPLES[0], id, policy: JSON.stringify(policy), request: REQUEST });
}

const seen = { allowed: 0, blocked: 0, cells: 0, cases: 0, wider: 0, narrower: 0 };
for (const { id, policy, request } of policies) {
  const { table, asked } = tableOf(policy, request);
  assert(table.origins.includes("null") && table.origins.includes(NO_ORIGIN), id);
  assert(table.methods.length >= 2 && table.origins.length >= 3, `${id}: ${table.origins} ${table.methods}`);
  for (const cell of table.rows.flat()) checkCell(cell, JSON.parse(policy), asked, id);
  assert.deepEqual(
    compare(table, table)
      .flat()
      .filter(({ change }) => change),
    [],
    id,
  );
  if (corsctl) checkCases(policy, table, id);
}
assert(seen.allowed > 100 && seen.blocked > 150, JSON.stringify(seen));

// What decided is named.
expectBy({ allowOrigins: ["https://*.a.example"] }, "https://b.a.example", "GET", "https://*.a.example");
expectBy({ allowOrigins: [], grants: [{ allowOrigins: ["*"] }] }, "https://x.example", "GET", "*, grants[0]");
expectBy(
  extra["a rule with brackets in its name"],
  "https://b.example",
  "GET",
  '/https://(a|b)\\.example/, rules[0] "a (b; c)"',
);
expectBy(
  extra["a rule with brackets in its name"],
  "https://c.example",
  "GET",
  'it is not an allowed origin, rules[0] "a (b; c)"',
);
expectBy(extra["no rule for this host"], "https://c.example", "GET", "no policy governs it");
expectBy(extra.off, "https://a.example", "GET", "top-level policy is off");
expectBy({ allowOrigins: ["*"], allowHeaders: ["x-amz-*"] }, "https://x.example", "GET", "*, x-amz-*", [
  ["x-amz-date", "1"],
]);

// A page of the API itself may be refused too: here the service does not go by that name.
const elsewhere = { allowOrigins: [], hosts: ["other.example"] };
for (const method of ["GET", "PUT"]) {
  const [[cell]] = cellOf(elsewhere, "https://api.example.com", method).rows;
  assert.deepEqual([cell.level, cell.note], [0, "the filter answers 421"]);
  checkCell(cell, elsewhere, { url: REQUEST.url, headers: [], upstream: { status: 200, headers: [] } }, "elsewhere");
}
assert.equal(cellOf({ allowOrigins: [] }, "https://api.example.com", "GET").rows[0][0].word, "Same origin");

assert(judge.configure(JSON.stringify(elsewhere)).ok);
const { fixes } = describe(judge, elsewhere, { ...REQUEST, upstream: { status: 200, headers: [] } });
assert.deepEqual(fixes, [{ text: "Call the API by one of its names in hosts." }]);

// Of two policies, each difference in what a script may do is one of the comparison.
const before = { allowOrigins: ["https://a.example", "https://b.example"], allowMethods: ["GET", "PUT"] };
for (const [after, origin, method, change] of [
  [{ ...before, allowOrigins: ["https://a.example"] }, "https://b.example", "GET", "narrower"],
  [{ ...before, allowOrigins: ["*"] }, "https://c.example", "GET", "wider"],
  [{ ...before, allowOrigins: ["*"] }, "https://a.example", "GET", ""],
  [{ ...before, allowCredentials: true }, "https://a.example", "PUT", "wider"],
  [{ ...before, exposeHeaders: ["x-request-id"] }, "https://a.example", "GET", "wider"],
  [{ ...before, exposeHeaders: ["x-request-id"] }, "https://c.example", "GET", ""],
  [{ ...before, allowMethods: ["GET", "DELETE"] }, "https://a.example", "PUT", "narrower"],
  [{ ...before, allowMethods: ["GET", "DELETE"] }, "https://a.example", "DELETE", "wider"],
  [{ ...before, unmatchedRequests: "reject" }, "https://c.example", "GET", "narrower"],
  [{ ...before, maxAge: 60 }, "https://a.example", "PUT", ""],
]) {
  const title = `${JSON.stringify(after)} ${method} from ${origin}`;
  const [old, own] = [before, after].map((policy) => cellOf(policy, origin, method));
  assert.equal(compare(old, own)[0][0].change, change, title);
  const back = { wider: "narrower", narrower: "wider", "": "" }[change];
  assert.equal(compare(own, old)[0][0].change, back, `back: ${title}`);
}
// One of each pair of examples at random has other rights: both directions occur and are opposite.
for (const one of policies) {
  for (const other of policies.slice(0, 6)) {
    const { table, asked } = tableOf(one.policy, one.request);
    judge.configure(other.policy);
    const axes = { ...asked, origins: table.origins, methods: table.methods };
    const second = judgeTable(judge, JSON.parse(other.policy), axes);
    const [there, back] = [compare(table, second).flat(), compare(second, table).flat()];
    for (const [index, { change }] of there.entries()) {
      const opposite = { wider: "narrower", narrower: "wider" }[change] ?? change;
      assert.equal(back[index].change, opposite, `${one.id} ${other.id}`);
      if (change in seen) seen[change]++;
      const [was, is] = [table, second].map(({ rows }) => rows.flat()[index].level);
      if (is > was) assert(["wider", "changed"].includes(change), `${one.id} ${other.id}`);
      if (is < was) assert(["narrower", "changed"].includes(change), `${one.id} ${other.id}`);
    }
  }
}
assert(seen.wider > 20 && seen.narrower > 20, JSON.stringify(seen));

// A table that compares has the rows and columns of both policies.
{
  const [own, earlier] = [{ allowOrigins: ["https://b.example"] }, { ...before, allowMethods: ["PURGE"] }];
  judge.configure(JSON.stringify(own));
  const { origins, methods } = prefill(judge, [own, earlier], { url: REQUEST.url, headers: [], upstream: {} });
  assert(origins.includes("https://a.example") && origins.includes("https://b.example"), origins.join());
  assert(methods.includes("PURGE") && methods.includes("POST"), methods.join());
}

// What a person types.
assert.deepEqual(readOrigins(" https://A.example/x \n\nNO origin\nnull\nnull"), [
  "https://a.example",
  NO_ORIGIN,
  "null",
]);
assert.deepEqual(readMethods("GET, put  PATCH,GET"), ["GET", "put", "PATCH"]);
for (const text of ["nonsense", "https://a.example\n".repeat(41), "http://"])
  assert.throws(() => readOrigins(text), Error);
for (const text of ["A(", "A B C D E F G H I J K L M"]) assert.throws(() => readMethods(text), Error);

console.log(
  Object.entries(seen)
    .map(([what, number]) => `${number} ${what}`)
    .join(", "),
);

function tableOf(text, request) {
  assert(judge.configure(text).ok, text);
  const upstream = { status: request.status, headers: request.upstream };
  const headers = request.headers.map(([name, value]) => [name, value.replaceAll("…", "...")]);
  const asked = { url: request.url, headers, upstream };
  const policy = JSON.parse(text);
  const axes = prefill(judge, [policy], asked);
  return { table: judgeTable(judge, policy, { ...asked, ...axes }), asked };
}

function cellOf(policy, origin, method, headers = []) {
  assert(judge.configure(JSON.stringify(policy)).ok);
  const upstream = { status: 200, headers: [["x-request-id", "1"]] };
  return judgeTable(judge, policy, { url: REQUEST.url, headers, upstream, origins: [origin], methods: [method] });
}

function expectBy(policy, origin, method, by, headers) {
  assert.equal(cellOf(policy, origin, method, headers).rows[0][0].by, by);
}

/** A cell and the story of the same request agree. */
function checkCell(cell, policy, asked, id) {
  seen.cells++;
  if (cell.origin === NO_ORIGIN) return;
  for (const credentials of [false, true]) {
    const call = { ...asked, origin: cell.origin, method: cell.method, credentials };
    const { verdict } = describe(judge, policy, call);
    const asks = `${cell.method} from ${cell.origin}, credentials ${credentials}`;
    const title = `${id}: ${asks}: ${cell.word}, ${verdict.title}`;
    if (cell.level !== undefined) assert.equal(verdict.good, cell.level > Number(credentials), title);
    else assert(/^Same origin/.test(verdict.title), title);
  }
  seen[cell.level ? "allowed" : "blocked"]++;
}

/** The file passes under its policy; under a policy that allows nobody, whatever was allowed fails. */
function checkCases(policy, table, id) {
  const folder = mkdtempSync(join(tmpdir(), "cors-table-"));
  try {
    const text = casesFile(table);
    writeFileSync(join(folder, "cases.yaml"), text);
    const { good, cases } = testCases(folder, policy);
    const failed = cases.filter((one) => !one.good);
    assert(good, `${id}: ${JSON.stringify(failed, null, 1)}\n${policy}\n${text.slice(0, 3000)}`);
    seen.cases += cases.length;
    const isAnyAllowed = cases.some(({ name }) => text.includes(`"${name}"`)) && /verdict: "allowed"/.test(text);
    if (isAnyAllowed) assert(!testCases(folder, '{"allowOrigins": []}').good, id);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function testCases(folder, policy) {
  const { stdout, stderr } = spawnSync(corsctl, ["test", "-", join(folder, "cases.yaml"), "--output", "json"], {
    input: policy,
    encoding: "utf8",
  });
  assert(stdout, stderr);
  return JSON.parse(stdout);
}
