// Servers that die, close and stop, and clients that come back.

import assert from "node:assert/strict";

import { startFeatures, startNode } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { startRelay } from "../support/relay.js";
import { ask, count, next } from "../support/wait.js";

const TESTBED = ["--app", "testbed"];

everywhere("what is emitted while the server is dead arrives when it is back", async ({ connect, after }) => {
  const node = await startNode(TESTBED);
  const socket = await connect(node.url);
  const { id } = socket;
  const gone = next(socket, "disconnect");
  await node.stop("SIGKILL");
  assert.match((await gone)[0], /^transport (close|error)$/);
  const heard = [];
  socket.on("echo", (value) => heard.push(value));
  const values = count(100).map((number) => (number % 10 === 0 ? Buffer.from([number]) : number));
  values.forEach((value) => socket.emit("echo", value));
  const last = ask(socket, "echo", "last");
  const again = await startNode(TESTBED, { port: node.port });
  after(() => again.stop());
  assert.deepEqual(await last, ["last"]);
  assert.deepEqual(heard, values);
  assert.notEqual(socket.id, id);
});

everywhere("a client that retries loses nothing", { needs: "retries" }, async ({ connect, after }) => {
  const node = await startNode(TESTBED);
  const socket = await connect(node.url, { retries: 1000, ackTimeout: 1000 });
  const heard = [];
  const all = Promise.all(
    count(60).map(async (number) => {
      const [error, echoed] = await ask(socket, "echo", number);
      assert.equal(error, null);
      heard.push(echoed);
    }),
  );
  await next(socket.io, "packet", () => heard.length > 20);
  await node.stop("SIGKILL");
  assert.ok(heard.length < 60);
  const again = await startNode(TESTBED, { port: node.port });
  after(() => again.stop());
  await all;
  assert.deepEqual(heard, count(60));
});

everywhere("a server that closes says so, and clients come back to the next", async ({ connect, after }) => {
  const node = await startNode(TESTBED);
  const socket = await connect(node.url);
  const gone = next(socket, "disconnect");
  assert.equal(await node.stop("SIGTERM"), 0);
  assert.deepEqual((await gone).slice(0, 1), ["transport close"]);
  assert.ok(socket.active);
  const back = next(socket, "connect");
  const again = await startNode(TESTBED, { port: node.port });
  after(() => again.stop());
  await back;
  assert.deepEqual(await ask(socket, "echo", "back"), ["back"]);
});

everywhere("a server that closes delivers what it has sent", async ({ connect }) => {
  // Over polling, one answer holds one of the events.
  const node = await startNode([...TESTBED, "--max-payload", "60000"]);
  const socket = await connect(node.url, { reconnection: false });
  const speaker = await connect(node.url, { reconnection: false, transports: ["websocket"] });
  await ask(socket, "join", "hall");
  // The engine is asked: a socket that has disconnected shows no more events, even if they have come before.
  let messages = 0;
  socket.io.engine.on("message", () => (messages += 1));
  const gone = next(socket, "disconnect");
  await Promise.all(count(10).map(() => ask(speaker, "say", "hall", "x".repeat(50_000))));
  assert.equal(await node.stop("SIGTERM"), 0);
  await gone;
  assert.equal(messages, 10);
});

everywhere("a client notices that the server has stopped, and is there when it goes on", async ({ connect, after }) => {
  const node = await startNode([...TESTBED, "--ping-interval", "500ms", "--ping-timeout", "1500ms"]);
  after(() => node.stop("SIGKILL"));
  const socket = await connect(node.url);
  const gone = next(socket, "disconnect");
  node.process.kill("SIGSTOP");
  assert.equal((await gone)[0], "ping timeout");
  const back = next(socket, "connect");
  node.process.kill("SIGCONT");
  await back;
  assert.deepEqual(await ask(socket, "echo", "back"), ["back"]);
});

everywhere("both sides notice that the network is dead", async ({ connect, after }) => {
  const features = await startFeatures(["--ping-interval", "300", "--ping-timeout", "1200"]);
  after(() => features.stop());
  const relay = await startRelay(features.url);
  after(() => relay.close());
  const socket = await connect(relay.url, { reconnection: false });
  relay.freeze(true);
  const { id } = socket;
  const gone = next(socket, "disconnect");
  const watcher = await connect(features.url);
  const ended = next(watcher, "ended");
  watcher.on("connect", () => watcher.emit("watch", id));
  watcher.emit("watch", id);
  assert.equal((await gone)[0], "ping timeout");
  assert.deepEqual(await ended, [id, "ping timeout"]);
});

everywhere("an idle client stays connected", async ({ connect, after }) => {
  const node = await startNode([...TESTBED, "--ping-interval", "50ms", "--ping-timeout", "20s"]);
  after(() => node.stop());
  const socket = await connect(node.url);
  let pings = 0;
  await next(socket.io.engine, "pong", () => ++pings === 10);
  assert.ok(socket.connected);
  assert.deepEqual(await ask(socket, "echo", "still here"), ["still here"]);
});
