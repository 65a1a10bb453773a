// The testbed of the gateway on a Node.js server: its twin in mixed clusters, and a bad example where it is told to be one.
//
//     node support/testbed.js [REDIS_URL] [FAULT]
//
// A fault befalls one `room` event in ten: it is `lost`, `doubled` or `late`; or `echo` changes what it is given.

import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

import { install } from "../../../../../loadtest/support/testbed.js";

const [redisUrl, fault] = process.argv.slice(2);

let events = 0;
let held;

const options = { deliver, ...(fault === "changed" && { change: (args) => args.map(spoil) }) };
const http = createServer();
const io = new Server(http, redisUrl ? { adapter: await adapter(redisUrl) } : {});
install(io, options);
const admin = io.of("/admin").use(({ handshake }, next) => {
  next(handshake.auth.token === "secret" ? undefined : new Error("unauthorized"));
});
install(admin, options);
http.listen(0, "127.0.0.1", () => console.log(`listens on http://127.0.0.1:${http.address().port}`));

async function adapter(url) {
  const [publishing, subscribing] = [createClient({ url }), createClient({ url })];
  await Promise.all([publishing.connect(), subscribing.connect()]);
  return createAdapter(publishing, subscribing);
}

function deliver(room, payload) {
  events += 1;
  if (fault === "late" && events % 10 === 5) {
    held = payload;
    return;
  }
  if (fault !== "lost" || events % 10 !== 5) {
    room.emit("room", payload);
  }
  if (fault === "doubled" && events % 10 === 5) {
    room.emit("room", payload);
  }
  if (held) {
    room.emit("room", held);
    held = undefined;
  }
}

function spoil(value) {
  return typeof value === "string" ? `${value}!` : value;
}
