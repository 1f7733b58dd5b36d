// Compares corsctl as WebAssembly, which the page runs, with what corsctl prints on the command line:
// node tests/corsctl.mjs [dist/corsctl.wasm]

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
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

console.log(`${checked + 1} runs of corsctl.wasm are as on the command line`);
