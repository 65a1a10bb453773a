// Every script passes against servers that do what they should, and fails with those that do not.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";

import { startRedis } from "../../../crates/gateway/tests/clients/support/cluster.js";
import { startNode, startTestbed } from "../../../crates/gateway/tests/clients/support/fanfare.js";
import { runScript } from "../../report/runner.js";

const SCRIPTS = ["connect", "echo", "chat", "broadcast", "cluster", "polling", "churn", "soak"];

/** A few clients for a moment, twenty events of each that sends, and time enough on a machine that is busy. */
const TINY = {
  CLIENTS: 4,
  VISITORS: 2,
  ROOMS: 2,
  RATE: 40,
  DURATION: "500ms",
  RAMP: "200ms",
  LINGER: "200ms",
  CONNECT_TIME: "30s",
  ACK_TIME: "30s",
  DELIVERY_TIME: "30s",
};

const [node, redis, folder] = await Promise.all([
  startNode(["--app", "testbed"]),
  startRedis(),
  mkdtempSync(join(tmpdir(), "fanfare-loadtest-")),
]);
const [fanfare, peer] = await Promise.all([
  startNode(["--app", "testbed", "--adapter", "redis", "--redis", redis.url]),
  startTestbed([redis.url]),
]);
after(async () => {
  await Promise.all([node, fanfare, peer].map((server) => server.stop()));
  await redis.stop();
  rmSync(folder, { recursive: true });
});

describe("load tests", { concurrency: 4 }, () => {
  for (const [fault, metric] of [["lost", "lost"], ["doubled", "doubled"], ["late", "reordered"]]) {
    test(`cluster finds out that events are ${fault}`, async () => {
      const { metrics } = await failsWith(fault, "cluster");
      // Two of twenty events, for each of the clients.
      assert.equal(metrics[`socketio_${metric}`].values.count, 2 * TINY.CLIENTS);
    });
  }

  for (const script of SCRIPTS) {
    test(`${script} passes against one node`, () => passes(script, { URL: node.url }));
  }

  for (const script of ["chat", "broadcast", "cluster", "soak"]) {
    test(`${script} passes in a cluster of Fanfare and Node.js`, () => passes(script, { NODES: `${fanfare.url},${peer.url}` }));
  }

  test("echo finds out that events are changed", async () => {
    const { metrics } = await failsWith("changed", "echo");
    assert.ok(metrics.socketio_errors.values.rate > 0);
  });

  test("connect finds out that there is no server", async () => {
    const { metrics } = await fails("connect", { URL: "http://127.0.0.1:1" }, /connection refused/);
    assert.equal(metrics.socketio_errors.values.rate, 1);
  });

  test("a namespace may ask for a token", () => passes("echo", { URL: node.url, NAMESPACE: "/admin", TOKEN: "secret" }));

  test("a wrong token is refused", async () => {
    const { metrics } = await fails("echo", { URL: node.url, NAMESPACE: "/admin", TOKEN: "wrong" }, /unauthorized/);
    assert.equal(metrics.socketio_errors.values.rate, 1);
  });
});

async function passes(script, settings) {
  const { passed, page, log } = await run(script, settings);
  assert.ok(passed, log);
  assert.match(readFileSync(page, "utf8"), /✓ passed/);
}

/** The summary of a run that fails, and says why. */
async function fails(script, settings, why = /thresholds .* have been crossed/) {
  const { passed, page, log, summary } = await run(script, settings);
  assert.ok(!passed, log);
  assert.match(log, why);
  assert.match(readFileSync(page, "utf8"), /✗ failed/);
  return summary;
}

async function failsWith(fault, script) {
  const server = await startTestbed(["", fault]);
  try {
    // What is lost is not waited for as long as usual.
    return await fails(script, { URL: server.url, QUIET: "2s" });
  } finally {
    await server.stop();
  }
}

let runs = 0;

function run(script, settings) {
  runs += 1;
  const options = { folder: pathToFileURL(join(folder, `${script}-${runs}/`)), log: "pipe" };
  return runScript(script, { ...TINY, ...settings }, options);
}
