// The picture of the README: two people who chat. It is written where FANFARE_SCREENSHOT says, if it does.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { after, before, test } from "node:test";

import { Demo } from "../support/demo.js";

const FILE = process.env.FANFARE_SCREENSHOT;

/** What a README can carry. */
const MAX_BYTES = 400_000;

let demo;
before(async () => {
  demo = await Demo.start();
});
after(() => demo.stop());

test("two people chat, with rooms, a picture and the wire in view", async () => {
  const grace = await demo.visit({ name: "Grace" });
  const alan = await demo.visit({ name: "Alan" });
  await alan.page.locator("#transports").selectOption("polling");
  await alan.isBy("polling");
  const ada = await demo.visit({
    name: "Ada",
    viewport: { width: 1120, height: 680 },
    deviceScaleFactor: 2,
    colorScheme: "light",
  });
  await ada.join("release");
  await grace.show("release");
  await alan.join("lunch");
  await ada.sees(".other .room-name", "lunch");
  await ada.show("");
  await grace.show("");

  await ada.say("Good morning! How was the hike?");
  await grace.reads("Good morning! How was the hike?");
  await grace.say("We reached the ridge just before sunrise.");
  await grace.page
    .locator("#file")
    .setInputFiles({ name: "ridge.png", mimeType: "image/png", buffer: await view(grace.page) });
  await ada.page.locator("figure img").waitFor();
  await grace.show("release");
  await grace.say("The build is green, by the way.");
  await ada.sees(".unread", "1 unread");
  await ada.say("Beautiful. It came in one piece, as you can see on the wire →");
  await ada.hasReceipt("Beautiful. It came in one piece, as you can see on the wire →", "delivered");

  await ada.page.locator("#packets [data-kind=ack]").last().waitFor();
  await ada.page.locator("#text").blur();
  const image = await ada.page.screenshot();
  assert.ok(image.length < MAX_BYTES, `${image.length} bytes`);
  await demo.clear();
  if (!FILE) return;
  await mkdir(dirname(FILE), { recursive: true });
  await writeFile(FILE, image);
});

/** A picture of mountains, drawn by the browser. */
async function view(page) {
  const base64 = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    const [width, height] = [(canvas.width = 600), (canvas.height = 316)];
    const context = canvas.getContext("2d");
    const fill = (style) => {
      context.fillStyle = style;
      context.fill();
    };
    ["#2f4672", "#5d5a7f", "#8d6a80", "#bd7d7d", "#dd9a7a", "#f0b97f", "#f8d391", "#ffe6ae"].forEach((color, band) => {
      context.fillStyle = color;
      context.fillRect(0, band * 31, width, height);
    });
    context.beginPath();
    context.arc(400, 205, 34, 0, 2 * Math.PI);
    fill("#fff3cf");
    const ridge = (color, points) => {
      context.beginPath();
      context.moveTo(0, height);
      points.forEach(([x, y]) => context.lineTo(x, y));
      context.lineTo(width, height);
      fill(color);
    };
    ridge("#7b5a78", [
      [0, 250],
      [90, 190],
      [150, 225],
      [250, 130],
      [330, 215],
      [420, 235],
      [510, 170],
      [600, 240],
    ]);
    ridge("#46406b", [
      [0, 300],
      [120, 225],
      [210, 285],
      [310, 220],
      [430, 290],
      [520, 240],
      [600, 285],
    ]);
    ridge("#231f3d", [
      [0, 320],
      [140, 295],
      [260, 325],
      [400, 280],
      [600, 330],
    ]);
    return canvas.toDataURL("image/png").split(",")[1];
  });
  return Buffer.from(base64, "base64");
}
