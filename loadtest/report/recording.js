// What k6 measures, as it comes: sums for each stretch of time, in bounded memory however long a run is.

import { Histogram } from "./histogram.js";

/** When there are more stretches, each two become one. */
const MAX_BINS = 240;

/** The first length of a stretch. */
const SHORTEST = 250;

/** The samples of one metric in one stretch of time. Those that are times have a histogram. */
class Cell {
  count = 0;
  sum = 0;
  last = 0;
  histogram;

  constructor(isTime) {
    this.histogram = isTime ? new Histogram() : undefined;
  }

  add(value) {
    this.count += 1;
    this.sum += value;
    this.last = value;
    this.histogram?.add(value);
  }

  merge(later) {
    this.count += later.count;
    this.sum += later.sum;
    this.last = later.last;
    this.histogram?.merge(later.histogram);
  }
}

export class Recording {
  /** Length of each stretch, in milliseconds. */
  width = SHORTEST;
  /** For each stretch, the cells by metric. @type {Map<string, Cell>[]} */
  bins = [];
  #begun;

  /** @param {number} at  in milliseconds */
  add(metric, at, value) {
    this.#begun ??= at;
    const bin = this.#binAt(Math.max(0, at - this.#begun));
    let cell = bin.get(metric);
    if (!cell) {
      cell = new Cell(metric.includes("_time"));
      bin.set(metric, cell);
    }
    cell.add(value);
  }

  /** The names of all metrics that match. */
  metrics(pattern) {
    const names = new Set(this.bins.flatMap((bin) => [...bin.keys()]));
    return [...names].filter((name) => pattern.test(name)).sort();
  }

  /**
   * A line of a plot: for each stretch, when it begins in seconds, and what `value` makes of its cell.
   *
   * @param {(cell: Cell | undefined, seconds: number) => number | undefined} value
   */
  line(metric, value) {
    const seconds = this.width / 1000;
    return this.bins.map((bin, index) => [index * seconds, value(bin.get(metric), seconds)]);
  }

  #binAt(elapsed) {
    while (elapsed >= this.width * MAX_BINS) {
      this.#halve();
    }
    const index = Math.floor(elapsed / this.width);
    while (this.bins.length <= index) {
      this.bins.push(new Map());
    }
    return this.bins[index];
  }

  #halve() {
    this.width *= 2;
    this.bins = this.bins.flatMap((bin, index) => (index % 2 === 0 ? [merged(bin, this.bins[index + 1])] : []));
  }
}

function merged(bin, later = new Map()) {
  for (const [metric, cell] of later) {
    const earlier = bin.get(metric);
    if (earlier) earlier.merge(cell);
    else bin.set(metric, cell);
  }
  return bin;
}
