// Rooms and broadcasts: who hears what, and who does not.

import assert from "node:assert/strict";
import { after } from "node:test";

import { startFeatures, startNode } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, count, next, unique } from "../support/wait.js";

const node = await startNode(["--app", "testbed"]);
const features = await startFeatures();
after(() => Promise.all([node.stop(), features.stop()]));

/** What each of some sockets hears of an event, from here on. */
function listen(sockets, event) {
  return sockets.map((socket) => {
    const heard = [];
    socket.on(event, (message) => heard.push(message));
    return heard;
  });
}

/** What was sent to a socket before the answer of the server has come when this returns. */
function settle(sockets) {
  return Promise.all(sockets.map((socket) => ask(socket, "echo")));
}

everywhere("members hear what is said in their room, nobody else does", async ({ connect }) => {
  const room = unique("room");
  const sockets = await Promise.all(count(4).map(() => connect(node.url)));
  const [speaker, member, leaver, outsider] = sockets;
  const answers = await Promise.all([speaker, member, leaver].map((socket) => ask(socket, "join", room)));
  assert.deepEqual(answers, [["ok"], ["ok"], ["ok"]]);
  const heard = listen(sockets, "said");
  assert.deepEqual(await ask(speaker, "say", room, "one"), ["ok"]);
  assert.deepEqual(await ask(leaver, "leave", room), ["ok"]);
  await ask(speaker, "say", room, { two: 2 });
  await ask(outsider, "say", room, "from outside");
  await settle(sockets);
  assert.deepEqual(heard, [["from outside"], ["one", { two: 2 }, "from outside"], ["one"], []]);
});

everywhere("what is sent to a room reaches the sender too, if it is in there", async ({ connect }) => {
  const room = unique("room");
  const sockets = await Promise.all(count(3).map(() => connect(node.url)));
  await Promise.all(sockets.slice(0, 2).map((socket) => ask(socket, "join", room)));
  const heard = listen(sockets, "room");
  await ask(sockets[0], "room", room, "to all in here");
  await settle(sockets);
  assert.deepEqual(heard, [["to all in here"], ["to all in here"], []]);
});

everywhere("a broadcast reaches everybody", async ({ connect }) => {
  const sockets = await Promise.all(count(5).map(() => connect(node.url)));
  const message = unique("message");
  const heard = Promise.all(sockets.map((socket) => next(socket, "bcast", (first) => first === message)));
  sockets[0].emit("bcast", message, { more: [1, 2] }, Buffer.from([3]));
  assert.deepEqual(await heard, sockets.map(() => [message, { more: [1, 2] }, Buffer.from([3])]));
});

everywhere("a broadcast of a socket reaches everybody else", async ({ connect }) => {
  const sockets = await Promise.all(count(4).map(() => connect(features.url)));
  const message = unique("message");
  const heard = listen(sockets, "told");
  await ask(sockets[0], "tell others", message);
  await settle(sockets);
  const counts = heard.map((messages) => messages.filter((heard) => heard === message).length);
  assert.deepEqual(counts, [0, 1, 1, 1]);
});

everywhere("whoever is in several of the rooms hears a message once, and exceptions win", async ({ connect }) => {
  const [red, blue] = [unique("red"), unique("blue")];
  const sockets = await Promise.all(count(4).map(() => connect(features.url)));
  const [both, onlyRed, onlyBlue, none] = sockets;
  await Promise.all([ask(both, "join", [red, blue]), ask(onlyRed, "join", [red]), ask(onlyBlue, "join", [blue])]);
  const heard = listen(sockets, "told");
  await ask(none, "tell", { rooms: [red, blue] }, "either");
  await ask(none, "tell", { rooms: [red], except: [blue] }, "red, not blue");
  await ask(none, "tell", { rooms: [red, blue], except: [onlyRed.id] }, "not that one");
  await ask(none, "tell", { rooms: [onlyBlue.id] }, "a whisper");
  await settle(sockets);
  assert.deepEqual(heard, [
    ["either", "not that one"],
    ["either", "red, not blue"],
    ["either", "not that one", "a whisper"],
    [],
  ]);
});

everywhere("a socket knows its rooms", async ({ connect }) => {
  const socket = await connect(features.url);
  assert.deepEqual(await ask(socket, "rooms"), [[socket.id]]);
  assert.deepEqual(await ask(socket, "join", ["a", "b", "a"]), [true]);
  const [rooms] = await ask(socket, "rooms");
  assert.deepEqual(rooms.sort(), [socket.id, "a", "b"].sort());
  await ask(socket, "leave", "a");
  assert.deepEqual((await ask(socket, "rooms"))[0].sort(), [socket.id, "b"].sort());
});

everywhere("the server moves a room into another and sends it home", async ({ connect }) => {
  const [room, hall] = [unique("room"), unique("hall")];
  const [one, two, host] = await Promise.all(count(3).map(() => connect(features.url)));
  await Promise.all([ask(one, "join", [room]), ask(two, "join", [room]), ask(one, "remember", { name: "one" })]);
  await ask(host, "gather", room, hall);
  assert.deepEqual(await ask(host, "who", hall), [{ [one.id]: { name: "one" }, [two.id]: null }]);
  const gone = Promise.all([one, two].map((socket) => next(socket, "disconnect")));
  await ask(host, "dismiss", hall, false);
  assert.deepEqual((await gone).map(([reason]) => reason), ["io server disconnect", "io server disconnect"]);
  assert.deepEqual(await ask(host, "who", room), [{}]);
});

everywhere("a room is left with the connection", async ({ connect }) => {
  const room = unique("room");
  const [leaver, witness] = await Promise.all([connect(features.url), connect(features.url)]);
  await Promise.all([ask(leaver, "join", [room]), ask(witness, "watch", leaver.id)]);
  const ending = next(witness, "ending");
  const ended = next(witness, "ended");
  const { id } = leaver;
  leaver.disconnect();
  const [gone, rooms] = await ending;
  assert.equal(gone, id);
  assert.deepEqual(rooms.sort(), [id, room].sort());
  await ended;
  assert.deepEqual(await ask(witness, "who", room), [{}]);
});
