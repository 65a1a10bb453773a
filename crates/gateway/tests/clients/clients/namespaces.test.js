// Namespaces: many on one connection, refused, dynamic.

import assert from "node:assert/strict";
import { after } from "node:test";

import { startFeatures, startNode } from "../support/fanfare.js";
import { everywhere } from "../support/matrix.js";
import { ask, next, unique } from "../support/wait.js";

const node = await startNode(["--app", "testbed"]);
const features = await startFeatures();
after(() => Promise.all([node.stop(), features.stop()]));

const TOKEN = { auth: { token: "secret" } };

/** Another namespace on the connection of a socket. */
async function join(socket, namespace, options) {
  const joined = socket.io.socket(namespace, options);
  await next(joined, "connect");
  return joined;
}

everywhere("namespaces share a connection and nothing else", async ({ connect }) => {
  const main = await connect(node.url);
  const engine = main.io.engine;
  const admin = await join(main, "/admin", TOKEN);
  assert.equal(admin.io.engine, engine);
  assert.notEqual(admin.id, main.id);
  const heard = [];
  main.on("echo", (value) => heard.push(["main", value]));
  admin.on("echo", (value) => heard.push(["admin", value]));
  admin.emit("echo", 1);
  main.emit("echo", 2);
  admin.emit("echo", Buffer.from([3]));
  await Promise.all([ask(main, "echo"), ask(admin, "echo")]);
  assert.deepEqual(heard, [["admin", 1], ["main", 2], ["admin", Buffer.from([3])]]);
});

everywhere("a namespace can be the only one", async ({ connect }) => {
  const admin = await connect(`${node.url}/admin`, TOKEN);
  assert.deepEqual(await ask(admin, "echo", "alone"), ["alone"]);
});

everywhere("rooms of the same name in two namespaces are two rooms", async ({ connect }) => {
  const room = unique("room");
  const [one, other] = await Promise.all([connect(node.url), connect(node.url)]);
  const [adminOne, adminOther] = await Promise.all([join(one, "/admin", TOKEN), join(other, "/admin", TOKEN)]);
  await Promise.all([one, other, adminOne, adminOther].map((socket) => ask(socket, "join", room)));
  const heard = [];
  other.on("said", (message) => heard.push(["main", message]));
  adminOther.on("said", (message) => heard.push(["admin", message]));
  await ask(one, "say", room, "to all");
  await ask(adminOne, "say", room, "to admins");
  await Promise.all([ask(other, "echo"), ask(adminOther, "echo")]);
  assert.deepEqual(heard, [["main", "to all"], ["admin", "to admins"]]);
});

everywhere("whoever does not know the token is refused", async ({ io }) => {
  for (const auth of [undefined, {}, { token: "guess" }, { token: 1 }, { token: null }, { secret: "token" }]) {
    const [error] = await next(io(`${node.url}/admin`, { auth }), "connect_error");
    assert.deepEqual([error.message, error.data], ["unauthorized", undefined]);
  }
});

everywhere("a refused client can try again on the same connection", async ({ connect }) => {
  const main = await connect(node.url);
  const engine = main.io.engine;
  const admin = main.io.socket("/admin", { auth: { token: "guess" } });
  await next(admin, "connect_error");
  assert.equal(admin.connected, false);
  admin.auth = { token: "secret" };
  admin.connect();
  await next(admin, "connect");
  assert.equal(admin.io.engine, engine);
  assert.deepEqual(await ask(admin, "echo", "in"), ["in"]);
});

everywhere("an unknown namespace is refused and the others go on", async ({ connect }) => {
  const main = await connect(node.url);
  for (const name of ["/unknown", "/admin/sub", "/Admin", "/ünknown"]) {
    const [error] = await next(main.io.socket(name), "connect_error");
    assert.equal(error.message, "Invalid namespace");
  }
  assert.deepEqual(await ask(main, "echo", "fine"), ["fine"]);
});

everywhere("a namespace can be left and joined again", async ({ connect }) => {
  const main = await connect(node.url);
  const admin = await join(main, "/admin", TOKEN);
  const { id } = admin;
  admin.disconnect();
  assert.deepEqual(await ask(main, "echo", "fine"), ["fine"]);
  admin.connect();
  await next(admin, "connect");
  assert.notEqual(admin.id, id);
  assert.deepEqual(await ask(admin, "echo", "back"), ["back"]);
});

everywhere("a middleware says why it refuses", async ({ connect }) => {
  const main = await connect(features.url);
  const guarded = main.io.socket("/guarded", { auth: { password: "please" } });
  const [error] = await next(guarded, "connect_error");
  assert.ok(error instanceof Error);
  assert.equal(error.message, "wrong password");
  assert.deepEqual(error.data, { code: 42, given: "please" });
  guarded.auth = { password: "open sesame" };
  guarded.connect();
  await next(guarded, "connect");
  assert.deepEqual(await ask(guarded, "echo", "in"), ["in"]);
});

everywhere("namespaces come into being when they are asked for", async ({ connect }) => {
  const main = await connect(features.url);
  for (const name of ["/dynamic-1", "/dynamic-20"]) {
    const socket = main.io.socket(name);
    assert.deepEqual(await next(socket, "welcome"), [name]);
    assert.deepEqual(await ask(socket, "echo", name), [name]);
  }
  const [error] = await next(main.io.socket("/dynamic-x"), "connect_error");
  assert.equal(error.message, "Invalid namespace");
});

everywhere("a function decides which namespaces there are, and for whom", async ({ connect }) => {
  const main = await connect(features.url);
  const own = await join(main, "/of-anna", { auth: { name: "anna" } });
  assert.deepEqual(await ask(own, "echo", "mine"), ["mine"]);
  // Once it is there, it is there for everybody; the next one is not.
  const [error] = await next(main.io.socket(`/of-${unique("berta")}`, { auth: { name: "anna" } }), "connect_error");
  assert.equal(error.message, "Invalid namespace");
});

everywhere("clients of one dynamic namespace hear each other", async ({ connect }) => {
  const name = `/dynamic-${process.pid}${Date.now()}`;
  const [one, other] = await Promise.all([connect(features.url + name), connect(features.url + name)]);
  const told = next(other, "told");
  one.emit("tell others", "we are here");
  assert.deepEqual(await told, ["we are here"]);
});
