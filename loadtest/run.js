#!/usr/bin/env node
// Runs a load test with k6, and leaves a summary and a page with plots in target/loadtest/NAME.
//
//     loadtest/run.js echo URL=http://localhost:3000 CLIENTS=100

import { fileURLToPath } from "node:url";

import { runScript } from "./report/runner.js";

const [script, ...settings] = process.argv.slice(2);
if (!script) {
  console.error("usage: loadtest/run.js SCRIPT [NAME=VALUE...]");
  process.exit(2);
}
const { passed, page } = await runScript(script, Object.fromEntries(settings.map((setting) => setting.split(/=(.*)/s, 2))));
console.log(`${passed ? "passed" : "FAILED"}: ${fileURLToPath(page)}`);
process.exitCode = passed ? 0 : 1;
