// Values that go to the server and come back.

import assert from "node:assert/strict";
import { after } from "node:test";

import { startFeatures, startNode } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, count, next } from "../support/wait.js";

const node = await startNode(["--app", "testbed"]);
const features = await startFeatures();
after(() => Promise.all([node.stop(), features.stop()]));

const NUMBERS = [0, 1, -1, 1.5, -0.1, 1e21, 5e-324, 1.7976931348623157e308, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 63];

const TEXTS = [
  "",
  "ascii",
  "quotes \" and \\ and /",
  "control \u0000 \u0001 \b \f \n \r \t \u001e \u007f",
  "lines \u2028 \u2029",
  "äöü ß é ñ Ω й て 汉 한 ا א",
  "👋 👩‍👩‍👧‍👦 🏳️‍🌈 \u{10ffff}",
  "private \ue000 \uffff",
  "half a pair \ud800",
  "b AQID is no binary data",
];

const CONTAINERS = [
  [],
  {},
  [[], {}, [[]]],
  { a: { b: { c: [1, { d: null }] } } },
  { "": "no name", "a.b": "dots", "ключ 🔑": "any letters", " ": "space" },
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}'),
  { _placeholder: true, num: 0 },
  count(1000),
];

everywhere("every JSON value comes back as it was", async ({ connect }) => {
  const socket = await connect(node.url);
  for (const value of [null, true, false, ...NUMBERS, ...TEXTS, ...CONTAINERS]) {
    const echoed = next(socket, "echo");
    socket.emit("echo", value);
    assert.deepEqual(await echoed, [value]);
    assert.deepEqual(await ask(socket, "echo", value), [value]);
  }
});

everywhere("what JSON does not have comes back as JSON writes it", async ({ connect }) => {
  const socket = await connect(node.url);
  const date = new Date(1_700_000_000_123);
  const written = { toJSON: () => "as it likes" };
  const sent = [undefined, NaN, Infinity, -0, date, [undefined], { nothing: undefined, date }, written];
  const expected = [null, null, null, 0, date.toJSON(), [null], { date: date.toJSON() }, "as it likes"];
  assert.deepEqual(await ask(socket, "echo", ...sent), expected);
});

everywhere("any number of arguments comes back", async ({ connect }) => {
  const socket = await connect(node.url);
  for (const args of [[], ["one"], [null], count(10), count(500)]) {
    const echoed = next(socket, "echo");
    socket.emit("echo", ...args);
    assert.deepEqual(await echoed, args);
    assert.deepEqual(await ask(socket, "echo", ...args), args);
  }
});

everywhere("deep nesting comes back", async ({ connect }) => {
  const socket = await connect(node.url);
  const deep = count(50).reduce((inner, depth) => ({ depth, inner: [inner] }), "bottom");
  assert.deepEqual(await ask(socket, "echo", deep), [deep]);
});

everywhere("events may have any name", async ({ connect }) => {
  const socket = await connect(features.url);
  const greeted = next(socket, "grüße 👋");
  socket.emit("grüße 👋", "zurück");
  assert.deepEqual(await greeted, ["zurück"]);
  assert.deepEqual(await ask(socket, 42), ["a number is a name too"]);
});

everywhere("send is an event called message", async ({ connect }) => {
  const socket = await connect(features.url);
  const message = next(socket, "message");
  socket.emit("send", "hello", { to: "you" });
  assert.deepEqual(await message, ["hello", { to: "you" }]);
});

everywhere("an event without a handler changes nothing", async ({ connect }) => {
  const socket = await connect(node.url);
  socket.emit("nobody listens", 1);
  socket.send("nobody listens to messages either");
  assert.deepEqual(await ask(socket, "echo", "still here"), ["still here"]);
});
