// Waiting on the event loop.

import { after, now } from "../lib/clock.js";
import { time } from "./settings.js";

/** How long something may take that has to happen. */
export const PATIENCE = time("PATIENCE", "30s");

export function sleep(milliseconds) {
  return new Promise((resolve) => after(milliseconds, resolve));
}

/** The same promise, rejected when it takes too long. */
export function within(what, promise) {
  return new Promise((resolve, reject) => {
    const cancel = after(PATIENCE, () => reject(new Error(`${what}: nothing within ${PATIENCE} ms`)));
    promise.then(resolve, reject).finally(cancel);
  });
}

/** Calls `send` with 0, 1, 2… so many times, at so many a second. What a late timer owes is sent at once. */
export async function pace(perSecond, count, send) {
  const begun = now();
  for (let number = 0; number < count; number += 1) {
    const early = begun + (number * 1000) / perSecond - now();
    if (early > 0) {
      await sleep(early);
    }
    send(number);
  }
}
