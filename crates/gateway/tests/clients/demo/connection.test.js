// The connection of the chat demo: how it is made, lost and regained.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { Demo } from "../support/demo.js";

let demo;
before(async () => {
  demo = await Demo.start(["--ping-interval", "500ms", "--ping-timeout", "5s"]);
});
afterEach(() => demo.clear());
after(() => demo.stop());

test("the upgrade from polling to WebSocket is shown, with its times and its packets", async () => {
  const ada = await demo.visit();
  const story = await ada.story();
  const [, polling, websocket] = story.match(
    /^Connected by long-polling in (\S+ m?s), upgraded to WebSocket after (\S+ m?s)$/,
  );
  assert.equal(await ada.page.locator("[data-transport=polling][data-state=passed] .stage-time").innerText(), polling);
  assert.equal(
    await ada.page.locator("[data-transport=websocket][data-state=current] .stage-time").innerText(),
    websocket,
  );

  // A heartbeat comes when it likes; one after the upgrade is by WebSocket.
  await ada.page.locator("#packets .mark ~ .mark ~ [data-kind=heartbeat]", { hasText: "pong" }).first().waitFor();
  const passed = await ada.page.locator("#packets :is(b, .mark)").allTextContents();
  const others = ["ping", "pong", "event presence"];
  const steps = [...new Set(passed)].filter((step) => !others.includes(step));
  // A GET that still waits when the probe has come is answered with a noop. Elsewhere there is none.
  const released = steps.filter((step, at) => step === "noop" && steps[at - 1] === "pong (probe)");
  assert.deepEqual(
    steps,
    [
      "open",
      "By long-polling from here",
      "connect /",
      "ping (probe)",
      "pong (probe)",
      ...released,
      "upgrade",
      "By WebSocket from here",
    ],
  );
});

test("who wants polling only, or WebSocket only, gets it", async () => {
  const ada = await demo.visit({ name: "Ada" });
  const grace = await demo.visit({ name: "Grace" });
  await grace.page.locator("#transports").selectOption("polling");
  await grace.isBy("polling");
  await ada.page
    .locator("#people-list li", { hasText: "Grace" })
    .locator(".transport[data-transport=polling]")
    .waitFor();
  await grace.say("by polling");
  await grace.hasReceipt("by polling", "delivered");
  await ada.reads("by polling");

  await grace.page.locator("#transports").selectOption("websocket");
  await grace.isBy("websocket");
  assert.match(await grace.story(), /^Connected by WebSocket in /);
  await grace.page.locator(".stage[data-transport=polling][data-state=unused]").waitFor();
  await ada.counts(2);
  const left = grace.page.locator("#messages .event", { hasText: "has left" });
  assert.equal(await left.count(), 0, "one's own old connection is nobody who leaves");
});

test("where no WebSocket gets through, polling stays and the page says so", async () => {
  const withoutWebSocket = () => {
    globalThis.WebSocket = class {
      constructor() {
        throw new Error("not here");
      }
    };
  };
  const ada = await demo.visit({ waits: false, prepare: (page) => page.addInitScript(withoutWebSocket) });
  await ada.isBy("polling");
  await ada.page.locator(".stage[data-transport=websocket][data-state=failed]").waitFor();
  assert.match(await ada.story(), /; no WebSocket gets through$/);
  await ada.say("all the same");
  await ada.hasReceipt("all the same", "delivered");
});

test("what is written offline waits, is seen to wait, and is sent on the return", async () => {
  const ada = await demo.visit({ name: "Ada" });
  const grace = await demo.visit();
  await ada.join("engines");
  await grace.join("engines");
  await ada.page.locator("#offline").click();
  await grace.counts(1);
  await ada.counts("–");
  await ada.say("first");
  await ada.say("second");
  await ada.hasReceipt("second", "queued");
  await ada.sees("#banner span", "2 messages wait for the connection.");
  assert.equal(await ada.receipt("first"), "Waiting for the connection");

  await ada.page.locator("#banner button").click();
  await grace.reads("second");
  assert.deepEqual(await grace.said(), ["first", "second"]);
  await ada.hasReceipt("first", "delivered");
  await ada.hasReceipt("second", "delivered");
  await ada.page.locator("#banner").waitFor({ state: "hidden" });
  assert.deepEqual(await ada.said(), ["first", "second"], "shown once, with the echo of the room");
});

