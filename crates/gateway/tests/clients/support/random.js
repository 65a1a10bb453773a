// Random packets, and packets with random mistakes in them, which a seed determines.

import { Encoder } from "socket.io-parser";

/** Random numbers of a seed (mulberry32). */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 up to, and without, `bound`. */
  below(bound) {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  list(most, make) {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  bytes(most) {
    return Buffer.from(this.list(most, () => this.below(256)));
  }

  /** A number as JavaScript programs have them: small, whole, or any of the 2^64. */
  number() {
    const any = () => Buffer.from(Array.from({ length: 8 }, () => this.below(256))).readDoubleBE();
    const scaled = () => this.below(1000) * 10 ** (this.below(60) - 30);
    const number = this.pick([() => this.below(100), () => this.below(2 ** 31) * -1000, () => this.below(1000) / 8, scaled, any])();
    return Number.isFinite(number) ? number : 0;
  }

  text() {
    return this.list(8, () => this.pick(["a", "Z", "0", " ", "é", "€", "😀", "\u2028", '"', "\\", "/", "\n", "\0", "\x7f", ",", "["])).join("");
  }

  /** Any value, with binary data in it where that is allowed. */
  value(binary, depth = 3) {
    const scalars = [() => null, () => true, () => false, () => this.number(), () => this.text()];
    if (binary) {
      scalars.push(() => this.bytes(8));
    }
    const nested = [
      () => this.list(3, () => this.value(binary, depth - 1)),
      () => Object.fromEntries(this.list(3, () => [this.text(), this.value(binary, depth - 1)])),
    ];
    return this.pick(depth > 0 ? [...scalars, ...nested] : scalars)();
  }

  /** A packet of any type that a client sends. */
  packet() {
    const nsp = this.pick(["/", "/", "/admin", "/a b", "/custom?a=b"]);
    const args = () => this.list(3, () => this.value(true));
    const id = this.pick([undefined, this.below(1000), Number.MAX_SAFE_INTEGER]);
    return this.pick([
      () => ({ type: 0, nsp, data: this.pick([undefined, { token: this.text(), n: this.value(false) }]) }),
      () => ({ type: 1, nsp }),
      () => ({ type: 2, nsp, id, data: [this.pick(["message", "", 7, this.text()]), ...args()] }),
      () => ({ type: 2, nsp, id, data: ["binary", this.bytes(4), ...args()] }),
      () => ({ type: 3, nsp, id: id ?? 0, data: args() }),
    ])();
  }

  /** The messages of a packet that the default parser can read. */
  messages() {
    for (;;) {
      const messages = new Encoder().encode(this.packet());
      // More than ten attachments are too many for either side.
      if (messages.length <= 11) {
        return messages;
      }
    }
  }

  /** A text with a mistake in it: in place of a word, or anywhere. */
  mistake(text) {
    const words = [...text.matchAll(/"(?:[^"\\]|\\.)*"|\d+|[^"\d]/gs)];
    const anywhere = this.below(text.length + 1);
    const [from, to] =
      words.length > 0 && this.below(3) > 0
        ? this.pick(words.map(({ 0: word, index }) => [index, index + word.length]))
        : [anywhere, anywhere + this.below(4)];
    const pieces = [
      "", "[", "]", "{", "}", ",", ":", '"', "\\", "-", "/", "0", "9", "1e9", ".5", "-0", " ", "\n", "null", "true", "é", "\u00a0", "\ufeff", "[[[[",
      '""', '"disconnect"', '"newListener"', '{"_placeholder":true,"num":0}', '"_placeholder"', '"num":1', "\\ud83d", "\\u0041", "51-", "9007199254740992",
    ];
    return text.slice(0, from) + this.pick(pieces) + text.slice(to);
  }

  /** Messages with mistakes in and between them. */
  mistakes(messages) {
    const mistaken = [...messages];
    for (let count = this.pick([1, 1, 1, 2, 3]); count > 0; count -= 1) {
      const at = this.below(mistaken.length);
      const message = mistaken[at];
      const changes = [
        () => (mistaken[at] = typeof message === "string" ? this.mistake(message) : this.bytes(4)),
        () => (mistaken[at] = typeof message === "string" ? this.mistake(message) : this.bytes(4)),
        () => (mistaken[at] = typeof message === "string" ? this.mistake(message) : message),
        () => mistaken.splice(at, 1, ...this.pick([[], [message, message], [message, this.bytes(2)]])),
      ];
      this.pick(changes)();
      if (mistaken.length === 0) {
        return [""];
      }
    }
    // Text arrives as UTF-8, which has no halves of characters.
    return mistaken.map((message) => (typeof message === "string" ? message.toWellFormed() : message));
  }

  /** A packet in MessagePack with mistakes in it. */
  byteMistakes(packet) {
    let bytes = Buffer.from(packet);
    for (let count = this.below(3) + 1; count > 0; count -= 1) {
      const at = this.below(bytes.length + 1);
      const byte = this.pick([this.below(256), 0x80 + this.below(0x28), 0xc0 + this.below(0x20)]);
      const rest = bytes.subarray(at + this.below(2));
      bytes = this.pick([Buffer.concat([bytes.subarray(0, at), Buffer.from([byte]), rest]), bytes.subarray(0, at)]);
    }
    return bytes;
  }
}
