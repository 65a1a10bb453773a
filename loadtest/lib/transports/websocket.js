// Engine.IO packets over a WebSocket.

import { decodeFrame, encodeFrame } from "../codec/engine.js";

const { WebSocket } = websockets();

/**
 * Set `onopen`, `onpacket` and `onclose` as soon as it has been made.
 *
 * k6 drops what arrives before it has noticed itself that a WebSocket is open: the first packet of a server, which comes
 * with the answer to the handshake, may be among it. What a server sends later is safe.
 */
export class WebSocketTransport {
  name = "websocket";
  onopen = () => {};
  onpacket = () => {};
  onclose = () => {};
  #socket;

  /** @param {import("../engine.js").Address} address */
  constructor(address) {
    this.#socket = new WebSocket(address.url("websocket").replace(/^http/, "ws"), null, { tags: { name: "websocket" } });
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.onopen();
    this.#socket.onmessage = ({ data }) => this.onpacket(decodeFrame(data));
    this.#socket.onerror = ({ error }) => this.onclose(`WebSocket error: ${error}`);
    this.#socket.onclose = () => this.onclose("WebSocket closed");
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
