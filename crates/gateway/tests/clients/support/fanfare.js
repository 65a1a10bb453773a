// Starts servers on free ports and stops them again.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BUILT = new URL("../../../../../target/debug/", import.meta.url);
const BINARY = process.env.FANFARE_BIN ?? fileURLToPath(new URL("fanfare", BUILT));
const FEATURES = process.env.FANFARE_FEATURES_BIN ?? fileURLToPath(new URL("examples/features", BUILT));
const TESTBED = fileURLToPath(new URL("testbed.js", import.meta.url));

// Several run at a time, and none has to spare its clients.
const OPTIONS = ["--admin-listen", "none", "--drain-time", "0s", "--log", "warn"];

/**
 * A server that runs until `stop`.
 *
 * @typedef {object} Running
 * @property {string} url
 * @property {number} port
 * @property {import("node:child_process").ChildProcess} process
 * @property {(signal?: NodeJS.Signals) => Promise<number | null>} stop
 *   sends a signal, SIGTERM unless told otherwise, and returns the exit code.
 */

/**
 * The `fanfare` binary.
 *
 * @param {string[]} args  further command line arguments, such as `["--app", "testbed"]`
 * @param {{port?: number}} options  where it listens; on any free port unless told
 * @returns {Promise<Running>}
 */
export function startNode(args = [], { port = 0 } = {}) {
  return start(BINARY, ["--listen", `127.0.0.1:${port}`, ...OPTIONS, ...args]);
}

/**
 * The `features` example of the `fanfare` crate, whose source tells what it does.
 *
 * @param {string[]} args  such as `["--parser", "msgpack"]`
 * @returns {Promise<Running>}
 */
export function startFeatures(args = []) {
  return start(FEATURES, args);
}

/**
 * The testbed on a Node.js server, whose source tells about its arguments.
 *
 * @param {string[]} args
 * @returns {Promise<Running>}
 */
export function startTestbed(args = []) {
  return start(process.execPath, [TESTBED, ...args]);
}

async function start(binary, args) {
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  const exited = once(child, "exit").then(([code]) => {
    running.delete(child);
    return code;
  });
  const died = exited.then((code) => fail(`${binary} exited with ${code} before it listened`));
  const url = await Promise.race([listeningUrl(child.stdout), died]);
  died.catch(() => {});
  const stop = (signal = "SIGTERM") => {
    child.kill(signal);
    return exited;
  };
  return { url, port: Number(new URL(url).port), process: child, stop };
}

async function listeningUrl(stdout) {
  for await (const line of createInterface(stdout)) {
    const url = line.match(/listens on (http:\/\/\S+)/)?.[1];
    if (url) {
      stdout.resume();
      return url;
    }
  }
  return fail("the server ended without saying where it listens");
}

function fail(message) {
  throw new Error(message);
}

/** What a test that failed has left behind ends with it. */
const running = new Set();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));
