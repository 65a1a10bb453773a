// Runs a test with every official client over every transport.

import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import { io as latest } from "socket.io-client";
import { io as first } from "socket.io-client-4.0";

import { next } from "./wait.js";

/** The clients that are tested: the newest, and the first that speaks the protocol. */
export const CLIENTS = [client("socket.io-client", latest), client("socket.io-client-4.0", first)];

export const TRANSPORTS = [
  { name: "polling", transports: ["polling"] },
  { name: "WebSocket", transports: ["websocket"] },
  { name: "polling, then upgrade", transports: ["polling", "websocket"] },
];

/** The version of the client that has brought a feature; a test that `needs` it is skipped with older ones. */
const SINCE = {
  "ack timeouts": "4.4.0",
  "close details": "4.5.0",
  "outgoing listeners": "4.5.0",
  "payload limit": "4.5.0",
  "ack promises": "4.6.0",
  "connection state recovery": "4.6.0",
  retries: "4.6.0",
  "cookie jar": "4.7.0",
  "fallback transports": "4.8.0",
};

/**
 * What a test gets. `io` makes a socket as the client's own function does, and `connect` one that has connected, both
 * over the transports of the test unless the options say otherwise. Both end with the test, and `after` is for whatever
 * else has to.
 *
 * @typedef {object} Context
 * @property {{name: string, version: string}} client
 * @property {string} transport  the name of one of TRANSPORTS
 * @property {(url: string, options?: object) => import("socket.io-client").Socket} io
 * @property {(url: string, options?: object) => Promise<import("socket.io-client").Socket>} connect
 * @property {(end: () => unknown) => void} after
 */

/**
 * A test for every client and transport.
 *
 * @param {string} title  a sentence
 * @param {{needs?: keyof SINCE, transports?: string[]}} options  `transports` are the names of those that matter
 * @param {(context: Context) => Promise<void>} body
 */
export function everywhere(title, options, body) {
  if (!body) {
    return everywhere(title, {}, options);
  }
  const { needs, transports = TRANSPORTS.map(({ name }) => name) } = options;
  describe(title, { concurrency: CLIENTS.length * TRANSPORTS.length }, () => {
    for (const client of CLIENTS) {
      for (const transport of TRANSPORTS.filter(({ name }) => transports.includes(name))) {
        const skip = needs && isBefore(client.version, SINCE[needs]) && `needs ${needs}, since ${SINCE[needs]}`;
        test(`${client.name} ${client.version}, ${transport.name}`, { skip, timeout: PATIENCE }, (t) =>
          body(context(t, client, transport)),
        );
      }
    }
  });
}

function context(t, client, { name, transports }) {
  const io = (url, options = {}) => {
    const socket = client.io(url, { transports, forceNew: true, ...QUICK, ...options });
    // The sockets of all its namespaces.
    t.after(() => Object.values(socket.io.nsps).forEach((each) => each.disconnect()));
    return socket;
  };
  const connect = async (url, options) => {
    const socket = io(url, options);
    await next(socket, "connect");
    return socket;
  };
  return { client, transport: name, io, connect, after: (end) => t.after(end) };
}

function client(name, io) {
  const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return { name, io, version: JSON.parse(readFileSync(manifest, "utf8")).version };
}

function isBefore(version, other) {
  return version.localeCompare(other, "en", { numeric: true }) < 0;
}

/** A server that comes back is noticed soon. */
const QUICK = { reconnectionDelay: 20, reconnectionDelayMax: 100 };

/** Far more than any test takes, on a machine that is busy with other things too. */
const PATIENCE = 30_000;
