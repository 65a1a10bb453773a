#!/usr/bin/env node
// Runs the official protocol and client suites against the example servers.
//
//     crates/server/tests/official_suites.mjs CHECKOUT [ROUNDS]
//
// CHECKOUT is a checkout of the socket.io monorepo; its packages are installed and compiled where they are not.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const WORKSPACE = fileURLToPath(new URL("../../..", import.meta.url));

// What a suite runs against (package and example), where its tests are, and how they name the port of their server.
const SUITES = [
  {
    name: "Engine.IO v4 protocol",
    server: ["fanfare-engine", "protocol_suite"],
    folder: "docs/engine.io-protocol/v4-test-suite",
    copy: "test-suite.js",
    port: [/localhost:3000/g, (port) => `127.0.0.1:${port}`],
    mocha: ["--exit", "test-suite.local.js"],
    tests: 25,
  },
  {
    name: "Socket.IO v5 protocol",
    server: ["fanfare", "protocol_suite"],
    folder: "docs/socket.io-protocol/v5-test-suite",
    copy: "test-suite.js",
    port: [/localhost:3000/g, (port) => `127.0.0.1:${port}`],
    mocha: ["--exit", "test-suite.local.js"],
    tests: 32,
  },
  {
    name: "engine.io-client",
    server: ["fanfare-engine", "client_suite"],
    folder: "packages/engine.io-client",
    copy: "test",
    // `transport.js` compares a text with this port in it, and connects to nothing.
    keep: /transport\.js$/,
    port: [/localhost:3000|port: 3000/g, (port, found) => found.replace("3000", port)],
    mocha: ["--exit", "test.local/index.js"],
    tests: 83,
  },
  ...[
    { name: "socket.io-client", filter: ["--invert"], tests: 109 },
    // These two freeze the clock, and with it all other tests of the same run where one of them fails.
    { name: "socket.io-client, reconnect timeout", filter: [], tests: 2 },
  ].map(({ name, filter, tests }) => ({
    name,
    server: ["fanfare", "client_suite"],
    folder: "packages/socket.io-client",
    copy: "test",
    port: [/localhost:3210/g, (port) => `localhost:${port}`],
    mocha: ["--import=tsx", "--exit", "--grep", "reconnect timeout", ...filter, "test.local/index.ts"],
    tests,
  })),
];

const [checkout, rounds = "1"] = process.argv.slice(2);
if (!checkout || !existsSync(join(checkout, "packages/socket.io-client"))) {
  console.error("usage: official_suites.mjs CHECKOUT [ROUNDS], where CHECKOUT is one of the socket.io monorepo");
  process.exit(2);
}
const root = resolve(checkout);
prepare();
let failures = 0;
for (let round = 1; round <= Number(rounds); round++) {
  for (const suite of SUITES) {
    failures += (await passes(suite)) ? 0 : 1;
  }
}
process.exit(failures > 0 ? 1 : 0);

// Runs one suite against a server of its own; says whether all of its tests pass.
async function passes(suite) {
  const folder = join(root, suite.folder);
  const port = await freePort();
  copyFor(suite, join(folder, suite.copy), port);
  const server = await startServer(suite.server, port);
  const { code, output } = await runMocha(suite.mocha, folder);
  server.kill();
  const passed = Number(output.match(/(\d+) passing/)?.[1] ?? 0);
  const good = code === 0 && passed === suite.tests;
  if (!good) {
    console.log(output);
  }
  console.log(`${suite.name}: ${passed} of ${suite.tests} passed`);
  return good;
}

// One test leaves a client behind that reconnects for ever, so the whole process group is ended.
async function runMocha(args, cwd) {
  const mocha = spawn("npx", ["mocha", ...args], { cwd, detached: true, timeout: 180_000 });
  let output = "";
  mocha.stdout.on("data", (text) => (output += text));
  mocha.stderr.on("data", (text) => (output += text));
  const closed = once(mocha, "close");
  await once(mocha, "exit");
  try {
    process.kill(-mocha.pid, "SIGKILL");
  } catch (error) {
    assert.equal(error.code, "ESRCH", "nothing is left of it");
  }
  const [code] = await closed;
  return { code, output };
}

// Copies tests beside themselves, with another port in them: `test.local`, `test-suite.local.js`.
function copyFor(suite, from, port) {
  const to = from.replace(/(\.js)?$/, ".local$1");
  cpSync(from, to, { recursive: true });
  const [pattern, replacement] = suite.port;
  for (const file of filesBelow(to).filter((file) => /\.[jt]s$/.test(file) && !suite.keep?.test(file))) {
    writeFileSync(file, readFileSync(file, "utf8").replace(pattern, (found) => replacement(port, found)));
  }
}

function filesBelow(path) {
  return statSync(path).isFile() ? [path] : readdirSync(path).flatMap((name) => filesBelow(join(path, name)));
}

// Resolves once the server says that it listens.
async function startServer([packageName, example], port) {
  const args = ["run", "--quiet", "--package", packageName, "--example", example, "--", String(port)];
  const server = spawn("cargo", args, { cwd: WORKSPACE, stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((listening, failed) => {
    server.stdout.once("data", listening);
    server.once("exit", (code) => failed(new Error(`${example} ended with ${code}`)));
  });
  return server;
}

// Installs what the suites need. One development dependency comes from elsewhere than the registry, and is not needed.
function prepare() {
  for (const folder of ["docs/engine.io-protocol/v4-test-suite", "docs/socket.io-protocol/v5-test-suite"]) {
    if (!existsSync(join(root, folder, "node_modules"))) {
      npm(["ci"], join(root, folder));
    }
  }
  if (!existsSync(join(root, "packages/socket.io-client/build"))) {
    npm(["pkg", "delete", "devDependencies[uWebSockets.js]"]);
    npm(["install", "--ignore-scripts"]);
    const packages = ["engine.io-parser", "socket.io-parser", "engine.io-client", "socket.io-client"];
    npm(["run", "compile", ...packages.map((name) => `--workspace=${name}`)]);
  }
}

function npm(args, cwd = root) {
  const { status } = spawnSync("npm", [...args, "--no-audit", "--no-fund"], { cwd, stdio: "inherit" });
  if (status !== 0) {
    throw new Error(`npm ${args[0]} failed in ${cwd}`);
  }
}

function freePort() {
  return new Promise((free) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => free(port));
    });
  });
}
