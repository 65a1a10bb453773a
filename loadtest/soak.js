// Hours of everything: people chat in rooms, others come and go, and the nodes are asked for what they use.

import exec from "k6/execution";

import { chatting } from "./support/chatting.js";
import { quick } from "./support/metrics.js";
import { once, repeatedly, run } from "./support/run.js";
import { nodeOf, number, text } from "./support/settings.js";
import { visitOnce } from "./support/visiting.js";
import { PATIENCE } from "./support/wait.js";
import { watchNodes } from "./support/watching.js";

const { plan, scenarios, host, chat } = chatting({ duration: "1h", rate: 0.2, transport: "upgrade" });
const VISITORS = number("VISITORS", 20);
/** Where the nodes tell their metrics: `http://127.0.0.1:9100/metrics`. */
const METRICS = text("METRICS", "").split(",").filter(Boolean);

export const options = run({
  scenarios: {
    ...scenarios,
    visitors: repeatedly(VISITORS, "come", plan.duration, 3 * PATIENCE),
    ...(METRICS.length > 0 && { watcher: once(1, "watch", plan.longest) }),
  },
  thresholds: {
    socketio_errors: ["rate==0"],
    // What the visitors get comes on top of it.
    "socketio_delivered{scenario:clients}": [`count==${plan.deliveries}`],
    socketio_lost: ["count==0"],
    socketio_doubled: ["count==0"],
    socketio_reordered: ["count==0"],
    ...quick("connect_time", "ack_time", "delivery_time"),
  },
});

export { host, chat };

export function come({ run }) {
  const { idInTest, iterationInInstance } = exec.vu;
  return visitOnce(nodeOf(idInTest + iterationInInstance), `${run}, visitor ${idInTest}`, iterationInInstance);
}

export function watch() {
  return watchNodes(METRICS, plan.duration);
}

export { handleSummary, name as setup } from "./support/run.js";
