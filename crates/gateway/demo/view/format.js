// How times, sizes and reasons are written.

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** 10:42 */
export function time(at) {
  return TIME.format(at);
}

/** 10:42:07 */
export function clock(at) {
  return CLOCK.format(at);
}

/** 8 ms, 1.2 s, 3 min */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(1, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** 512 B, 34.2 kB */
export function size(bytes) {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(bytes < 100_000 ? 1 : 0)} kB`;
}

export function counted(count, one, many) {
  return `${count} ${count === 1 ? one : many}`;
}

const REASONS = {
  "transport close": "the server is gone",
  "transport error": "the network failed",
  "ping timeout": "the server is silent",
  "io server disconnect": "the server has ended it",
  "xhr poll error": "the server cannot be reached",
  "websocket error": "the server cannot be reached",
  timeout: "the server does not answer",
};

/** Why a connection is lost, or not made. */
export function reasonText(reason) {
  return REASONS[reason] ?? reason;
}

export const TRANSPORT_NAMES = { polling: "long-polling", websocket: "WebSocket" };
