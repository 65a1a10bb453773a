// Socket.IO packets with their attachments. Source: Socket.IO protocol v5, "Packet encoding".

export const CONNECT = 0;
export const DISCONNECT = 1;
export const EVENT = 2;
export const ACK = 3;
export const CONNECT_ERROR = 4;
const BINARY_EVENT = 5;
const BINARY_ACK = 6;

/**
 * A Socket.IO packet. Binary events and acknowledgements are EVENT and ACK too: their data holds an `ArrayBuffer`.
 *
 * @typedef {{type: number, namespace: string, id?: number, data?: unknown}} Packet
 */

/**
 * The messages of a packet: its text, then its attachments.
 *
 * @returns {(string | ArrayBuffer)[]}
 */
export function encode({ type, namespace = "/", id, data }) {
  const attachments = [];
  const json = data === undefined ? "" : JSON.stringify(data, (_, value) => detach(value, attachments));
  const binary = attachments.length > 0;
  const head = binary ? `${type === EVENT ? BINARY_EVENT : BINARY_ACK}${attachments.length}-` : `${type}`;
  return [`${head}${namespace === "/" ? "" : `${namespace},`}${id ?? ""}${json}`, ...attachments];
}

/** Puts packets together again. */
export class Decoder {
  /** The packet whose attachments are still to come. */
  #packet;
  #attachments = [];

  /**
   * @param {string | ArrayBuffer} message
   * @returns {Packet | undefined} the packet that this message completes
   */
  add(message) {
    if (typeof message !== "string") {
      return this.#attach(message);
    }
    if (this.#packet) {
      throw new Error(`not an attachment: ${message.slice(0, 100)}`);
    }
    const { count, packet } = parse(message);
    if (count === 0) {
      return packet;
    }
    this.#packet = { ...packet, count };
    return undefined;
  }

  #attach(bytes) {
    if (!this.#packet) {
      throw new Error("an attachment without a packet");
    }
    this.#attachments.push(bytes);
    const { count, ...packet } = this.#packet;
    if (this.#attachments.length < count) {
      return undefined;
    }
    const data = reattach(packet.data, this.#attachments);
    this.#packet = undefined;
    this.#attachments = [];
    return { ...packet, data };
  }
}

/** Type, number of attachments, namespace, id, and the JSON that follows. */
const PACKET = /^([0-6])(?:(\d+)-)?(?:(\/[^,]*),)?(\d+)?(.*)$/s;

function parse(text) {
  const match = PACKET.exec(text);
  if (!match) {
    throw new Error(`not a Socket.IO packet: ${text.slice(0, 100)}`);
  }
  const [, type, count = "0", namespace = "/", id, json] = match;
  const packet = { type: withoutBinary(Number(type)), namespace };
  if (id !== undefined) packet.id = Number(id);
  if (json !== "") packet.data = JSON.parse(json);
  return { count: Number(count), packet };
}

function withoutBinary(type) {
  return type === BINARY_EVENT ? EVENT : type === BINARY_ACK ? ACK : type;
}

function detach(value, attachments) {
  const bytes = bytesOf(value);
  return bytes ? { _placeholder: true, num: attachments.push(bytes) - 1 } : value;
}

function bytesOf(value) {
  if (value instanceof ArrayBuffer) return value;
  if (ArrayBuffer.isView(value)) return value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
  return undefined;
}

function reattach(value, attachments) {
  if (typeof value !== "object" || value === null) return value;
  if (value._placeholder === true) return attachments[value.num];
  if (Array.isArray(value)) return value.map((item) => reattach(item, attachments));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, reattach(item, attachments)]));
}
