// What is measured, and what has to hold.

import { Counter, Rate, Trend } from "k6/metrics";

import { time } from "./settings.js";

/** From the first request until the socket is connected. */
export const connectTime = new Trend("socketio_connect_time", true);
/** From an event until its acknowledgement. */
export const ackTime = new Trend("socketio_ack_time", true);
/** From an event until it is with a receiver. */
export const deliveryTime = new Trend("socketio_delivery_time", true);

export const connected = new Counter("socketio_connected");
export const disconnected = new Counter("socketio_disconnected");

/** Numbered events, as they were sent. */
export const published = new Counter("socketio_published");
/** The same, once for every receiver. */
export const delivered = new Counter("socketio_delivered");
export const lost = new Counter("socketio_lost");
export const doubled = new Counter("socketio_doubled");
/** Events that have come after later ones of the same sender. */
export const reordered = new Counter("socketio_reordered");

/** What was refused, came back changed, took too long or was cut off, of all that was tried. */
export const errors = new Rate("socketio_errors");

/** Nothing went wrong, and so many clients have come and gone. */
export function sound(clients) {
  return {
    socketio_errors: ["rate==0"],
    socketio_connected: [`count==${clients}`],
    socketio_disconnected: [`count==${clients}`],
  };
}

/** So many deliveries of numbered events: each once, in order, none missing. */
export function exactly(deliveries) {
  return {
    socketio_delivered: [`count==${deliveries}`],
    socketio_lost: ["count==0"],
    socketio_doubled: ["count==0"],
    socketio_reordered: ["count==0"],
  };
}

/** Ninety-five of a hundred are quicker than `CONNECT_TIME`, `ACK_TIME`, `DELIVERY_TIME`. */
export function quick(...metrics) {
  return Object.fromEntries(metrics.map((metric) => [`socketio_${metric}`, [`p(95)<${time(metric.toUpperCase(), "5s")}`]]));
}

let isFirst = true;

/** Counts what went wrong, and says so, once for each virtual user. */
export function failed(what) {
  errors.add(true);
  if (isFirst) {
    console.error(what);
    isFirst = false;
  }
}

/** Counts what was tried: it went wrong unless it holds. */
export function expect(holds, what) {
  if (holds) {
    errors.add(false);
  } else {
    failed(what);
  }
}
