// The cluster of `deploy/cluster` on free ports, with the testbed on its nodes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CLUSTER = fileURLToPath(new URL("../../deploy/cluster", import.meta.url));

/**
 * Its `url` is that of the load balancer.
 *
 * @param {string} binary
 * @returns {Promise<{url: string, nodes: string[], metrics: string[], stop: () => Promise<void>}>}
 */
export async function startCluster(binary) {
  const [port, redis, ...ports] = await freePorts(8);
  const [nodes, admins] = [ports.slice(0, 3), ports.slice(3)];
  const env = {
    ...process.env,
    FANFARE_APP: "testbed",
    FANFARE_DRAIN_TIME: "0s",
    PORT: `${port}`,
    REDIS_PORT: `${redis}`,
    NODE_PORTS: nodes.join(" "),
    ADMIN_PORTS: admins.join(" "),
  };
  const child = spawn(CLUSTER, [binary], { env, stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  await ready(child.stdout);
  return {
    url: `http://127.0.0.1:${port}`,
    nodes: nodes.map((port) => `http://127.0.0.1:${port}`),
    metrics: admins.map((port) => `http://127.0.0.1:${port}/metrics`),
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

async function ready(stdout) {
  for await (const line of createInterface(stdout)) {
    console.log(line);
    if (line.includes("Ctrl-C ends everything")) {
      stdout.resume();
      return;
    }
  }
  throw new Error("the cluster has not started");
}

/** All are taken before any is given back, so that no two are the same. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
