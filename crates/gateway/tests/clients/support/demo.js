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
const OUTAGE = /net::ERR_(CONNECTION|INTERNET|EMPTY|INCOMPLETE)|WebSocket connection to .* failed/;

/** What it says when an interface of this machine comes or goes, as those of containers do: it ends all requests then. */
const INTERRUPTION = /net::ERR_NETWORK_CHANGED/;

const PATIENCE_MS = 20_000;

/** A node with the demo, or whatever stands for one, and a browser. */
export class Demo {
  static async start(args = []) {
    return Demo.at(await startNode(args), args);
  }

  static async at(node, args = []) {
    const executablePath = execFileSync("which", ["chromium"], { encoding: "utf8" }).trim();
    const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGS });
    return new Demo(node, browser, args);
  }

  constructor(node, browser, args) {
    this.node = node;
    this.browser = browser;
    this.args = args;
    this.visitors = [];
    this.idle = [];
  }

  /**
   * Somebody comes, with a browser context of their own; connected and upgraded unless told not to wait for that.
   *
   * `prepare` is called with the page before it is loaded; what else is given are options of the context.
   */
  async visit({ name, prepare, waits = true, ...options } = {}) {
    const isPlain = !prepare && Object.keys(options).length === 0;
    const visitor = (isPlain && this.idle.pop()) || (await this.#newVisitor(isPlain, options));
    this.visitors.push(visitor);
    await prepare?.(visitor.page);
    await visitor.load(this.node.url);
    if (waits) await visitor.isBy("websocket");
    if (name) await visitor.rename(name);
    return visitor;
  }

  /** Everybody goes. Nobody's browser may have complained of anything. */
  async clear() {
    const visitors = this.visitors.splice(0);
    const complaints = visitors.flatMap((visitor) => visitor.complaints.splice(0));
    await Promise.all(visitors.map((visitor) => this.#end(visitor)));
    assert.deepEqual(complaints, []);
  }

  async #newVisitor(isPlain, options) {
    const context = await this.browser.newContext({ locale: "en-GB", reducedMotion: "reduce", ...options });
    return new Visitor(context, await context.newPage(), isPlain);
  }

  /** A page that has been loaded once is soon loaded again: it is kept for the next visitor, who finds nothing in it. */
  async #end(visitor) {
    if (!visitor.canReturn) return visitor.context.close();
    await visitor.forget();
    this.idle.push(visitor);
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
  constructor(context, page, isPlain) {
    this.context = context;
    this.page = page;
    this.complaints = [];
    this.isOutageExpected = false;
    this.isPlain = isPlain;
    this.hasCrashed = false;
    this.isInterrupted = false;
    context.setDefaultTimeout(PATIENCE_MS);
    page.on("requestfailed", (request) => {
      this.isInterrupted ||= INTERRUPTION.test(request.failure().errorText);
    });
    page.on("crash", () => {
      this.hasCrashed = true;
    });
    page.on("console", (message) => this.#note(message.type(), message.text()));
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      this.complaints.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
  }

  /** Loads the page, again where that was interrupted. */
  async load(url) {
    do {
      this.isInterrupted = false;
      await this.page.goto(url).catch((error) => {
        if (!INTERRUPTION.test(error.message)) throw error;
        this.isInterrupted = true;
      });
    } while (this.isInterrupted);
  }

  get canReturn() {
    return this.isPlain && !this.hasCrashed && !this.page.isClosed();
  }

  /** Leaves the page as if it had never been there. */
  async forget() {
    this.isOutageExpected = false;
    await this.page.evaluate(() => sessionStorage.clear());
    await this.page.goto("about:blank");
    await this.context.setOffline(false);
  }

  /** From here on, failed requests are no complaint. */
  expectOutage() {
    this.isOutageExpected = true;
  }

  /** Waits until a transport is the one in use. */
  async isBy(transport) {
    try {
      await this.page.locator(`.stage[data-transport=${transport}][data-state=current]`).waitFor();
      await this.phase("connected");
    } catch (error) {
      const packets = await this.page.locator("#packets :is(b, .mark)").allTextContents();
      throw new Error(`not by ${transport}: ${await this.story()} (${packets.slice(-10).join(", ")})`, {
        cause: error,
      });
    }
  }

  /** What the page says of its connection. */
  async story() {
    return this.page.locator(".story").innerText();
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

  /** Waits until a message is there, for so many milliseconds if that is limited, and gives its row. */
  async reads(text, { timeout } = {}) {
    const row = this.row(text);
    await row.first().waitFor({ timeout });
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
    const isExpected = INTERRUPTION.test(text) || (this.isOutageExpected && OUTAGE.test(text));
    if (!isExpected) this.complaints.push(`${type}: ${text}`);
  }
}

function exactly(text) {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
}
