// The page of one run: whether it has passed, what was measured, and how that went over time.

import { readFileSync } from "node:fs";

import { html, raw } from "./html.js";
import { duration, plot, short } from "./plot.js";

const STYLE = readFileSync(new URL("style.css", import.meta.url), "utf8");

/**
 * @param {string} name  of the script
 * @param {object} summary  what the script's `handleSummary` has written
 * @param {import("./recording.js").Recording} recording
 * @returns {string}
 */
export function page(name, summary, recording) {
  const passed = hasPassed(summary);
  const page = html`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${passed ? "✓" : "✗"} ${name}</title>
<style>${raw(STYLE)}</style>
<header>
  <h1>${name} <span class="${passed ? "good" : "bad"}">${passed ? "✓ passed" : "✗ failed"}</span></h1>
  <p>${new Date().toISOString().slice(0, 19).replace("T", " ")} UTC, ${duration(summary.state.testRunDurationMs / 1000)}:
    ${settings(summary)}</p>
</header>
<div class="scrolls">${table(summary.metrics)}</div>
<div class="plots">${plots(recording)}</div>
</html>
`;
  return page.toString();
}

/** Whether all thresholds hold. */
export function hasPassed({ metrics }) {
  return Object.values(metrics).every(({ thresholds = {} }) => Object.values(thresholds).every(({ ok }) => ok));
}

function settings({ settings }) {
  const given = Object.entries(settings).filter(([, value]) => value);
  return given.map(([name, value]) => `${name}=${value}`).join(" ");
}

function table(metrics) {
  const ours = Object.entries(metrics).filter(([name]) => /^(socketio|node)_/.test(name)).sort();
  return html`<table>
  <tr>${COLUMNS.map((column) => html`<th>${column}`)}</tr>
  ${ours.map(([name, metric]) => html`<tr><td>${name}${numbers(metric)}<td>${verdicts(metric)}</tr>`)}
</table>`;
}

const COLUMNS = ["metric", "count", "median", "p95", "p99", "max", "has to be"];

function numbers({ type, values }) {
  const times = ["med", "p(95)", "p(99)", "max"].map((name) => (type === "trend" ? milliseconds(values[name]) : ""));
  return [count(type, values), ...times].map((text) => html`<td class="number">${text}`);
}

function count(type, { count, value, passes, fails }) {
  return { trend: count, counter: count, gauge: value, rate: `${passes} of ${passes + fails}` }[type];
}

function verdicts({ thresholds = {} }) {
  return Object.entries(thresholds).map(([what, { ok }]) => {
    return html`<span class="${ok ? "good" : "bad"}">${ok ? "✓" : "✗"} ${what}</span> `;
  });
}

function plots(recording) {
  const last = (cell) => cell?.last;
  return [
    plot({ title: "Clients", format: short, lines: [{ name: "connected", points: clients(recording) }] }),
    plot({ title: "Events per second", format: short, lines: rates(recording) }),
    times(recording, "Time to connect", "socketio_connect_time"),
    times(recording, "Time until the acknowledgement", "socketio_ack_time"),
    times(recording, "Time until delivery", "socketio_delivery_time"),
    byNode(recording, "Time until delivery, 95 of 100", "socketio_delivery_time", milliseconds, quantile(0.95)),
    byNode(recording, "Resident memory", "node_resident_memory_bytes", megabytes, last),
    byNode(recording, "Open descriptors", "node_open_descriptors", short, last),
  ];
}

function clients(recording) {
  let connected = 0;
  const left = recording.line("socketio_disconnected", (cell) => cell?.sum ?? 0);
  return recording.line("socketio_connected", (cell) => cell?.sum ?? 0).map(([at, came], index) => {
    connected += came - left[index][1];
    return [at, connected];
  });
}

function rates(recording) {
  const rate = (metric, value) => recording.line(metric, (cell, seconds) => (cell ? value(cell) : 0) / seconds);
  return [
    { name: "published", points: rate("socketio_published", ({ sum }) => sum) },
    { name: "delivered", points: rate("socketio_delivery_time", ({ count }) => count) },
    { name: "acknowledged", points: rate("socketio_ack_time", ({ count }) => count) },
  ].filter(({ points }) => points.some(([, value]) => value > 0));
}

function times(recording, title, metric) {
  const line = (name, part) => ({ name, points: recording.line(metric, quantile(part)) });
  return plot({ title, format: milliseconds, lines: [line("median", 0.5), line("95 of 100", 0.95), line("99 of 100", 0.99)] });
}

function byNode(recording, title, metric, format, value) {
  const nodes = recording.metrics(new RegExp(`^${metric}{`));
  const lines = nodes.map((name, node) => ({ name: `node ${node + 1}`, points: recording.line(name, value) }));
  return plot({ title: `${title}, by node`, format, lines });
}

function quantile(part) {
  return (cell) => cell?.histogram.quantile(part);
}

function megabytes(bytes) {
  return `${short(bytes / 1e6)} MB`;
}

function milliseconds(value) {
  return value === undefined ? "" : `${short(value)} ms`;
}
