// Clients connect, join, leave and connect again, by every transport: each visit is as the first.

import exec from "k6/execution";

import { quick } from "./support/metrics.js";
import { repeatedly, run } from "./support/run.js";
import { nodeOf, number, time } from "./support/settings.js";
import { visitOnce } from "./support/visiting.js";
import { PATIENCE } from "./support/wait.js";

const CLIENTS = number("CLIENTS", 50);
const DURATION = time("DURATION", "30s");

export const options = run({
  scenarios: { clients: repeatedly(CLIENTS, "come", DURATION, 3 * PATIENCE) },
  thresholds: {
    socketio_errors: ["rate==0"],
    // Everybody has come again at least once.
    socketio_connected: [`count>=${2 * CLIENTS}`],
    socketio_lost: ["count==0"],
    socketio_doubled: ["count==0"],
    socketio_reordered: ["count==0"],
    ...quick("connect_time", "ack_time", "delivery_time"),
  },
});

export function come({ run }) {
  const { idInTest, iterationInInstance } = exec.vu;
  return visitOnce(nodeOf(idInTest + iterationInInstance), `${run}, visitor ${idInTest}`, iterationInInstance);
}

export { handleSummary, name as setup } from "./support/run.js";
