// A load balancer that keeps nothing together: every request goes to a node drawn at random.

import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Balances between nodes until `stop`. A node that takes no connections is passed over, as load balancers do.
 *
 * @param {string[]} nodes  their URLs
 * @param {{lateMs?: number}} options  for how long every other WebSocket is held back
 * @returns {Promise<{url: string, stop: () => Promise<void>}>}
 */
export async function startBalancer(nodes, { lateMs = 0 } = {}) {
  const agent = new Agent({ keepAlive: true });
  const sockets = new Set();
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) =>
    forward(incoming, response, { nodes, agent }).catch(() => response.destroy()),
  );
  let upgrades = 0;
  server.on("upgrade", async (incoming, socket, head) => {
    socket.on("error", () => socket.destroy()); // From the first moment: it may fail while it is held back.
    await sleep(upgrades++ % 2 && lateMs);
    tunnel(incoming, socket, { nodes, head }).catch(() => socket.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const stop = async () => {
    server.close();
    agent.destroy();
    sockets.forEach((socket) => socket.destroy());
    await once(server, "close");
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

async function forward(incoming, response, { nodes, agent }) {
  const chunks = [];
  for await (const chunk of incoming) {
    chunks.push(chunk);
  }
  const { method, url, headers } = incoming;
  const { answer, outgoing } = await send(nodes, { method, path: url, headers, agent }, Buffer.concat(chunks));
  // A client that drops its request has dropped it at the node too.
  response.once("close", () => response.writableFinished || outgoing.destroy());
  response.writeHead(answer.statusCode, answer.headers);
  answer.pipe(response);
  answer.once("error", () => response.destroy());
}

async function tunnel(incoming, client, { nodes, head }) {
  const { method, url, headers } = incoming;
  const { answer, outgoing, socket: node } = await send(nodes, { method, path: url, headers });
  if (!node) {
    client.end(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\nconnection: close\r\n\r\n`);
    return outgoing.destroy();
  }
  node.on("error", () => node.destroy());
  if (client.destroyed) {
    return node.destroy();
  }
  const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  client.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
  client.write(answer.early);
  node.write(head);
  client.pipe(node).pipe(client);
  client.once("close", () => node.destroy());
  node.once("close", () => client.destroy());
}

/** Sends a request to one node after the other, in random order, until one takes it. */
async function send(nodes, options, body) {
  for (const node of shuffled(nodes)) {
    const outgoing = request(node, options).end(body);
    try {
      return await answered(outgoing);
    } catch (error) {
      if (error.code !== "ECONNREFUSED") {
        throw error;
      }
    }
  }
  throw new Error("no node takes connections");
}

function answered(outgoing) {
  return new Promise((resolve, reject) => {
    outgoing.once("response", (answer) => resolve({ answer, outgoing }));
    outgoing.once("upgrade", (answer, socket, early) => resolve({ answer: Object.assign(answer, { early }), outgoing, socket }));
    outgoing.on("error", reject);
  });
}

function shuffled(items) {
  return items.map((item) => [Math.random(), item]).sort().map(([, item]) => item);
}
