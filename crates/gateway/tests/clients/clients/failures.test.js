// Handlers that go wrong, and middlewares that stop events.

import assert from "node:assert/strict";
import { after } from "node:test";

import { startFeatures } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, next } from "../support/wait.js";

const features = await startFeatures();
after(() => features.stop());

everywhere("arguments of a wrong type are refused, with the reason", async ({ connect }) => {
  const socket = await connect(features.url);
  assert.deepEqual(await ask(socket, "add", 2, 3), [5]);
  for (const [args, index] of [[[2, "three"], 1], [["two"], 0], [[2], 1], [[], 0], [[Buffer.from([1]), 2], 0]]) {
    const [{ error }] = await ask(socket, "add", ...args);
    assert.match(error, new RegExp(`^argument ${index}: `));
  }
  assert.deepEqual(await ask(socket, "add", -1, 1, "one too many"), [0]);
});

everywhere("errors and panics of handlers reach the client without their secrets", async ({ connect }) => {
  const socket = await connect(features.url);
  assert.deepEqual(await ask(socket, "refuse"), [{ error: "not today" }]);
  assert.deepEqual(await ask(socket, "fail"), [{ error: "internal error" }]);
  assert.deepEqual(await ask(socket, "panic"), [{ error: "internal error" }]);
  socket.emit("panic");
  assert.deepEqual(await ask(socket, "echo", "alive"), ["alive"]);
});

everywhere("a middleware stops the events that it refuses, and keeps the others in order", async ({ connect }) => {
  const socket = await connect(`${features.url}/filtered`);
  const heard = [];
  socket.on("echo", (value) => heard.push(value));
  let acknowledged = false;
  for (const value of [1, "drop", 2, "drop", 3]) {
    socket.emit("echo", value);
  }
  socket.emit("echo", "drop", () => (acknowledged = true));
  assert.deepEqual(await ask(socket, "echo", 4), [4]);
  assert.deepEqual(heard, [1, 2, 3]);
  assert.equal(acknowledged, false);
});

everywhere("a refused client is told before it could do anything", async ({ io }) => {
  const socket = io(`${features.url}/guarded`);
  const heard = [];
  socket.on("echo", (value) => heard.push(value));
  socket.emit("echo", "early");
  const [error] = await next(socket, "connect_error");
  assert.deepEqual([error.message, error.data], ["wrong password", { code: 42, given: null }]);
  assert.deepEqual(heard, []);
});