test("a message written while the server is dead arrives once at the next", async () => {
  const ada = await demo.visit({ name: "Ada" });
  const grace = await demo.visit({ name: "Grace" });
  await ada.join("engines");
  await grace.join("engines");
  await demo.kill();
  await ada.phase("waiting");
  await grace.phase("waiting");
  await ada.say("are you there?");
  await ada.hasReceipt("are you there?", "queued");
  // Whoever comes back later misses what was said: so Grace comes back first.
  await ada.context.setOffline(true);
  await demo.restart();
  await grace.isBy("websocket");
  await ada.context.setOffline(false);
  await ada.phase("connected");
  await ada.hasReceipt("are you there?", "delivered");
  await grace.reads("are you there?");
  await ada.say("good");
  await grace.reads("good");
  assert.deepEqual(await grace.said(), ["are you there?", "good"]);
  assert.deepEqual(await ada.said(), ["are you there?", "good"]);
  assert.deepEqual(await grace.names(), ["Grace", "Ada"], "names and rooms are those from before");
  await ada.show("");
  await ada.page.locator("#messages .event", { hasText: "Connection lost: the server is gone" }).waitFor();
  await ada.page.locator("#messages .event", { hasText: /^Connected again after / }).waitFor();
});

test("a message that a dying server has swallowed is sent again", async () => {
  const ada = await demo.visit();
  const grace = await demo.visit();
  demo.node.process.kill("SIGSTOP");
  await ada.say("swallowed");
  await ada.hasReceipt("swallowed", "sending");
  await demo.kill();
  await ada.hasReceipt("swallowed", "queued");
  await ada.context.setOffline(true);
  await demo.restart();
  await grace.isBy("websocket");
  await ada.context.setOffline(false);
  await ada.hasReceipt("swallowed", "delivered");
  await grace.reads("swallowed");
  assert.deepEqual(await grace.said(), ["swallowed"]);
});

test("a message that arrived, whose receipt was lost, is shown once", async () => {
  let losesReceipts = true;
  const tamper = (page) =>
    page.routeWebSocket(/socket\.io/, (client) => {
      const server = client.connectToServer();
      server.onMessage((packet) => {
        if (losesReceipts && String(packet).startsWith("43")) client.close();
        else client.send(packet);
      });
    });
  const grace = await demo.visit();
  const ada = await demo.visit({ prepare: tamper });
  ada.expectOutage();
  await ada.say("once");
  await grace.reads("once");
  await ada.phase("waiting");
  losesReceipts = false;
  await ada.hasReceipt("once", "delivered");
  await ada.say("and another");
  await grace.reads("and another");
  const arrivals = await grace.page.locator("#packets code", { hasText: '"message":"once"' }).count();
  assert.equal(arrivals, 2, "it was sent twice");
  assert.deepEqual(await grace.said(), ["once", "and another"]);
  assert.deepEqual(await ada.said(), ["once", "and another"]);
});

test("a message that the server refuses says why, and can be tried again", async () => {
  const room = "x".repeat(41);
  const intoRoom = (page) =>
    page.addInitScript((room) => sessionStorage.setItem("fanfare", JSON.stringify({ rooms: [room] })), room);
  const ada = await demo.visit({ prepare: intoRoom });
  await ada.show(room);
  await ada.say("hello?");
  await ada.hasReceipt("hello?", "failed");
  assert.match(await ada.receipt("hello?"), /^Not delivered: only those in a room can speak there/);
  await ada.page.getByRole("button", { name: "Try again" }).click();
  await ada.page.locator("#packets .out code", { hasText: "hello?" }).nth(1).waitFor();
  await ada.hasReceipt("hello?", "failed");
  assert.deepEqual(await ada.said(), ["hello?"]);
});

test("the count is right after a page has crashed", async () => {
  const ada = await demo.visit();
  const grace = await demo.visit();
  await ada.counts(2);
  await grace.page.goto("chrome://crash").catch(() => {});
  await ada.counts(1);
  const eve = await demo.visit();
  await ada.counts(2);
  await eve.counts(2);
});

test("a page waits for a server that is away, and counts its attempts", async () => {
  const ada = await demo.visit({ name: "Ada" });
  await demo.kill();
  await ada.phase("waiting");
  await ada.page
    .locator(".story", { hasText: /^No connection: the server cannot be reached\. Trying again …$/ })
    .waitFor();
  await ada.page.locator(".stage-time", { hasText: /^attempt \d+$/ }).waitFor();
  await ada.counts("–");
  await demo.restart();
  await ada.isBy("websocket");
  await ada.counts(1);
});

test("a server that closes tells its clients, which come back to the next", async () => {
  const ada = await demo.visit({ name: "Ada" });
  ada.expectOutage();
  assert.equal(await demo.node.stop(), 0);
  await ada.phase("waiting");
  await demo.restart();
  await ada.isBy("websocket");
  await ada.counts(1);
  assert.deepEqual(await ada.names(), ["Ada"]);
});
