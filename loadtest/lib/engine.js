// An Engine.IO session: the handshake, the heartbeat, the upgrade from polling to WebSocket.

import { Address } from "./address.js";
import { after } from "./clock.js";
import { CLOSE, MESSAGE, OPEN, PING, PONG, UPGRADE } from "./codec/engine.js";
import { PollingTransport } from "./transports/polling.js";
import { WebSocketTransport } from "./transports/websocket.js";

const TRANSPORTS = { polling: PollingTransport, websocket: WebSocketTransport };

/** Set `onmessage` and `onclose` as soon as it is open. */
export class Engine {
  onmessage = () => {};
  onclose = () => {};
  /** Told with the name of the new transport, or not at all where the server has no other. */
  onupgrade = () => {};
  /** The id of the session; unknown where the handshake has been lost, see `WebSocketTransport`. */
  sid;
  #address;
  #transport;
  /** The transports to move to. */
  #others;
  #pingPatience;
  /** Forgets when the next ping is due. */
  #cancel = () => {};
  #isClosed = false;
  /** The WebSocket that is to take over. */
  #probe;
  /** What is sent while the transport changes. */
  #held;
  #closeLater = false;

  /**
   * @param {string | string[]} servers
   * @param {{transports?: ("polling" | "websocket")[], path?: string, query?: Record<string, string>}} options
   * @returns {Promise<Engine>}
   */
  static open(servers, { transports = ["websocket"], ...options } = {}) {
    return new Promise((resolve, reject) => {
      const engine = new Engine(new Address(servers, options), transports);
      engine.onclose = (reason) => reject(new Error(reason));
      engine.#transport.onopen = () => resolve(engine);
    });
  }

  constructor(address, [transport, ...others]) {
    this.#address = address;
    this.#others = others;
    this.#use(new TRANSPORTS[transport](address));
  }

  /** The name of the transport that is in use. */
  get transport() {
    return this.#transport.name;
  }

  /** Sends messages that belong together. */
  send(messages) {
    this.#send(messages.map((data) => ({ type: MESSAGE, data })));
  }

  /** Sends what it has been given, and closes: once the transport has changed, if it is about to. */
  close() {
    if (this.#held) {
      this.#closeLater = true;
    } else if (!this.#isClosed) {
      this.#ended("closed by the client");
      this.#transport.close();
    }
  }

  #use(transport) {
    this.#transport = transport;
    transport.onpacket = (packet) => this.#receive(packet);
    transport.onclose = (reason) => this.#ended(reason);
  }

  #receive({ type, data }) {
    if (this.#isClosed) {
      return;
    }
    if (type === MESSAGE) {
      this.onmessage(data);
    } else if (type === OPEN) {
      this.#handshake(JSON.parse(data));
    } else if (type === PING) {
      this.#expectPing();
      this.#send([{ type: PONG }]);
    } else if (type === CLOSE) {
      this.#ended("closed by the server");
      this.#transport.close();
    }
  }

  #handshake({ sid, upgrades, pingInterval, pingTimeout, maxPayload }) {
    this.sid = this.#address.sid = sid;
    this.#pingPatience = pingInterval + pingTimeout;
    this.#transport.maxPayload = maxPayload;
    this.#expectPing();
    if (this.#others.includes("websocket") && upgrades.includes("websocket")) {
      this.#upgrade();
    }
  }

  #send(packets) {
    if (this.#held) {
      this.#held.push(...packets);
    } else if (!this.#isClosed) {
      this.#transport.send(packets);
    }
  }

  /** A probe goes over the WebSocket; when it is answered, polling ends, and the WebSocket takes over. */
  #upgrade() {
    const probe = (this.#probe = new WebSocketTransport(this.#address));
    // Polling goes on where the probe fails.
    probe.onclose = () => (this.#probe = undefined);
    probe.onpacket = ({ type, data }) => {
      if (type === PONG && data === "probe" && !this.#isClosed) {
        this.#moveTo(probe);
      }
    };
    probe.onopen = () => probe.send([{ type: PING, data: "probe" }]);
  }

  async #moveTo(websocket) {
    this.#held = [];
    const unsent = await this.#transport.end();
    if (this.#probe !== websocket) {
      this.#ended("the WebSocket closed in the middle of the upgrade");
    }
    if (this.#isClosed) {
      return;
    }
    const packets = [{ type: UPGRADE }, ...unsent, ...this.#held];
    this.#held = this.#probe = undefined;
    this.#use(websocket);
    websocket.send(packets);
    this.onupgrade(websocket.name);
    if (this.#closeLater) {
      this.close();
    }
  }

  #expectPing() {
    this.#cancel();
    if (this.#pingPatience) {
      this.#cancel = after(this.#pingPatience, () => this.#timedOut());
    }
  }

  #timedOut() {
    this.#ended("ping timeout");
    this.#transport.close();
  }

  #ended(reason) {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#cancel();
      this.#probe?.close();
      this.onclose(reason);
    }
  }
}
