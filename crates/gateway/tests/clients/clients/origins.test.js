// Pages of other origins, and their cookies.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { startFeatures, startNode } from "../support/fanfare.js";
import { request } from "../support/http.js";
import { everywhere } from "../support/matrix.js";
import { startRelay } from "../support/relay.js";
import { ask, next, upgraded } from "../support/wait.js";

const FRIEND = "https://friend.example";
const STRANGER = "https://stranger.example";
const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";

const closed = await startNode(["--app", "testbed"]);
const open = await startNode(["--app", "testbed", "--cors-origin", "*"]);
const choosy = await startNode(["--app", "testbed", "--cors-origin", `${FRIEND},http://localhost:8080`]);
const features = await startFeatures(["--cookie"]);
// Of the sessions that bare requests have opened, nobody takes leave.
after(() => Promise.all([closed, open, choosy, features].map((server) => server.stop("SIGKILL"))));

/** The CORS headers of an answer. */
function cors({ headers }) {
  const names = Object.keys(headers).filter((name) => name.startsWith("access-control-"));
  return Object.fromEntries(names.map((name) => [name.slice("access-control-".length), headers[name]]));
}

test("a server that was told nothing lets no page of another origin read", async () => {
  const answer = await request(closed.url + HANDSHAKE, { headers: { origin: STRANGER } });
  assert.deepEqual([answer.status, cors(answer)], [200, {}]);
});

test("a server for everybody says so, and lets no cookies along", async () => {
  const answer = await request(open.url + HANDSHAKE, { headers: { origin: STRANGER } });
  assert.deepEqual([answer.status, cors(answer)], [200, { "allow-origin": "*" }]);
});

test("a server for friends names them and nobody else", async () => {
  const friend = await request(choosy.url + HANDSHAKE, { headers: { origin: FRIEND } });
  assert.deepEqual(cors(friend), { "allow-origin": FRIEND, "allow-credentials": "true" });
  assert.match(friend.headers.vary, /origin/i);
  const stranger = await request(choosy.url + HANDSHAKE, { headers: { origin: STRANGER } });
  assert.equal(cors(stranger)["allow-origin"], undefined);
});

test("a preflight is answered", async () => {
  const headers = {
    origin: FRIEND,
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,x-custom",
  };
  const answer = await request(choosy.url + HANDSHAKE, { method: "OPTIONS", headers });
  assert.ok(answer.status === 200 || answer.status === 204);
  const allowed = cors(answer);
  assert.equal(allowed["allow-origin"], FRIEND);
  assert.equal(allowed["allow-credentials"], "true");
  assert.match(allowed["allow-methods"], /\bPOST\b/);
  assert.match(allowed["allow-headers"], /content-type,\s*x-custom/);
});

test("errors can be read by friends too", async () => {
  const answer = await request(`${choosy.url}${HANDSHAKE}&sid=unknown`, { headers: { origin: FRIEND } });
  assert.equal(answer.status, 400);
  assert.equal(cors(answer)["allow-origin"], FRIEND);
  assert.deepEqual(JSON.parse(answer.body), { code: 1, message: "Session ID unknown" });
});

everywhere("a client of a friend connects", async ({ connect }) => {
  const socket = await connect(choosy.url, { extraHeaders: { Origin: FRIEND } });
  assert.deepEqual(await ask(socket, "echo", "hello"), ["hello"]);
});

everywhere("a stranger opens no WebSocket", { transports: ["WebSocket"] }, async ({ io }) => {
  const [error] = await next(io(choosy.url, { extraHeaders: { Origin: STRANGER } }), "connect_error");
  assert.ok(error instanceof Error);
});

everywhere("a stranger with cookies opens no WebSocket anywhere", { transports: ["WebSocket"] }, async ({ io }) => {
  const extraHeaders = { Origin: STRANGER, Cookie: "session=1" };
  const [error] = await next(io(closed.url, { extraHeaders }), "connect_error");
  assert.ok(error instanceof Error);
});

everywhere(
  "a client with credentials brings its cookie back",
  { needs: "cookie jar", transports: ["polling", "polling, then upgrade"] },
  async ({ connect, transport, after }) => {
    const relay = await startRelay(features.url);
    after(() => relay.close());
    const socket = await connect(relay.url, { withCredentials: true });
    if (transport !== "polling") {
      await upgraded(socket);
    }
    await ask(socket, "echo");
    const [first, ...rest] = relay.said().split(/(?=(?:GET|POST) \/socket\.io\/)/);
    assert.doesNotMatch(first, /^cookie:/im);
    for (const head of rest) {
      assert.match(head, new RegExp(`^cookie: io=${socket.io.engine.id}\r$`, "im"));
    }
    assert.equal(rest.some((head) => head.includes("transport=websocket")), transport !== "polling");
  },
);
