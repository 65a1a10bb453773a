// How often each value comes, to within two percent.

const STEP = Math.log(1.04);

/** Smaller values are all the same. */
const SMALLEST = 0.001;

export class Histogram {
  #count = 0;
  #buckets = new Map();

  add(value, times = 1) {
    this.#addTo(Math.round(Math.log(Math.max(value, SMALLEST)) / STEP), times);
  }

  merge(other) {
    other.#buckets.forEach((times, bucket) => this.#addTo(bucket, times));
  }

  /** The value that so great a part of all does not exceed. */
  quantile(part) {
    let left = Math.ceil(part * this.#count);
    for (const bucket of [...this.#buckets.keys()].sort((a, b) => a - b)) {
      left -= this.#buckets.get(bucket);
      if (left <= 0) {
        return Math.exp(bucket * STEP);
      }
    }
    return undefined;
  }

  #addTo(bucket, times) {
    this.#count += times;
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + times);
  }
}
