// Hours of everything: people chat in rooms, others come and go, and the nodes are asked for what they use.

import exec from "k6/execution";

import { chat as talk, deliveriesOf, host as invite } from "./support/chatting.js";
import { quick } from "./support/metrics.js";
import { once, repeatedly, run } from "./support/run.js";
import { nodeOf, number, text, time, transportsOf } from "./support/settings.js";
import { visitOnce } from "./support/visiting.js";
import { PATIENCE } from "./support/wait.js";
import { watchNodes } from "./support/watching.js";

const DURATION = time("DURATION", "1h");
const RATE = number("RATE", 0.2);
const VISITORS = number("VISITORS", 20);
const TRANSPORTS = transportsOf(text("TRANSPORT", "upgrade"));
const CHAT = {
  clients: number("CLIENTS", 100),
  rooms: number("ROOMS", 10),
  rate: RATE,
  events: Math.ceil((RATE * DURATION) / 1000),
  size: number("SIZE", 100),
};
/** Where the nodes tell their metrics: `http://127.0.0.1:9100/metrics`. */
const METRICS = text("METRICS", "").split(",").filter(Boolean);
const LENGTH = DURATION + 3 * PATIENCE;

export const options = run({
  scenarios: {
    host: once(1, "host", LENGTH),
    clients: once(CHAT.clients, "chat", LENGTH),
    visitors: repeatedly(VISITORS, "come", DURATION, 3 * PATIENCE),
    ...(METRICS.length > 0 && { watcher: once(1, "watch", LENGTH) }),
  },
  thresholds: {
    socketio_errors: ["rate==0"],
    // What the visitors get comes on top of it.
    "socketio_delivered{scenario:clients}": [`count==${deliveriesOf(CHAT)}`],
    socketio_lost: ["count==0"],
    socketio_doubled: ["count==0"],
    socketio_reordered: ["count==0"],
    ...quick("connect_time", "ack_time", "delivery_time"),
  },
});

export function host({ run }) {
  return invite(nodeOf(0), run, CHAT);
}

export function chat({ run }) {
  const index = exec.scenario.iterationInTest;
  return talk({ server: nodeOf(index), options: { transports: TRANSPORTS }, run, index, chat: CHAT });
}

export function come({ run }) {
  const { idInTest, iterationInInstance } = exec.vu;
  return visitOnce(nodeOf(idInTest + iterationInInstance), `${run}, visitor ${idInTest}`, iterationInInstance);
}

export function watch() {
  return watchNodes(METRICS, DURATION);
}

export { handleSummary, name as setup } from "./support/run.js";
