// Starts the `fanfare` binary on a free port and stops it again.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BINARY = process.env.FANFARE_BIN ?? fileURLToPath(new URL("../../../../../target/debug/fanfare", import.meta.url));

/**
 * A node that runs until `stop`.
 *
 * @param {string[]} args  further command line arguments, such as `["--app", "testbed"]`
 * @param {{port?: number}} options  where it listens; on any free port unless told
 * @returns {Promise<{url: string, port: number, process: import("node:child_process").ChildProcess, stop: (signal?: NodeJS.Signals) => Promise<number | null>}>}
 *   `stop` sends a signal, SIGTERM unless told otherwise, and returns the exit code.
 */
export async function startNode(args = [], { port = 0 } = {}) {
  const child = spawn(BINARY, ["--listen", `127.0.0.1:${port}`, "--log", "warn", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit").then(([code]) => code);
  const url = await Promise.race([listeningUrl(child.stdout), exited.then((code) => fail(`fanfare exited with ${code}`))]);
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
  return fail("fanfare ended without saying where it listens");
}

function fail(message) {
  throw new Error(message);
}
