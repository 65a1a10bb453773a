// A network that breaks: a TCP relay between a client and a server.

import { connect, createServer } from "node:net";
import { once } from "node:events";

/**
 * @typedef {object} Relay
 * @property {string} url  what the client connects to
 * @property {() => string} said  what clients have sent so far
 * @property {() => void} cut  breaks all connections
 * @property {(frozen: boolean) => void} freeze  lets nothing through, or everything again
 * @property {() => Promise<void>} close
 */

/**
 * Relays to a server.
 *
 * @param {string} url
 * @returns {Promise<Relay>}
 */
export async function startRelay(url) {
  const { hostname, port } = new URL(url);
  const pairs = new Set();
  const said = [];
  let frozen = false;
  const server = createServer((client) => {
    const upstream = connect(port, hostname);
    const pair = [client, upstream];
    pairs.add(pair);
    pair.forEach((socket) => {
      socket.on("error", () => {});
      socket.on("close", () => {
        // Nobody hears through a frozen network that it has been given up.
        if (!frozen) {
          pairs.delete(pair);
          pair.forEach((each) => each.destroy());
        }
      });
    });
    client.on("data", (data) => said.push(data));
    client.pipe(upstream).pipe(client);
    hold(pair);
  });
  const hold = (pair) => pair.forEach((socket) => (frozen ? socket.pause() : socket.resume()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    said: () => Buffer.concat(said).toString("latin1"),
    cut,
    freeze(value) {
      frozen = value;
      pairs.forEach(hold);
    },
    close() {
      cut();
      server.close();
      return once(server, "close");
    },
  };
}
