// Engine.IO packets, as WebSocket frames and in the bodies of polling requests. Source: Engine.IO v4, "Encoding".

/** What stands between the packets of one body. */
const SEPARATOR = "\x1e";

/**
 * An Engine.IO packet. Its data is text, or the bytes of a binary message.
 *
 * @typedef {{type: string, data: string | ArrayBuffer}} Packet
 */

export const OPEN = "0";
export const CLOSE = "1";
export const PING = "2";
export const PONG = "3";
export const MESSAGE = "4";
export const UPGRADE = "5";
export const NOOP = "6";

/** The frame of a packet: text, or the bytes of a binary message as they are. */
export function encodeFrame({ type, data = "" }) {
  return typeof data === "string" ? type + data : data;
}

/** @returns {Packet} */
export function decodeFrame(frame) {
  return typeof frame === "string" ? decodeText(frame) : { type: MESSAGE, data: frame };
}

/** The body of a request; `toBase64` makes text of the bytes of binary messages. */
export function encodeBody(packets, toBase64) {
  return packets.map((packet) => encodeInBody(packet, toBase64)).join(SEPARATOR);
}

/**
 * What fits into one body of so many bytes, at least the first packet, and the rest.
 *
 * @returns {[Packet[], Packet[]]}
 */
export function splitAt(maxBytes, packets) {
  if (mostInBody(packets) <= maxBytes) {
    return [packets, []];
  }
  let bytes = 0;
  for (let index = 0; index < packets.length; index += 1) {
    bytes += sizeInBody(packets[index]) + SEPARATOR.length;
    if (index > 0 && bytes - SEPARATOR.length > maxBytes) {
      return [packets.slice(0, index), packets.slice(index)];
    }
  }
  return [packets, []];
}

/** @returns {Packet[]} what a body holds; `fromBase64` makes bytes of the text of binary messages. */
export function decodeBody(body, fromBase64) {
  return body.split(SEPARATOR).map((text) => {
    return text[0] === "b" ? { type: MESSAGE, data: fromBase64(text.slice(1)) } : decodeText(text);
  });
}

function encodeInBody(packet, toBase64) {
  const frame = encodeFrame(packet);
  return typeof frame === "string" ? frame : `b${toBase64(frame)}`;
}

/** No fewer bytes than packets take, without a look at their characters. */
function mostInBody(packets) {
  return packets.reduce((sum, { data = "" }) => {
    return sum + 2 + (typeof data === "string" ? 3 * data.length : 4 + 2 * data.byteLength);
  }, 0);
}

function sizeInBody({ data = "" }) {
  return 1 + (typeof data === "string" ? utf8Length(data) : 4 * Math.ceil(data.byteLength / 3));
}

function utf8Length(text) {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0);
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function decodeText(text) {
  if (!(text[0] >= OPEN && text[0] <= NOOP)) {
    throw new Error(`not an Engine.IO packet: ${text.slice(0, 100)}`);
  }
  return { type: text[0], data: text.slice(1) };
}
