// Line plots as SVG. Colours are those of the page: a line is of the class `line-0`, `line-1`…

import { html } from "./html.js";

const WIDTH = 720;
const HEIGHT = 220;
const LEFT = 64;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 26;

/**
 * A plot over time: x is in seconds; where y is missing, a line goes on with the next.
 *
 * @param {{title: string, format: (value: number) => string,
 *   lines: {name: string, points: [number, number | undefined][]}[]}} plot
 */
export function plot({ title, format, lines }) {
  const all = lines.flatMap(({ points }) => points.filter(([, y]) => y !== undefined));
  if (all.length === 0) {
    return "";
  }
  const ticks = ticksTo(Math.max(...all.map(([, y]) => y)), 4);
  const end = Math.max(1, ...all.map(([x]) => x));
  const x = (seconds) => LEFT + (seconds / end) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (value / ticks.at(-1)) * (HEIGHT - TOP - BOTTOM);
  const keys = lines.map(({ name }, index) => html`<span class="key line-${index}">${name}</span>`);
  return html`<figure>
  <figcaption><b>${title}</b>${keys}</figcaption>
  <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
    ${ticks.map((tick) => horizontal(y(tick), format(tick)))}
    ${ticksTo(end, 6).filter((tick) => tick <= end).map((tick) => vertical(x(tick), duration(tick)))}
    ${lines.map(({ points }, index) => html`<path class="line-${index}" d="${path(points, x, y)}"/>`)}
    ${hints(lines, x, format)}
  </svg>
</figure>`;
}

/** Round numbers from 0 to above the highest value. */
export function ticksTo(highest, count) {
  const raw = (highest || 1) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999) * power;
  const steps = Math.ceil((highest || 1) / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, index) => index * step);
}

/** Seconds as people write them. */
export function duration(seconds) {
  if (seconds >= 3600) return `${short(seconds / 3600)} h`;
  if (seconds >= 120) return `${short(seconds / 60)} min`;
  return `${short(seconds)} s`;
}

export function short(value) {
  return `${Number(value.toPrecision(3))}`;
}

function horizontal(y, label) {
  return html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${short(y)}" y2="${short(y)}"/>
    <text class="y" x="${LEFT - 8}" y="${short(y + 4)}">${label}</text>`;
}

function vertical(x, label) {
  return html`<text class="x" x="${short(x)}" y="${HEIGHT - 8}">${label}</text>`;
}

function path(points, x, y) {
  const known = points.filter(([, value]) => value !== undefined);
  return known.map(([at, value], index) => `${index === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

/** What the pointer finds: all values of one moment. */
function hints(lines, x, format) {
  const moments = lines[0].points.map(([at]) => at);
  const width = moments.length > 1 ? x(moments[1]) - x(moments[0]) : WIDTH;
  return moments.map((at, index) => {
    const values = lines.map(({ name, points }) => `${name}: ${shown(points[index][1], format)}`);
    const left = (x(at) - width / 2).toFixed(1);
    return html`<rect class="hint" x="${left}" y="${TOP}" width="${width.toFixed(1)}" height="${HEIGHT - TOP - BOTTOM}">
      <title>${[duration(at), ...values].join("\n")}</title></rect>`;
  });
}

function shown(value, format) {
  return value === undefined ? "–" : format(value);
}
