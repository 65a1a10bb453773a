// The chat demo with a browser and people in it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

import { chromium } from "playwright-core";

import { startNode } from "./fanfare.js";

const CHROMIUM_ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** What a browser says of every request while there is no server. */
const OUTAGE = /net::ERR_(CONNECTION|INTERNET|NETWORK|EMPTY|INCOMPLETE)|WebSocket connection to .* failed/;

const PATIENCE_MS = 20_000;

/** A node with the demo, and a browser. */
export class Demo {
  static async start(args = []) {
    const node = await startNode(args);
    const executablePath = execFileSync("which", ["chromium"], { encoding: "utf8" }).trim();
    const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGS });
    return new Demo(node, browser, args);
  }

  constructor(node, browser, args) {
    this.node = node;
    this.browser = browser;
    this.args = args;
    this.visitors = [];
  }

  /** Somebody comes, with a browser that knows nobody else's; connected and upgraded unless told not to wait for that. */
  async visit({ name, prepare, waits = true, ...context } = {}) {
    const visitor = new Visitor(await this.browser.newContext({ locale: "en-GB", ...context }));
    this.visitors.push(visitor);
    await visitor.open(this.node.url, prepare);
    if (waits) await visitor.isBy("websocket");
    if (name) await visitor.rename(name);
    return visitor;
  }

  /** Everybody goes. Nobody's browser may have complained of anything. */
  async clear() {
    const visitors = this.visitors.splice(0);
    const complaints = visitors.flatMap((visitor) => visitor.complaints);
    await Promise.all(visitors.map((visitor) => visitor.context.close()));
    assert.deepEqual(complaints, []);
  }

  /** The server dies, as a machine does. */
  async kill() {
    this.visitors.forEach((visitor) => visitor.expectOutage());
    await this.node.stop("SIGKILL");
  }

  /** Another one comes in its place. */
  async restart() {
    this.node = await startNode(this.args, { port: this.node.port });
  }

  async stop() {
    await this.browser.close();
    await this.node.stop();
  }
}

/** One person with the page open. */
class Visitor {
  constructor(context) {
    this.context = context;
    this.complaints = [];
    this.isOutageExpected = false;
    context.setDefaultTimeout(PATIENCE_MS);
  }

  async open(url, prepare) {
    const page = await this.context.newPage();
    this.page = page;
    page.on("console", (message) => this.#note(message.type(), message.text()));
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      this.complaints.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    await prepare?.(page);
    await page.goto(url);
  }

  /** From here on, failed requests are no complaint. */
  expectOutage() {
    this.isOutageExpected = true;
  }

  /** Waits until a transport is the one in use. */
  async isBy(transport) {
    await this.page.locator(`.stage[data-transport=${transport}][data-state=current]`).waitFor();
    await this.phase("connected");
  }

  async phase(phase) {
    await this.page.locator(`.connection[data-phase=${phase}]`).waitFor();
  }

  async say(text) {
    await this.page.locator("#text").fill(text);
    await this.page.locator("#text").press("Enter");
  }

  async rename(name) {
    await this.page.locator("#name").fill(name);
    await this.page.locator("#name").press("Enter");
    await this.sees("#people-list .me .name", name);
  }

  async join(room) {
    await this.page.locator("#room").fill(room);
    await this.page.locator("#room").press("Enter");
    await this.sees("#rooms .shown .name", room);
  }

  async show(room) {
    await this.page.locator(`.room[data-room="${room}"]`).click();
  }

  /** Waits until an element shows exactly this text. */
  async sees(selector, text) {
    await this.page
      .locator(selector)
      .filter({ hasText: exactly(text) })
      .first()
      .waitFor();
  }

  /** Waits until the number of people is shown as this. */
  async counts(count) {
    await this.sees("#people-title .count", String(count));
  }

  /** Waits until a message is there, and gives its row. */
  async reads(text) {
    const row = this.row(text);
    await row.first().waitFor();
    return row.first();
  }

  row(text) {
    return this.page
      .locator("#messages > .message")
      .filter({ has: this.page.locator(".text", { hasText: exactly(text) }) });
  }

  /** Waits until a message of one's own has this receipt. */
  async hasReceipt(text, state) {
    await this.row(text).locator(`.receipt[data-state=${state}]`).waitFor();
  }

  async receipt(text) {
    return this.row(text).locator(".receipt").innerText();
  }

  /** All that was said here, in order. */
  async said() {
    return this.page.locator("#messages .text").allTextContents();
  }

  /** Whether nothing of this has come over the wire. */
  async isUntold(text) {
    return (await this.page.locator("#packets code", { hasText: text }).count()) === 0;
  }

  async names() {
    return this.page.locator("#people-list .name").allTextContents();
  }

  #note(type, text) {
    if (type !== "error" && type !== "warning") return;
    if (!this.isOutageExpected || !OUTAGE.test(text)) this.complaints.push(`${type}: ${text}`);
  }
}

function exactly(text) {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
}
