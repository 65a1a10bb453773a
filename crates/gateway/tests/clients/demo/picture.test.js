// Pictures in the chat demo: binary data, from the file of one person to the screen of another.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { Demo } from "../support/demo.js";
import { picture } from "../support/picture.js";

let demo;
let ada;
let grace;
before(async () => {
  demo = await Demo.start();
  [ada, grace] = await Promise.all([demo.visit({ name: "Ada" }), demo.visit({ name: "Grace" })]);
});
after(async () => {
  await demo.clear();
  await demo.stop();
});

const small = picture(48, 32);

test("a chosen picture arrives byte by byte, and is shown", async () => {
  await choose(ada, "chosen.png", small);
  assert.deepEqual(await received(grace, "chosen.png"), small);
  assert.deepEqual(await received(ada, "chosen.png"), small, "one's own too");
  await ada.page.locator(".receipt[data-state=delivered]").waitFor();
  await showsPicture(grace, "chosen.png", 48, 32);
  const image = figure(grace, "chosen.png").locator("img");
  assert.equal(await image.getAttribute("alt"), "Picture chosen.png");
  assert.match(await image.getAttribute("src"), /^blob:/);
  await grace.page.locator("#packets [data-kind=event]", { hasText: "binary event picture" }).waitFor();
  await grace.page.locator("#packets [data-kind=binary]", { hasText: "89 50 4e 47" }).waitFor();
});

test("a pasted picture is sent", async () => {
  await transfer(ada, "paste", "clipboardData", "pasted.png");
  assert.deepEqual(await received(grace, "pasted.png"), small);
});

test("a dropped picture is sent, and the page shows where it can be dropped", async () => {
  await transfer(ada, "dragenter", "dataTransfer", "dropped.png");
  await ada.page.locator(".drop").waitFor();
  await transfer(ada, "drop", "dataTransfer", "dropped.png");
  await ada.page.locator(".drop").waitFor({ state: "hidden" });
  assert.deepEqual(await received(grace, "dropped.png"), small);
});

test("several pictures are sent in order", async () => {
  const files = ["one.png", "two.png"].map((name) => ({ name, mimeType: "image/png", buffer: small }));
  await ada.page.locator("#file").setInputFiles(files);
  await figure(grace, "two.png").waitFor();
  const names = await grace.page.locator("figcaption bdi").allTextContents();
  assert.deepEqual(names.slice(-2), ["one.png", "two.png"]);
});

test("a picture for a room is for nobody else", async () => {
  const eve = await demo.visit();
  await ada.join("engines");
  await grace.join("engines");
  await choose(ada, "secret.png", small);
  assert.deepEqual(await received(grace, "secret.png"), small);
  await ada.show("");
  await grace.show("");
  await grace.say("seen?");
  await eve.reads("seen?");
  assert.equal(await eve.page.locator("figure").count(), 0);
  assert.ok(await eve.isUntold("secret.png"));
});

test("a picture that is chosen offline waits as messages do", async () => {
  await ada.page.locator("#offline").click();
  await choose(ada, "later.png", small);
  await ada.page.locator(".receipt[data-state=queued]").waitFor();
  await ada.page.locator("#offline").click();
  assert.deepEqual(await received(grace, "later.png"), small);
  assert.equal(await figure(ada, "later.png").count(), 1);
});

test("a picture that is too large for one message is made to fit", async () => {
  const large = picture(900, 700);
  assert.ok(large.length > 1_000_000);
  await choose(ada, "large.png", large);
  await ada.page.locator("#notice", { hasText: "large.png was made smaller to fit into one message." }).waitFor();
  const fitted = await received(grace, "large.png");
  assert.ok(fitted.length < 700_000, `${fitted.length} bytes`);
  assert.deepEqual([...fitted.subarray(0, 3)], [0xff, 0xd8, 0xff], "a JPEG");
  await showsPicture(grace, "large.png", 900, 700);
});

test("what is no picture is not sent, or not shown", async () => {
  await choose(ada, "script.svg", Buffer.from("<svg/>"), "image/svg+xml");
  await ada.page.locator("#notice", { hasText: "A picture is a PNG, JPEG, GIF or WebP file." }).waitFor();
  await choose(ada, "broken.png", Buffer.from("no picture"));
  await figure(grace, "broken.png").filter({ hasText: "This picture cannot be shown." }).waitFor();
  assert.equal(await figure(grace, "script.svg").count(), 0);
});

test("a picture arrives byte by byte by polling too", async () => {
  for (const visitor of [ada, grace]) {
    await visitor.page.locator("#transports").selectOption("polling");
    await visitor.isBy("polling");
  }
  await choose(ada, "polled.png", small);
  assert.deepEqual(await received(grace, "polled.png"), small);
});

/** A picture is chosen from the files. */
async function choose(visitor, name, buffer, mimeType = "image/png") {
  await visitor.page.locator("#file").setInputFiles({ name, mimeType, buffer });
}

/** The picture of this name, as its reader saves it. */
async function received(visitor, name) {
  const saving = visitor.page.waitForEvent("download");
  await figure(visitor, name).locator("a[download]").click();
  return readFile(await (await saving).path());
}

function figure(visitor, name) {
  return visitor.page.locator("figure", { hasText: name });
}

async function showsPicture(visitor, name, width, height) {
  const image = figure(visitor, name).locator("img");
  await image.waitFor();
  const size = await image.evaluate(async (image) => {
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  });
  assert.deepEqual(size, [width, height]);
}

/** What a browser does when a file is pasted or dragged. */
async function transfer(visitor, event, field, name) {
  await visitor.page.locator("#text").evaluate(
    (target, { event, field, name, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { type: "image/png" }));
      const Kind = field === "clipboardData" ? ClipboardEvent : DragEvent;
      target.dispatchEvent(new Kind(event, { [field]: data, bubbles: true, cancelable: true }));
    },
    { event, field, name, base64: small.toString("base64") },
  );
}
