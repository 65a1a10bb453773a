// Engine.IO packets over a WebSocket.

import { decodeFrame, encodeFrame } from "../codec/engine.js";

const { WebSocket } = websockets();

/** Set `onpacket` and `onclose` before anything arrives, that is, as soon as it has been made. */
export class WebSocketTransport {
  name = "websocket";
  onpacket = () => {};
  onclose = () => {};
  #socket;

  /** @param {import("../engine.js").Address} address */
  constructor(address) {
    this.#socket = new WebSocket(address.url("websocket").replace(/^http/, "ws"), null, { tags: { name: "websocket" } });
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => this.onpacket(decodeFrame(data));
    this.#socket.onerror = ({ error }) => this.onclose(`WebSocket error: ${error}`);
    this.#socket.onclose = () => this.onclose("WebSocket closed");
  }

  /** Resolves when packets can be sent. */
  opened() {
    return new Promise((resolve) => (this.#socket.onopen = resolve));
  }

  send(packets) {
    packets.forEach((packet) => this.#socket.send(encodeFrame(packet)));
  }

  /** Sends what it has been given, and closes. */
  close() {
    this.#socket.close();
  }
}

/** The event loop's WebSockets, which older versions of k6 have among their experiments. */
function websockets() {
  try {
    return require("k6/websockets");
  } catch {
    return require("k6/experimental/websockets");
  }
}
