// Rooms of people who all talk: each hears everybody else of the room, and nobody of another.

import exec from "k6/execution";

import { now } from "../lib/clock.js";
import { ask, visit } from "./clients.js";
import { attend, gather } from "./gathering.js";
import { Inbox } from "./inbox.js";
import { expect, published } from "./metrics.js";
import { once } from "./run.js";
import { nodeOf, number, text, time, transportsOf } from "./settings.js";
import { PATIENCE, pace } from "./wait.js";

/**
 * Clients in rooms, which fill in turns.
 *
 * @typedef {{clients: number, rooms: number, rate: number, events: number, size: number}} Chat
 */

/**
 * What a run in which clients chat is told: how long, how much and by which transports, and with that its scenarios, which
 * run the functions `host` and `chat`.
 *
 * @param {{duration: string, rate: number, transport: string}} defaults
 */
export function chatting({ duration: length, rate: perSecond, transport }) {
  const duration = time("DURATION", length);
  const rate = number("RATE", perSecond);
  const options = { transports: transportsOf(text("TRANSPORT", transport)) };
  /** @type {Chat} */
  const chat = {
    clients: number("CLIENTS", 100),
    rooms: number("ROOMS", 10),
    rate,
    events: Math.ceil((rate * duration) / 1000),
    size: number("SIZE", 100),
  };
  const longest = duration + 3 * PATIENCE;
  return {
    plan: { ...chat, duration, longest, deliveries: deliveriesOf(chat) },
    scenarios: { host: once(1, "host", longest), clients: once(chat.clients, "chat", longest) },
    host: ({ run }) => invite(nodeOf(0), run, chat),
    chat: ({ run }) => {
      const index = exec.scenario.iterationInTest;
      return talk({ server: nodeOf(index), options, run, index, chat });
    },
  };
}

/** How many events arrive in all. */
function deliveriesOf(chat) {
  const clients = Array.from({ length: chat.clients }, (_, index) => heardBy(index, chat));
  return clients.reduce((sum, heard) => sum + heard, 0);
}

/** Waits for all, then has them begin. */
function invite(server, run, { clients }) {
  return visit(server, {}, (socket) => gather(socket, run, clients));
}

/** One of the clients, by its index. */
async function talk({ server, options, run, index, chat }) {
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
