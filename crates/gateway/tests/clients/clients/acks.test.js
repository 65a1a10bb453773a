// Acknowledgements: those that the client asks for, and those that the server asks for.

import assert from "node:assert/strict";
import { after } from "node:test";

import { startFeatures, startNode } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, count, next, unique } from "../support/wait.js";

const node = await startNode(["--app", "testbed"]);
const features = await startFeatures();
after(() => Promise.all([node.stop(), features.stop()]));

everywhere("many acknowledgements at once find their events", async ({ connect }) => {
  const socket = await connect(node.url);
  const answers = await Promise.all(count(200).map((number) => ask(socket, "echo", number)));
  assert.deepEqual(answers.flat(), count(200));
});

everywhere("a handler that returns nothing acknowledges without arguments", async ({ connect }) => {
  const socket = await connect(features.url);
  assert.deepEqual(await ask(socket, "leave", "a room"), []);
});

everywhere("an acknowledgement comes behind the events sent before it", async ({ connect }) => {
  const socket = await connect(node.url);
  const seen = [];
  socket.on("echo", (value) => seen.push(value));
  socket.emit("echo", "event");
  seen.push(...(await ask(socket, "echo", "acknowledgement")));
  assert.deepEqual(seen, ["event", "acknowledgement"]);
});

everywhere("a timeout ends the wait for an answer", { needs: "ack timeouts" }, async ({ connect }) => {
  const socket = await connect(node.url);
  const [error] = await new Promise((resolve) => {
    socket.timeout(20).emit("nobody listens", (...args) => resolve(args));
  });
  assert.equal(error.message, "operation has timed out");
  const answer = await new Promise((resolve) => {
    socket.timeout(60_000).emit("echo", 1, "two", (...args) => resolve(args));
  });
  assert.deepEqual(answer, [null, 1, "two"]);
});

everywhere("an answer can be awaited", { needs: "ack promises" }, async ({ connect }) => {
  const socket = await connect(node.url);
  assert.equal(await socket.emitWithAck("echo", "awaited"), "awaited");
  assert.deepEqual(await socket.timeout(60_000).emitWithAck("echo", Buffer.from([1])), Buffer.from([1]));
  await assert.rejects(socket.timeout(20).emitWithAck("nobody listens"), /operation has timed out/);
});

everywhere("the server asks and gets all that is answered", async ({ connect }) => {
  const socket = await connect(features.url);
  for (const answer of [[], [1], [null, "two", { three: [3] }]]) {
    socket.once("question", (a, b, callback) => callback(...answer, a, b));
    assert.deepEqual(await ask(socket, "ask", "a", { b: "c" }), [...answer, "a", { b: "c" }]);
  }
});

everywhere("the server hears the first answer only", async ({ connect }) => {
  const socket = await connect(features.url);
  socket.on("question", (callback) => {
    callback("first");
    callback("second");
  });
  assert.deepEqual(await ask(socket, "ask"), ["first"]);
  assert.deepEqual(await ask(socket, "ask"), ["first"]);
});

everywhere("the server waits no longer than it wants to", async ({ connect }) => {
  const socket = await connect(features.url);
  const question = next(socket, "question");
  assert.deepEqual(await ask(socket, "ask within", 20), [{ error: "operation has timed out" }]);
  const [answerLate] = await question;
  answerLate("too late");
  socket.on("question", (answer) => answer("in time"));
  assert.deepEqual(await ask(socket, "ask within", 60_000), ["in time"]);
});

everywhere("both sides ask each other at once", async ({ connect }) => {
  const socket = await connect(features.url);
  socket.on("question", (number, answer) => answer(-number));
  const numbers = count(100).map((number) => number + 1);
  const answers = await Promise.all(numbers.map((number) => ask(socket, "ask", number)));
  assert.deepEqual(answers.flat(), numbers.map((number) => -number));
});

everywhere("the server asks everybody in a room", async ({ connect }) => {
  const room = unique("quiz");
  const sockets = await Promise.all(count(3).map(() => connect(features.url)));
  await Promise.all(sockets.map((socket) => ask(socket, "join", [room])));
  sockets.forEach((socket, number) => socket.on("question", (answer) => answer({ number }, "only the first counts")));
  const [{ answers, missing }] = await ask(sockets[0], "ask all", room, 60_000);
  assert.deepEqual(answers.map(({ number }) => number).sort(), [0, 1, 2]);
  assert.equal(missing, 0);
});

everywhere("the server waits no longer for a room than it wants to", async ({ connect }) => {
  const room = unique("quiz");
  const [host, ...silent] = await Promise.all(count(3).map(() => connect(features.url)));
  await Promise.all(silent.map((socket) => ask(socket, "join", [room])));
  assert.deepEqual(await ask(host, "ask all", room, 20), [{ answers: [], missing: 2 }]);
});

everywhere("the server does not wait for somebody who has left the room", async ({ connect }) => {
  const room = unique("quiz");
  const [eager, leaver] = await Promise.all([connect(features.url), connect(features.url)]);
  await Promise.all([eager, leaver].map((socket) => ask(socket, "join", [room])));
  eager.on("question", (answer) => answer("me"));
  leaver.on("question", () => leaver.disconnect());
  assert.deepEqual(await ask(eager, "ask all", room, 60_000), [{ answers: ["me"], missing: 1 }]);
});

everywhere("an empty room has answered at once", async ({ connect }) => {
  const socket = await connect(features.url);
  assert.deepEqual(await ask(socket, "ask all", unique("empty"), 60_000), [{ answers: [], missing: 0 }]);
});
