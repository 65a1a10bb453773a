// Waiting on the event loop.

import { clearTimeout, setTimeout } from "k6/timers";

import { now } from "./metrics.js";
import { time } from "./settings.js";

/** How long something may take that has to happen. */
export const PATIENCE = time("PATIENCE", "30s");

export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The same promise, rejected when it takes too long. */
export function within(what, promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: nothing within ${PATIENCE} ms`)), PATIENCE);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Calls `send` with 0, 1, 2… so many times, at so many a second. What a late timer owes is sent at once. */
export async function pace(perSecond, count, send) {
  const begun = now();
  for (let number = 0; number < count; number += 1) {
    const early = begun + (number * 1000) / perSecond - now();
    if (early > 0) {
      await sleep(Math.max(early, TICK));
    }
    send(number);
  }
}

/** Timers are no finer than this. */
const TICK = 1;
