// Clients talk in rooms, all at once: each hears everybody else of its room, every message, once, in order.

import exec from "k6/execution";

import { chat as talk, deliveriesOf, host as invite } from "./support/chatting.js";
import { exactly, quick, sound } from "./support/metrics.js";
import { once, run } from "./support/run.js";
import { nodeOf, number, text, time, transportsOf } from "./support/settings.js";
import { PATIENCE } from "./support/wait.js";

const DURATION = time("DURATION", "30s");
const RATE = number("RATE", 1);
const TRANSPORTS = transportsOf(text("TRANSPORT", "websocket"));
const CHAT = {
  clients: number("CLIENTS", 100),
  rooms: number("ROOMS", 10),
  rate: RATE,
  events: Math.ceil((RATE * DURATION) / 1000),
  size: number("SIZE", 100),
};
const LENGTH = DURATION + 3 * PATIENCE;

export const options = run({
  scenarios: { host: once(1, "host", LENGTH), clients: once(CHAT.clients, "chat", LENGTH) },
  thresholds: {
    ...sound(CHAT.clients + 1),
    ...exactly(deliveriesOf(CHAT)),
    ...quick("connect_time", "ack_time", "delivery_time"),
    socketio_published: [`count==${CHAT.clients * CHAT.events}`],
  },
});

export function host({ run }) {
  return invite(nodeOf(0), run, CHAT);
}

export function chat({ run }) {
  const index = exec.scenario.iterationInTest;
  return talk({ server: nodeOf(index), options: { transports: TRANSPORTS }, run, index, chat: CHAT });
}

export { handleSummary, name as setup } from "./support/run.js";
