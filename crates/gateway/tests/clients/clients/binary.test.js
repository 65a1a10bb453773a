// Binary data, alone, among other values and at any depth.

import assert from "node:assert/strict";
import { after } from "node:test";

import { startFeatures, startNode } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, count, next } from "../support/wait.js";

const node = await startNode(["--app", "testbed"]);
const features = await startFeatures();
after(() => Promise.all([node.stop(), features.stop()]));

const EVERY_BYTE = Buffer.from(count(256));

everywhere("buffers of every kind come back as buffers", async ({ connect }) => {
  const socket = await connect(node.url);
  const memory = Uint8Array.from(count(64)).buffer;
  const kinds = [
    [EVERY_BYTE, EVERY_BYTE],
    [Buffer.alloc(0), Buffer.alloc(0)],
    [Buffer.from("text ü"), Buffer.from("text ü")],
    [memory, Buffer.from(memory)],
    [new Uint8Array(memory, 8, 16), Buffer.from(memory, 8, 16)],
    [new Uint16Array(memory, 32, 4), Buffer.from(memory, 32, 8)],
    [new DataView(memory, 1, 3), Buffer.from(memory, 1, 3)],
  ];
  for (const [sent, expected] of kinds) {
    const echoed = next(socket, "echo");
    socket.emit("echo", sent);
    assert.deepEqual(await echoed, [expected]);
    assert.deepEqual(await ask(socket, "echo", sent), [expected]);
  }
});

everywhere("buffers come back from any depth, among anything", async ({ connect }) => {
  const socket = await connect(node.url);
  const args = [
    "first",
    { picture: EVERY_BYTE, caption: "ü", sizes: [{ small: Buffer.from([1]) }, null, { large: Buffer.from([2, 3]) }] },
    Buffer.from([4]),
    [[[[[Buffer.from([5, 6])]]]]],
    { _placeholder: false, num: 7 },
    42,
  ];
  const echoed = next(socket, "echo");
  socket.emit("echo", ...args);
  assert.deepEqual(await echoed, args);
  assert.deepEqual(await ask(socket, "echo", ...args), args);
});

everywhere("one event carries up to ten buffers", async ({ connect }) => {
  const socket = await connect(node.url);
  const buffers = count(10).map((number) => Buffer.alloc(number * 100, number));
  assert.deepEqual(await ask(socket, "echo", ...buffers), buffers);
});

everywhere("an event with more than ten buffers ends the connection", async ({ connect }) => {
  const socket = await connect(node.url);
  const gone = next(socket, "disconnect");
  socket.emit("echo", ...count(11).map(() => Buffer.from([1])));
  assert.match((await gone)[0], /^transport (close|error)$/);
  await next(socket, "connect");
  assert.deepEqual(await ask(socket, "echo", EVERY_BYTE), [EVERY_BYTE]);
});

everywhere("binary events and text events keep their order", async ({ connect }) => {
  const socket = await connect(node.url);
  const sent = count(200).map((number) => (number % 3 === 0 ? Buffer.from([number]) : number));
  const echoed = [];
  const all = next(socket, "echo", (value) => echoed.push(value) === sent.length);
  sent.forEach((value) => socket.emit("echo", value));
  await all;
  assert.deepEqual(echoed, sent);
});

everywhere("the server asks with buffers and is answered with buffers", async ({ connect }) => {
  const socket = await connect(features.url);
  socket.on("question", (question, answer) => answer(question, { reversed: Buffer.from(question).reverse() }, "text"));
  const [question, { reversed }, text] = await ask(socket, "ask", EVERY_BYTE);
  assert.deepEqual(question, EVERY_BYTE);
  assert.deepEqual(reversed, Buffer.from(EVERY_BYTE).reverse());
  assert.equal(text, "text");
});

everywhere("one buffer reaches everybody in a room", async ({ connect }) => {
  const [sender, ...members] = await Promise.all(count(4).map(() => connect(node.url)));
  const room = `pictures of ${sender.id}`;
  await Promise.all(members.map((member) => ask(member, "join", room)));
  const said = Promise.all(members.map((member) => next(member, "said")));
  sender.emit("say", room, { picture: EVERY_BYTE });
  assert.deepEqual(await said, members.map(() => [{ picture: EVERY_BYTE }]));
});
