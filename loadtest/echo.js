// Every client sends events, and gets each back, as an event or as an acknowledgement, unchanged and in order.

import exec from "k6/execution";

import { converse, echoesOf } from "./support/conversation.js";
import { exactly, quick, sound } from "./support/metrics.js";
import { once, run } from "./support/run.js";
import { nodeOf, number, text, time, transportsOf } from "./support/settings.js";
import { PATIENCE } from "./support/wait.js";

const CLIENTS = number("CLIENTS", 50);
const DURATION = time("DURATION", "30s");
const RATE = number("RATE", 10);
const SIZE = number("SIZE", 100);
const TRANSPORTS = transportsOf(text("TRANSPORT", "websocket"));

const EVENTS = Math.ceil((RATE * DURATION) / 1000);

export const options = run({
  scenarios: { clients: once(CLIENTS, "talk", DURATION + 3 * PATIENCE) },
  thresholds: {
    ...sound(CLIENTS),
    ...exactly(CLIENTS * echoesOf(EVENTS)),
    ...quick("connect_time", "ack_time", "delivery_time"),
  },
});

export function talk() {
  const server = nodeOf(exec.scenario.iterationInTest);
  return converse({ server, options: { transports: TRANSPORTS }, rate: RATE, events: EVENTS, size: SIZE });
}

export { handleSummary } from "./support/run.js";
