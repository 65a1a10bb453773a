// One client publishes to everybody who is connected: each gets every event, once, in order.

import exec from "k6/execution";

import { exactly, quick, sound } from "./support/metrics.js";
import { publish, receive } from "./support/publishing.js";
import { once, run } from "./support/run.js";
import { nodeOf, number, text, time, transportsOf } from "./support/settings.js";
import { PATIENCE } from "./support/wait.js";

const CLIENTS = number("CLIENTS", 200);
const DURATION = time("DURATION", "30s");
const RATE = number("RATE", 10);
const SIZE = number("SIZE", 100);
const TRANSPORTS = transportsOf(text("TRANSPORT", "websocket"));

const EVENTS = Math.ceil((RATE * DURATION) / 1000);
const LENGTH = DURATION + 3 * PATIENCE;

export const options = run({
  scenarios: { publisher: once(1, "publisher", LENGTH), receivers: once(CLIENTS, "receiver", LENGTH) },
  thresholds: {
    ...sound(CLIENTS + 1),
    ...exactly(CLIENTS * EVENTS),
    ...quick("connect_time", "delivery_time"),
    socketio_published: [`count==${EVENTS}`],
  },
});

export function publisher({ run }) {
  const send = (socket, event) => socket.emit("bcast", event);
  return publish({ server: nodeOf(0), room: run, receivers: CLIENTS, rate: RATE, events: EVENTS, size: SIZE, send });
}

export function receiver({ run }) {
  const server = nodeOf(exec.scenario.iterationInTest);
  return receive({ server, options: { transports: TRANSPORTS }, room: run, event: "bcast", events: EVENTS });
}

export { handleSummary, name as setup } from "./support/run.js";
