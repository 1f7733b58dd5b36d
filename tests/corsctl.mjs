// Compares corsctl as WebAssembly, which the page runs, with what corsctl prints on the command line:
// node tests/corsctl.mjs [dist/corsctl.wasm]

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { isPluginJson, readHome } from "../playground/homes.js";
import { runProgram } from "../playground/wasi.js";

const here = new URL(".", import.meta.url);
const program = await WebAssembly.compile(readFileSync(process.argv[2] ?? new URL("../dist/corsctl.wasm", here)));
let checked = 0;

// The outputs of import that the tests of the command line hold.
for (const folder of ["../crates/corsctl/tests/import/", "../crates/corsctl/tests/import/refused/"]) {
  const names = readdirSync(new URL(folder, here));
  const text = (name) => readFileSync(new URL(folder + name, here), "utf8");
  for (const name of names.filter((name) => names.includes(`${name}.said`))) {
    const ran = runProgram(program, ["import", name], { [name]: text(name) });
    const isRefused = folder.endsWith("refused/");
    const stdout = isRefused ? "" : text(`${name}.out`);
    assert.deepEqual(ran, { code: isRefused ? 2 : 0, stdout, stderr: text(`${name}.said`) }, name);
    checked++;
  }
}
assert(checked > 60, `${checked}`);

// Standard input, several files, a file that does not exist, an unknown command, and characters of any length.
const [narrow, wide] = ['{"allowOrigins": ["https://a.example"]}', '{"allowOrigins": ["*"]}'];
for (const [args, files, code, says] of /** @type {[string[], Record<string, string>, number, RegExp][]} */ ([
  [["--version"], {}, 0, /^corsctl \d/],
  [["check", "-"], { "-": narrow }, 0, /^<stdin>:1: good: /],
  [["check", "a b.yaml"], { "a b.yaml": "allowOrigins: [https://é中😀.example]" }, 1, /"https:\/\/é中😀\.example"/],
  [["check", "a.json", "b.json"], { "a.json": narrow, "b.json": wide }, 0, /^a\.json:1: good[\s\S]*\nb\.json:1: good/],
  [["diff", "a.json", "b.json"], { "a.json": narrow, "b.json": wide }, 1, /: wider\n/],
  [["diff", "a.json", "-"], { "a.json": wide, "-": narrow }, 0, /: narrower\n/],
  [["check", "none.json"], { "a.json": narrow }, 2, /none\.json: cannot be read: No such file/],
  [["check", "../a.json"], { "a.json": narrow }, 2, /cannot be read/],
  [["check", "-"], {}, 2, /^$|</],
  [["probe"], {}, 2, /unrecognized subcommand/],
])) {
  const ran = runProgram(program, args, files);
  assert.equal(ran.code, code, `${args}: ${JSON.stringify(ran)}`);
  assert.match(ran.stdout + ran.stderr, says, args.join(" "));
  checked++;
}

// Megabytes of input and of output.
const many = Array.from({ length: 2000 }, (_, i) => `{"allowOrigins": ["https://a${i}.example/${"x".repeat(400)}"]}`);
const { code, stdout } = runProgram(program, ["check", "-", "--output", "json"], { "-": many.join("\n") });
assert.equal(code, 1);
assert.equal(JSON.parse(stdout).files[0].configurations.length, many.length);

// What the editor makes of texts that are not plugin JSON.
const file = (name) => readFileSync(new URL(`../${name}`, here), "utf8");
const run = async (args, files) => runProgram(program, args, files);
const policy = '{\n  "allowOrigins": ["https://a.example"]\n}';
const map =
  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n" +
  "  cors.json: |\n    {'allowOrigins': ['https://a.example']}";
for (const [text, says, expected, problems = []] of /** @type {[string, string, (string | RegExp)[], string[]?][]} */ ([
  ["allowOrigins:\n  - https://a.example", "YAML", [policy]],
  [
    "# a comment\nallow_origins: [https://a.example]\nmaxAge: soon",
    "YAML",
    [/"maxAge": "soon"/],
    ["max-age-invalid 3"],
  ],
  ["allowOrigins: [*]", "", [], ["file-malformed 1"]],
  [file("envoy/istio/wasm-plugin.yaml"), 'WasmPlugin "istio-ingress/cors"', [/"allowOrigins"/]],
  [file("envoy/envoy.yaml"), 'listener "public", filter "cors"', [/"allowOrigins"/]],
  [
    file("envoy/envoy-gateway/extension-policy.yaml"),
    /^EnvoyExtensionPolicy/,
    [/"allowOrigins"/],
    ["envoy-gateway-order 7"],
  ],
  [map.replaceAll("'", '"'), 'ConfigMap "a", cors.json', [policy]],
  [
    "allowOrigins: [https://a.example]\n---\nallowOrigins: [https://b.example]",
    "2 configurations",
    [policy, /b\.example/],
  ],
  ['{"cors": {"allowOrigins": ["https://a.example"]}}', "JSON", [policy], ["wrapped-configuration 1"]],
  ['{"allowOrigin": ["https://a.example"]}', "", [/"allowOrigin"/], ["unknown-field 1"]],
  ['{"allowedOrigins": ["https://a.example"]}', "rs/cors: 1 policy", [/"allowOrigins": \["https:\/\/a\.example"\]/]],
  [file("tests/playground/ingress.yaml"), "ingress-nginx: 1 policy in 1 Ingress", [/"rules"/]],
  [file("crates/corsctl/tests/import/refused/istio-beside.yaml"), "", [], ["not-imported 12", "not-imported 18"]],
  ["hello: there", "", [], ["no-configuration"]],
  ["server {\n  add_header Access-Control-Allow-Origin *;\n}", "", [], ["file-malformed"]],
])) {
  assert(!isPluginJson(text), text);
  const home = await readHome(text, run);
  if (says) assert.match(home.says, typeof says === "string" ? new RegExp(`^${says}$`) : says, text);
  else assert.equal(home.says, "", text);
  assert.equal(home.configurations.length, expected.length, text);
  for (const [index, own] of expected.entries()) {
    const { policy } = home.configurations[index];
    if (typeof own === "string") assert.equal(policy, own, text);
    else assert.match(policy, own, text);
  }
  const all = [...home.configurations.flatMap((own) => own.problems), ...home.problems];
  const worst = all.filter(({ level, code }) => level === "error" || problems.some((own) => own.startsWith(code)));
  const shown = worst.map(({ code, line }) => (problems.some((own) => own === code) ? code : `${code} ${line}`));
  assert.deepEqual(shown, problems, text);
  checked++;
}
for (const text of [
  "",
  "  ",
  "{",
  '{"allowOrigins": [}',
  "{}",
  '{"_note": 1, "allow_origins": []}',
  "[1",
  "true",
  '{"allowOrigins": [], "max": 1, "debug": true}',
]) {
  assert(isPluginJson(text), text);
}

console.log(`${checked + 1} runs of corsctl.wasm are as on the command line`);
