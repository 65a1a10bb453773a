#!/usr/bin/env node
// Starts a cluster on free ports, and runs a short one of each load test against it.
//
//     loadtest/short.js target/release/fanfare

import { fileURLToPath } from "node:url";

import { startCluster } from "./report/cluster.js";
import { runScript } from "./report/runner.js";

const [binary, ...wanted] = process.argv.slice(2);
if (!binary) {
  console.error("usage: loadtest/short.js BINARY [SCRIPT...]");
  process.exit(2);
}

const cluster = await startCluster(binary);
const balanced = { URL: cluster.url };
const nodes = { NODES: cluster.nodes.join(",") };

const RUNS = {
  connect: { ...balanced, CLIENTS: 200, RAMP: "4s", DURATION: "4s" },
  echo: { ...balanced, CLIENTS: 40, DURATION: "6s" },
  chat: { ...balanced, CLIENTS: 40, ROOMS: 5, RATE: 2, DURATION: "6s" },
  broadcast: { ...balanced, CLIENTS: 100, DURATION: "6s" },
  cluster: { ...nodes, CLIENTS: 60, DURATION: "6s" },
  polling: { ...balanced, ...nodes, SPREAD: "yes", CLIENTS: 30, DURATION: "6s" },
  churn: { ...balanced, CLIENTS: 30, DURATION: "6s" },
  soak: { ...nodes, METRICS: cluster.metrics.join(","), CLIENTS: 30, ROOMS: 6, RATE: 1, VISITORS: 5, DURATION: "15s" },
};

const results = [];
try {
  for (const script of wanted.length > 0 ? wanted : Object.keys(RUNS)) {
    console.log(`\n${script}`);
    results.push({ script, ...(await runScript(script, RUNS[script])) });
  }
} finally {
  await cluster.stop();
}

for (const { script, passed, page } of results) {
  console.log(`${passed ? "passed" : "FAILED"}  ${script.padEnd(10)} ${fileURLToPath(page)}`);
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
