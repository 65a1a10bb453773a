// Reads the samples that k6 writes as CSV.

import { createInterface } from "node:readline";

/** What the page is about; k6 measures much more. */
const WANTED = /^(socketio|node)_/;

/**
 * Adds all samples of a stream to a recording. Those of a node are a metric of their own, `name{node}`, besides.
 *
 * @param {import("node:stream").Readable} stream
 * @param {import("./recording.js").Recording} recording
 */
export async function record(stream, recording) {
  let columns;
  for await (const line of createInterface(stream)) {
    const cells = line.split(",");
    if (!columns) {
      columns = Object.fromEntries(cells.map((name, index) => [name, index]));
    } else if (WANTED.test(cells[0])) {
      addTo(recording, cells, columns);
    }
  }
}

function addTo(recording, cells, { timestamp, metric_value, extra_tags }) {
  const [name, at, value] = [cells[0], Number(cells[timestamp]), Number(cells[metric_value])];
  const node = new URLSearchParams(cells[extra_tags]).get("node");
  recording.add(name, at, value);
  if (node !== null) {
    recording.add(`${name}{${node}}`, at, value);
  }
}
