// Engine.IO packets over HTTP long-polling: one GET waits for what comes, one POST at a time takes what goes.

import encoding from "k6/encoding";
import http from "k6/http";

import { CLOSE, decodeBody, encodeBody, splitAt } from "../codec/engine.js";

/** The server answers a GET with a ping at the latest; only a server that hangs takes this long. */
const PATIENCE = "120s";

// k6 shall not judge the answers: a GET may pass the POST that closes its session, and is refused then.
const REQUEST = { timeout: PATIENCE, responseType: "text", responseCallback: null };
const GET = { ...REQUEST, tags: { name: "poll" } };
const POST = { ...REQUEST, tags: { name: "post" }, headers: { "Content-Type": "text/plain;charset=UTF-8" } };

/** Set `onopen`, `onpacket` and `onclose` as soon as it has been made. */
export class PollingTransport {
  name = "polling";
  /** Called when the server has answered for the first time. */
  onopen = () => {};
  onpacket = () => {};
  onclose = () => {};
  /** Largest body that the server takes; it says so in its first packet. */
  maxPayload = Infinity;
  #address;
  #state = "polling";
  /** Packets that wait for the next POST. */
  #waiting = [];
  #polls;
  #posts = Promise.resolve();

  /** @param {import("../engine.js").Address} address */
  constructor(address) {
    this.#address = address;
    this.#polls = this.#open();
  }

  send(packets) {
    this.#waiting.push(...packets);
    if (this.#waiting.length === packets.length) {
      this.#posts = this.#posts.then(() => this.#post());
    }
  }

  /**
   * Makes no more requests, and waits for those under way.
   *
   * @returns {Promise<import("../codec/engine.js").Packet[]>} what has not been sent
   */
  async end() {
    this.#state = "ended";
    await Promise.all([this.#posts, this.#polls]);
    return this.#waiting;
  }

  /** Sends what it has been given, and closes. */
  async close() {
    this.#state = "closing";
    this.send([{ type: CLOSE }]);
    await Promise.all([this.#posts, this.#polls]);
    this.#closed("closed");
  }

  async #open() {
    await this.#poll();
    if (!this.#address.sid) {
      this.#closed("no handshake");
      return;
    }
    this.onopen();
    while (this.#state === "polling") {
      await this.#poll();
    }
  }

  async #poll() {
    const response = await this.#request("GET", null, GET);
    if (response) {
      const packets = decodeBody(response.body, (text) => encoding.b64decode(text));
      packets.forEach((packet) => this.onpacket(packet));
    }
  }

  async #post() {
    while (this.#waiting.length > 0 && this.#mayPost()) {
      const [packets, rest] = splitAt(this.maxPayload, this.#waiting);
      this.#waiting = rest;
      const body = encodeBody(packets, (bytes) => encoding.b64encode(bytes));
      if (!(await this.#request("POST", body, POST))) {
        return;
      }
    }
  }

  #mayPost() {
    return this.#state === "polling" || this.#state === "closing";
  }

  /** The answer, or nothing, when the transport is over. */
  async #request(method, body, params) {
    const response = await http.asyncRequest(method, this.#address.url("polling"), body, params);
    if (response.status !== 200) {
      this.#closed(`${method} was answered with ${response.status} ${response.error || response.body}`);
      return undefined;
    }
    return response;
  }

  #closed(reason) {
    if (this.#state !== "closed") {
      this.#state = "closed";
      this.onclose(reason);
    }
  }
}
