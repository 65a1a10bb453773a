// The testbed of the gateway on a Node.js server: its twin in mixed clusters, and a bad example where it is told to be one.
//
//     node support/testbed.js [REDIS_URL] [FAULT]
//
// A fault befalls one `room` event in ten: it is `lost`, `doubled` or `late`; or `echo` changes what it is given.

import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [redisUrl, fault] = process.argv.slice(2);

const http = createServer();
const io = new Server(http, redisUrl ? { adapter: await adapter(redisUrl) } : {});
install(io);
install(io.of("/admin").use(({ handshake }, next) => {
  next(handshake.auth.token === "secret" ? undefined : new Error("unauthorized"));
}));
http.listen(0, "127.0.0.1", () => console.log(`listens on http://127.0.0.1:${http.address().port}`));

async function adapter(url) {
  const [publishing, subscribing] = [createClient({ url }), createClient({ url })];
  await Promise.all([publishing.connect(), subscribing.connect()]);
  return createAdapter(publishing, subscribing);
}

function install(namespace) {
  namespace.on("connection", (socket) => {
    socket.on("echo", (...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : (...args) => socket.emit("echo", ...args);
      ack(...(fault === "changed" ? args.map(spoil) : args));
    });
    socket.on("join", async (room, ack) => {
      await socket.join(room);
      ack?.("ok");
    });
    socket.on("leave", async (room, ack) => {
      await socket.leave(room);
      ack?.("ok");
    });
    socket.on("say", (room, message, ack) => {
      socket.to(room).emit("said", message);
      ack?.("ok");
    });
    socket.on("bcast", (...args) => namespace.emit("bcast", ...args));
    socket.on("room", (room, payload) => emit(namespace.to(room), payload));
  });
}

let events = 0;
let held;

function emit(room, payload) {
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
