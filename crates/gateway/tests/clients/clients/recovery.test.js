// Connection state recovery: a client that was lost gets its socket back.

import assert from "node:assert/strict";
import { after } from "node:test";

import { startFeatures, startNode } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, closed, next, unique } from "../support/wait.js";

const features = await startFeatures(["--recovery"]);
const node = await startNode(["--app", "testbed"]);
after(() => Promise.all([features.stop(), node.stop()]));

const RECOVERY = { needs: "connection state recovery" };

/** A socket in a room, and another that can speak to it and watches it. */
async function meet({ connect }) {
  const room = unique("room");
  const [socket, friend] = await Promise.all([connect(features.url, { reconnection: false }), connect(features.url)]);
  await Promise.all([ask(socket, "join", [room]), ask(socket, "remember", { name: "anna" })]);
  const heard = [];
  socket.on("told", (message) => heard.push(message));
  const told = next(socket, "told");
  await Promise.all([ask(friend, "tell", { rooms: [room] }, "before"), ask(friend, "watch", socket.id), told]);
  return { room, socket, friend, heard };
}

/** Loses the connection and waits until both sides know. */
async function lose({ socket, friend }) {
  const { engine } = socket.io;
  const ended = next(friend, "ended");
  engine.close();
  await Promise.all([ended, closed(engine)]);
}

async function comeBack(socket) {
  socket.connect();
  await next(socket, "connect");
}

everywhere("the id, the rooms, the data and all that was missed come back", RECOVERY, async (context) => {
  const meeting = await meet(context);
  const { room, socket, friend, heard } = meeting;
  const { id } = socket;
  await lose(meeting);
  for (const message of ["missed", { picture: Buffer.from([1, 2]) }, 3]) {
    await ask(friend, "tell", { rooms: [room] }, message);
  }
  await ask(friend, "tell", { rooms: [unique("another room")] }, "for others");
  await ask(friend, "tell", { rooms: [id] }, "a whisper");
  await comeBack(socket);
  assert.equal(socket.recovered, true);
  assert.equal(socket.id, id);
  await ask(friend, "tell", { rooms: [room] }, "after");
  await ask(socket, "echo");
  assert.deepEqual(heard, ["before", "missed", { picture: Buffer.from([1, 2]) }, 3, "a whisper", "after"]);
  assert.deepEqual(await ask(socket, "recovered"), [true]);
  assert.deepEqual(await ask(socket, "recall"), [{ name: "anna" }]);
  assert.deepEqual((await ask(socket, "rooms"))[0].sort(), [id, room].sort());
});

everywhere("a session comes back again and again", RECOVERY, async (context) => {
  const meeting = await meet(context);
  const { room, socket, friend, heard } = meeting;
  const { id } = socket;
  for (const round of [1, 2, 3]) {
    await lose(meeting);
    await ask(friend, "tell", { rooms: [room] }, round);
    await comeBack(socket);
    assert.deepEqual([socket.recovered, socket.id], [true, id]);
  }
  await ask(socket, "echo");
  assert.deepEqual(heard, ["before", 1, 2, 3]);
});

everywhere("a client that comes back by itself is recovered", RECOVERY, async ({ connect }) => {
  // It waits long enough for the server to notice that it is gone.
  const socket = await connect(features.url, { reconnectionDelay: 1000, randomizationFactor: 1e-9 });
  const { id } = socket;
  const told = next(socket, "told");
  await ask(socket, "tell", { rooms: [id] }, "something to start from");
  await told;
  const back = next(socket, "connect");
  socket.io.engine.close();
  await back;
  assert.deepEqual([socket.recovered, socket.id], [true, id]);
});

everywhere("a client that has left is not brought back", RECOVERY, async (context) => {
  const { socket, room, friend, heard } = await meet(context);
  const { id } = socket;
  const ended = next(friend, "ended");
  socket.disconnect();
  await Promise.all([ended, closed(socket.io.engine)]);
  await ask(friend, "tell", { rooms: [room] }, "not for you");
  await comeBack(socket);
  assert.notEqual(socket.id, id);
  assert.equal(Boolean(socket.recovered), false);
  assert.deepEqual(await ask(socket, "recovered"), [false]);
  assert.deepEqual(heard, ["before"]);
});

everywhere("nobody gets a session by guessing", RECOVERY, async (context) => {
  const meeting = await meet(context);
  const { socket, room, friend, heard } = meeting;
  const { id } = socket;
  await lose(meeting);
  await ask(friend, "tell", { rooms: [room] }, "missed");
  socket._pid = "x".repeat(socket._pid.length);
  await comeBack(socket);
  assert.notEqual(socket.id, id);
  assert.deepEqual(await ask(socket, "recovered"), [false]);
  assert.deepEqual(await ask(socket, "rooms"), [[socket.id]]);
  assert.deepEqual(heard, ["before"]);
});

everywhere("what a client asks for is no event to be recovered", RECOVERY, async (context) => {
  const meeting = await meet(context);
  const { socket, heard } = meeting;
  assert.deepEqual(await ask(socket, "echo", "answer"), ["answer"]);
  await lose(meeting);
  await comeBack(socket);
  assert.equal(socket.recovered, true);
  assert.deepEqual(heard, ["before"]);
});

everywhere("a server without recovery starts anew", RECOVERY, async ({ connect }) => {
  const socket = await connect(node.url);
  const echoed = next(socket, "echo");
  socket.emit("echo", "no offset behind it");
  assert.deepEqual(await echoed, ["no offset behind it"]);
  const { id } = socket;
  const back = next(socket, "connect");
  socket.io.engine.close();
  await back;
  assert.notEqual(socket.id, id);
  assert.equal(Boolean(socket.recovered), false);
});
