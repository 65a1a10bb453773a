// Listeners for everything, for once and for nothing any more, on both sides.

import assert from "node:assert/strict";
import { after } from "node:test";

import { startFeatures } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask } from "../support/wait.js";

const features = await startFeatures();
after(() => features.stop());

everywhere("the client hears everything that comes, in the order it wants", async ({ connect }) => {
  const socket = await connect(features.url);
  const heard = [];
  const any = (...args) => heard.push(["any", ...args]);
  socket.onAny(any);
  socket.prependAny((...args) => heard.push(["first", ...args]));
  socket.on("echo", (...args) => heard.push(["echo", ...args]));
  socket.emit("echo", 1, Buffer.from([2]));
  await ask(socket, "echo");
  socket.offAny(any);
  socket.emit("send", 3);
  await ask(socket, "echo");
  assert.deepEqual(heard, [
    ["first", "echo", 1, Buffer.from([2])],
    ["any", "echo", 1, Buffer.from([2])],
    ["echo", 1, Buffer.from([2])],
    ["first", "message", 3],
  ]);
});

everywhere("the client hears what it sends itself", { needs: "outgoing listeners" }, async ({ connect }) => {
  const socket = await connect(features.url);
  const sent = [];
  socket.onAnyOutgoing((...args) => sent.push(args));
  socket.emit("echo", 1, "two");
  await ask(socket, "echo", 3);
  assert.deepEqual(sent, [["echo", 1, "two"], ["echo", 3]]);
});

everywhere("the server hears everything that comes and goes", async ({ connect }) => {
  const socket = await connect(features.url);
  await ask(socket, "record");
  socket.emit("echo", 1);
  socket.emit("nobody listens");
  socket.emit("grüße 👋");
  await ask(socket, "tell", { rooms: [socket.id] }, "a broadcast");
  socket.emit("send", "a message");
  assert.deepEqual(await ask(socket, "recorded"), [
    [
      ["in", "echo"],
      ["out", "echo"],
      ["in", "nobody listens"],
      ["in", "grüße 👋"],
      ["out", "grüße 👋"],
      ["in", "tell"],
      ["out", "told"],
      ["in", "send"],
      ["out", "message"],
      ["in", "recorded"],
    ],
  ]);
  // It hears no more.
  await ask(socket, "record");
  assert.deepEqual(await ask(socket, "recorded"), [[["in", "recorded"]]]);
});

everywhere("a handler for once runs once", async ({ connect }) => {
  const socket = await connect(features.url);
  assert.deepEqual(await ask(socket, "once"), ["the first time"]);
  let again = false;
  socket.emit("once", () => (again = true));
  await ask(socket, "echo");
  assert.equal(again, false);
});
