// What all scripts have in common: scenarios, limits, and the summary at the end.

import { settings } from "./settings.js";
import { report } from "./summary.js";

/** Which labels samples carry. Without addresses: each session has its own. */
const SYSTEM_TAGS = ["scenario", "name"];

const TREND_STATS = ["min", "med", "avg", "p(95)", "p(99)", "max", "count"];

/** The options of a script. */
export function run({ scenarios, thresholds }) {
  return { scenarios, thresholds, systemTags: SYSTEM_TAGS, summaryTrendStats: TREND_STATS };
}

/** A scenario of clients that each come once. */
export function once(clients, exec, maxDuration) {
  const length = `${Math.ceil(maxDuration / 1000)}s`;
  return { executor: "per-vu-iterations", vus: clients, iterations: 1, exec, maxDuration: length, gracefulStop: "0s" };
}

/** A scenario of clients that come again and again. */
export function repeatedly(clients, exec, duration, patience) {
  const [length, gracefulStop] = [duration, patience].map((time) => `${Math.ceil(time / 1000)}s`);
  return { executor: "constant-vus", vus: clients, exec, duration: length, gracefulStop };
}

/** What `setup` gives to all clients: a name that no other run has, for servers may be shared. */
export function name() {
  return { run: `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}` };
}

/** Prints what has been measured; with SUMMARY, a file, it is written there as JSON too. */
export function handleSummary(data) {
  const summary = { settings, ...data };
  if (!__ENV.SUMMARY) {
    return { stdout: report(summary) };
  }
  return { stderr: report(summary), [__ENV.SUMMARY]: JSON.stringify(summary, null, 2) };
}
