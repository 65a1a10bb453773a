// Order, and what may be lost.

import assert from "node:assert/strict";
import { after } from "node:test";

import { startFeatures, startNode } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, collect, count, next, unique } from "../support/wait.js";

const node = await startNode(["--app", "testbed"]);
const features = await startFeatures();
after(() => Promise.all([node.stop(), features.stop()]));

everywhere("a thousand events go and come back in order", async ({ connect }) => {
  const socket = await connect(node.url);
  const echoed = collect(socket, "echo", 1000);
  count(1000).forEach((number) => socket.emit("echo", number));
  assert.deepEqual(await echoed, count(1000));
});

everywhere("a thousand events to a room reach every member in order", async ({ connect }) => {
  const room = unique("room");
  const [speaker, ...members] = await Promise.all(count(4).map(() => connect(node.url)));
  await Promise.all(members.map((member) => ask(member, "join", room)));
  const heard = Promise.all(members.map((member) => collect(member, "said", 1000)));
  count(1000).forEach((number) => speaker.emit("say", room, number));
  assert.deepEqual(await heard, members.map(() => count(1000)));
});

everywhere("events, acknowledgements and broadcasts keep their order", async ({ connect }) => {
  const room = unique("room");
  const socket = await connect(node.url);
  await ask(socket, "join", room);
  const heard = [];
  socket.on("echo", (number) => heard.push(number));
  socket.on("room", (number) => heard.push(number));
  for (const number of count(100)) {
    socket.emit("echo", ["event", number]);
    socket.emit("room", room, ["broadcast", number]);
    socket.emit("echo", ["acknowledgement", number], (echoed) => heard.push(echoed));
  }
  await ask(socket, "echo");
  const kinds = ["event", "broadcast", "acknowledgement"];
  assert.deepEqual(heard, count(100).flatMap((number) => kinds.map((kind) => [kind, number])));
});

everywhere("what is emitted before the connection is there goes first", async ({ io }) => {
  const socket = io(node.url);
  const echoed = collect(socket, "echo", 20);
  count(10).forEach((number) => socket.emit("echo", number));
  await next(socket, "connect");
  count(10).forEach((number) => socket.emit("echo", number + 10));
  assert.deepEqual(await echoed, count(20));
});

everywhere("a volatile event of the client is lost while there is no connection", async ({ io }) => {
  const socket = io(node.url, { autoConnect: false });
  socket.volatile.emit("echo", "volatile");
  socket.emit("echo", "lasting");
  const echoed = collect(socket, "echo", 1);
  socket.connect();
  assert.deepEqual(await echoed, ["lasting"]);
  const { engine } = socket.io;
  while (!engine.transport.writable) {
    await next(engine, "drain");
  }
  assert.deepEqual(await ask(socket.volatile, "echo", "volatile"), ["volatile"]);
});

everywhere("volatile events of the server are lost while the client cannot take them", async ({ connect }) => {
  const socket = await connect(features.url);
  const ticks = [];
  socket.on("tick", (number) => ticks.push(number));
  // A client that is between two polls takes none.
  while (ticks.length === 0) {
    const last = next(socket, "last tick");
    socket.emit("volatile", 1000);
    await last;
  }
  assert.ok(ticks.length < 1000, `${ticks.length} of 1000 have come`);
  assert.deepEqual(ticks, [...new Set(ticks)].sort((one, other) => one - other));
});
