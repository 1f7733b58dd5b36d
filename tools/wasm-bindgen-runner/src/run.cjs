// Runs every test of the module next to this script, by the interface of wasm-bindgen-test's harness.

// The harness writes its report with the console's methods as they are before a test can replace them.
global.__wbgtest_og_console_log = console.log;
global.__wbgtest_og_console_error = console.error;
global.__wbg_test_invoke = (test) => test();

const module_of_tests = require("./tests.js");
const tests = Object.keys(module_of_tests.__wasm).filter((name) => name.startsWith("__wbgt_"));
if (tests.length === 0) {
  throw new Error("the module has no tests");
}
const context = new module_of_tests.WasmBindgenTestContext(false);
context.run(tests.map((name) => module_of_tests.__wasm[name])).then((passed) => process.exit(passed ? 0 : 1));
