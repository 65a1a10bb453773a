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
  const json = data === undefined ? "" : JSON.stringify(detach(data, attachments));
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
    const packet = parse(message);
    if (packet.count === undefined) {
      return packet;
    }
    this.#packet = packet;
    return undefined;
  }

  #attach(bytes) {
    if (!this.#packet) {
      throw new Error("an attachment without a packet");
    }
    this.#attachments.push(bytes);
    if (this.#attachments.length < this.#packet.count) {
      return undefined;
    }
    const { count, ...packet } = this.#packet;
    const data = reattach(packet.data, this.#attachments);
    this.#packet = undefined;
    this.#attachments = [];
    return { ...packet, data };
  }
}

/** Type, number of attachments, namespace and id; JSON follows. */
const HEAD = /^([0-6])(?:(\d+)-)?(?:(\/[^,]*),)?(\d+)?/;

/** The packet, with the `count` of its attachments if it has any. Every event comes through here: plain steps are fast. */
function parse(text) {
  const head = HEAD.exec(text);
  if (!head) {
    throw new Error(`not a Socket.IO packet: ${text.slice(0, 100)}`);
  }
  const packet = { type: withoutBinary(Number(head[1])), namespace: head[3] || "/" };
  if (head[4]) packet.id = Number(head[4]);
  if (head[0].length < text.length) packet.data = JSON.parse(text.slice(head[0].length));
  if (head[2] > 0) packet.count = Number(head[2]);
  return packet;
}

function withoutBinary(type) {
  return type === BINARY_EVENT ? EVENT : type === BINARY_ACK ? ACK : type;
}

/** The value with placeholders for its bytes; the value itself where it has none. */
function detach(value, attachments) {
  if (typeof value !== "object" || value === null) return value;
  const bytes = bytesOf(value);
  if (bytes) return { _placeholder: true, num: attachments.push(bytes) - 1 };
  return hasBytes(value) ? mapped(value, (item) => detach(item, attachments)) : value;
}

function hasBytes(value) {
  if (typeof value !== "object" || value === null) return false;
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) || Object.values(value).some(hasBytes);
}

function bytesOf(value) {
  if (value instanceof ArrayBuffer) return value;
  if (ArrayBuffer.isView(value)) return value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
  return undefined;
}

function reattach(value, attachments) {
  if (typeof value !== "object" || value === null) return value;
  if (value._placeholder === true) return attachments[value.num];
  return mapped(value, (item) => reattach(item, attachments));
}

function mapped(value, change) {
  if (Array.isArray(value)) return value.map(change);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]));
}
