// Why sockets end, in the words of both sides.

import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { startFeatures } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { startRelay } from "../support/relay.js";
import { ask, closed, next, unique, upgraded } from "../support/wait.js";

const features = await startFeatures();
after(() => features.stop());

/** Ends a socket in some way; what its client says and what the server says about it. */
async function reasons({ connect, transport }, end, url = features.url) {
  const [socket, watcher] = await Promise.all([connect(url, { reconnection: false }), connect(features.url)]);
  const { id } = socket;
  await ask(watcher, "watch", id);
  if (transport.endsWith("upgrade")) {
    await upgraded(socket);
  }
  // The server has seen it too.
  await ask(socket, "echo");
  const ends = Promise.all([next(socket, "disconnect"), next(watcher, "ended", (ended) => ended === id)]);
  end(socket);
  const [[client], [, server]] = await ends;
  return { client, server, socket };
}

everywhere("the client leaves", async (context) => {
  const { client, server } = await reasons(context, (socket) => socket.disconnect());
  assert.equal(client, "io client disconnect");
  assert.equal(server, "client namespace disconnect");
});

everywhere("the client closes its connection", async (context) => {
  const { client, server } = await reasons(context, (socket) => socket.io.engine.close());
  assert.equal(client, "forced close");
  assert.equal(server, "transport close");
});

everywhere("the server disconnects the socket", async (context) => {
  const { client, server, socket } = await reasons(context, (socket) => socket.emit("disconnect me", false));
  assert.equal(client, "io server disconnect");
  assert.equal(server, "server namespace disconnect");
  assert.equal(socket.active, false);
  await closed(socket.io.engine);
  socket.connect();
  await next(socket, "connect");
  assert.deepEqual(await ask(socket, "echo", "back"), ["back"]);
});

everywhere("the server disconnects the client from all namespaces", async (context) => {
  const { client, server } = await reasons(context, (socket) => socket.emit("disconnect me", true));
  assert.equal(client, "io server disconnect");
  assert.equal(server, "server namespace disconnect");
});

everywhere("the server closes the connection", async (context) => {
  const { client, server } = await reasons(context, (socket) => socket.emit("close me"));
  assert.equal(client, "transport close");
  assert.match(server, /^forced (server )?close$/);
});

everywhere("the client breaks the protocol", async (context) => {
  const { client, server } = await reasons(context, (socket) => socket.io.engine.write("no packet"));
  assert.equal(client, "transport close");
  assert.equal(server, "parse error");
});

everywhere("the connection breaks", async (context) => {
  const relay = await startRelay(features.url);
  context.after(() => relay.close());
  const cut = async (socket) => {
    // Between two polls there is nothing to be cut.
    while (socket.connected) {
      relay.cut();
      await sleep(5);
    }
  };
  const { client, server } = await reasons(context, cut, relay.url);
  assert.match(client, /^transport (close|error)$/);
  assert.match(server, /^transport (close|error)$/);
});

everywhere("one namespace ends and the others go on", async ({ connect }) => {
  const main = await connect(features.url);
  const other = main.io.socket("/dynamic-1");
  await next(other, "connect");
  const gone = next(other, "disconnect");
  other.emit("disconnect me", false);
  assert.equal((await gone)[0], "io server disconnect");
  assert.ok(main.connected);
  assert.deepEqual(await ask(main, "echo", "fine"), ["fine"]);
});

everywhere("all namespaces of a connection end together", async ({ connect }) => {
  const main = await connect(features.url);
  const other = main.io.socket("/dynamic-1");
  await next(other, "connect");
  const gone = Promise.all([next(main, "disconnect"), next(other, "disconnect")]);
  other.emit("disconnect me", true);
  assert.deepEqual((await gone).map(([reason]) => reason), ["io server disconnect", "io server disconnect"]);
});

everywhere("a client that was sent away does not hear what follows", async ({ connect }) => {
  const [socket, speaker] = await Promise.all([connect(features.url), connect(features.url)]);
  const heard = [];
  socket.on("told", (message) => heard.push(message));
  const hall = unique("hall");
  await ask(socket, "join", [hall]);
  const gone = next(socket, "disconnect");
  await ask(speaker, "tell", { rooms: [hall] }, "before");
  await ask(speaker, "dismiss", hall, false);
  await ask(speaker, "tell", { rooms: [hall] }, "after");
  await gone;
  assert.deepEqual(heard, ["before"]);
});
