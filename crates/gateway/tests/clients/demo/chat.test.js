// People who talk in the chat demo.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { io } from "socket.io-client";

import { Demo } from "../support/demo.js";

let demo;
before(async () => {
  demo = await Demo.start();
});
afterEach(() => demo.clear());
after(() => demo.stop());

test("everybody sees how many are there, who, and by which transport", async () => {
  const ada = await demo.visit({ name: "Ada" });
  await ada.counts(1);
  const grace = await demo.visit({ name: "Grace" });
  await ada.counts(2);
  await ada.sees("#people-list .name", "Grace");
  await grace.sees("#people-list .name", "Ada");
  await ada.page
    .locator("#people-list li", { hasText: "Grace" })
    .locator(".transport[data-transport=websocket]")
    .waitFor();
  assert.deepEqual(await ada.names(), ["Ada", "Grace"]);
  assert.deepEqual(await grace.names(), ["Grace", "Ada"], "oneself comes first");

  await grace.page.close();
  await ada.counts(1);
  await ada.page.locator("#messages .event", { hasText: "Grace has left" }).waitFor();
});

test("messages reach everybody, once and in order, and their receipts tell when", async () => {
  const ada = await demo.visit({ name: "Ada", reducedMotion: "no-preference" });
  const grace = await demo.visit({ name: "Grace" });
  await ada.sees("#people-list .name", "Grace");
  await ada.say("hello");
  await ada.hasReceipt("hello", "delivered");
  assert.match(await ada.receipt("hello"), /^Delivered \d\d:\d\d:\d\d in [\d.]+ m?s$/);
  const row = await grace.reads("hello");
  assert.equal(await row.locator(".name").innerText(), "Ada");
  await grace.say("hello yourself");
  await ada.reads("hello yourself");
  const texts = Array.from({ length: 15 }, (_, index) => `number ${index}`);
  for (const text of texts) await ada.say(text);
  await grace.reads(texts.at(-1));
  assert.deepEqual(await grace.said(), ["hello", "hello yourself", ...texts]);
  assert.deepEqual(await ada.said(), ["hello", "hello yourself", ...texts]);
});

test("what is said in a room stays there", async () => {
  const [ada, grace, eve] = await Promise.all([
    demo.visit({ name: "Ada" }),
    demo.visit({ name: "Grace" }),
    demo.visit({ name: "Eve" }),
  ]);
  await ada.join("engines");
  await eve.sees(".other .room-name", "engines");
  await grace.show("engines");
  await ada.sees("#place-about", "2 people are in this room. Nobody else reads it.");

  await ada.say("among us");
  await grace.reads("among us");
  await ada.show("");
  await ada.say("for all");
  await eve.reads("for all");
  assert.deepEqual(await eve.said(), ["for all"]);
  assert.ok(await eve.isUntold("among us"));

  await grace.sees('.room[data-room=""] .unread', "1 unread");
  await grace.show("");
  await grace.reads("for all");
  assert.deepEqual(await grace.said(), ["for all"]);
  assert.equal(await grace.page.locator(".unread").count(), 0);
});

test("a room that was left is heard no more", async () => {
  const ada = await demo.visit();
  const grace = await demo.visit();
  await ada.join("engines");
  await grace.join("engines");
  await ada.sees("#place-about", "2 people are in this room. Nobody else reads it.");
  await grace.page.locator('[data-leave="engines"]').click();
  await grace.sees("#place", "Everybody");
  await ada.sees("#place-about", "1 person is in this room. Nobody else reads it.");
  await ada.say("alone");
  await ada.hasReceipt("alone", "delivered");
  await ada.show("");
  await ada.say("together");
  await grace.reads("together");
  await grace.show("engines");
  assert.deepEqual(await grace.said(), []);
  assert.ok(await grace.isUntold("alone"));
});

