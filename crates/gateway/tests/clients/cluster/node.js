// A Node.js server that does what its clients tell it: the twin of the `cluster_node` example of fanfare-redis.
//
//     node cluster/node.js redis://127.0.0.1:6379 [classic|sharded] [redis|ioredis]

import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { Server } from "socket.io";

const [url, kind = "classic", library = "redis"] = process.argv.slice(2);

const http = createServer();
const io = new Server(http, { adapter: await adapter() });
for (const name of ["/", "/admin"]) {
  install(io.of(name));
}
http.listen(0, "127.0.0.1", () => console.log(`listens on http://127.0.0.1:${http.address().port}`));

async function adapter() {
  const [publishing, subscribing] = await Promise.all([connect(), connect()]);
  return kind === "sharded"
    ? createShardedAdapter(publishing, subscribing)
    : createAdapter(publishing, subscribing, { requestsTimeout: 2000 });
}

async function connect() {
  if (library === "ioredis") {
    return new Redis(url);
  }
  const client = createClient({ url });
  client.on("error", (error) => console.error(error.message));
  await client.connect();
  return client;
}

function install(namespace) {
  namespace.on("connection", (socket) => {
    socket.on("join", (room, ack) => {
      socket.join(room);
      ack(true);
    });
    socket.on("data", (data, ack) => {
      socket.data = data;
      ack();
    });
    socket.on("do", async (operation, ack) => {
      try {
        ack(await perform(namespace, socket, operation));
      } catch (error) {
        ack({ error: error.message });
      }
    });
  });
  namespace.on("question", (value, ack) => ack(value));
  namespace.on("note", (note) => namespace.local.emit("note", note));
}

async function perform(namespace, socket, { op, to = [], except = [], flags = [], rooms = [], args = [], timeout }) {
  let whom = namespace.to(to).except(except);
  if (flags.includes("broadcast")) whom = whom.except(socket.id);
  if (flags.includes("volatile")) whom = whom.volatile;
  if (timeout !== undefined) whom = whom.timeout(timeout);
  switch (op) {
    case "emit":
      whom.emit("event", ...args);
      return null;
    case "ask":
      return whom.emitWithAck("question", ...args).catch(({ responses }) => ({ timeout: true, responses }));
    case "join":
      whom.socketsJoin(rooms);
      return null;
    case "leave":
      whom.socketsLeave(rooms);
      return null;
    case "disconnect":
      whom.disconnectSockets();
      return null;
    case "fetch": {
      const sockets = await whom.fetchSockets();
      return sockets.map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, query: handshake.query }));
    }
    case "rooms":
      return namespace.adapter.allRooms ? [...(await namespace.adapter.allRooms())] : [];
    case "count":
      return namespace.adapter.serverCount();
    case "note":
      namespace.serverSideEmit("note", args[0]);
      return null;
    case "servers":
      return namespace.serverSideEmitWithAck("question", args[0]);
    default:
      throw new Error(`there is no operation ${op}`);
  }
}
