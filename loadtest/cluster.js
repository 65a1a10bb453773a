// One client publishes to a room from the first node; on all nodes others count what arrives: every event, once, in order.

import exec from "k6/execution";

import { publication, publish, receive } from "./support/publishing.js";
import { NODES, nodeOf } from "./support/settings.js";

const { plan, transports, options } = publication({ clients: 50, rate: 20 });

export { options };

export function publisher({ run }) {
  const send = (socket, event) => socket.emit("room", run, event);
  return publish({ ...plan, server: nodeOf(0), room: run, send });
}

export function receiver({ run }) {
  const index = exec.scenario.iterationInTest;
  const tags = { node: `${index % NODES.length}` };
  return receive({ server: nodeOf(index), options: { transports }, room: run, event: "room", events: plan.events, tags });
}

export { handleSummary, name as setup } from "./support/run.js";
