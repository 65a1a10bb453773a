// Engine.IO packets over a WebSocket.

import { decodeFrame, encodeFrame } from "../codec/engine.js";

const { WebSocket } = websockets();

/** The `readyState` of a WebSocket that is open. */
const OPEN = 1;

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
  #isClosing = false;

  /** @param {import("../engine.js").Address} address */
  constructor(address) {
    this.#socket = new WebSocket(address.url("websocket").replace(/^http/, "ws"), null, { tags: { name: "websocket" } });
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => (this.#isClosing ? this.#socket.close() : this.onopen());
    this.#socket.onmessage = ({ data }) => this.onpacket(decodeFrame(data));
    this.#socket.onerror = ({ error }) => this.onclose(`WebSocket error: ${error}`);
    this.#socket.onclose = () => this.onclose("WebSocket closed");
  }

  send(packets) {
    packets.forEach((packet) => this.#socket.send(encodeFrame(packet)));
  }

  /** Sends what it has been given, and closes. A WebSocket that is not open yet would block k6: it is closed later. */
  close() {
    this.#isClosing = true;
    if (this.#socket.readyState === OPEN) {
      this.#socket.close();
    }
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
