// Numbered events, as they should arrive: each once, in order.

/** Follows the numbers 0, 1, 2… of one sender, and counts what is wrong with them. */
export class Sequence {
  /** Different numbers that have come. */
  delivered = 0;
  /** Numbers that have come again. */
  doubled = 0;
  /** Numbers that have come after a higher one. */
  reordered = 0;
  #next = 0;
  /** Below `next`, and not here yet. */
  #missing = new Set();

  take(number) {
    if (number < this.#next && !this.#missing.delete(number)) {
      this.doubled += 1;
      return;
    }
    this.delivered += 1;
    if (number < this.#next) {
      this.reordered += 1;
      return;
    }
    for (; this.#next < number; this.#next += 1) {
      this.#missing.add(this.#next);
    }
    this.#next += 1;
  }
}
