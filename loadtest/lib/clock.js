// Time, and what is to be done later.

import exec from "k6/execution";
import { clearTimeout, setTimeout } from "k6/timers";

/** Milliseconds of this run, with fractions: the clock that all virtual users share. */
export function now() {
  // k6 makes a new object each time that it is asked for one.
  instance ??= exec.instance;
  return instance.currentTestRunDuration;
}

let instance;

/**
 * Calls back after so many milliseconds. A timer of k6 may go off in the place of another when there is much to do; it
 * is set again then.
 *
 * @returns {() => void} call it to have nothing done
 */
export function after(milliseconds, callback) {
  const due = now() + milliseconds;
  let timer;
  const set = () => (timer = setTimeout(ring, Math.max(due - now(), SHORTEST)));
  const ring = () => (due - now() > EARLY ? set() : callback());
  set();
  return () => clearTimeout(timer);
}

/** Timers are no finer than this, in milliseconds. */
const SHORTEST = 1;

/** The clocks of timers and of `now` may differ by less than this. */
const EARLY = 1;
