// Clients talk in rooms, all at once: each hears everybody else of its room, every message, once, in order.

import { chatting } from "./support/chatting.js";
import { exactly, quick, sound } from "./support/metrics.js";
import { run } from "./support/run.js";

const { plan, scenarios, host, chat } = chatting({ duration: "30s", rate: 1, transport: "websocket" });

export const options = run({
  scenarios,
  thresholds: {
    ...sound(plan.clients + 1),
    ...exactly(plan.deliveries),
    ...quick("connect_time", "ack_time", "delivery_time"),
    socketio_published: [`count==${plan.clients * plan.events}`],
  },
});

export { host, chat };
export { handleSummary, name as setup } from "./support/run.js";
