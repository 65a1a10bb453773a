// The official client, and a load balancer that sends every single request to a random node.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { io } from "socket.io-client";

import { startBalancer } from "../support/balancer.js";
import { startRedis, within } from "../support/cluster.js";
import { startNode } from "../support/fanfare.js";
import { count, next, upgraded } from "../support/wait.js";

/** Half of all WebSockets come so late that their sessions have begun without them. */
const LATE_MS = 600;

for (const adapter of ["redis", "redis-sharded"]) {
  describe(`three nodes behind a random balancer, ${adapter}`, () => {
    const sockets = [];
    let redis, nodes, balancer;

    before(async () => {
      redis = await startRedis();
      const args = ["--app", "testbed", "--adapter", adapter, "--redis", redis.url];
      nodes = await Promise.all(count(3).map(() => startNode(args)));
      balancer = await startBalancer(nodes.map((node) => node.url), { lateMs: LATE_MS });
    });

    after(async () => {
      sockets.forEach((socket) => socket.disconnect());
      await balancer?.stop();
      await Promise.all(nodes?.map((node) => node.stop("SIGKILL")) ?? []);
      await redis?.stop();
    });

    const connect = async (options = {}) => {
      const socket = io(balancer.url, { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200, ...options });
      sockets.push(socket);
      await once(socket, "connect");
      return socket;
    };

    test("nothing is lost or doubled while clients upgrade, in either direction", async (t) => {
      const publisher = await connect({ transports: ["websocket"] });
      let published = 0;
      const publishing = setInterval(() => publisher.emit("room", "all", published++), 5);
      t.after(() => clearInterval(publishing));
      await each(adapter === "redis" ? 1000 : 200, 60, async () => {
        const socket = await connect();
        const heard = { echo: [], room: [] };
        socket.on("echo", (number) => heard.echo.push(number)).on("room", (number) => heard.room.push(number));
        socket.emit("join", "all", () => (heard.room = []));
        let sent = 0;
        const say = () => socket.emit("echo", sent++);
        for (const isUpgraded = upgrade(socket); !isUpgraded(); await sleep(15)) {
          say();
        }
        count(20).forEach(say);
        await next(socket, "room");
        await socket.timeout(20_000).emitWithAck("echo", "the end");
        socket.disconnect();
        assert.deepEqual(heard.echo, count(sent), "each comes back once, in order");
        assert.deepEqual(heard.room, count(heard.room.length).map((index) => heard.room[0] + index), "none between is missing");
      });
    });

    test("polling alone works too", async () => {
      await each(30, 30, async () => {
        const socket = await connect({ transports: ["polling"] });
        const heard = [];
        socket.on("echo", (number) => heard.push(number));
        count(10).forEach((number) => socket.emit("echo", number));
        const picture = Buffer.from([1, 2, 3]);
        assert.deepEqual(await socket.timeout(20_000).emitWithAck("echo", { picture }), { picture });
        assert.deepEqual(heard, count(10));
        socket.disconnect();
      });
    });

    test("the clients of a node that is killed come back on the others, though they say nothing", async (t) => {
      const kinds = [["polling", "websocket"], ["polling"], ["websocket"]];
      const clients = await Promise.all(count(30).map((number) => connect({ transports: kinds[number % 3] })));
      const join = (socket) => socket.emitWithAck("join", "all");
      await Promise.all(clients.map(join));
      clients.forEach((socket) => socket.on("connect", () => join(socket)));
      // Some have upgraded so late that one node has their session and another their socket.
      await sleep(2 * LATE_MS);
      await nodes.shift().stop("SIGKILL");
      const publisher = await connect({ transports: ["websocket"] });
      const publishing = setInterval(() => publisher.emit("room", "all", "after"), 100);
      t.after(() => clearInterval(publishing));
      const hears = (socket) => new Promise((resolve) => socket.on("room", (text) => text === "after" && resolve()));
      // Long before a heartbeat is missing.
      await within("all clients hear what is said", Promise.all(clients.map(hears)));
    });
  });
}

/** Says whether the socket has upgraded. */
function upgrade(socket) {
  let done = false;
  upgraded(socket).then(() => (done = true));
  return () => done;
}

/** Does something so many times, a few at once. */
async function each(times, atOnce, act) {
  let left = times;
  const work = async () => {
    while (left-- > 0) {
      await act();
    }
  };
  await Promise.all(count(atOnce).map(work));
}
