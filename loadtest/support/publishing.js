// One client publishes numbered events, and others count what they get of them.

import exec from "k6/execution";

import { now } from "../lib/clock.js";
import { ask, visit } from "./clients.js";
import { attend, gather } from "./gathering.js";
import { Inbox } from "./inbox.js";
import { exactly, published, quick, sound } from "./metrics.js";
import { once, run } from "./run.js";
import { number, text, time, transportsOf } from "./settings.js";
import { PATIENCE, pace } from "./wait.js";

/**
 * What a run with one `publisher` and many a `receiver` is told: its settings, and the options for k6.
 *
 * @param {{clients: number, rate: number}} defaults
 */
export function publication({ clients, rate }) {
  const receivers = number("CLIENTS", clients);
  const duration = time("DURATION", "30s");
  const plan = { receivers, rate: number("RATE", rate), size: number("SIZE", 100) };
  const events = Math.ceil((plan.rate * duration) / 1000);
  const length = duration + 3 * PATIENCE;
  const options = run({
    scenarios: { publisher: once(1, "publisher", length), receivers: once(receivers, "receiver", length) },
    thresholds: {
      ...sound(receivers + 1),
      ...exactly(receivers * events),
      ...quick("connect_time", "delivery_time"),
      socketio_published: [`count==${events}`],
    },
  });
  return { plan: { ...plan, events }, transports: transportsOf(text("TRANSPORT", "websocket")), options };
}

/**
 * Waits for the receivers, then publishes at a steady rate.
 *
 * @param {{server: string, room: string, receivers: number, rate: number, events: number, size: number,
 *   send: (socket: object, event: object) => void}} plan
 */
export function publish({ server, room, receivers, rate, events, size, send }) {
  const filler = "x".repeat(size);
  return visit(server, {}, async (socket) => {
    await gather(socket, room, receivers);
    await pace(rate, events, (number) => {
      send(socket, { run: room, from: "publisher", number, at: now(), filler });
      published.add(1);
    });
    // The answer comes when the server has read all that was sent before.
    await ask(socket, "echo");
  });
}

/**
 * Receives what one publisher sends as events of a name.
 *
 * @param {{server: string, options: object, room: string, event: string, events: number, tags?: object}} plan
 */
export async function receive({ server, options, room, event, events, tags }) {
  const inbox = new Inbox(events, tags);
  await visit(server, options, async (socket) => {
    socket.on(event, (message) => message.run === room && inbox.take(message));
    await attend(socket, room, exec.vu.idInTest);
    await inbox.complete();
  });
  inbox.report();
}
