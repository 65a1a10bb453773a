// What a run is told in its environment, as `k6 run -e CLIENTS=100`.

/** What has been asked for, by name: the page of the run shows it. */
export const settings = {};

export const NODES = (__ENV.NODES ? text("NODES") : text("URL", "http://localhost:3000")).split(",");

/** The servers are taken in turns. */
export function nodeOf(index) {
  return NODES[index % NODES.length];
}

const TRANSPORTS = { websocket: ["websocket"], polling: ["polling"], upgrade: ["polling", "websocket"] };

/** The transports of a client, by the name of the way: `websocket`, `polling`, or `upgrade` from one to the other. */
export function transportsOf(way) {
  return TRANSPORTS[way] ?? reject("TRANSPORT", way, Object.keys(TRANSPORTS).join(", "));
}

export function text(name, fallback) {
  settings[name] = __ENV[name] || fallback;
  return settings[name];
}

export function number(name, fallback) {
  const value = Number(text(name, fallback));
  return value >= 0 ? value : reject(name, settings[name], "a number");
}

/** In milliseconds: `500ms`, `30s`, `2m`, `8h`. */
export function time(name, fallback) {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text(name, fallback)) ?? [];
  return digits === undefined ? reject(name, settings[name], "a time, such as 30s") : Number(digits) * UNITS[unit];
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function reject(name, value, allowed) {
  throw new Error(`${name} is ${value}, but has to be ${allowed}`);
}
