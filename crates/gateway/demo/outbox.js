// What this page sends: each message waits for the connection, and then for its receipt.
//
// A message that was under way when the connection broke may have arrived or not. It is sent again, with the same key, by
// which everybody knows it: so it is shown once.

/** Time a receipt may take. */
const RECEIPT_TIMEOUT_MS = 15_000;

/** How many messages may wait. */
export const MAX_WAITING = 100;

export class Outbox {
  #socket;
  #chat;
  #waiting = [];

  constructor(socket, chat) {
    this.#socket = socket;
    this.#chat = chat;
    socket.on("connect", () => this.#flush());
  }

  get hasSpace() {
    return this.#waiting.length < MAX_WAITING;
  }

  get waiting() {
    return this.#waiting.length;
  }

  sendText(room, text) {
    this.#send({ room, text });
  }

  /** A picture: `{name, type, data}`. */
  sendPicture(room, picture) {
    this.#send({ room, picture });
  }

  /** Sends a message again that has failed. */
  retry(message) {
    this.#queue(message);
  }

  #send(content) {
    this.#queue(this.#chat.add({ ...content, isMine: true, author: this.#chat.me }));
  }

  #queue(message) {
    this.#waiting.push(message);
    this.#chat.update(message, { receipt: { state: "queued" } });
    this.#flush();
  }

  #flush() {
    if (!this.#socket.connected) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach((message) => this.#transmit(message));
  }

  #transmit(message) {
    const began = performance.now();
    this.#chat.update(message, { receipt: { state: "sending" } });
    this.#socket.timeout(RECEIPT_TIMEOUT_MS).emit(...packet(message), (error, answer) => {
      if (error && !this.#socket.connected) return this.#queue(message);
      const receipt = error ? failed("no answer") : receiptOf(answer, performance.now() - began);
      this.#chat.update(message, { at: receipt.at ?? message.at, receipt });
    });
  }
}

function packet({ room, key, text, picture }) {
  const to = { ...(room && { room }), key };
  return picture
    ? ["picture", { name: picture.name, mime: picture.type, ...to }, picture.data]
    : ["message", { message: text, ...to }];
}

function receiptOf(answer, took) {
  return answer?.error ? failed(answer.error) : { state: "delivered", at: answer?.timestamp, took };
}

function failed(reason) {
  return { state: "failed", reason };
}
