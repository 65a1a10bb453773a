// Which transports a client tries, which a server has, and where they are.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { startFeatures, startNode } from "../support/fanfare.js";
import { CLIENTS, everywhere } from "../support/matrix.js";
import { ask, next } from "../support/wait.js";

const node = await startNode(["--app", "testbed", "--path", "/chat/v2"]);
const onlyPolling = await startFeatures(["--transports", "polling"]);
const onlyWebSocket = await startFeatures(["--transports", "websocket"]);
after(() => Promise.all([node, onlyPolling, onlyWebSocket].map((server) => server.stop())));

/** The order does not come from the matrix here. */
const ONCE = { transports: ["polling"] };
const WEBSOCKET_FIRST = ["websocket", "polling"];
const POLLING_FIRST = ["polling", "websocket"];

everywhere("WebSocket first is WebSocket from the start", ONCE, async ({ connect }) => {
  const socket = await connect(node.url, { path: "/chat/v2", transports: WEBSOCKET_FIRST });
  assert.equal(socket.io.engine.transport.name, "websocket");
  assert.deepEqual(await ask(socket, "echo", "fast"), ["fast"]);
});

everywhere("a server without WebSocket offers no upgrade", ONCE, async ({ connect }) => {
  const socket = await connect(onlyPolling.url, { transports: POLLING_FIRST });
  const { upgrades, _upgrades, transport } = socket.io.engine;
  assert.deepEqual(upgrades ?? _upgrades, []);
  assert.equal(transport.name, "polling");
  assert.deepEqual(await ask(socket, "transport"), ["polling"]);
});

everywhere("a client that insists on what the server lacks is told", ONCE, async ({ io }) => {
  for (const [server, transport] of [[onlyPolling, "websocket"], [onlyWebSocket, "polling"]]) {
    const [error] = await next(io(server.url, { transports: [transport] }), "connect_error");
    assert.ok(error instanceof Error);
  }
});

everywhere("a client falls back to polling", { ...ONCE, needs: "fallback transports" }, async ({ connect }) => {
  const socket = await connect(onlyPolling.url, { transports: WEBSOCKET_FIRST, tryAllTransports: true });
  assert.deepEqual(await ask(socket, "transport"), ["polling"]);
});

everywhere("a client falls back to WebSocket", { ...ONCE, needs: "fallback transports" }, async ({ connect }) => {
  const socket = await connect(onlyWebSocket.url, { transports: POLLING_FIRST, tryAllTransports: true });
  assert.deepEqual(await ask(socket, "transport"), ["websocket"]);
});

everywhere("the path can be any", async ({ connect, io }) => {
  for (const path of ["/chat/v2", "/chat/v2/"]) {
    const socket = await connect(node.url, { path });
    assert.deepEqual(await ask(socket, "echo", path), [path]);
  }
  const [error] = await next(io(node.url), "connect_error");
  assert.ok(error instanceof Error);
});

everywhere("a query in the address reaches the server", ONCE, async ({ connect }) => {
  const socket = await connect(`${onlyPolling.url}/?room=1&name=a%20b`);
  const [handshake] = await ask(socket, "handshake");
  assert.deepEqual([handshake.query.room, handshake.query.name], ["1", "a b"]);
});

test("two clients of different versions talk to each other", async (t) => {
  const [one, other] = CLIENTS.map(({ io }) => io(node.url, { path: "/chat/v2", forceNew: true }));
  t.after(() => [one, other].forEach((socket) => socket.disconnect()));
  await Promise.all([one, other].map((socket) => ask(socket, "join", "hall")));
  const said = next(other, "said");
  one.emit("say", "hall", { from: "the newest", data: Buffer.from([1]) });
  assert.deepEqual(await said, [{ from: "the newest", data: Buffer.from([1]) }]);
  const answered = next(one, "said");
  other.emit("say", "hall", { from: "the first", data: Buffer.from([2]) });
  assert.deepEqual(await answered, [{ from: "the first", data: Buffer.from([2]) }]);
});
