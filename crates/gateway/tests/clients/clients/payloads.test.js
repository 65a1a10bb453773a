// Payloads up to the limit, and over it.

import assert from "node:assert/strict";
import { after } from "node:test";

import { startNode } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, collect, count, next, upgraded } from "../support/wait.js";

const LIMIT = 200_000;

const node = await startNode(["--app", "testbed", "--max-payload", `${LIMIT}`, "--upgrade-timeout", "60s"]);
after(() => node.stop());

/** A text that makes the message of an `echo` event so many bytes long, on either transport. */
function textOf(bytes) {
  return "x".repeat(bytes - '42["echo",""]'.length);
}

/** A socket that is where it wants to stay, with nothing on its way. */
async function settled({ connect, transport }, options) {
  const socket = await connect(node.url, options);
  if (transport.endsWith("upgrade")) {
    await upgraded(socket);
  }
  await ask(socket, "echo");
  return socket;
}

everywhere("a text of exactly the limit goes through", async (context) => {
  const socket = await settled(context);
  const text = textOf(LIMIT);
  const echoed = next(socket, "echo");
  socket.emit("echo", text);
  assert.deepEqual(await echoed, [text]);
});

everywhere("a text one byte over the limit ends the connection, and the client comes back", async (context) => {
  const socket = await settled(context);
  const { id } = socket;
  const gone = next(socket, "disconnect");
  socket.emit("echo", textOf(LIMIT + 1));
  const [reason] = await gone;
  assert.equal(reason, context.transport === "polling" ? "transport error" : "transport close");
  await next(socket, "connect");
  assert.notEqual(socket.id, id);
  assert.deepEqual(await ask(socket, "echo", "back"), ["back"]);
});

everywhere("the client learns what went wrong", { needs: "close details" }, async (context) => {
  const socket = await settled(context);
  const gone = next(socket, "disconnect");
  socket.emit("echo", textOf(LIMIT + 1));
  const [, details] = await gone;
  if (context.transport === "polling") {
    assert.equal(details.description, 413);
  } else {
    assert.equal(details.context.code, 1009);
  }
});

everywhere("letters are counted in bytes", async (context) => {
  const socket = await settled(context);
  const text = "漢".repeat(LIMIT / 3 - 10);
  assert.deepEqual(await ask(socket, "echo", text), [text]);
  const gone = next(socket, "disconnect");
  socket.emit("echo", "漢".repeat(LIMIT / 3 + 1));
  await gone;
});

everywhere("a buffer near the limit goes through, and several over it do not", async (context) => {
  const socket = await settled(context);
  // Polling carries it as base64.
  const room = context.transport === "polling" ? (LIMIT / 4) * 3 - 300 : LIMIT;
  const buffer = Buffer.alloc(room, 7);
  assert.deepEqual(await ask(socket, "echo", buffer), [buffer]);
  const gone = next(socket, "disconnect");
  socket.emit("echo", Buffer.alloc(LIMIT * 0.55), Buffer.alloc(LIMIT * 0.55));
  await gone;
  await next(socket, "connect");
  assert.deepEqual(await ask(socket, "echo", "back"), ["back"]);
});

everywhere("the client splits what is too much for one request", { needs: "payload limit" }, async (context) => {
  const socket = await settled(context);
  const texts = count(20).map((number) => `${number} ${"x".repeat(LIMIT / 3)}`);
  const echoed = collect(socket, "echo", texts.length);
  texts.forEach((text) => socket.emit("echo", text));
  assert.deepEqual(await echoed, texts);
});

everywhere("the server sends far more than one message may hold", async (context) => {
  const socket = await settled(context);
  const flood = collect(socket, "flood", 30);
  socket.emit("flood", 30, 100_000);
  assert.ok((await flood).every((text) => text === "x".repeat(100_000)));
  assert.deepEqual(await ask(socket, "echo", "dry"), ["dry"]);
});
