// Clients connect one after the other, stay, and leave in the same order: each is let in, kept, and answered at the end.

import exec from "k6/execution";

import { ask, visit } from "./support/clients.js";
import { expect, quick, sound } from "./support/metrics.js";
import { once, run } from "./support/run.js";
import { nodeOf, number, text, time, transportsOf } from "./support/settings.js";
import { PATIENCE, sleep } from "./support/wait.js";

const CLIENTS = number("CLIENTS", 200);
const RAMP = time("RAMP", "10s");
const DURATION = time("DURATION", "30s");
const TRANSPORTS = transportsOf(text("TRANSPORT", "websocket"));

export const options = run({
  scenarios: { clients: once(CLIENTS, "stay", 2 * RAMP + DURATION + 3 * PATIENCE) },
  thresholds: { ...sound(CLIENTS), ...quick("connect_time", "ack_time") },
});

export async function stay() {
  const index = exec.scenario.iterationInTest;
  await sleep((index * RAMP) / CLIENTS);
  await visit(nodeOf(index), { transports: TRANSPORTS }, async (socket) => {
    await sleep(RAMP + DURATION);
    const answer = await ask(socket, "echo", index);
    expect(answer && answer[0] === index, "the answer is another's");
  });
}

export { handleSummary } from "./support/run.js";
