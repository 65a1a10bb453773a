// Starts the `fanfare` binary on a free port and stops it again.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BINARY = process.env.FANFARE_BIN ?? fileURLToPath(new URL("../../../../../target/debug/fanfare", import.meta.url));

// Several run at a time, and none has to spare its clients.
const OPTIONS = ["--listen", "127.0.0.1:0", "--admin-listen", "none", "--drain-time", "0s", "--log", "warn"];

/**
 * A node that runs until `stop`.
 *
 * @param {string[]} args  further command line arguments, such as `["--app", "testbed"]`
 * @returns {Promise<{url: string, port: number, process: import("node:child_process").ChildProcess, stop: () => Promise<number>}>}
 *   `stop` sends SIGTERM and returns the exit code.
 */
export async function startNode(args = []) {
  const child = spawn(BINARY, [...OPTIONS, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit").then(([code]) => code);
  const url = await Promise.race([listeningUrl(child.stdout), exited.then((code) => fail(`fanfare exited with ${code}`))]);
  const stop = () => {
    child.kill("SIGTERM");
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
