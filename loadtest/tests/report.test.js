// From samples to a page.

import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";

import { Histogram } from "../report/histogram.js";
import { html } from "../report/html.js";
import { hasPassed, page } from "../report/page.js";
import { duration, plot, ticksTo } from "../report/plot.js";
import { Recording } from "../report/recording.js";
import { record } from "../report/samples.js";

test("a histogram knows its quantiles to within two percent", () => {
  const histogram = new Histogram();
  for (let value = 1; value <= 1000; value += 1) {
    histogram.add(value / 10);
  }
  for (const part of [0.01, 0.5, 0.95, 0.99, 1]) {
    const ratio = histogram.quantile(part) / (part * 100);
    assert.ok(ratio > 0.98 && ratio < 1.02, `${part}: ${ratio}`);
  }
  assert.equal(new Histogram().quantile(0.5), undefined);
});

test("a recording stays small, and loses nothing", () => {
  const recording = new Recording();
  for (let second = 0; second < 3600; second += 1) {
    recording.add("sent", 1_000_000 + 1000 * second, 2);
    recording.add("ack_time", 1_000_000 + 1000 * second, second);
  }
  assert.ok(recording.bins.length <= 240);
  const sum = (values) => values.reduce((sum, [, value]) => sum + value, 0);
  assert.equal(sum(recording.line("sent", (cell) => cell.sum)), 7200);
  assert.equal(sum(recording.line("ack_time", (cell) => cell.count)), 3600);
  const last = recording.line("ack_time", (cell) => cell.histogram.quantile(1)).at(-1)[1];
  assert.ok(Math.abs(last / 3599 - 1) < 0.02);
});

test("samples are read from what k6 writes", async () => {
  const recording = new Recording();
  const lines = [
    "metric_name,timestamp,metric_value,scenario,extra_tags,metadata",
    "socketio_delivery_time,1000,2.5,receivers,node=1,",
    "socketio_delivery_time,1010,3.5,receivers,,",
    "http_reqs,1000,1.0,receivers,,",
  ];
  await record(Readable.from(lines.map((line) => `${line}\n`)), recording);
  assert.deepEqual(recording.metrics(/./), ["socketio_delivery_time", "socketio_delivery_time{1}"]);
  assert.deepEqual(recording.line("socketio_delivery_time", ({ sum }) => sum), [[0, 6]]);
  assert.deepEqual(recording.line("socketio_delivery_time{1}", ({ sum }) => sum), [[0, 2.5]]);
});

test("ticks are round and reach the top", () => {
  assert.deepEqual(ticksTo(100, 4), [0, 50, 100]);
  assert.deepEqual(ticksTo(8, 4), [0, 2, 4, 6, 8]);
  assert.deepEqual(ticksTo(9, 4), [0, 5, 10]);
  assert.deepEqual(ticksTo(0, 4), [0, 0.5, 1]);
  for (const highest of [0.0123, 1, 7, 63, 999, 1e6]) {
    const ticks = ticksTo(highest, 4);
    assert.ok(ticks.at(-1) >= highest && ticks.at(-2) < highest && ticks.length <= 6, `${highest}: ${ticks}`);
  }
});

test("durations are written as people say them", () => {
  assert.deepEqual([15, 119, 600, 5400].map(duration), ["15 s", "119 s", "10 min", "1.5 h"]);
});

test("a line goes on where there is something again", () => {
  const points = [[0, 1], [1, undefined], [2, 1], [3, 1]];
  const figure = plot({ title: "a < b", format: String, lines: [{ name: "c", points }] }).toString();
  assert.match(figure, /d="M[\d. ]+L[\d. ]+L[\d. ]+"/);
  assert.match(figure, /a &#60; b/);
});

test("what is put into a template is text", () => {
  const made = html`<p title="${'"'}">${"<b>"}${[html`<i>${"&"}</i>`, 1]}</p>`;
  assert.equal(made.toString(), '<p title="&#34;">&#60;b&#62;<i>&#38;</i>1</p>');
});

test("the page shows what has failed", () => {
  const summary = (ok) => ({
    settings: { URL: "http://localhost:3000" },
    state: { testRunDurationMs: 1000 },
    metrics: {
      socketio_lost: { type: "counter", values: { count: ok ? 0 : 3 }, thresholds: { "count==0": { ok } } },
      socketio_ack_time: { type: "trend", values: { count: 2, med: 1, "p(95)": 2, "p(99)": 2, max: 2 } },
    },
  });
  assert.ok(hasPassed(summary(true)));
  assert.ok(!hasPassed(summary(false)));
  assert.match(page("echo", summary(true), new Recording()), /echo <span class="good">✓ passed/);
  const failed = page("echo", summary(false), new Recording());
  assert.match(failed, /echo <span class="bad">✗ failed/);
  assert.match(failed, /<td class="number">3.*<span class="bad">✗ count==0/);
  assert.doesNotMatch(failed, /<(script|link|img)|url\(/);
});
