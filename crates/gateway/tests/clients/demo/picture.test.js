// Pictures in the chat demo: binary data, from the file of one person to the screen of another.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, test } from "node:test";

import { Demo } from "../support/demo.js";
import { picture } from "../support/picture.js";

let demo;
before(async () => {
  demo = await Demo.start();
});
afterEach(() => demo.clear());
after(() => demo.stop());

const small = picture(48, 32);

test("a chosen picture arrives byte by byte, and is shown", async () => {
  const [ada, grace] = await two();
  await ada.page.locator("#file").setInputFiles({ name: "view.png", mimeType: "image/png", buffer: small });
  assert.deepEqual(await received(grace), small);
  assert.deepEqual(await received(ada), small, "one's own too");
  await ada.page.locator(".receipt[data-state=delivered]").waitFor();
  await showsPicture(grace, 48, 32);
  assert.equal(await grace.page.locator("figure img").getAttribute("alt"), "Picture view.png");
  assert.match(await grace.page.locator("figure img").getAttribute("src"), /^blob:/);
  await grace.page.locator("#packets [data-kind=event]", { hasText: "picture" }).waitFor();
  await grace.page.locator("#packets [data-kind=binary]", { hasText: "89 50 4e 47" }).waitFor();
});

test("a picture arrives byte by byte by polling too", async () => {
  const [ada, grace] = await two();
  for (const visitor of [ada, grace]) {
    await visitor.page.locator("#transports").selectOption("polling");
    await visitor.isBy("polling");
  }
  await ada.page.locator("#file").setInputFiles({ name: "view.png", mimeType: "image/png", buffer: small });
  assert.deepEqual(await received(grace), small);
});

test("a pasted picture is sent", async () => {
  const [ada, grace] = await two();
  await transfer(ada, "paste", "clipboardData", small);
  assert.deepEqual(await received(grace), small);
});

test("a dropped picture is sent, and the page shows where it can be dropped", async () => {
  const [ada, grace] = await two();
  await transfer(ada, "dragenter", "dataTransfer", small);
  await ada.page.locator(".drop").waitFor();
  await transfer(ada, "drop", "dataTransfer", small);
  await ada.page.locator(".drop").waitFor({ state: "hidden" });
  assert.deepEqual(await received(grace), small);
});

test("a picture for a room is for nobody else", async () => {
  const [ada, grace] = await two();
  const eve = await demo.visit();
  await ada.join("engines");
  await grace.join("engines");
  await ada.page.locator("#file").setInputFiles({ name: "view.png", mimeType: "image/png", buffer: small });
  assert.deepEqual(await received(grace), small);
  await grace.show("");
  await grace.say("seen?");
  await eve.reads("seen?");
  assert.equal(await eve.page.locator("figure").count(), 0);
});

test("a picture that is chosen offline waits as messages do", async () => {
  const [ada, grace] = await two();
  await ada.page.locator("#offline").click();
  await ada.page.locator("#file").setInputFiles({ name: "view.png", mimeType: "image/png", buffer: small });
  await ada.page.locator(".receipt[data-state=queued]").waitFor();
  await ada.page.locator("#offline").click();
  assert.deepEqual(await received(grace), small);
  assert.equal(await ada.page.locator("figure").count(), 1);
});

test("a picture that is too large for one message is made to fit", async () => {
  const [ada, grace] = await two();
  const large = picture(900, 700);
  assert.ok(large.length > 1_000_000);
  await ada.page.locator("#file").setInputFiles({ name: "large.png", mimeType: "image/png", buffer: large });
  await ada.page.locator("#notice", { hasText: "large.png was made smaller to fit into one message." }).waitFor();
  const fitted = await received(grace);
  assert.ok(fitted.length < 700_000, `${fitted.length} bytes`);
  assert.deepEqual([...fitted.subarray(0, 3)], [0xff, 0xd8, 0xff], "a JPEG");
  await showsPicture(grace, 900, 700);
});

test("what is no picture is not sent, or not shown", async () => {
  const [ada, grace] = await two();
  await ada.page
    .locator("#file")
    .setInputFiles({ name: "a.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg/>") });
  await ada.page.locator("#notice", { hasText: "A picture is a PNG, JPEG, GIF or WebP file." }).waitFor();
  await ada.page
    .locator("#file")
    .setInputFiles({ name: "a.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  await grace.page.locator("figure", { hasText: "This picture cannot be shown." }).waitFor();
  assert.equal(await grace.page.locator("figure").count(), 1);
});

async function two() {
  return Promise.all([demo.visit(), demo.visit()]);
}

/** The picture that was received last, as its reader saves it. */
async function received(visitor) {
  const saving = visitor.page.waitForEvent("download");
  await visitor.page.locator("figure a[download]").last().click();
  return readFile(await (await saving).path());
}

async function showsPicture(visitor, width, height) {
  const image = visitor.page.locator("figure img").last();
  await image.waitFor();
  const size = await image.evaluate(async (image) => {
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  });
  assert.deepEqual(size, [width, height]);
}

/** What a browser does when a file is pasted or dragged. */
async function transfer(visitor, event, field, data) {
  await visitor.page.locator("#text").evaluate(
    (target, { event, field, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], "view.png", { type: "image/png" }));
      const Kind = field === "clipboardData" ? ClipboardEvent : DragEvent;
      target.dispatchEvent(new Kind(event, { [field]: data, bubbles: true, cancelable: true }));
    },
    { event, field, base64: data.toString("base64") },
  );
}
