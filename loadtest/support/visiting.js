// Clients that come, stay for a moment, leave, and come again.

import { now } from "../lib/clock.js";
import { ask, visit } from "./clients.js";
import { Inbox } from "./inbox.js";
import { expect, published } from "./metrics.js";

/** How the client gets there, in turns. */
const WAYS = [["websocket"], ["polling"], ["polling", "websocket"]];

/** How it leaves, in turns: all at once, or its namespace first. */
const LEAVINGS = [() => {}, (socket) => socket.disconnect()];

/** There is little time to notice that an event comes twice, but there are many visits. */
const SHORT = 50;

/** The id that this client had the last time. */
let lastId;

/**
 * Connects, joins a room, gets one event there, and leaves.
 *
 * Whatever a visit before had left behind would show: an id that comes again, or an event that comes twice.
 *
 * @param {string} server
 * @param {string} room  where nobody else is
 * @param {number} count  how many visits there have been
 */
export async function visitOnce(server, room, count) {
  const inbox = new Inbox(1);
  await visit(server, { transports: WAYS[count % WAYS.length] }, async (socket) => {
    expect(socket.id !== lastId, "the id of the last visit");
    lastId = socket.id;
    socket.on("room", (message) => inbox.take(message));
    await ask(socket, "join", room);
    socket.emit("room", room, { from: "visitor", number: 0, at: now() });
    published.add(1);
    await inbox.complete(SHORT);
    await ask(socket, "leave", room);
    LEAVINGS[count % LEAVINGS.length](socket);
  });
  inbox.report();
}