test("a new name is everybody's knowledge, for what was said too", async () => {
  const ada = await demo.visit();
  const grace = await demo.visit({ name: "Grace" });
  await ada.say("who am I?");
  const row = await grace.reads("who am I?");
  assert.match(await row.locator(".name").innerText(), /^guest .{4}$/);
  await ada.rename("Ada");
  await grace.sees("#people-list .name", "Ada");
  assert.equal(await row.locator(".name").innerText(), "Ada");
  await ada.page.locator("#messages .event", { hasText: "You are now Ada" }).waitFor();
});

test("a name of nothing is not taken, a long one is cut", async () => {
  const ada = await demo.visit({ name: "Ada" });
  await ada.page.locator("#name").fill("   ");
  await ada.page.locator("#name").press("Enter");
  assert.equal(await ada.page.locator("#name").inputValue(), "Ada");
  // What the field allows is not what a page can send.
  const name = "🎺".repeat(60);
  await ada.page.locator("#name").evaluate((field, name) => {
    field.value = name;
    field.form.requestSubmit();
  }, name);
  await ada.sees("#people-list .me .name", "🎺".repeat(40));
});

test("a reload keeps the name and the rooms", async () => {
  const ada = await demo.visit({ name: "Ada" });
  const grace = await demo.visit({ name: "Grace" });
  await ada.join("engines");
  await grace.join("engines");
  await ada.page.reload();
  await ada.isBy("websocket");
  await ada.counts(2);
  await grace.counts(2);
  assert.deepEqual(await ada.names(), ["Ada", "Grace"]);
  await grace.say("still here?");
  await ada.sees('.room[data-room="engines"] .unread', "1 unread");
});

test("names, rooms and messages are text, whatever they look like", async () => {
  const hostile = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(2)</script>",
    '"><svg onload=alert(3)>',
    "javascript:alert(4)",
    "{{7*7}}${alert(5)}",
    "\u202eteb\u202e <b>x</b>",
    "&lt;b&gt;&amp;",
  ];
  const eve = await demo.visit();
  const ada = await demo.visit({ name: "Ada" });
  for (const text of hostile) {
    await eve.rename(text);
    await ada.sees("#people-list .name", text);
    await eve.say(text);
    await ada.reads(text);
    await eve.join(text);
    await ada.sees(".other .room-name", text);
    await eve.show("");
  }
  assert.deepEqual(await ada.said(), hostile);
  assert.equal(
    await ada.page.locator("#messages :is(img, script, svg, b), #rooms :is(img, script, svg, b)").count(),
    0,
  );
});

test("other clients may send any value", async () => {
  const ada = await demo.visit();
  await asOther(async (socket) => {
    const values = ["plain text", 7, null, ["a"], { message: { nested: "<b>" } }, { message: "x".repeat(100_000) }];
    for (const value of values) socket.emit("message", value);
    socket.emit("picture", { name: "no picture", mime: "image/png" }, new Uint8Array([1, 2, 3]));
    await socket.emitWithAck("message", "the last");
  });
  await ada.reads("the last");
  const said = await ada.said();
  assert.deepEqual(said.slice(0, 5), ["plain text", "7", "null", '["a"]', '{"nested":"<b>"}']);
  assert.equal(said[5], `${"x".repeat(4000)} … (96000 more characters)`);
  await ada.sees("figure .open", "This picture cannot be shown.");
});

test("the page keeps the last 500 messages and 200 packets", async () => {
  const ada = await demo.visit();
  await asOther(async (socket) => {
    for (let index = 0; index < 510; index += 1) socket.emit("message", { message: `number ${index}` });
    await socket.emitWithAck("message", "the last");
  });
  await ada.reads("the last");
  const said = await ada.said();
  assert.ok(said.length > 490 && said.includes("number 509"), "all but what else has happened");
  assert.equal(await ada.page.locator("#messages > li").count(), 500);
  assert.equal(await ada.page.locator("#packets li").count(), 200);
});

/** Does something as a client that is not this page. */
async function asOther(act) {
  const socket = io(demo.node.url, { forceNew: true, transports: ["websocket"], ackTimeout: 20_000 });
  try {
    await act(socket);
  } finally {
    socket.disconnect();
  }
}
