// Clusters for tests: a Redis server, Fanfare nodes and Node.js servers on it, clients on each.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectSocket, createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { io } from "socket.io-client";

const EXAMPLE = fileURLToPath(new URL("../../../../../target/debug/examples/cluster_node", import.meta.url));
const NODE_SERVER = fileURLToPath(new URL("../cluster/node.js", import.meta.url));

/** A Redis server on a free port, without persistence, until `stop`. */
export async function startRedis() {
  const port = await freePort();
  const args = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp"];
  const child = spawn("redis-server", args.map(String), { stdio: "ignore" });
  while (!(await accepts(port))) {
    await sleep(10);
  }
  return { url: `redis://127.0.0.1:${port}`, stop: () => end(child) };
}

/**
 * One member of a cluster: `"fanfare"`, or a Node.js server on one of the two Redis libraries, `"redis"` or `"ioredis"`.
 *
 * @returns {Promise<{name: string, url: string, stop: () => Promise<void>}>}
 */
export async function startMember(name, redisUrl, kind) {
  const command = name === "fanfare" ? [EXAMPLE, redisUrl, kind] : ["node", NODE_SERVER, redisUrl, kind, name];
  const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface(child.stdout)) {
    const url = line.match(/listens on (http:\/\/\S+)/)?.[1];
    if (url) {
      child.stdout.resume();
      return { name, url, stop: () => end(child) };
    }
  }
  throw new Error(`${name} ended without saying where it listens`);
}

/** A connected client; `operation` has its node do something, `next` waits for an event of a name. */
export async function connect(member, namespace = "/", options = {}) {
  const socket = io(member.url + namespace, { transports: ["websocket"], forceNew: true, query: { on: member.name }, ...options });
  const events = [];
  const waiting = [];
  socket.onAny((name, ...args) => {
    const index = waiting.findIndex((waiter) => waiter.name === name);
    index < 0 ? events.push({ name, args }) : waiting.splice(index, 1)[0].resolve(args);
  });
  await once(socket, "connect");
  const next = (name) => {
    const index = events.findIndex((event) => event.name === name);
    if (index >= 0) {
      return Promise.resolve(events.splice(index, 1)[0].args);
    }
    return within(`${name} on ${member.name}`, new Promise((resolve) => waiting.push({ name, resolve })));
  };
  const operation = (op, rest = {}) => socket.timeout(10_000).emitWithAck("do", { op, ...rest });
  const close = () => socket.disconnect();
  return { socket, member, next, operation, events, close };
}

/** How long something may take that has to happen, in milliseconds: longer than it ever does, however busy the machine. */
const PATIENCE = 20_000;

/** Waits for something that has to happen. */
export function within(what, promise) {
  const late = sleep(PATIENCE, undefined, { ref: false }).then(() => {
    throw new Error(`${what}: nothing within ${PATIENCE} ms`);
  });
  return Promise.race([promise, late]);
}

/** Waits until something holds. */
export async function eventually(what, holds) {
  const end = Date.now() + PATIENCE;
  while (!(await holds())) {
    if (Date.now() > end) {
      throw new Error(`${what}: not within ${PATIENCE} ms`);
    }
    await sleep(25);
  }
}

async function end(child) {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connectSocket(port, "127.0.0.1", () => resolve(true));
    socket.on("error", () => resolve(false)).on("close", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}
