// The JavaScript client that the server serves: as files, and as code that runs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";

import { WebSocket } from "ws";

import { startFeatures, startNode } from "../support/fanfare.js";
import { request } from "../support/http.js";
import { ask, next, upgraded } from "../support/wait.js";

const node = await startNode(["--app", "testbed", "--cors-origin", "https://friend.example"]);
const moved = await startNode(["--app", "testbed", "--path", "/chat"]);
const packed = await startFeatures(["--parser", "msgpack"]);
const folder = await mkdtemp(join(tmpdir(), "fanfare-"));
after(() => Promise.all([node.stop(), moved.stop(), packed.stop(), rm(folder, { recursive: true })]));

const PACKAGE = new URL("../../../client/node_modules/socket.io-client/", import.meta.url);
const { version } = JSON.parse(readFileSync(new URL("package.json", PACKAGE), "utf8"));

const SCRIPTS = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];
const FILES = SCRIPTS.flatMap((script) => [script, `${script}.map`]);

function get(file, headers, server = node, path = "/socket.io/") {
  return request(server.url + path + file, { headers });
}

test("every file of the client is served as it is in the package", async () => {
  for (const file of FILES) {
    const { status, headers, body } = await get(file);
    const type = file.endsWith(".map") ? "application/json" : "application/javascript";
    assert.equal(status, 200);
    assert.equal(headers["content-type"], `${type}; charset=utf-8`);
    assert.equal(headers["content-length"], `${body.length}`);
    assert.equal(headers["content-encoding"], undefined);
    assert.equal(headers["cache-control"], "public, max-age=0");
    assert.equal(headers.etag, `"${version}"`);
    assert.deepEqual(body, readFileSync(new URL(`dist/${file}`, PACKAGE)));
  }
});

test("files are compressed for those who can read that", async () => {
  const plain = readFileSync(new URL("dist/socket.io.js", PACKAGE));
  const codings = [
    ["br", "br", brotliDecompressSync],
    ["gzip", "gzip", gunzipSync],
    ["deflate", "deflate", inflateSync],
    ["gzip, deflate, br", "br", brotliDecompressSync],
    ["gzip;q=1, br;q=0", "gzip", gunzipSync],
  ];
  for (const [accepts, coding, decompress] of codings) {
    const { headers, body } = await get("socket.io.js", { "accept-encoding": accepts });
    assert.equal(headers["content-encoding"], coding);
    assert.match(headers.vary, /accept-encoding/i);
    assert.ok(body.length < plain.length / 3);
    assert.deepEqual(decompress(body), plain);
  }
});

test("what the browser has is not sent again", async () => {
  for (const etag of [`"${version}"`, `W/"${version}"`]) {
    const { status, body } = await get("socket.io.min.js", { "if-none-match": etag });
    assert.deepEqual([status, body.length], [304, 0]);
  }
  assert.equal((await get("socket.io.min.js", { "if-none-match": '"0.0.0"' })).status, 200);
});

test("a query does not matter, the path does", async () => {
  assert.equal((await get("socket.io.js?buster=1")).status, 200);
  assert.equal((await get("socket.io.js", {}, moved, "/chat/")).status, 200);
  assert.equal((await get("socket.io.js", {}, moved)).status, 404);
});

test("nothing else is served", async () => {
  for (const file of ["socket.io.ts", "socket.io.esm.js", "socket.io.js.map.map", "..%2fpackage.json"]) {
    const { status } = await get(file);
    assert.ok(status === 400 || status === 404, `${file}: ${status}`);
  }
});

test("pages of friends may load it", async () => {
  const { headers } = await get("socket.io.esm.min.js", { origin: "https://friend.example" });
  assert.equal(headers["access-control-allow-origin"], "https://friend.example");
});

test("the module runs, over fetch and WebSocket", async (t) => {
  const script = (await get("socket.io.esm.min.js")).body;
  const file = join(folder, "socket.io.mjs");
  await writeFile(file, script);
  globalThis.WebSocket ??= WebSocket;
  const { io, Fetch, WebSocket: WebSocketTransport } = await import(pathToFileURL(file));
  const socket = io(node.url, { transports: [Fetch, WebSocketTransport] });
  t.after(() => socket.disconnect());
  const echoed = next(socket, "echo");
  socket.emit("echo", "by fetch");
  assert.deepEqual(await echoed, ["by fetch"]);
  await upgraded(socket);
  const [text, data] = await ask(socket, "echo", "by WebSocket", new Uint8Array([1, 2]));
  assert.equal(text, "by WebSocket");
  assert.deepEqual(new Uint8Array(data), new Uint8Array([1, 2]));
});

for (const script of ["socket.io.js", "socket.io.min.js"]) {
  test(`${script} runs`, async (t) => {
    const io = await load(script);
    const socket = io(node.url, { transports: ["websocket"] });
    t.after(() => socket.disconnect());
    assert.deepEqual(await ask(socket, "echo", script), [script]);
  });
}

test("the client with the MessagePack parser runs", async (t) => {
  const io = await load("socket.io.msgpack.min.js");
  const socket = io(packed.url, { transports: ["websocket"] });
  t.after(() => socket.disconnect());
  const [number, data] = await ask(socket, "echo", 42, new Uint8Array([1, 2]).buffer);
  assert.equal(number, 42);
  assert.deepEqual(new Uint8Array(data), new Uint8Array([1, 2]));
});

/** Loads one of the scripts that are no modules, as a browser would but for the tag. */
async function load(script) {
  globalThis.WebSocket ??= WebSocket;
  const file = join(folder, script.replace(/js$/, "cjs"));
  await writeFile(file, (await get(script)).body);
  return createRequire(import.meta.url)(file);
}
