// The move from polling to WebSocket, with messages on their way in both directions.

import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { startFeatures, startNode } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, count, next, unique, upgraded } from "../support/wait.js";

// A hundred upgrades at once may take a while on a machine that has other things to do.
const node = await startNode(["--app", "testbed", "--upgrade-timeout", "60s"]);
const features = await startFeatures();
after(() => Promise.all([node.stop(), features.stop()]));

const UPGRADING = { transports: ["polling, then upgrade"] };

everywhere("no message is lost, doubled or late in a hundred upgrades at once", UPGRADING, async ({ connect }) => {
  const room = unique("room");
  const speaker = await connect(node.url, { transports: ["websocket"] });
  let upgrading = true;
  const speech = speak(speaker, room, () => upgrading);
  const clients = await Promise.all(count(100).map(() => talk(connect, room)));
  upgrading = false;
  const spoken = await speech;
  await Promise.all(clients.map(({ socket }) => ask(socket, "echo")));
  for (const { socket, said, echoed, heard } of clients) {
    assert.equal(socket.io.engine.transport.name, "websocket");
    assert.deepEqual(echoed, count(said));
    assert.deepEqual(heard, count(spoken).slice(spoken - heard.length));
    assert.ok(heard.length > 0);
  }
});

/** Sends numbers to a room as long as it is told to; returns how many. */
async function speak(speaker, room, goesOn) {
  let spoken = 0;
  while (goesOn()) {
    await ask(speaker, "room", room, spoken);
    spoken += 1;
  }
  return spoken;
}

/** A client that sends numbers from before its upgrade until after it, and listens to a room meanwhile. */
async function talk(connect, room) {
  const socket = await connect(node.url);
  const client = { socket, said: 0, echoed: [], heard: [] };
  socket.on("echo", (number) => client.echoed.push(number));
  socket.on("room", (number) => client.heard.push(number));
  socket.emit("join", room);
  const moved = upgraded(socket).then(() => (moved.over = true));
  while (!moved.over || client.heard.length === 0) {
    socket.emit("echo", client.said);
    client.said += 1;
    await sleep(2);
  }
  return client;
}

everywhere("acknowledgements and buffers survive the upgrade", UPGRADING, async ({ connect }) => {
  const socket = await connect(features.url);
  socket.on("question", (question, answer) => answer(question));
  const moved = upgraded(socket).then(() => (moved.over = true));
  for (let number = 0; !moved.over; number += 1) {
    const buffer = Buffer.alloc(1000, number);
    const [echoed, answered] = await Promise.all([ask(socket, "echo", buffer, number), ask(socket, "ask", buffer)]);
    assert.deepEqual(echoed, [buffer, number]);
    assert.deepEqual(answered, [buffer]);
  }
  assert.deepEqual(await ask(socket, "transport"), ["websocket"]);
});

everywhere("the id and the rooms stay", UPGRADING, async ({ connect }) => {
  const socket = await connect(features.url);
  const { id } = socket;
  await ask(socket, "join", ["a room"]);
  await upgraded(socket);
  assert.equal(socket.id, id);
  assert.deepEqual(await ask(socket, "rooms"), [[id, "a room"]]);
});

everywhere("a client that leaves while it upgrades is gone", UPGRADING, async ({ connect }) => {
  const [socket, watcher] = await Promise.all([connect(features.url), connect(features.url)]);
  const { id } = socket;
  await ask(watcher, "watch", id);
  const ended = next(watcher, "ended");
  socket.disconnect();
  assert.deepEqual(await ended, [id, "client namespace disconnect"]);
});
