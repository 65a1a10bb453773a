// The MessagePack parser instead of JSON.

import assert from "node:assert/strict";
import { after } from "node:test";

import * as parser from "socket.io-msgpack-parser";

import { startFeatures } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, collect, count, next, unique } from "../support/wait.js";

const features = await startFeatures(["--parser", "msgpack"]);
after(() => features.stop());

const PACKED = { parser };

const VALUES = [
  null,
  true,
  false,
  0,
  127,
  128,
  -1,
  -128,
  65_536,
  2 ** 31,
  2 ** 53 - 1,
  -(2 ** 53 - 1),
  1.5,
  1.5e-300,
  "",
  "grüße 👋",
  "x".repeat(70_000),
  [],
  {},
  count(20),
  { nested: [{ a: 1, b: [null, "c"] }], "key with ü": true },
  Buffer.from(count(256)),
  { picture: Buffer.from([1, 2]), list: [Buffer.alloc(0), Buffer.alloc(70_000, 3)] },
];

everywhere("every value comes back as it was", async ({ connect }) => {
  const socket = await connect(features.url, PACKED);
  for (const value of VALUES) {
    const echoed = next(socket, "echo");
    socket.emit("echo", value);
    assert.deepEqual(await echoed, [value]);
    assert.deepEqual(await ask(socket, "echo", value), [value]);
  }
  assert.deepEqual(await ask(socket, "echo", ...VALUES), VALUES);
});

everywhere("undefined and dates come back", async ({ connect }) => {
  const socket = await connect(features.url, PACKED);
  const date = new Date(1_700_000_000_123);
  assert.deepEqual(await ask(socket, "echo", undefined, date, { date }), [undefined, date, { date }]);
});

everywhere("handlers get what the client has sent", async ({ connect }) => {
  const socket = await connect(features.url, { ...PACKED, auth: { token: "secret" } });
  assert.deepEqual(await ask(socket, "add", 2, 3), [5]);
  assert.deepEqual((await ask(socket, "handshake"))[0].auth, { token: "secret" });
  await ask(socket, "remember", { bytes: Buffer.from([1]), text: "ü" });
  assert.deepEqual(await ask(socket, "recall"), [{ bytes: Buffer.from([1]), text: "ü" }]);
});

everywhere("the server asks and is answered", async ({ connect }) => {
  const socket = await connect(features.url, PACKED);
  socket.on("question", (question, answer) => answer(question, Buffer.from([9])));
  assert.deepEqual(await ask(socket, "ask", { a: 1 }), [{ a: 1 }, Buffer.from([9])]);
});

everywhere("a thousand events go and come back in order", async ({ connect }) => {
  const socket = await connect(features.url, PACKED);
  const echoed = collect(socket, "echo", 1000);
  count(1000).forEach((number) => socket.emit("echo", number));
  assert.deepEqual(await echoed, count(1000));
});

everywhere("broadcasts reach rooms", async ({ connect }) => {
  const room = unique("room");
  const [speaker, ...members] = await Promise.all(count(3).map(() => connect(features.url, PACKED)));
  await Promise.all(members.map((member) => ask(member, "join", [room])));
  const told = Promise.all(members.map((member) => next(member, "told")));
  speaker.emit("tell", { rooms: [room] }, { data: Buffer.from([7]) });
  assert.deepEqual(await told, members.map(() => [{ data: Buffer.from([7]) }]));
});

everywhere("refusals and ends are packed too", async ({ connect }) => {
  const main = await connect(features.url, PACKED);
  const [refused] = await next(main.io.socket("/guarded", { auth: { password: "please" } }), "connect_error");
  assert.deepEqual([refused.message, refused.data], ["wrong password", { code: 42, given: "please" }]);
  const [unknown] = await next(main.io.socket("/unknown"), "connect_error");
  assert.equal(unknown.message, "Invalid namespace");
  const dynamic = main.io.socket("/dynamic-1");
  assert.deepEqual(await next(dynamic, "welcome"), ["/dynamic-1"]);
  const gone = next(dynamic, "disconnect");
  dynamic.emit("disconnect me", false);
  assert.equal((await gone)[0], "io server disconnect");
  assert.deepEqual(await ask(main, "echo", "fine"), ["fine"]);
});

everywhere("a client that speaks JSON is sent away", async ({ io }) => {
  const socket = io(features.url, { reconnection: false });
  const [reason] = await next(socket.io, "close");
  assert.match(reason, /^transport (close|error)$/);
  assert.equal(socket.connected, false);
});
