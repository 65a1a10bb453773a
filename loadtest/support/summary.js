// The end of a run as text.

const OURS = /^socketio_/;

/** A line for each of our metrics, and for each of their thresholds whether it holds. */
export function report({ metrics }) {
  const ours = Object.entries(metrics).filter(([name]) => OURS.test(name));
  const lines = ours.sort().map(([name, metric]) => `  ${name.padEnd(26)} ${values(metric).padEnd(64)}${verdicts(metric)}`);
  return `\n${lines.map((line) => line.trimEnd()).join("\n")}\n\n`;
}

function values({ type, values }) {
  switch (type) {
    case "trend":
      return `med ${time(values.med)}  p95 ${time(values["p(95)"])}  p99 ${time(values["p(99)"])}  max ${time(values.max)}`;
    case "rate":
      return `${values.fails + values.passes} tried, ${values.passes} failed`;
    case "counter":
      return `${values.count}`;
    default:
      return `${values.value}`;
  }
}

function verdicts({ thresholds = {} }) {
  return Object.entries(thresholds).map(([what, { ok }]) => `${ok ? "✓" : "✗"} ${what}`).join(", ");
}

function time(milliseconds) {
  return milliseconds === undefined ? "-" : `${milliseconds.toFixed(milliseconds < 100 ? 2 : 0)} ms`.padStart(9);
}
