// The testbed application on Socket.IO for Node.js, with ws or with uWebSockets.js below it.
//
//   node server.js --engine ws|uws [--ping-interval MS] [--redis PORT]

import { createServer } from "node:http";
import { parseArgs } from "node:util";

import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";

import { install } from "../../support/testbed.js";

const { values: options } = parseArgs({
  options: {
    engine: { type: "string", default: "ws" },
    "ping-interval": { type: "string", default: "25000" },
    redis: { type: "string" },
  },
});

const io = new Server({
  pingInterval: Number(options["ping-interval"]),
  serveClient: false,
  // The other servers compress no WebSocket messages and no polling bodies of this size either.
  perMessageDeflate: false,
  httpCompression: false,
  ...(options.redis && { adapter: await redisAdapter(Number(options.redis)) }),
});

install(io);

if (options.engine === "uws") {
  const { default: uWS } = await import("@trufflesuite/uws-js-unofficial");
  // The package has a slow imitation in JavaScript for where its addon cannot be loaded.
  if (!String(uWS.App).includes("[native code]")) throw new Error("uWebSockets.js is not there for this Node.js");
  const app = uWS.App();
  io.attachApp(app);
  app.listen("127.0.0.1", 0, (socket) => announce(uWS.us_socket_local_port(socket)));
} else {
  const http = createServer();
  io.attach(http);
  http.listen({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => announce(http.address().port));
}

function announce(port) {
  console.log(`${options.engine} listens on http://127.0.0.1:${port}`);
}

async function redisAdapter(port) {
  const publisher = new Redis(port);
  const subscriber = new Redis(port);
  return createAdapter(publisher, subscriber);
}
