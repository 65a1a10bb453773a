// What one client receives of numbered events: `{from, number, at}`, where `at` is when it was sent.

import { after, now } from "../lib/clock.js";
import { delivered, deliveryTime, doubled, lost, reordered } from "./metrics.js";
import { Sequence } from "./sequence.js";
import { time } from "./settings.js";
import { sleep } from "./wait.js";

/** When nothing has come for so long, nothing more is waited for. */
const QUIET = time("QUIET", "30s");

/** How long a client stays when all has come: what comes twice may come late. */
const LINGER = time("LINGER", "500ms");

const STEP = 250;

export class Inbox {
  #senders = new Map();
  #expected;
  #count = 0;
  #last = now();
  #tags;
  #complete;
  #resolve;

  /** @param {number} expected  how many different events are to come, of all senders together */
  constructor(expected, tags = {}) {
    this.#expected = expected;
    this.#tags = tags;
    // All are lost until they are found: even where this client is cut off, and reports nothing.
    lost.add(expected, tags);
    this.#complete = new Promise((resolve) => (this.#resolve = resolve));
  }

  take({ from, number, at }) {
    this.#last = now();
    deliveryTime.add(this.#last - at, this.#tags);
    this.#sequenceOf(from).take(number);
    this.#count += 1;
    if (this.#count >= this.#expected && this.#delivered() === this.#expected) {
      this.#resolve();
    }
  }

  /** Waits until all have come, or none has for a long time. */
  async complete(linger = LINGER) {
    this.#last = now();
    this.#watch();
    await this.#complete;
    await sleep(linger);
  }

  /** Counts what has come, and what is wrong with it; to be called once. */
  report() {
    delivered.add(this.#delivered(), this.#tags);
    lost.add(-this.#delivered(), this.#tags);
    doubled.add(this.#sum((sequence) => sequence.doubled), this.#tags);
    reordered.add(this.#sum((sequence) => sequence.reordered), this.#tags);
  }

  #watch() {
    const left = this.#last + QUIET - now();
    if (left <= 0) {
      this.#resolve();
    } else if (this.#delivered() < this.#expected) {
      // Short steps, for a timer keeps the client even when all has come.
      after(Math.min(left, STEP), () => this.#watch());
    }
  }

  #sequenceOf(sender) {
    let sequence = this.#senders.get(sender);
    if (!sequence) {
      sequence = new Sequence();
      this.#senders.set(sender, sequence);
    }
    return sequence;
  }

  #delivered() {
    return this.#sum(({ delivered }) => delivered);
  }

  #sum(count) {
    return [...this.#senders.values()].reduce((sum, sequence) => sum + count(sequence), 0);
  }
}
