// Clients over HTTP long-polling, some of which move to WebSocket while they talk: nothing is lost, doubled or late by it.

import exec from "k6/execution";

import { converse, echoesOf } from "./support/conversation.js";
import { exactly, quick, sound } from "./support/metrics.js";
import { once, run } from "./support/run.js";
import { NODES, nodeOf, number, text, time, transportsOf } from "./support/settings.js";
import { PATIENCE } from "./support/wait.js";

const CLIENTS = number("CLIENTS", 50);
const MOVING = number("MOVING", Math.floor(CLIENTS / 2));
const DURATION = time("DURATION", "30s");
const RATE = number("RATE", 5);
const SIZE = number("SIZE", 100);
/** Whether each request of a session goes to another node. */
const SPREAD = text("SPREAD", "no") === "yes";

const EVENTS = Math.ceil((RATE * DURATION) / 1000);
const LENGTH = DURATION + 3 * PATIENCE;

export const options = run({
  scenarios: { staying: once(CLIENTS, "stay", LENGTH), moving: once(MOVING, "move", LENGTH) },
  thresholds: {
    ...sound(CLIENTS + MOVING),
    ...exactly((CLIENTS + MOVING) * echoesOf(EVENTS)),
    ...quick("connect_time", "ack_time", "delivery_time"),
  },
});

export function stay() {
  return talk("polling");
}

export function move() {
  return talk("upgrade");
}

function talk(way) {
  const server = SPREAD ? NODES : nodeOf(exec.scenario.iterationInTest);
  return converse({ server, options: { transports: transportsOf(way) }, rate: RATE, events: EVENTS, size: SIZE });
}

export { handleSummary } from "./support/run.js";
