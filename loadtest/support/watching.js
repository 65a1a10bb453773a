// What the nodes say that they use.

import http from "k6/http";
import { Gauge } from "k6/metrics";

import { now } from "../lib/clock.js";
import { expect } from "./metrics.js";
import { sleep } from "./wait.js";

const GAUGES = {
  process_resident_memory_bytes: new Gauge("node_resident_memory_bytes"),
  process_open_fds: new Gauge("node_open_descriptors"),
};

const INTERVAL = 5000;

const PARAMS = { responseType: "text", tags: { name: "metrics" } };

/** Asks every few seconds for so long; the addresses are those of Prometheus metrics. */
export async function watchNodes(addresses, duration) {
  for (let next = 0; next <= duration; next += INTERVAL) {
    await sleep(Math.max(1, next - now()));
    await Promise.all(addresses.map((address, node) => look(address, `${node}`)));
  }
}

async function look(address, node) {
  const { status, body } = await http.asyncRequest("GET", address, null, PARAMS);
  expect(status === 200, `${address} answers ${status}`);
  for (const [, name, value] of (body || "").matchAll(/^(\w+) (\S+)$/gm)) {
    GAUGES[name]?.add(Number(value), { node });
  }
}
