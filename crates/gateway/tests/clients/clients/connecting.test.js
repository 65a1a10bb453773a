// Connecting, ids, and what a client can say about itself.

import assert from "node:assert/strict";
import { after } from "node:test";

import { startFeatures, startNode } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, next, upgraded } from "../support/wait.js";

const node = await startNode(["--app", "testbed"]);
const features = await startFeatures();
after(() => Promise.all([node.stop(), features.stop()]));

everywhere("a socket has an id of its own, which is not that of its session", async ({ connect }) => {
  const [one, other] = await Promise.all([connect(node.url), connect(node.url)]);
  assert.match(one.id, /^[\w-]{20}$/);
  assert.notEqual(one.id, other.id);
  assert.notEqual(one.id, one.io.engine.id);
});

everywhere("a socket that connects again gets another id", async ({ connect }) => {
  const socket = await connect(node.url);
  const { id } = socket;
  socket.disconnect().connect();
  await next(socket, "connect");
  assert.match(socket.id, /^[\w-]{20}$/);
  assert.notEqual(socket.id, id);
});

everywhere("the server learns which transport is in use", async ({ connect, transport }) => {
  const socket = await connect(features.url);
  const expected = transport === "polling" ? "polling" : "websocket";
  if (expected === "websocket") {
    await upgraded(socket);
  }
  assert.deepEqual(await ask(socket, "transport"), [expected]);
});

everywhere("the authentication payload reaches the server", async ({ connect }) => {
  const auth = { token: "très secret", nested: { list: [1, null, true] } };
  const handshakeOf = async (given) => (await ask(await connect(features.url, { auth: given }), "handshake"))[0];
  assert.deepEqual((await handshakeOf(auth)).auth, auth);
  assert.deepEqual((await handshakeOf((give) => setTimeout(() => give(auth), 1))).auth, auth);
  assert.deepEqual((await handshakeOf(undefined)).auth, {});
});

everywhere("the query reaches the server", async ({ connect }) => {
  const query = { name: "Anna Müller", "a key": "1&2=3", empty: "" };
  const [handshake] = await ask(await connect(features.url, { query }), "handshake");
  for (const [name, value] of Object.entries(query)) {
    assert.equal(handshake.query[name], value);
  }
  assert.equal(handshake.query.EIO, "4");
  assert.ok(handshake.url.startsWith("/socket.io/?"));
});

everywhere("headers and cookies reach the server", async ({ connect }) => {
  const extraHeaders = { "X-Custom": "yes", Cookie: "session=abc; theme=dark" };
  const [handshake] = await ask(await connect(features.url, { extraHeaders }), "handshake");
  assert.equal(handshake.headers["x-custom"], "yes");
  assert.equal(handshake.headers.cookie, "session=abc; theme=dark");
});

everywhere("the handshake says when, from where and how", async ({ connect }) => {
  const before = Date.now();
  const [handshake] = await ask(await connect(features.url), "handshake");
  assert.equal(handshake.address, "127.0.0.1");
  assert.deepEqual([handshake.secure, handshake.xdomain], [false, false]);
  assert.ok(before <= handshake.issued && handshake.issued <= Date.now());
  assert.equal(Date.parse(handshake.time), Math.floor(handshake.issued / 1000) * 1000);
});

everywhere("a client that does not connect by itself connects when it is told to", async ({ io }) => {
  const socket = io(node.url, { autoConnect: false });
  socket.emit("echo", "said early");
  socket.connect();
  const [[echoed]] = await Promise.all([next(socket, "echo"), next(socket, "connect")]);
  assert.equal(echoed, "said early");
});
