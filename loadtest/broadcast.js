// One client publishes to everybody who is connected: each gets every event, once, in order.

import exec from "k6/execution";

import { publication, publish, receive } from "./support/publishing.js";
import { nodeOf } from "./support/settings.js";

const { plan, transports, options } = publication({ clients: 200, rate: 10 });

export { options };

export function publisher({ run }) {
  const send = (socket, event) => socket.emit("bcast", event);
  return publish({ ...plan, server: nodeOf(0), room: run, send });
}

export function receiver({ run }) {
  const server = nodeOf(exec.scenario.iterationInTest);
  return receive({ server, options: { transports }, room: run, event: "bcast", events: plan.events });
}

export { handleSummary, name as setup } from "./support/run.js";
