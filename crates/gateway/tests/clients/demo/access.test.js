// The chat demo for those who use no mouse, a phone, the dark, or a screen reader.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { faintTexts } from "../support/contrast.js";
import { Demo } from "../support/demo.js";
import { picture } from "../support/picture.js";

let demo;
before(async () => {
  demo = await Demo.start();
});
afterEach(() => demo.clear());
after(() => demo.stop());

const PHONE = { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

test("everything can be done by keyboard alone", async () => {
  const ada = await demo.visit();
  const grace = await demo.visit({ name: "Grace" });
  const { keyboard } = ada.page;

  await tabTo(ada, "#name");
  await keyboard.press("Control+A");
  await keyboard.type("Ada");
  await keyboard.press("Enter");
  await grace.sees("#people-list .name", "Ada");

  await tabTo(ada, "#room");
  await keyboard.type("engines");
  await keyboard.press("Enter");
  await ada.sees("#place", "engines");
  assert.equal(await focused(ada), "#text", "where one wants to go on");
  await keyboard.type("to the room");
  await keyboard.press("Shift+Enter");
  await keyboard.type("in two lines");
  await keyboard.press("Enter");
  await ada.hasReceipt("to the room\nin two lines", "delivered");

  await tabTo(ada, '[data-leave="engines"]');
  await keyboard.press("Enter");
  await ada.sees("#place", "Everybody");
  assert.equal(await focused(ada), "#text");
  await keyboard.type("to everybody");
  await keyboard.press("Enter");
  await grace.reads("to everybody");

  const choosing = ada.page.waitForEvent("filechooser");
  await tabTo(ada, "#attach");
  await keyboard.press("Enter");
  await (await choosing).setFiles({ name: "view.png", mimeType: "image/png", buffer: picture(8, 8) });
  await grace.page.locator("figure img").waitFor();

  await tabTo(ada, "#offline");
  await keyboard.press("Enter");
  await ada.phase("offline");
  await keyboard.press("Enter");
  await ada.isBy("websocket");
  assert.equal(await focused(ada), "#offline");

  await tabTo(ada, "#wire-toggle");
  await keyboard.press("Enter");
  await ada.page.locator("#packets").waitFor({ state: "hidden" });
  await keyboard.press("Space");
  await ada.page.locator("#packets").waitFor();
});

test("every stop of the keyboard has a name and is seen", async () => {
  const ada = await demo.visit();
  await ada.join("engines");
  await ada.page.locator(".skip").focus();
  const stops = new Map();
  for (;;) {
    const { key, name, outline } = await ada.page.evaluate(describeFocus);
    if (key === null || stops.has(key)) break;
    stops.set(key, name);
    assert.ok(name, `the stop after ${[...stops.values()].at(-2)} has a name`);
    assert.notEqual(outline, "none", `${name} shows that it has the focus`);
    await ada.page.keyboard.press("Tab");
  }
  assert.ok(stops.size >= 14, [...stops.values()].join("; "));
  assert.equal([...stops.values()][0], "Skip to the message field");
});

test("the list of rooms keeps the focus while it changes", async () => {
  const ada = await demo.visit();
  const grace = await demo.visit();
  await ada.join("engines");
  await tabTo(ada, '.room[data-room="engines"]');
  await grace.join("looms");
  await ada.sees(".other .room-name", "looms");
  assert.equal(await ada.page.evaluate(() => document.activeElement.dataset.room), "engines");
});

test("those who listen are told what happens", async () => {
  const ada = await demo.visit();
  await ada.page.getByRole("log", { name: "Messages" }).waitFor();
  await ada.page.getByRole("status").filter({ hasText: "upgraded to WebSocket" }).waitFor();
  for (const [role, name] of [
    ["navigation", "Rooms"],
    ["main", "Everybody"],
    ["complementary", "On the wire"],
    ["region", "Connection"],
    ["region", /^Here now/],
  ]) {
    await ada.page.getByRole(role, { name }).first().waitFor();
  }
  await ada.page
    .getByRole("button", { name: "Everybody", exact: false })
    .and(ada.page.locator("[aria-current=true]"))
    .waitFor();
  await ada.page.locator("#file").setInputFiles({ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") });
  await ada.page.getByRole("alert").filter({ hasText: "A picture is" }).waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  test(`nothing is wider than a phone, and nothing is out of reach, ${colorScheme}`, async () => {
    const ada = await demo.visit({ ...PHONE, colorScheme });
    const { page } = ada;
    const fits = async (state) => {
      const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.deepEqual([content, screen], [360, 360], state);
      for (const selector of ["#text", "#attach", ".send", "#offline", "#show-people", "#wire-toggle"]) {
        const { x, y, width, height } = await page.locator(selector).boundingBox();
        assert.ok(x >= 0 && y >= 0 && x + width <= 360 && y + height <= 640, `${selector} ${state}`);
      }
    };
    await fits("at first");
    assert.equal(await page.locator("#packets").isVisible(), false, "the wire begins closed");
    await ada.page.locator("#show-people").tap();
    await ada.rename("W".repeat(40));
    await fits("with the people");
    await ada.page.locator("#show-people").tap();
    await ada.join("M".repeat(40));
    await ada.say("w".repeat(300));
    await ada.page
      .locator("#file")
      .setInputFiles({ name: `${"n".repeat(100)}.png`, mimeType: "image/png", buffer: picture(400, 20) });
    await page.locator("figure img").waitFor();
    await fits("with long words");
    await page.locator("#wire-toggle").tap();
    await page.locator("#packets").waitFor();
    await fits("with the wire");
    await page.locator("#offline").tap();
    await ada.say("later");
    await ada.hasReceipt("later", "queued");
    await fits("offline");
  });

  test(`all text can be read, ${colorScheme}`, async () => {
    const ada = await demo.visit({ colorScheme, name: "Ada" });
    const grace = await demo.visit({ name: "Grace" });
    await ada.join("engines");
    await ada.show("");
    await grace.show("engines");
    await grace.say("unread");
    await grace.show("");
    await grace.join("looms");
    await grace.show("");
    await grace.say("from her");
    await ada.say("from me");
    await ada.hasReceipt("from me", "delivered");
    await ada.page.locator("#file").setInputFiles([
      { name: "view.png", mimeType: "image/png", buffer: picture(8, 8) },
      { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") },
    ]);
    await ada.page.locator("#notice").waitFor();
    await ada.sees(".unread", "1 unread");
    await enoughContrast(ada, 70);
    await ada.page.locator("#offline").click();
    await ada.say("waiting");
    await ada.hasReceipt("waiting", "queued");
    await ada.page.locator("#file").setInputFiles({ name: "later.png", mimeType: "image/png", buffer: picture(8, 8) });
    await ada.page.locator("figure", { hasText: "later.png" }).waitFor();
    await enoughContrast(ada, 60);
  });
}

test("nothing moves for those who want no motion", async () => {
  const ada = await demo.visit({ reducedMotion: "reduce" });
  await ada.say("still");
  await ada.hasReceipt("still", "delivered");
  assert.equal(await ada.page.evaluate(() => document.getAnimations().length), 0);
  const durations = await ada.page.evaluate(() =>
    [...document.querySelectorAll("*")].map((element) => getComputedStyle(element).animationName),
  );
  assert.deepEqual([...new Set(durations)], ["none"]);
});

test("a reader of what was said before is not taken away, but told of what is new", async () => {
  const ada = await demo.visit({ viewport: { width: 1200, height: 500 } });
  const grace = await demo.visit();
  for (let index = 0; index < 15; index += 1) await grace.say(`number ${index}`);
  await ada.reads("number 14");
  const log = ada.page.locator("#log");
  await log.focus();
  await ada.page.keyboard.press("Home");
  await ada.page.locator("#messages .text").first().click();
  await grace.say("news");
  await ada.page.locator("#newest").waitFor();
  assert.ok(await log.evaluate((log) => log.scrollTop < 100));
  await ada.page.locator("#newest").click();
  await ada.page.locator("#newest").waitFor({ state: "hidden" });
  assert.ok(await log.evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2));
});

/** Goes to an element as the keyboard does. */
async function tabTo(visitor, selector) {
  for (let tries = 0; tries < 60; tries += 1) {
    if (await visitor.page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
    await visitor.page.keyboard.press("Tab");
  }
  assert.fail(`${selector} cannot be reached`);
}

function focused(visitor) {
  return visitor.page.evaluate(() => `#${document.activeElement.id}`);
}

/** Runs in the page. */
function describeFocus() {
  const element = document.activeElement;
  if (element === document.body) return { key: null };
  const label = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
  const key = [...document.querySelectorAll("*")].indexOf(element);
  return { key, name: label.trim(), outline: getComputedStyle(element).outlineStyle };
}

async function enoughContrast(visitor, atLeast) {
  const { checked, faint } = await faintTexts(visitor.page, 4.5);
  assert.deepEqual(faint, []);
  assert.ok(checked >= atLeast, `${checked} texts`);
}
