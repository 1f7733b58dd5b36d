// Checks JSON values against JSON Schemas: scripts/json-schema runs it.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const load = createRequire(new URL("../scripts/javascript/package.json", import.meta.url));
const { Ajv } = load("ajv");
const { Ajv2020 } = load("ajv/dist/2020.js");

/** @type {{ schemas: { $schema?: string }[], values: [number, unknown][] }} */
const { schemas, values } = JSON.parse(readFileSync(0, "utf8"));
// Kubernetes has formats and keywords that are not in the standard.
const options = { allErrors: true, strict: false, validateFormats: false };
const validators = schemas.map((schema) => {
  const ajv = schema.$schema?.includes("2020-12") ? new Ajv2020(options) : new Ajv(options);
  return ajv.compile(schema);
});
const problems = values.map(([index, value]) => {
  const validate = validators[index];
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || "/"}: ${message}`);
});
writeFileSync(1, JSON.stringify(problems));
