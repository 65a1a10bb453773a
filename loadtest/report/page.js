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
    ${Object.entries(summary.settings).filter(([, value]) => value).map(([name, value]) => `${name}=${value}`).join(" ")}</p>
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

function table(metrics) {
  const ours = Object.entries(metrics).filter(([name]) => /^(socketio|node)_/.test(name)).sort();
  return html`<table>
  <tr><th>metric<th class="number">count<th class="number">median<th class="number">p95<th class="number">p99<th class="number">max<th>has to be</tr>
  ${ours.map(([name, metric]) => html`<tr><td>${name}${numbers(metric)}<td>${verdicts(metric)}</tr>`)}
</table>`;
}

function numbers({ type, values }) {
  const times = type === "trend" ? [values.med, values["p(95)"], values["p(99)"], values.max].map(milliseconds) : ["", "", "", ""];
  const counts = { trend: values.count, counter: values.count, gauge: values.value, rate: `${values.passes} of ${values.passes + values.fails}` };
  return [counts[type], ...times].map((text) => html`<td class="number">${text}`);
}

function verdicts({ thresholds = {} }) {
  return Object.entries(thresholds).map(([what, { ok }]) => html`<span class="${ok ? "good" : "bad"}">${ok ? "✓" : "✗"} ${what}</span> `);
}

function plots(recording) {
  return [
    plot({ title: "Clients", format: short, lines: [{ name: "connected", points: clients(recording) }] }),
    plot({ title: "Events per second", format: short, lines: rates(recording) }),
    times(recording, "Time to connect", "socketio_connect_time"),
    times(recording, "Time until the acknowledgement", "socketio_ack_time"),
    times(recording, "Time until delivery", "socketio_delivery_time"),
    byNode(recording, "Time until delivery by node, 95 of 100", "socketio_delivery_time", milliseconds, quantile(0.95)),
    byNode(recording, "Resident memory by node", "node_resident_memory_bytes", (bytes) => `${short(bytes / 1e6)} MB`, (cell) => cell?.last),
    byNode(recording, "Open descriptors by node", "node_open_descriptors", short, (cell) => cell?.last),
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
  const lines = nodes.map((name) => ({ name: `node ${name.match(/\{(.*)\}/)[1]}`, points: recording.line(name, value) }));
  return plot({ title, format, lines });
}

function quantile(part) {
  return (cell) => cell?.histogram.quantile(part);
}

function milliseconds(value) {
  return value === undefined ? "" : `${short(value)} ms`;
}
