// The chat on a cluster: three nodes, one Redis, and a load balancer that keeps nothing together.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startBalancer } from "../support/balancer.js";
import { eventually, startRedis } from "../support/cluster.js";
import { Demo } from "../support/demo.js";
import { startNode } from "../support/fanfare.js";
import { count } from "../support/wait.js";

let redis, nodes, demo;
before(async () => {
  redis = await startRedis();
  nodes = await Promise.all(count(3).map(() => startNode(["--adapter", "redis", "--redis", redis.url])));
  demo = await Demo.at(await startBalancer(nodes.map((node) => node.url)));
});
after(async () => {
  await demo?.stop();
  await Promise.all(nodes?.map((node) => node.stop("SIGKILL")) ?? []);
  await redis?.stop();
});

test("people on whichever nodes talk, and go on talking when nodes are killed", async () => {
  const [ada, grace] = await Promise.all([demo.visit({ name: "Ada" }), demo.visit({ name: "Grace" })]);
  await ada.sees("#people-list .name", "Grace");
  await grace.sees("#people-list .name", "Ada");
  await talk(ada, grace, "all nodes");

  [ada, grace].forEach((visitor) => visitor.expectOutage());
  let asked = 0;
  while (nodes.length > 1) {
    await nodes.shift().stop("SIGKILL");
    const left = `${nodes.length} left`;
    // A page may not have noticed yet that its node is gone: whoever is heard is back.
    for (const [speaker, listener] of [[ada, grace], [grace, ada]]) {
      await eventually(`a page hears the other, ${left}`, () => hears(listener, speaker, `anybody? ${asked++}`));
    }
    for (const [visitor, other] of [[ada, "Grace"], [grace, "Ada"]]) {
      await visitor.isBy("websocket");
      await eventually(`${other} is there, ${left}`, async () => (await visitor.names()).includes(other));
    }
    await talk(ada, grace, left);
  }
  assert.deepEqual([...ada.complaints, ...grace.complaints], []);
});

/** Says something; says whether the other reads it soon. */
async function hears(listener, speaker, text) {
  await speaker.say(text);
  return listener.reads(text, { timeout: 2000 }).then(() => true, () => false);
}

/** Each says something that the other reads. */
async function talk(ada, grace, what) {
  for (const [speaker, listener, text] of [[ada, grace, `hello, ${what}`], [grace, ada, `hello yourself, ${what}`]]) {
    await speaker.say(text);
    await speaker.hasReceipt(text, "delivered");
    await listener.reads(text);
  }
}
