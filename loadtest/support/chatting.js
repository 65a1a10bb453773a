// Rooms of people who all talk: each hears everybody else of the room, and nobody of another.

import { now } from "../lib/clock.js";
import { ask, visit } from "./clients.js";
import { attend, gather } from "./gathering.js";
import { Inbox } from "./inbox.js";
import { expect, published } from "./metrics.js";
import { pace } from "./wait.js";

/**
 * Clients in rooms, which fill in turns.
 *
 * @typedef {{clients: number, rooms: number, rate: number, events: number, size: number}} Chat
 */

/** How many events arrive in all. */
export function deliveriesOf(chat) {
  const clients = Array.from({ length: chat.clients }, (_, index) => heardBy(index, chat));
  return clients.reduce((sum, heard) => sum + heard, 0);
}

/** Waits for all, then has them begin. */
export function host(server, run, { clients }) {
  return visit(server, {}, (socket) => gather(socket, run, clients));
}

/** One of the clients, by its index. */
export async function chat({ server, options, run, index, chat }) {
  const { rooms, rate, events, size } = chat;
  const room = `${run}, room ${index % rooms}`;
  const filler = "x".repeat(size);
  const inbox = new Inbox(heardBy(index, chat));
  await visit(server, options, async (socket) => {
    await ask(socket, "join", room);
    await attend(socket, run, index, (message) => {
      expect(message.room === room, "heard what was said in another room");
      inbox.take(message);
    });
    const said = [];
    await pace(rate, events, (number) => {
      said.push(ask(socket, "say", room, { room, from: index, number, at: now(), filler }));
      published.add(1);
    });
    await Promise.all(said);
    await inbox.complete();
  });
  inbox.report();
}

function heardBy(index, { clients, rooms, events }) {
  const room = index % rooms;
  const members = Math.floor(clients / rooms) + (room < clients % rooms ? 1 : 0);
  return (members - 1) * events;
}
