// One client talks to the server: what it says has to come back unchanged, once, in order.

import { now } from "../lib/clock.js";
import { ask, visit } from "./clients.js";
import { Inbox } from "./inbox.js";
import { expect, published } from "./metrics.js";
import { pace } from "./wait.js";

/**
 * Sends numbered events, of which every second asks for an acknowledgement, and every fourth is binary.
 *
 * @param {{server: string | string[], options: object, rate: number, events: number, size: number}} plan
 */
export async function converse({ server, options, rate, events, size }) {
  const inbox = new Inbox(echoesOf(events));
  await visit(server, options, async (socket) => {
    const answers = [];
    socket.on("echo", (message, payload) => {
      inbox.take(message);
      expect(isWhole(payload, size), "an echo has changed");
    });
    await pace(rate, events, (number) => {
      if (number % 2 === 0) {
        socket.emit("echo", { number: number / 2, at: now() }, payloadOf(number / 2, size));
        published.add(1);
      } else {
        answers.push(askForEcho(socket, number, size));
      }
    });
    await Promise.all(answers);
    await inbox.complete();
    const last = options.transports[options.transports.length - 1];
    expect(socket.client.engine.transport === last, `the client is still on ${socket.client.engine.transport}`);
  });
  inbox.report();
}

/** How many of so many events come back as events, not as acknowledgements. */
export function echoesOf(events) {
  return Math.ceil(events / 2);
}

async function askForEcho(socket, number, size) {
  const answer = await ask(socket, "echo", number, payloadOf((number - 1) / 2, size));
  if (answer) {
    expect(answer[0] === number && isWhole(answer[1], size), "an acknowledgement has changed");
  }
}

/** Text and bytes in turns. */
function payloadOf(number, size) {
  return number % 2 === 0 ? "x".repeat(size) : new Uint8Array(size).fill(number);
}

function isWhole(payload, size) {
  return typeof payload === "string" ? payload === "x".repeat(size) : payload.byteLength === size && isUniform(payload);
}

function isUniform(buffer) {
  const bytes = new Uint8Array(buffer);
  return bytes.every((byte) => byte === bytes[0]);
}
